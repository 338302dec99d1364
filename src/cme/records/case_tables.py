"""Findings, cases, the history, reports, actions and contact attempts."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from cme.records.base import Base, key
from cme.records.sealed_columns import SealedFields, SealedJson, SealedText


TYPED = ("reason", "note", "tried", "where", "outcome", "evidence", "appraisal")     # what people typed or judged, in an event's data


class Finding(Base):
    """A threshold crossed, as it was known when found. A finding that no longer holds is retracted, never deleted."""

    __tablename__ = "finding"
    __table_args__ = (
        Index("uq_finding_live", "pupil_id", "rule", "episode_start", unique=True, postgresql_where=text("retracted_at IS NULL")),
        Index(None, "case_id"))
    id: Mapped[int] = key()
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
                      Index("uq_case_episode", "pupil_id", "episode_start", unique=True, postgresql_where=text("origin = 'threshold'")),
                      Index("ix_case_waits", "state", "next_step_due", postgresql_where=text("closed_at IS NULL")))
    id: Mapped[int] = key()
    reference: Mapped[str] = mapped_column(unique=True)          # CME-2026-0012
    school: Mapped[str]
    pupil_id: Mapped[int]
    episode_start: Mapped[date]
    origin: Mapped[str] = mapped_column(server_default="threshold")  # "threshold", "day_one", "report", "sickness" or "unanswered"
    state: Mapped[str]
    urgency: Mapped[str] = mapped_column(server_default="routine")   # "routine" or "day_one"; only ever raised
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
    why: Mapped[str] = mapped_column(SealedText("case_event.why"))
    data: Mapped[dict[str, Any]] = mapped_column(SealedFields("case_event.data", *TYPED))
    flow_run_id: Mapped[str | None]
    task_run_id: Mapped[str | None]
    previous_hash: Mapped[str]
    hash: Mapped[str]
    erased_by: Mapped[int | None]                                # the erasure that emptied ``why`` and ``data``; the hash stays


class MissingReport(Base):
    """A member of staff reported that a child may have run away or gone missing. Append-only but for what was established."""

    __tablename__ = "missing_report"
    __table_args__ = (Index(None, "case_id"),)
    id: Mapped[int] = key()
    case_id: Mapped[int] = mapped_column(ForeignKey("case.id"))
    source_key: Mapped[str] = mapped_column(unique=True)         # the run or command it came by: a second reading changes nothing
    reported_at: Mapped[datetime]
    reported_by: Mapped[str]                                     # a member of staff, by the school's own short code
    last_seen_at: Mapped[datetime]                               # the latest moment that what was said allows
    last_seen_said: Mapped[str] = mapped_column(server_default="")   # as it was said: "today at 10:15", "before yesterday"
    last_seen_where: Mapped[str]
    last_seen_by: Mapped[str]
    concern: Mapped[bool]                                        # about the child's safety
    established: Mapped[str | None] = mapped_column(SealedText("missing_report.established"))  # what the attendance officer established
    established_by: Mapped[str | None]
    established_at: Mapped[datetime | None]
    tried: Mapped[str] = mapped_column(SealedText("missing_report.tried"), server_default="")  # whom the attendance officer tried, and how
    # which reasons of the procedure the officer names
    known: Mapped[list[Any]] = mapped_column(SealedJson("missing_report.known"), server_default="[]")


class Action(Base):
    """A step a person chose and must take: owner, due time, outcome."""

    __tablename__ = "action"
    __table_args__ = (Index(None, "case_id"),)
    id: Mapped[int] = key()
    case_id: Mapped[int] = mapped_column(ForeignKey("case.id"))
    kind: Mapped[str]
    owner: Mapped[str]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    done_by: Mapped[str | None]
    outcome: Mapped[str | None] = mapped_column(SealedText("action.outcome"))
    result: Mapped[str | None]                                   # "done", "no entry" (of a visit), "not possible"
    evidence: Mapped[str | None]                                 # where the proof is: a reference, never a document
    task_key: Mapped[str | None] = mapped_column(unique=True)    # of a task that a rule set: once only
    called: Mapped[str] = mapped_column(server_default="")       # who was last told of it: the owner, or who stands in
    escalations: Mapped[int] = mapped_column(server_default="0")
    escalated_at: Mapped[datetime | None]


class ContactAttempt(Base):
    """One attempt to reach one contact, and what came of it."""

    __tablename__ = "contact_attempt"
    __table_args__ = (Index(None, "case_id"), Index(None, "request_id"))
    id: Mapped[int] = key()
    case_id: Mapped[int | None] = mapped_column(ForeignKey("case.id"))      # None: of a request without a case
    request_id: Mapped[int | None]                               # of the unexplained absence it is about
    contact_id: Mapped[int | None]
    channel: Mapped[str]                                         # "text", "email", "call", "visit", "none held", "held back"
    outbox_id: Mapped[str | None]
    attempted_at: Mapped[datetime]
    answer_due_at: Mapped[datetime]
    outcome: Mapped[str | None]
    note: Mapped[str | None] = mapped_column(SealedText("contact_attempt.note"))
    recorded_by: Mapped[str | None]
    recorded_at: Mapped[datetime | None]
