"""What a reading remarked beside its outcome, on which nothing hangs."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pull", sa.Column("remarks", sa.Text(), server_default="", nullable=False))
