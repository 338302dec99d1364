"""Where the screen of each school stands, so that a check need not read the year so far again."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("screen_state", sa.Column("school", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False), sa.Column("settled", sa.Date(), nullable=False),
        sa.Column("versions", sa.BigInteger(), nullable=False), sa.Column("newest_pupil", sa.BigInteger(), nullable=False),
        sa.Column("standing", sa.LargeBinary(), nullable=False), sa.Column("proof", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("school", name="pk_screen_state"))
