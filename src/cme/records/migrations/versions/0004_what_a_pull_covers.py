"""What a pull covers and how old it may be, the rooms of a register, and how a row left quarantine."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NONE = sa.text("'[]'::jsonb")


def upgrade() -> None:
    for column in ("first_day", "last_day"):
        op.add_column("pull", sa.Column(column, sa.Date()))
    op.add_column("pull", sa.Column("fresh_seconds", sa.BigInteger(), nullable=False, server_default="1200"))
    for column in ("registers_today", "registers_withdrawn"):
        op.add_column("pull", sa.Column(column, sa.BigInteger(), nullable=False, server_default="0"))
    for column in ("rooms", "cover"):
        op.add_column("expected_register", sa.Column(column, JSONB(), nullable=False, server_default=NONE))
    op.add_column("quarantine", sa.Column("day", sa.Date()))
    for column in ("resolved_by", "resolved_why"):
        op.add_column("quarantine", sa.Column(column, sa.Text(), nullable=False, server_default=""))
