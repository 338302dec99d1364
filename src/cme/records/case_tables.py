"""Findings, cases, the history, reviews with their answers and decisions, actions and contact attempts."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from cme.records.base import Base, key


class Finding(Base):
    """A threshold crossed, as it was known when found. A finding that no longer holds is retracted, never deleted."""

    __tablename__ = "finding"
    __table_args__ = (
        Index("uq_finding_live", "pupil_id", "rule", "episode_start", unique=True, postgresql_where=text("retracted_at IS NULL")),)
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
                      Index("uq_case_episode", "pupil_id", "episode_start", unique=True, postgresql_where=text("origin = 'threshold'")))
    id: Mapped[int] = key()
    reference: Mapped[str] = mapped_column(unique=True)          # CME-2026-0012
    school: Mapped[str]
    pupil_id: Mapped[int]
    episode_start: Mapped[date]
    origin: Mapped[str] = mapped_column(server_default="threshold")  # "threshold", "day_one" or "report": what opened it
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
    why: Mapped[str]
    data: Mapped[dict[str, Any]]
    flow_run_id: Mapped[str | None]
    task_run_id: Mapped[str | None]
    previous_hash: Mapped[str]
    hash: Mapped[str]


class Review(Base):
    """A question to a person: the row is the gate, Prefect's paused run is only the bell.

    ``kind``: "contact_outcome" (attendance officer), "safeguarding" (DSL), "confirmation" (a second person), "missing_report"
    (attendance officer). ``flow_run_id`` is the run that rings now. ``dossier`` is what is shown now; all that was shown stands in
    ``dossier_shown``.
    """

    __tablename__ = "review"
    __table_args__ = (Index("uq_review_open", "case_id", "kind", unique=True, postgresql_where=text("state = 'open'")),)
    id: Mapped[int] = key()
    case_id: Mapped[int] = mapped_column(ForeignKey("case.id"))
    kind: Mapped[str]
    number: Mapped[int]                                          # 1, 2, ... within the case and kind
    state: Mapped[str]                                           # "open", "answered", "void"
    urgency: Mapped[str] = mapped_column(server_default="routine")   # "routine" or "day_one"
    assigned_to: Mapped[str]                                     # person key of the config: who is asked now
    barred: Mapped[str] = mapped_column(server_default="")       # the person who may not answer: nobody confirms their own answer
    decision_id: Mapped[int | None]                              # of a confirmation: the decision to be confirmed
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    escalations: Mapped[int] = mapped_column(server_default="0")
    escalated_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]                         # before its due time, once
    dossier: Mapped[dict[str, Any]]
    dossier_hash: Mapped[str]
    flow_run_id: Mapped[str | None]
    rung_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(server_default="0")       # answers that arrived, accepted or not


class DossierShown(Base):
    """What a review has shown, each time it changed: frozen, hashed, never changed. A decision refers to one hash of these."""

    __tablename__ = "dossier_shown"
    __table_args__ = (UniqueConstraint("review_id", "number"),)
    id: Mapped[int] = key()
    review_id: Mapped[int] = mapped_column(ForeignKey("review.id"))
    number: Mapped[int]                                          # 1, 2, ... within the review
    dossier: Mapped[dict[str, Any]]
    dossier_hash: Mapped[str]
    frozen_at: Mapped[datetime]


class ReviewLink(Base):
    """A link to the dossier's page, mailed to one person for one review; only a keyed hash of its token is kept."""

    __tablename__ = "review_link"
    __table_args__ = (Index(None, "review_id"),)
    id: Mapped[int] = key()
    review_id: Mapped[int] = mapped_column(ForeignKey("review.id"))
    person: Mapped[str]
    mac: Mapped[str] = mapped_column(unique=True)
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    void_at: Mapped[datetime | None]


