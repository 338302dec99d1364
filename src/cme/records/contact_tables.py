"""Unexplained absences of which a parent must be asked, what went to parents, what stops messages, and who else is told."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from cme.records.base import Base, key
from cme.records.sealed_columns import SealedText


class AbsenceRequest(Base):
    """One child, one session, and nobody knows why the child was absent. One row for ever; it ends only in one of its states.

    States: open (the ladder climbs), answered (a person recorded what was found out), seen (a later register saw the child; the
    reason is still owed), with_dsl (handed over at its time), corrected (the register no longer says so).
    """

    __tablename__ = "absence_request"
    __table_args__ = (UniqueConstraint("pupil_id", "day", "session"), Index(None, "school", "state"), Index(None, "case_id"),
                      CheckConstraint("state IN ('open','answered','seen','with_dsl','corrected')", name="state"))
    id: Mapped[int] = key()
    school: Mapped[str]
    pupil_id: Mapped[int] = mapped_column(ForeignKey("pupil.id"))
    day: Mapped[date]
    session: Mapped[str]                                         # "AM", "PM"
    code: Mapped[str]                                            # the mark as it was when last looked at
    case_id: Mapped[int | None] = mapped_column(ForeignKey("case.id"))
    state: Mapped[str] = mapped_column(server_default="open")
    opened_at: Mapped[datetime]
    since: Mapped[datetime]                                      # from when the times of the ladder count
    told_at: Mapped[datetime | None]                             # the attendance officer heard of it
    call_asked_at: Mapped[datetime | None]                       # the attendance officer was asked to ring
    visit_asked_at: Mapped[datetime | None]                      # a home visit was asked for
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    reason: Mapped[str | None] = mapped_column(SealedText("absence_request.reason"))  # as the attendance officer wrote it down
    new_code: Mapped[str | None]                                 # the code a person says the register must hold
    recorded_by: Mapped[str | None]
    recorded_at: Mapped[datetime | None]
    changed_at: Mapped[datetime | None]                          # when a reading of the registers showed a settled code


class AbsenceCode(Base):
    """A one-time code for the reason of one absence, kept as a keyed hash; bound to the absence and one person. ``used_for`` is the answer."""

    __tablename__ = "absence_code"
    __table_args__ = (Index(None, "request_id"),)
    id: Mapped[int] = key()
    request_id: Mapped[int] = mapped_column(ForeignKey("absence_request.id"))
    person: Mapped[str]
    mac: Mapped[str]
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    wrong_tries: Mapped[int] = mapped_column(server_default="0")
    used_for: Mapped[str] = mapped_column(server_default="")
    void_at: Mapped[datetime | None]


class ParentMessage(Base):
    """A message to one parent or carer about one child and session: never two to one address."""

    __tablename__ = "parent_message"
    __table_args__ = (UniqueConstraint("outbox_id"), Index(None, "queued_at"),
                      Index("uq_parent_message", "pupil_id", "day", "session", "address", unique=True, postgresql_where=text("NOT failed")))
    id: Mapped[int] = key()
    pupil_id: Mapped[int]
    day: Mapped[date]
    session: Mapped[str]
    address: Mapped[str]                                         # the e-mail address or telephone number
    contact_id: Mapped[int]
    channel: Mapped[str]                                         # "text", "email"
    outbox_id: Mapped[str]
    request_id: Mapped[int | None]
    case_id: Mapped[int | None]
    queued_at: Mapped[datetime]
    failed: Mapped[bool] = mapped_column(server_default=text("false"))      # it certainly never arrived: another way may be tried


class MessageStop(Base):
    """Messages to parents are held back while any such row is not released: by a person, or by a brake that asks a person."""

    __tablename__ = "message_stop"
    __table_args__ = (Index("ix_message_stop_open", "kind", postgresql_where=text("released_at IS NULL")),
                      CheckConstraint("kind IN ('person','share','rate')", name="kind"))
    id: Mapped[int] = key()
    kind: Mapped[str]
    why: Mapped[str]                                             # a person's reason, or the numbers
    day: Mapped[date]
    session: Mapped[str]
    counted: Mapped[int] = mapped_column(server_default="0")
    allowed: Mapped[int] = mapped_column(server_default="0")
    stopped_at: Mapped[datetime]
    stopped_by: Mapped[str]
    released_at: Mapped[datetime | None]
    released_by: Mapped[str | None]
    released_reason: Mapped[str | None]


class HomeVisit(Base):
    """A visit to the home as it was: when, where, who was spoken to, and what came of it."""

    __tablename__ = "home_visit"
    __table_args__ = (Index(None, "request_id"), Index(None, "case_id"))
    id: Mapped[int] = key()
    request_id: Mapped[int] = mapped_column(ForeignKey("absence_request.id"))
    case_id: Mapped[int | None]
    visited_on: Mapped[date]
    half: Mapped[str]                                            # "AM", "PM"
    address: Mapped[str] = mapped_column(SealedText("home_visit.address"))
    spoken_to: Mapped[str] = mapped_column(SealedText("home_visit.spoken_to"), server_default="")  # name and relationship; empty: nobody
    result: Mapped[str]                                          # "child seen", "spoken to somebody", "no entry"
    outcome: Mapped[str] = mapped_column(SealedText("home_visit.outcome"))
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]


class Professional(Base):
    """A social worker, youth justice worker or virtual school of a pupil, with validity."""

    __tablename__ = "professional"
    __table_args__ = (Index(None, "pupil_id", "valid_to"),)
    id: Mapped[int] = key()
    pupil_id: Mapped[int] = mapped_column(ForeignKey("pupil.id"))
    role: Mapped[str]
    name: Mapped[str] = mapped_column(server_default="")
    email: Mapped[str] = mapped_column(SealedText("professional.email", findable=True), server_default="")
    telephone: Mapped[str] = mapped_column(SealedText("professional.telephone", findable=True), server_default="")
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]


class ProfessionalNotice(Base):
    """That a professional was told of one unexplained absence, or that somebody must ring: once for each role."""

    __tablename__ = "professional_notice"
    __table_args__ = (UniqueConstraint("request_id", "role"),)
    id: Mapped[int] = key()
    request_id: Mapped[int] = mapped_column(ForeignKey("absence_request.id"))
    role: Mapped[str]
    by_mail: Mapped[bool]
    told_at: Mapped[datetime]
