"""The decision gate: what was shown, the second pair of eyes, urgency, staff reports, links to the dossier, a second mail route."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
APPEND_ONLY = ("confirmation", "dossier_shown", "resume_request", "role_holder")
NOTHING = sa.text("'{}'::jsonb")


def needed(*parts: Any, **options: Any) -> sa.Column[Any]:
    """A column that is never NULL."""
    return sa.Column(*parts, nullable=False, **options)


def number() -> sa.Column[Any]:
    return needed("id", sa.BigInteger(), sa.Identity())


def upgrade() -> None:
    op.add_column("case", needed("urgency", sa.Text(), server_default="routine"))
    # a case of day one, or of a report, stands for its day and never for a threshold's episode of the same first day
    op.add_column("case", needed("origin", sa.Text(), server_default="threshold"))
    op.drop_constraint("uq_case_pupil_id_episode_start", "case")
    op.create_index("uq_case_episode", "case", ["pupil_id", "episode_start"], unique=True, postgresql_where=sa.text("origin = 'threshold'"))
    op.add_column("review", needed("urgency", sa.Text(), server_default="routine"))
    op.add_column("review", needed("barred", sa.Text(), server_default=""))
    op.add_column("review", sa.Column("decision_id", sa.BigInteger()))
    for column in ("shown_hash", "signed_in_as"):
        op.add_column("answer", needed(column, sa.Text(), server_default=""))
    op.add_column("decision", needed("decided_by_name", sa.Text(), server_default=""))
    op.add_column("decision", needed("appraisal", JSONB(), server_default=NOTHING))
    op.add_column("decision", needed("agencies", sa.Text(), server_default=""))
    op.add_column("decision", needed("needs_confirmation", sa.Boolean(), server_default=sa.text("false")))
    for column in ("result", "evidence", "task_key"):
        op.add_column("action", sa.Column(column, sa.Text()))
    op.add_column("action", needed("escalations", sa.BigInteger(), server_default="0"))
    op.add_column("action", sa.Column("escalated_at", TIME))
    op.add_column("action", needed("called", sa.Text(), server_default=""))
    op.add_column("review", sa.Column("reminded_at", TIME))
    for column in ("calls", "runs"):
        op.add_column("alarm", needed(column, sa.BigInteger(), server_default="0"))
    op.add_column("alarm", sa.Column("called_at", TIME))
    op.create_table("role_holder", number(), needed("person", sa.Text()), needed("name", sa.Text()), needed("email", sa.Text()),
        needed("since", TIME), sa.PrimaryKeyConstraint("id", name="pk_role_holder"))
    op.create_index("ix_role_holder_person_id", "role_holder", ["person", "id"])
    op.create_unique_constraint("uq_action_task_key", "action", ["task_key"])
    op.add_column("outbox", needed("route", sa.Text(), server_default="school"))
    op.create_table("dossier_shown", number(), needed("review_id", sa.BigInteger()), needed("number", sa.BigInteger()),
        needed("dossier", JSONB()), needed("dossier_hash", sa.Text()), needed("frozen_at", TIME),
        sa.ForeignKeyConstraint(["review_id"], ["review.id"], name="fk_dossier_shown_review_id"),
        sa.PrimaryKeyConstraint("id", name="pk_dossier_shown"),
        sa.UniqueConstraint("review_id", "number", name="uq_dossier_shown_review_id_number"))
    op.create_table("review_link", number(), needed("review_id", sa.BigInteger()), needed("person", sa.Text()), needed("mac", sa.Text()),
        needed("issued_at", TIME), needed("expires_at", TIME), sa.Column("void_at", TIME),
        sa.ForeignKeyConstraint(["review_id"], ["review.id"], name="fk_review_link_review_id"),
        sa.PrimaryKeyConstraint("id", name="pk_review_link"), sa.UniqueConstraint("mac", name="uq_review_link_mac"))
    op.create_index("ix_review_link_review_id", "review_link", ["review_id"])
    op.create_table("resume_request", number(), needed("flow_run_id", sa.Text()), needed("at", TIME),
        needed("signed_in_as", sa.Text(), server_default=""), sa.PrimaryKeyConstraint("id", name="pk_resume_request"))
    op.create_index("ix_resume_request_flow_run_id", "resume_request", ["flow_run_id"])
    op.create_table("confirmation", number(), needed("decision_id", sa.BigInteger()), needed("review_id", sa.BigInteger()),
        needed("case_id", sa.BigInteger()), needed("confirmed", sa.Boolean()), needed("reason", sa.Text()), needed("decided_by", sa.Text()),
        needed("decided_by_name", sa.Text(), server_default=""), needed("decided_at", TIME), needed("shown_hash", sa.Text()),
        sa.ForeignKeyConstraint(["decision_id"], ["decision.id"], name="fk_confirmation_decision_id"),
        sa.ForeignKeyConstraint(["review_id"], ["review.id"], name="fk_confirmation_review_id"),
        sa.PrimaryKeyConstraint("id", name="pk_confirmation"), sa.UniqueConstraint("decision_id", name="uq_confirmation_decision_id"),
        sa.UniqueConstraint("review_id", name="uq_confirmation_review_id"))
    op.create_table("missing_report", number(), needed("case_id", sa.BigInteger()), needed("source_key", sa.Text()), needed("reported_at", TIME),
        needed("reported_by", sa.Text()), needed("last_seen_at", TIME), needed("last_seen_where", sa.Text()),
        needed("last_seen_by", sa.Text()), needed("concern", sa.Boolean()), sa.Column("established", sa.Text()),
        sa.Column("established_by", sa.Text()), sa.Column("established_at", TIME),
        needed("last_seen_said", sa.Text(), server_default=""), needed("tried", sa.Text(), server_default=""),
        needed("known", JSONB(), server_default=sa.text("'[]'::jsonb")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name="fk_missing_report_case_id"),
        sa.PrimaryKeyConstraint("id", name="pk_missing_report"), sa.UniqueConstraint("source_key", name="uq_missing_report_source_key"))
    op.create_index("ix_missing_report_case_id", "missing_report", ["case_id"])
    for table in APPEND_ONLY:
        op.execute(f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                   "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only")
