"""The tables. Three things hold everywhere:

* what may be asked about years later is append-only (``register_version``, ``roster``, ``case_event``, ``finding`` and
  ``decision`` rows are never rewritten by the product; for ``case_event`` the database itself refuses it);
* times are UTC instants, days are the school's local days;
* ``who`` and ``when`` stand side by side.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (BigInteger, CheckConstraint, DateTime, ForeignKey, Identity, Index, LargeBinary, MetaData, Text,
                        UniqueConstraint, text)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s", "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s"})
    type_annotation_map = {str: Text, datetime: DateTime(timezone=True), dict[str, Any]: JSONB, list[Any]: JSONB,
                           bytes: LargeBinary, list[int]: ARRAY(BigInteger), int: BigInteger}


def _key() -> Any:
    return mapped_column(BigInteger, Identity(), primary_key=True)


# --- the school's people ------------------------------------------------------------------------------------------

class Pupil(Base):
    """A pupil of one school. Only ``id`` leaves this table; it says nothing about the child."""

    __tablename__ = "pupil"
    __table_args__ = (UniqueConstraint("school", "mis_id"),)
    id: Mapped[int] = _key()
    school: Mapped[str]
    mis_id: Mapped[str]
    forename: Mapped[str] = mapped_column(server_default="")
    surname: Mapped[str] = mapped_column(server_default="")
    born: Mapped[date | None]
    sex: Mapped[str] = mapped_column(server_default="")
    upn: Mapped[str] = mapped_column(server_default="")
    year_group: Mapped[str] = mapped_column(server_default="")
    group_key: Mapped[str] = mapped_column(server_default="")
    address: Mapped[str] = mapped_column(server_default="")
    postcode: Mapped[str] = mapped_column(server_default="")
    admitted: Mapped[date | None]
    left: Mapped[date | None]
    registration: Mapped[str] = mapped_column(server_default="sole")
    home_school: Mapped[str] = mapped_column(server_default="")
    expected_pattern: Mapped[str] = mapped_column(server_default="")
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]


class Contact(Base):
    """A parent or carer of a pupil, as valid from ``valid_from`` until ``valid_to`` (open: still valid)."""

    __tablename__ = "contact"
    __table_args__ = (Index(None, "pupil_id", "valid_to"),)
    id: Mapped[int] = _key()
    pupil_id: Mapped[int] = mapped_column(ForeignKey("pupil.id"))
    priority: Mapped[int]
    name: Mapped[str]
    relationship: Mapped[str] = mapped_column(server_default="")
    email: Mapped[str] = mapped_column(server_default="")
    telephone: Mapped[str] = mapped_column(server_default="")
    language: Mapped[str] = mapped_column(server_default="en")
    do_not_contact: Mapped[bool] = mapped_column(server_default=text("false"))
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]


class Flag(Base):
    """A vulnerability or agency flag of a pupil, with validity."""

    __tablename__ = "flag"
    __table_args__ = (Index(None, "pupil_id", "valid_to"),)
    id: Mapped[int] = _key()
    pupil_id: Mapped[int] = mapped_column(ForeignKey("pupil.id"))
    flag: Mapped[str]
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]


class Staff(Base):
    """A member of staff who takes registers."""

    __tablename__ = "staff"
    __table_args__ = (UniqueConstraint("school", "code"),)
    id: Mapped[int] = _key()
    school: Mapped[str]
    code: Mapped[str]
    name: Mapped[str] = mapped_column(server_default="")
    email: Mapped[str] = mapped_column(server_default="")


# --- registers ----------------------------------------------------------------------------------------------------

class Pull(Base):
    """One attempt to read a source: what it brought, or why it failed."""

    __tablename__ = "pull"
    id: Mapped[int] = _key()
    school: Mapped[str]
    source: Mapped[str]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    rows_read: Mapped[int] = mapped_column(server_default="0")
    rows_accepted: Mapped[int] = mapped_column(server_default="0")
    rows_quarantined: Mapped[int] = mapped_column(server_default="0")
    registers_new: Mapped[int] = mapped_column(server_default="0")
    registers_changed: Mapped[int] = mapped_column(server_default="0")
    outcome: Mapped[str] = mapped_column(server_default="")     # "ok" or one sentence
    source_as_of: Mapped[datetime | None]


class Roster(Base):
    """The pupils of a register in order, shared by all registers with the same pupils. Append-only."""

    __tablename__ = "roster"
    id: Mapped[int] = _key()
    hash: Mapped[bytes] = mapped_column(unique=True)
    pupils: Mapped[list[int]]


class RegisterVersion(Base):
    """A register as a source showed it at ``seen_at``: a new row only when its content changed, never an update.

    ``marks`` holds two bytes a pupil in roster order: the code padded with a space ("/ ", "\\\\ ", "C1"; "- " not
    entered). ``taken_from``/``taken_to`` bound the moment it was taken, ``basis`` says how that is known.
    Kept for six years: SI 2024/208 reg 7.
    """

    __tablename__ = "register_version"
    __table_args__ = (Index("ix_register_version_key", "school", "local_date", "kind", "slot", "group_key", "id"),)
    id: Mapped[int] = _key()
    school: Mapped[str]
    local_date: Mapped[date]
    kind: Mapped[str]
    slot: Mapped[str]
    group_key: Mapped[str]
    seen_at: Mapped[datetime]
    source: Mapped[str]
    pull_id: Mapped[int | None]
    status: Mapped[str]                                          # "taken", "partial", "not taken"
    taken_from: Mapped[datetime | None]
    taken_to: Mapped[datetime | None]
    basis: Mapped[str] = mapped_column(server_default="")        # "first_completed", "last_saved", "observed", ""
    taken_by: Mapped[str] = mapped_column(server_default="")
    roster_id: Mapped[int]
    marks: Mapped[bytes]
    extras: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))   # {pupil id: {minutes_late, note}}
    content_hash: Mapped[bytes]


class ExpectedRegister(Base):
    """A register that ought to be taken, once per occurrence; ``required`` may change, so it is kept current."""

    __tablename__ = "expected_register"
    __table_args__ = (UniqueConstraint("school", "local_date", "kind", "slot", "group_key"),)
    id: Mapped[int] = _key()
    school: Mapped[str]
    local_date: Mapped[date]
    kind: Mapped[str]
    slot: Mapped[str]
    group_key: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    staff: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    required: Mapped[bool] = mapped_column(server_default=text("true"))
    not_required_reason: Mapped[str] = mapped_column(server_default="")


class RegisterVerdict(Base):
    """"This register was overdue": said once per register, frozen with its evidence."""

    __tablename__ = "register_verdict"
    __table_args__ = (UniqueConstraint("school", "local_date", "kind", "slot", "group_key"),)
    id: Mapped[int] = _key()
    school: Mapped[str]
    local_date: Mapped[date]
    kind: Mapped[str]
    slot: Mapped[str]
    group_key: Mapped[str]
    verdict: Mapped[str]                                         # "overdue", "late", "on time", "unknown"
    due_at: Mapped[datetime]
    decided_at: Mapped[datetime]
    evidence: Mapped[dict[str, Any]]


class Quarantine(Base):
    """A row that could not be read, with its reason, until a person has dealt with it."""

    __tablename__ = "quarantine"
    __table_args__ = (UniqueConstraint("school", "source", "place", "line", "row_hash", postgresql_nulls_not_distinct=True),)
    id: Mapped[int] = _key()
    school: Mapped[str]
    source: Mapped[str]
    place: Mapped[str]                                           # file or query
    line: Mapped[int | None]
    reason: Mapped[str]
    raw: Mapped[str]
    row_hash: Mapped[str]
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]
    resolved_at: Mapped[datetime | None]


# --- cases --------------------------------------------------------------------------------------------------------

class Finding(Base):
    """A threshold crossed, as it was known when found. A finding that no longer holds is retracted, never deleted."""

    __tablename__ = "finding"
    __table_args__ = (
        Index("uq_finding_live", "pupil_id", "rule", "episode_start", unique=True, postgresql_where=text("retracted_at IS NULL")),)
    id: Mapped[int] = _key()
    school: Mapped[str]
    pupil_id: Mapped[int]
    case_id: Mapped[int | None]
    rule: Mapped[str]
    rule_version: Mapped[str]
    as_of: Mapped[date]
    reached_on: Mapped[date]
    episode_start: Mapped[date]
    count: Mapped[int]
    threshold: Mapped[int]
    unit: Mapped[str]
    reason: Mapped[str]
    source: Mapped[str]
    marks: Mapped[list[Any]]                                     # [[ISO day, session, code], ...]
    found_at: Mapped[datetime]
    retracted_at: Mapped[datetime | None]
    retracted_reason: Mapped[str | None]


class Case(Base):
    """One open case per child and episode. The reference is all that crosses into Prefect, mail subjects and logs."""

    __tablename__ = "case"
    __table_args__ = (Index("uq_case_open", "pupil_id", unique=True, postgresql_where=text("closed_at IS NULL")),
                      UniqueConstraint("pupil_id", "episode_start"))
    id: Mapped[int] = _key()
    reference: Mapped[str] = mapped_column(unique=True)          # CME-2026-0012
    school: Mapped[str]
    pupil_id: Mapped[int]
    episode_start: Mapped[date]
    state: Mapped[str]
    opened_at: Mapped[datetime]
    state_since: Mapped[datetime]
    next_step_due: Mapped[datetime | None]                       # when a person must have acted; None only when closed
    next_step_owner: Mapped[str] = mapped_column(server_default="")
    closed_at: Mapped[datetime | None]


class CaseNumber(Base):
    """The last number given in a year, locked while the next is taken, so that references have no gaps."""

    __tablename__ = "case_number"
    year: Mapped[int] = mapped_column(primary_key=True)
    last: Mapped[int]


class CaseEvent(Base):
    """The history. Append-only (a trigger refuses UPDATE, DELETE and TRUNCATE), hash-chained, without foreign keys."""

    __tablename__ = "case_event"
    __table_args__ = (Index(None, "subject", "id"),)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)   # gapless: given under the chain's lock
    subject: Mapped[str]                                         # a case reference, or "school", "register", "outbox"
    at: Mapped[datetime]
    who: Mapped[str]                                             # a role and person key, or "machine"
    what: Mapped[str]                                            # e.g. "case.opened"
    why: Mapped[str]
    data: Mapped[dict[str, Any]]
    flow_run_id: Mapped[str | None]
    task_run_id: Mapped[str | None]
    previous_hash: Mapped[str]
    hash: Mapped[str]


class Review(Base):
    """A question to a person: the row is the gate, Prefect's paused run is only the bell.

    ``kind``: "contact_outcome" (attendance officer) or "safeguarding" (DSL). ``flow_run_id`` is the run that rings now.
    """

    __tablename__ = "review"
    __table_args__ = (Index("uq_review_open", "case_id", "kind", unique=True, postgresql_where=text("state = 'open'")),)
    id: Mapped[int] = _key()
    case_id: Mapped[int] = mapped_column(ForeignKey("case.id"))
    kind: Mapped[str]
    number: Mapped[int]                                          # 1, 2, ... within the case and kind
    state: Mapped[str]                                           # "open", "answered", "void"
    assigned_to: Mapped[str]                                     # person key of the config
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    escalations: Mapped[int] = mapped_column(server_default="0")
    escalated_at: Mapped[datetime | None]
    dossier: Mapped[dict[str, Any]]
    dossier_hash: Mapped[str]
    flow_run_id: Mapped[str | None]
    rung_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(server_default="0")       # answers that arrived, accepted or not


class ReviewCode(Base):
    """A one-time code, kept as a keyed hash; bound to one review and one person."""

    __tablename__ = "review_code"
    __table_args__ = (Index(None, "review_id"),)
    id: Mapped[int] = _key()
    review_id: Mapped[int] = mapped_column(ForeignKey("review.id"))
    person: Mapped[str]
    mac: Mapped[str]
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    wrong_tries: Mapped[int] = mapped_column(server_default="0")
    used_at: Mapped[datetime | None]
    void_at: Mapped[datetime | None]


class Answer(Base):
    """Every answer that reached a review, accepted or refused, once: ``source_key`` is Prefect's key of it."""

    __tablename__ = "answer"
    __table_args__ = (UniqueConstraint("review_id", "source_key"),)
    id: Mapped[int] = _key()
    review_id: Mapped[int] = mapped_column(ForeignKey("review.id"))
    source_key: Mapped[str]
    received_at: Mapped[datetime]
    person: Mapped[str | None]                                   # whom the code named; None: no valid code
    accepted: Mapped[bool]
    refusal: Mapped[str] = mapped_column(server_default="")
    content: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))   # as given, without the code


