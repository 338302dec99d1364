"""The last readings of a school are asked for every minute: found by an index, whatever the years have added."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_pull_school_started_at", "pull", ["school", "started_at"])
