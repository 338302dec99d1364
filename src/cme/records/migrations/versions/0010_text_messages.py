"""The outbox's channel, the receipts of texts, and what came back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("outbox", sa.Column("channel", sa.Text(), nullable=False, server_default="email"))
    op.create_check_constraint(op.f("ck_outbox_channel"), "outbox", "channel IN ('email','text')")
    op.create_table("text_receipt", sa.Column("outbox_id", sa.Text(), nullable=False), sa.Column("service_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False), sa.Column("since", TIME, nullable=False),
        sa.PrimaryKeyConstraint("outbox_id", name="pk_text_receipt"))
    op.create_table("received_message", sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False), sa.Column("service_id", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False), sa.Column("sent_at", TIME, nullable=False), sa.Column("noticed_at", TIME, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False), sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("about", JSONB(), nullable=False), sa.Column("pupils", JSONB(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False), sa.Column("done_at", TIME), sa.Column("done_by", sa.Text()), sa.Column("outcome", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_received_message"),
        sa.UniqueConstraint("channel", "service_id", name="uq_received_message_channel_service_id"),
        sa.CheckConstraint("channel IN ('email','text')", name=op.f("ck_received_message_channel")),
        sa.CheckConstraint("state IN ('open','done')", name=op.f("ck_received_message_state")))
    op.create_index("ix_received_message_state", "received_message", ["state"])
    op.create_table("text_reading", sa.Column("school", sa.Text(), nullable=False), sa.Column("read_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("school", name="pk_text_reading"))
