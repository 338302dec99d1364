"""The one-time codes with which the reason of an absence is recorded in Prefect's form."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "absence_code", sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False), sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False), sa.Column("mac", sa.Text(), nullable=False), sa.Column("issued_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False), sa.Column("wrong_tries", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("used_for", sa.Text(), nullable=False, server_default=""), sa.Column("void_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_absence_code"),
        sa.ForeignKeyConstraint(["request_id"], ["absence_request.id"], name="fk_absence_code_request_id_absence_request"))
    op.create_index("ix_absence_code_request_id", "absence_code", ["request_id"])
