"""What a vendor's interface answered, as it came; and what a vendor calls a record that could not be read."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "source_answer", sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False), sa.Column("school", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False), sa.Column("place", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False), sa.Column("pull_id", sa.BigInteger(), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False), sa.Column("last_seen", sa.Date(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False), sa.PrimaryKeyConstraint("id", name="pk_source_answer"),
        sa.UniqueConstraint("school", "source", "place", "digest", name="uq_source_answer_school_source_place_digest"))
    op.add_column("quarantine", sa.Column("record", sa.Text(), nullable=False, server_default=""))
