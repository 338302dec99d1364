"""Where the next pull of a source goes on, for sources that keep count of their changes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("source_cursor", sa.Column("school", sa.Text(), nullable=False), sa.Column("source", sa.Text(), nullable=False),
        sa.Column("cursor", JSONB(), nullable=False), sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("school", "source", name="pk_source_cursor"))