class Decision(Base):
    """What a person decided: who, when, why, and what had been shown. One per review, never changed."""

    __tablename__ = "decision"
    __table_args__ = (UniqueConstraint("review_id"),)
    id: Mapped[int] = _key()
    review_id: Mapped[int] = mapped_column(ForeignKey("review.id"))
    case_id: Mapped[int]
    outcome: Mapped[str]
    actions: Mapped[list[Any]]
    reason: Mapped[str]
    decided_by: Mapped[str]
    decided_at: Mapped[datetime]
    shown_hash: Mapped[str]


class Action(Base):
    """A step a person chose and must take: owner, due time, outcome."""

    __tablename__ = "action"
    __table_args__ = (Index(None, "case_id"),)
    id: Mapped[int] = _key()
    case_id: Mapped[int] = mapped_column(ForeignKey("case.id"))
    kind: Mapped[str]
    owner: Mapped[str]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    done_by: Mapped[str | None]
    outcome: Mapped[str | None]


class ContactAttempt(Base):
    """One attempt to reach one contact, and what came of it."""

    __tablename__ = "contact_attempt"
    __table_args__ = (Index(None, "case_id"),)
    id: Mapped[int] = _key()
    case_id: Mapped[int] = mapped_column(ForeignKey("case.id"))
    contact_id: Mapped[int | None]
    channel: Mapped[str]                                         # "email", "none held"
    outbox_id: Mapped[str | None]
    attempted_at: Mapped[datetime]
    answer_due_at: Mapped[datetime]
    outcome: Mapped[str | None]
    note: Mapped[str | None]
    recorded_by: Mapped[str | None]
    recorded_at: Mapped[datetime | None]


