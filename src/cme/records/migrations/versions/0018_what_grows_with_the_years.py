"""Ways into the tables that grow with every closed case, for questions that are asked at each step of an open one."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_review_case_id_kind_id", "review", ["case_id", "kind", "id"])
    op.create_index("ix_answer_source_key", "answer", ["source_key"])
    op.create_index("ix_decision_case_id", "decision", ["case_id"])
    op.create_index("ix_finding_case_id", "finding", ["case_id"])
    op.create_index("ix_case_waits", "case", ["state", "next_step_due"], postgresql_where=sa.text("closed_at IS NULL"))
