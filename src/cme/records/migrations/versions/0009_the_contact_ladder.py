"""The contact ladder: requests, messages to parents and what stops them, home visits, professionals, and more about contacts."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None

TIME, FALSE, EMPTY = sa.DateTime(timezone=True), sa.text("false"), ""


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False)


def needed(name: str, kind: object, **more: object) -> sa.Column[object]:
    return sa.Column(name, kind, nullable=False, **more)                                 # type: ignore[call-overload]


def upgrade() -> None:
    text, number = sa.Text(), sa.BigInteger()
    for name in ("court_order", "no_responsibility", "interpreter"):
        op.add_column("contact", needed(name, sa.Boolean(), server_default=FALSE))
    op.alter_column("contact_attempt", "case_id", nullable=True)
    op.add_column("contact_attempt", sa.Column("request_id", number))
    op.create_index("ix_contact_attempt_request_id", "contact_attempt", ["request_id"])
    op.create_table(
        "absence_request", _id(), needed("school", text), needed("pupil_id", number), needed("day", sa.Date()), needed("session", text),
        needed("code", text), sa.Column("case_id", number), needed("state", text, server_default="open"), needed("opened_at", TIME),
        needed("since", TIME), sa.Column("told_at", TIME), sa.Column("call_asked_at", TIME), sa.Column("visit_asked_at", TIME), sa.Column("ended_at", TIME),
        sa.Column("ended_by", text), sa.Column("reason", text), sa.Column("new_code", text), sa.Column("recorded_by", text),
        sa.Column("recorded_at", TIME), sa.Column("changed_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_absence_request"),
        sa.ForeignKeyConstraint(["pupil_id"], ["pupil.id"], name="fk_absence_request_pupil_id"),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name="fk_absence_request_case_id"),
        sa.UniqueConstraint("pupil_id", "day", "session", name="uq_absence_request_pupil_id_day_session"),
        sa.CheckConstraint("state IN ('open','answered','seen','with_dsl','corrected')", name="ck_absence_request_state"))
    op.create_index("ix_absence_request_school_state", "absence_request", ["school", "state"])
    op.create_index("ix_absence_request_case_id", "absence_request", ["case_id"])
    op.create_table(
        "parent_message", _id(), needed("pupil_id", number), needed("day", sa.Date()), needed("session", text), needed("address", text),
        needed("contact_id", number), needed("channel", text), needed("outbox_id", text), sa.Column("request_id", number),
        sa.Column("case_id", number), needed("queued_at", TIME), needed("failed", sa.Boolean(), server_default=FALSE),
        sa.PrimaryKeyConstraint("id", name="pk_parent_message"), sa.UniqueConstraint("outbox_id", name="uq_parent_message_outbox_id"))
    op.create_index("ix_parent_message_queued_at", "parent_message", ["queued_at"])
    op.create_index("uq_parent_message", "parent_message", ["pupil_id", "day", "session", "address"], unique=True,
                    postgresql_where=sa.text("NOT failed"))
    op.create_table(
        "message_stop", _id(), needed("kind", text), needed("why", text), needed("day", sa.Date()), needed("session", text),
        needed("counted", number, server_default="0"), needed("allowed", number, server_default="0"), needed("stopped_at", TIME),
        needed("stopped_by", text), sa.Column("released_at", TIME), sa.Column("released_by", text), sa.Column("released_reason", text),
        sa.PrimaryKeyConstraint("id", name="pk_message_stop"),
        sa.CheckConstraint("kind IN ('person','share','rate')", name="ck_message_stop_kind"))
    op.create_index("ix_message_stop_open", "message_stop", ["kind"], postgresql_where=sa.text("released_at IS NULL"))
    op.create_table(
        "home_visit", _id(), needed("request_id", number), sa.Column("case_id", number), needed("visited_on", sa.Date()), needed("half", text),
        needed("address", text), needed("spoken_to", text, server_default=EMPTY), needed("result", text), needed("outcome", text),
        needed("recorded_by", text), needed("recorded_at", TIME), sa.PrimaryKeyConstraint("id", name="pk_home_visit"),
        sa.ForeignKeyConstraint(["request_id"], ["absence_request.id"], name="fk_home_visit_request_id"))
    op.create_index("ix_home_visit_request_id", "home_visit", ["request_id"])
    op.create_index("ix_home_visit_case_id", "home_visit", ["case_id"])
    op.create_table(
        "professional", _id(), needed("pupil_id", number), needed("role", text), needed("name", text, server_default=EMPTY),
        needed("email", text, server_default=EMPTY), needed("telephone", text, server_default=EMPTY), needed("valid_from", TIME),
        sa.Column("valid_to", TIME), sa.PrimaryKeyConstraint("id", name="pk_professional"),
        sa.ForeignKeyConstraint(["pupil_id"], ["pupil.id"], name="fk_professional_pupil_id"))
    op.create_index("ix_professional_pupil_id_valid_to", "professional", ["pupil_id", "valid_to"])
    op.create_table(
        "professional_notice", _id(), needed("request_id", number), needed("role", text), needed("by_mail", sa.Boolean()),
        needed("told_at", TIME), sa.PrimaryKeyConstraint("id", name="pk_professional_notice"),
        sa.ForeignKeyConstraint(["request_id"], ["absence_request.id"], name="fk_professional_notice_request_id"),
        sa.UniqueConstraint("request_id", "role", name="uq_professional_notice_request_id_role"))
