"""The mails that came into the school's mailbox, and how far it was read."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "mail_received", sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False), sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False), sa.Column("message_id", sa.Text(), nullable=False, server_default=""),
        sa.Column("sender", sa.Text(), nullable=False, server_default=""), sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("outbox_id", sa.Text()), sa.Column("subject_of", sa.Text()), sa.Column("said", sa.Text(), nullable=False, server_default=""),
        sa.Column("noted_at", TIME, nullable=False), sa.Column("needs_person", sa.Boolean(), nullable=False), sa.Column("settled_at", TIME),
        sa.Column("settled_by", sa.Text()), sa.Column("settled_why", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_mail_received"), sa.UniqueConstraint("digest", name="uq_mail_received_digest"))
    op.create_index("ix_mail_received_place", "mail_received", ["place"])
    op.create_index("ix_mail_received_open", "mail_received", ["id"], postgresql_where=sa.text("needs_person AND settled_at IS NULL"))
    op.create_table(
        "mailbox_read", sa.Column("name", sa.Text(), nullable=False), sa.Column("first_places", JSONB(), nullable=False),
        sa.Column("read_at", TIME, nullable=False), sa.PrimaryKeyConstraint("name", name="pk_mailbox_read"))