class ResumeRequest(Base):
    """That somebody pressed Resume on a run, and as whom the school's own sign-in knew them (empty: no proxy says)."""

    __tablename__ = "resume_request"
    __table_args__ = (Index(None, "flow_run_id"),)
    id: Mapped[int] = key()
    flow_run_id: Mapped[str]
    at: Mapped[datetime]
    signed_in_as: Mapped[str] = mapped_column(server_default="")


class ReviewCode(Base):
    """A one-time code, kept as a keyed hash; bound to one review and one person."""

    __tablename__ = "review_code"
    __table_args__ = (Index(None, "review_id"),)
    id: Mapped[int] = key()
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
    id: Mapped[int] = key()
    review_id: Mapped[int] = mapped_column(ForeignKey("review.id"))
    source_key: Mapped[str]
    received_at: Mapped[datetime]
    person: Mapped[str | None]                                   # whom the code named; None: no valid code
    accepted: Mapped[bool]
    refusal: Mapped[str] = mapped_column(server_default="")
    content: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))   # as given, without the code
    shown_hash: Mapped[str] = mapped_column(server_default="")   # the dossier that was shown when it came
    signed_in_as: Mapped[str] = mapped_column(server_default="") # whom the school's sign-in named, if a proxy passes it on


class Decision(Base):
    """What a person decided: who, when, why, and what had been shown. One per review, never changed.

    Where ``needs_confirmation`` is true it takes effect only by a ``confirmation`` row of another person.
    """

    __tablename__ = "decision"
    __table_args__ = (UniqueConstraint("review_id"),)
    id: Mapped[int] = key()
    review_id: Mapped[int] = mapped_column(ForeignKey("review.id"))
    case_id: Mapped[int]
    outcome: Mapped[str]
    actions: Mapped[list[Any]]
    reason: Mapped[str]
    decided_by: Mapped[str]
    decided_by_name: Mapped[str] = mapped_column(server_default="")  # the role's holder at that moment
    decided_at: Mapped[datetime]
    shown_hash: Mapped[str]
    appraisal: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))  # {reason of the procedure: yes/no/unknown}
    agencies: Mapped[str] = mapped_column(server_default="")     # "yes", "no", "unknown": is the child known to other agencies
    needs_confirmation: Mapped[bool] = mapped_column(server_default=text("false"))


class Confirmation(Base):
    """What the second person said of a decision: confirmed, or sent back to the DSL. Never changed."""

    __tablename__ = "confirmation"
    __table_args__ = (UniqueConstraint("decision_id"), UniqueConstraint("review_id"))
    id: Mapped[int] = key()
    decision_id: Mapped[int] = mapped_column(ForeignKey("decision.id"))
    review_id: Mapped[int] = mapped_column(ForeignKey("review.id"))
    case_id: Mapped[int]
    confirmed: Mapped[bool]
    reason: Mapped[str]
    decided_by: Mapped[str]
    decided_by_name: Mapped[str] = mapped_column(server_default="")
    decided_at: Mapped[datetime]
    shown_hash: Mapped[str]


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
    established: Mapped[str | None]                              # what the attendance officer established
    established_by: Mapped[str | None]
    established_at: Mapped[datetime | None]
    tried: Mapped[str] = mapped_column(server_default="")        # whom the attendance officer tried, and how
    known: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))  # which reasons of the procedure the officer names


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
    outcome: Mapped[str | None]
    result: Mapped[str | None]                                   # "done", "no entry" (of a visit), "not possible"
    evidence: Mapped[str | None]                                 # where the proof is: a reference, never a document
    task_key: Mapped[str | None] = mapped_column(unique=True)    # of a task that a rule set: once only
    called: Mapped[str] = mapped_column(server_default="")       # who was last told of it: the owner, or who stands in
    escalations: Mapped[int] = mapped_column(server_default="0")
    escalated_at: Mapped[datetime | None]


class ContactAttempt(Base):
    """One attempt to reach one contact, and what came of it."""

    __tablename__ = "contact_attempt"
    __table_args__ = (Index(None, "case_id"),)
    id: Mapped[int] = key()
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
