"""Reviews: the questions to people, what they showed, who was called, what was answered and decided."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from cme.records.base import Base, key
from cme.records.sealed_columns import SealedJson, SealedText


class Review(Base):
    """A question to a person: the row is the gate, Prefect's paused run is only the bell.

    ``kind``: "contact_outcome" (attendance officer), "safeguarding" (DSL), "confirmation" (a second person), "missing_report"
    (attendance officer). ``flow_run_id`` is the run that rings now. ``dossier`` is what is shown now; all that was shown stands in
    ``dossier_shown``.
    """

    __tablename__ = "review"
    __table_args__ = (Index("uq_review_open", "case_id", "kind", unique=True, postgresql_where=text("state = 'open'")),
                      Index(None, "case_id", "kind", "id"))
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
    dossier: Mapped[dict[str, Any]] = mapped_column(SealedJson("review.dossier"))
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
    dossier: Mapped[dict[str, Any]] = mapped_column(SealedJson("dossier_shown.dossier"))
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
    __table_args__ = (UniqueConstraint("review_id", "source_key"), Index(None, "source_key"))
    id: Mapped[int] = key()
    review_id: Mapped[int] = mapped_column(ForeignKey("review.id"))
    source_key: Mapped[str]
    received_at: Mapped[datetime]
    person: Mapped[str | None]                                   # whom the code named; None: no valid code
    accepted: Mapped[bool]
    refusal: Mapped[str] = mapped_column(server_default="")
    content: Mapped[dict[str, Any]] = mapped_column(SealedJson("answer.content"), server_default="{}")  # as given, without the code
    shown_hash: Mapped[str] = mapped_column(server_default="")   # the dossier that was shown when it came
    signed_in_as: Mapped[str] = mapped_column(server_default="") # whom the school's sign-in named, if a proxy passes it on


class Decision(Base):
    """What a person decided: who, when, why, and what had been shown. One per review, never changed.

    Where ``needs_confirmation`` is true it takes effect only by a ``confirmation`` row of another person.
    """

    __tablename__ = "decision"
    __table_args__ = (UniqueConstraint("review_id"), Index(None, "case_id"))
    id: Mapped[int] = key()
    review_id: Mapped[int] = mapped_column(ForeignKey("review.id"))
    case_id: Mapped[int]
    outcome: Mapped[str]
    actions: Mapped[list[Any]]
    reason: Mapped[str] = mapped_column(SealedText("decision.reason"))
    decided_by: Mapped[str]
    decided_by_name: Mapped[str] = mapped_column(server_default="")  # the role's holder at that moment
    decided_at: Mapped[datetime]
    shown_hash: Mapped[str]
    # {reason of the procedure: yes/no/unknown}
    appraisal: Mapped[dict[str, Any]] = mapped_column(SealedJson("decision.appraisal"), server_default="{}")
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
    reason: Mapped[str] = mapped_column(SealedText("confirmation.reason"))
    decided_by: Mapped[str]
    decided_by_name: Mapped[str] = mapped_column(server_default="")
    decided_at: Mapped[datetime]
    shown_hash: Mapped[str]
