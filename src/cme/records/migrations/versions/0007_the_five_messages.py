"""Passwords of protected messages, roll changes that were reported, and what referring schools were told."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table("message_password", sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("outbox_id", sa.Text(), nullable=False), sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False), sa.Column("made_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_message_password"), sa.UniqueConstraint("outbox_id", name="uq_message_password_outbox_id"))
    op.create_index("ix_message_password_reference", "message_password", ["reference"])
    op.create_table("roll_change", sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False), sa.Column("school", sa.Text(), nullable=False),
        sa.Column("pupil_id", sa.BigInteger(), nullable=False), sa.Column("change", sa.Text(), nullable=False),
        sa.Column("changed_on", sa.Date(), nullable=False), sa.Column("ground", sa.Text(), nullable=False, server_default=""),
        sa.Column("made_by", sa.Text(), nullable=False), sa.Column("made_at", TIME, nullable=False),
        sa.Column("outbox_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_roll_change"), sa.UniqueConstraint("reference", name="uq_roll_change_reference"))
    op.create_index("uq_roll_change", "roll_change", ["pupil_id", "change", "changed_on"], unique=True)
    op.create_table("home_school_notice", sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False), sa.Column("pupil_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False), sa.Column("session", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False), sa.Column("told_at", TIME, nullable=False),
        sa.Column("by_mail", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_home_school_notice"),
        sa.UniqueConstraint("reference", name="uq_home_school_notice_reference"),
        sa.UniqueConstraint("pupil_id", "day", "session", name="uq_home_school_notice_pupil_id_day_session"))
    op.create_index("ix_home_school_notice_day", "home_school_notice", ["day"])