# --- messages -----------------------------------------------------------------------------------------------------

class Outbox(Base):
    """A message to one recipient, rendered once. States: queued, sending, handing_over, sent, failed, ambiguous, cancelled.

    ``sealed`` is the whole message as it goes over the wire, encrypted at rest; blanked once sent where it holds a code.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("dedupe_key"), UniqueConstraint("message_id"), Index(None, "state", "next_try_at"),
        CheckConstraint("state IN ('queued','sending','handing_over','sent','failed','ambiguous','cancelled')", name="state"))
    id: Mapped[str] = mapped_column(primary_key=True)            # random, opaque
    dedupe_key: Mapped[str]
    kind: Mapped[str]                                            # "la_notification", "review_call", "parent_contact", ...
    subject_of: Mapped[str]                                      # the case reference, "register", "school"
    recipient: Mapped[str]
    mail_subject: Mapped[str]
    message_id: Mapped[str]
    sealed: Mapped[bytes | None]
    sha256: Mapped[str]
    keep_body: Mapped[bool]
    state: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    next_try_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(server_default="0")
    worker: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    handed_over_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    server_reply: Mapped[str | None]
    last_error: Mapped[str | None]


class Alarm(Base):
    """Something that a person must look at. Raised once per key while open; cleared with a reason, never deleted."""

    __tablename__ = "alarm"
    __table_args__ = (Index("uq_alarm_open", "key", unique=True, postgresql_where=text("cleared_at IS NULL")),)
    id: Mapped[int] = _key()
    key: Mapped[str]                                             # e.g. "outbox:<id>", "review:<id>", "pull:<source>"
    subject: Mapped[str]
    sentence: Mapped[str]
    raised_at: Mapped[datetime]
    cleared_at: Mapped[datetime | None]
    cleared_by: Mapped[str | None]
    cleared_reason: Mapped[str | None]
