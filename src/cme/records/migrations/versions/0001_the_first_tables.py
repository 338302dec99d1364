"""The first tables, and the refusal of any change to what is append-only.

There is no way down: what the records hold is kept for six years.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
APPEND_ONLY = ("answer", "case_event", "decision", "register_version", "roster")


def needed(*parts: Any, **options: Any) -> sa.Column[Any]:
    """A column that is never NULL."""
    return sa.Column(*parts, nullable=False, **options)


def refuse_changes() -> None:
    """Make the database refuse UPDATE, DELETE and TRUNCATE of the append-only tables, also in replica mode."""
    op.execute("""
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
        END $$""")
    for table in APPEND_ONLY:
        op.execute(f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                   "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only")


def upgrade() -> None:
    op.create_table("alarm", needed("id", sa.BigInteger(), sa.Identity()), needed("key", sa.Text()),
        needed("subject", sa.Text()), needed("sentence", sa.Text()), needed("raised_at", TIME), sa.Column("cleared_at", TIME),
        sa.Column("cleared_by", sa.Text()), sa.Column("cleared_reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_alarm"))
    op.create_index("uq_alarm_open", "alarm", ["key"], unique=True, postgresql_where=sa.text("cleared_at IS NULL"))
    op.create_table("case", needed("id", sa.BigInteger(), sa.Identity()), needed("reference", sa.Text()),
        needed("school", sa.Text()), needed("pupil_id", sa.BigInteger()), needed("episode_start", sa.Date()),
        needed("state", sa.Text()), needed("opened_at", TIME), needed("state_since", TIME), sa.Column("next_step_due", TIME),
        needed("next_step_owner", sa.Text(), server_default=""), sa.Column("closed_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_case"),
        sa.UniqueConstraint("pupil_id", "episode_start", name="uq_case_pupil_id_episode_start"),
        sa.UniqueConstraint("reference", name="uq_case_reference"))
    op.create_index("uq_case_open", "case", ["pupil_id"], unique=True, postgresql_where=sa.text("closed_at IS NULL"))
    op.create_table("case_event", needed("id", sa.BigInteger(), autoincrement=False), needed("subject", sa.Text()),
        needed("at", TIME), needed("who", sa.Text()), needed("what", sa.Text()), needed("why", sa.Text()),
        needed("data", JSONB()), sa.Column("flow_run_id", sa.Text()), sa.Column("task_run_id", sa.Text()),
        needed("previous_hash", sa.Text()), needed("hash", sa.Text()), sa.PrimaryKeyConstraint("id", name="pk_case_event"))
    op.create_index("ix_case_event_subject_id", "case_event", ["subject", "id"])
    op.create_table("case_number", needed("year", sa.BigInteger()), needed("last", sa.BigInteger()),
        sa.PrimaryKeyConstraint("year", name="pk_case_number"))
    op.create_table("expected_register", needed("id", sa.BigInteger(), sa.Identity()), needed("school", sa.Text()),
        needed("local_date", sa.Date()), needed("kind", sa.Text()), needed("slot", sa.Text()), needed("group_key", sa.Text()),
        needed("starts_at", TIME), needed("ends_at", TIME), needed("staff", JSONB(), server_default=sa.text("'[]'::jsonb")),
        needed("required", sa.Boolean(), server_default=sa.text("true")),
        needed("not_required_reason", sa.Text(), server_default=""), sa.PrimaryKeyConstraint("id", name="pk_expected_register"),
        sa.UniqueConstraint("school", "local_date", "kind", "slot", "group_key",
            name="uq_expected_register_school_local_date_kind_slot_group_key"))
    op.create_table("finding", needed("id", sa.BigInteger(), sa.Identity()), needed("school", sa.Text()),
        needed("pupil_id", sa.BigInteger()), sa.Column("case_id", sa.BigInteger()), needed("rule", sa.Text()),
        needed("rule_version", sa.Text()), needed("as_of", sa.Date()), needed("reached_on", sa.Date()),
        needed("episode_start", sa.Date()), needed("count", sa.BigInteger()), needed("threshold", sa.BigInteger()),
        needed("unit", sa.Text()), needed("reason", sa.Text()), needed("source", sa.Text()), needed("marks", JSONB()),
        needed("found_at", TIME), sa.Column("retracted_at", TIME), sa.Column("retracted_reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_finding"))
    op.create_index("uq_finding_live", "finding", ["pupil_id", "rule", "episode_start"],
        unique=True, postgresql_where=sa.text("retracted_at IS NULL"))
    op.create_table("outbox", needed("id", sa.Text()), needed("dedupe_key", sa.Text()), needed("kind", sa.Text()),
        needed("subject_of", sa.Text()), needed("recipient", sa.Text()), needed("mail_subject", sa.Text()),
        needed("message_id", sa.Text()), sa.Column("sealed", sa.LargeBinary()), needed("sha256", sa.Text()),
        needed("keep_body", sa.Boolean()), needed("state", sa.Text()), needed("created_at", TIME),
        sa.Column("expires_at", TIME), needed("next_try_at", TIME), needed("tries", sa.BigInteger(), server_default="0"),
        sa.Column("worker", sa.Text()), sa.Column("lease_until", TIME), sa.Column("handed_over_at", TIME),
        sa.Column("sent_at", TIME), sa.Column("server_reply", sa.Text()), sa.Column("last_error", sa.Text()),
        sa.CheckConstraint("state IN ('queued','sending','handing_over','sent','failed','ambiguous','cancelled')",
            name="ck_outbox_state"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"), sa.UniqueConstraint("dedupe_key", name="uq_outbox_dedupe_key"),
        sa.UniqueConstraint("message_id", name="uq_outbox_message_id"))
    op.create_index("ix_outbox_state_next_try_at", "outbox", ["state", "next_try_at"])
    op.create_table("pull", needed("id", sa.BigInteger(), sa.Identity()), needed("school", sa.Text()),
        needed("source", sa.Text()), needed("started_at", TIME), sa.Column("finished_at", TIME),
        needed("rows_read", sa.BigInteger(), server_default="0"), needed("rows_accepted", sa.BigInteger(), server_default="0"),
        needed("rows_quarantined", sa.BigInteger(), server_default="0"),
        needed("registers_new", sa.BigInteger(), server_default="0"),
        needed("registers_changed", sa.BigInteger(), server_default="0"), needed("outcome", sa.Text(), server_default=""),
        sa.Column("source_as_of", TIME), sa.PrimaryKeyConstraint("id", name="pk_pull"))
    op.create_table("pupil", needed("id", sa.BigInteger(), sa.Identity()), needed("school", sa.Text()),
        needed("mis_id", sa.Text()), needed("forename", sa.Text(), server_default=""),
        needed("surname", sa.Text(), server_default=""), sa.Column("born", sa.Date()),
        needed("sex", sa.Text(), server_default=""), needed("upn", sa.Text(), server_default=""),
        needed("year_group", sa.Text(), server_default=""), needed("group_key", sa.Text(), server_default=""),
        needed("address", sa.Text(), server_default=""), needed("postcode", sa.Text(), server_default=""),
        sa.Column("admitted", sa.Date()), sa.Column("left", sa.Date()),
        needed("registration", sa.Text(), server_default="sole"), needed("home_school", sa.Text(), server_default=""),
        needed("expected_pattern", sa.Text(), server_default=""), needed("first_seen", TIME), needed("last_seen", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_pupil"), sa.UniqueConstraint("school", "mis_id", name="uq_pupil_school_mis_id"))
    op.create_table("quarantine", needed("id", sa.BigInteger(), sa.Identity()), needed("school", sa.Text()),
        needed("source", sa.Text()), needed("place", sa.Text()), sa.Column("line", sa.BigInteger()),
        needed("reason", sa.Text()), needed("raw", sa.Text()), needed("row_hash", sa.Text()), needed("first_seen", TIME),
        needed("last_seen", TIME), sa.Column("resolved_at", TIME), sa.PrimaryKeyConstraint("id", name="pk_quarantine"),
        sa.UniqueConstraint("school", "source", "place", "line", "row_hash",
            name="uq_quarantine_school_source_place_line_row_hash", postgresql_nulls_not_distinct=True))
    op.create_table("register_verdict", needed("id", sa.BigInteger(), sa.Identity()), needed("school", sa.Text()),
        needed("local_date", sa.Date()), needed("kind", sa.Text()), needed("slot", sa.Text()), needed("group_key", sa.Text()),
        needed("verdict", sa.Text()), needed("due_at", TIME), needed("decided_at", TIME), needed("evidence", JSONB()),
        sa.PrimaryKeyConstraint("id", name="pk_register_verdict"),
        sa.UniqueConstraint("school", "local_date", "kind", "slot", "group_key",
            name="uq_register_verdict_school_local_date_kind_slot_group_key"))
    op.create_table("register_version", needed("id", sa.BigInteger(), sa.Identity()), needed("school", sa.Text()),
        needed("local_date", sa.Date()), needed("kind", sa.Text()), needed("slot", sa.Text()), needed("group_key", sa.Text()),
        needed("seen_at", TIME), needed("source", sa.Text()), sa.Column("pull_id", sa.BigInteger()),
        needed("status", sa.Text()), sa.Column("taken_from", TIME), sa.Column("taken_to", TIME),
        needed("basis", sa.Text(), server_default=""), needed("taken_by", sa.Text(), server_default=""),
        needed("roster_id", sa.BigInteger()), needed("marks", sa.LargeBinary()),
        needed("extras", JSONB(), server_default=sa.text("'{}'::jsonb")), needed("content_hash", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("id", name="pk_register_version"))
    op.create_index("ix_register_version_key", "register_version", ["school", "local_date", "kind", "slot", "group_key", "id"])
    op.create_table("roster", needed("id", sa.BigInteger(), sa.Identity()), needed("hash", sa.LargeBinary()),
        needed("pupils", ARRAY(sa.BigInteger())), sa.PrimaryKeyConstraint("id", name="pk_roster"),
        sa.UniqueConstraint("hash", name="uq_roster_hash"))
    op.create_table("staff", needed("id", sa.BigInteger(), sa.Identity()), needed("school", sa.Text()),
        needed("code", sa.Text()), needed("name", sa.Text(), server_default=""), needed("email", sa.Text(), server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_staff"), sa.UniqueConstraint("school", "code", name="uq_staff_school_code"))
    op.create_table("action", needed("id", sa.BigInteger(), sa.Identity()), needed("case_id", sa.BigInteger()),
        needed("kind", sa.Text()), needed("owner", sa.Text()), needed("created_by", sa.Text()), needed("created_at", TIME),
        needed("due_at", TIME), sa.Column("done_at", TIME), sa.Column("done_by", sa.Text()), sa.Column("outcome", sa.Text()),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name="fk_action_case_id"),
        sa.PrimaryKeyConstraint("id", name="pk_action"))
    op.create_index("ix_action_case_id", "action", ["case_id"])
    op.create_table("contact", needed("id", sa.BigInteger(), sa.Identity()), needed("pupil_id", sa.BigInteger()),
        needed("priority", sa.BigInteger()), needed("name", sa.Text()), needed("relationship", sa.Text(), server_default=""),
        needed("email", sa.Text(), server_default=""), needed("telephone", sa.Text(), server_default=""),
        needed("language", sa.Text(), server_default="en"),
        needed("do_not_contact", sa.Boolean(), server_default=sa.text("false")), needed("valid_from", TIME),
        sa.Column("valid_to", TIME), sa.ForeignKeyConstraint(["pupil_id"], ["pupil.id"], name="fk_contact_pupil_id"),
        sa.PrimaryKeyConstraint("id", name="pk_contact"))
    op.create_index("ix_contact_pupil_id_valid_to", "contact", ["pupil_id", "valid_to"])
    op.create_table("contact_attempt", needed("id", sa.BigInteger(), sa.Identity()), needed("case_id", sa.BigInteger()),
        sa.Column("contact_id", sa.BigInteger()), needed("channel", sa.Text()), sa.Column("outbox_id", sa.Text()),
        needed("attempted_at", TIME), needed("answer_due_at", TIME), sa.Column("outcome", sa.Text()),
        sa.Column("note", sa.Text()), sa.Column("recorded_by", sa.Text()), sa.Column("recorded_at", TIME),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name="fk_contact_attempt_case_id"),
        sa.PrimaryKeyConstraint("id", name="pk_contact_attempt"))
    op.create_index("ix_contact_attempt_case_id", "contact_attempt", ["case_id"])
    op.create_table("flag", needed("id", sa.BigInteger(), sa.Identity()), needed("pupil_id", sa.BigInteger()),
        needed("flag", sa.Text()), needed("valid_from", TIME), sa.Column("valid_to", TIME),
        sa.ForeignKeyConstraint(["pupil_id"], ["pupil.id"], name="fk_flag_pupil_id"),
        sa.PrimaryKeyConstraint("id", name="pk_flag"))
    op.create_index("ix_flag_pupil_id_valid_to", "flag", ["pupil_id", "valid_to"])
    op.create_table("review", needed("id", sa.BigInteger(), sa.Identity()), needed("case_id", sa.BigInteger()),
        needed("kind", sa.Text()), needed("number", sa.BigInteger()), needed("state", sa.Text()),
        needed("assigned_to", sa.Text()), needed("opened_at", TIME), needed("due_at", TIME),
        needed("escalations", sa.BigInteger(), server_default="0"), sa.Column("escalated_at", TIME), needed("dossier", JSONB()),
        needed("dossier_hash", sa.Text()), sa.Column("flow_run_id", sa.Text()), sa.Column("rung_at", TIME),
        needed("tries", sa.BigInteger(), server_default="0"),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name="fk_review_case_id"),
        sa.PrimaryKeyConstraint("id", name="pk_review"))
    op.create_index("uq_review_open", "review", ["case_id", "kind"], unique=True, postgresql_where=sa.text("state = 'open'"))
    op.create_table("answer", needed("id", sa.BigInteger(), sa.Identity()), needed("review_id", sa.BigInteger()),
        needed("source_key", sa.Text()), needed("received_at", TIME), sa.Column("person", sa.Text()),
        needed("accepted", sa.Boolean()), needed("refusal", sa.Text(), server_default=""),
        needed("content", JSONB(), server_default=sa.text("'{}'::jsonb")),
        sa.ForeignKeyConstraint(["review_id"], ["review.id"], name="fk_answer_review_id"),
        sa.PrimaryKeyConstraint("id", name="pk_answer"),
        sa.UniqueConstraint("review_id", "source_key", name="uq_answer_review_id_source_key"))
    op.create_table("decision", needed("id", sa.BigInteger(), sa.Identity()), needed("review_id", sa.BigInteger()),
        needed("case_id", sa.BigInteger()), needed("outcome", sa.Text()), needed("actions", JSONB()),
        needed("reason", sa.Text()), needed("decided_by", sa.Text()), needed("decided_at", TIME),
        needed("shown_hash", sa.Text()), sa.ForeignKeyConstraint(["review_id"], ["review.id"], name="fk_decision_review_id"),
        sa.PrimaryKeyConstraint("id", name="pk_decision"), sa.UniqueConstraint("review_id", name="uq_decision_review_id"))
    op.create_table("review_code", needed("id", sa.BigInteger(), sa.Identity()), needed("review_id", sa.BigInteger()),
        needed("person", sa.Text()), needed("mac", sa.Text()), needed("issued_at", TIME), needed("expires_at", TIME),
        needed("wrong_tries", sa.BigInteger(), server_default="0"), sa.Column("used_at", TIME), sa.Column("void_at", TIME),
        sa.ForeignKeyConstraint(["review_id"], ["review.id"], name="fk_review_code_review_id"),
        sa.PrimaryKeyConstraint("id", name="pk_review_code"))
    op.create_index("ix_review_code_review_id", "review_code", ["review_id"])
    refuse_changes()
