"""Of each school two kept screens: one of some days ago, one of some weeks ago."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DELETE FROM screen_state")          # a cache: the next check makes it anew
    op.add_column("screen_state", sa.Column("recent", sa.Boolean(), nullable=False))
    op.drop_constraint("pk_screen_state", "screen_state", type_="primary")
    op.create_primary_key("pk_screen_state", "screen_state", ["school", "recent"])
