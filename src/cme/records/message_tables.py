"""The outbox, the alarms, and what was told to whom beside them."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from cme.records.base import Base, key
from cme.records.sealed_columns import SealedText


class Outbox(Base):
    """A message to one recipient, rendered once. States: queued, sending, handing_over, sent, failed, ambiguous, cancelled.

    ``sealed`` is the whole message as it goes over the wire, encrypted at rest; blanked once sent where it holds a code. ``recipient`` is
    a mail address, or a number in international form. ``server_reply`` of a sent text is the text service's id of it.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("dedupe_key"), UniqueConstraint("message_id"), Index(None, "state", "next_try_at"),
        CheckConstraint("channel IN ('email','text')", name="channel"),
        CheckConstraint("state IN ('queued','sending','handing_over','sent','failed','ambiguous','cancelled')", name="state"))
    id: Mapped[str] = mapped_column(primary_key=True)            # random, opaque
    dedupe_key: Mapped[str]
    kind: Mapped[str]                                            # "la_notification", "review_call", "parent_contact", ...
    subject_of: Mapped[str]                                      # the case reference, "register", "school"
    recipient: Mapped[str] = mapped_column(SealedText("outbox.recipient", findable=True))
    mail_subject: Mapped[str]
    message_id: Mapped[str]
    sealed: Mapped[bytes | None]
    sha256: Mapped[str]
    keep_body: Mapped[bool]
    route: Mapped[str] = mapped_column(server_default="school")  # "school", or "alarm": the second mail server
    channel: Mapped[str] = mapped_column(server_default="email") # "email", or "text": a text message to a mobile number
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
    id: Mapped[int] = key()
    key: Mapped[str]                                             # e.g. "outbox:<id>", "review:<id>", "pull:<source>"
    subject: Mapped[str]
    sentence: Mapped[str]
    raised_at: Mapped[datetime]
    calls: Mapped[int] = mapped_column(server_default="0")       # how often operations were called by mail
    called_at: Mapped[datetime | None]
    runs: Mapped[int] = mapped_column(server_default="0")        # how many of these calls the dashboard shows as a failed run
    cleared_at: Mapped[datetime | None]
    cleared_by: Mapped[str | None]
    cleared_reason: Mapped[str | None]


class MessagePassword(Base):
    """The password that opens the file of a protected message, sealed. Never in a message; a person reads it out."""

    __tablename__ = "message_password"
    __table_args__ = (UniqueConstraint("outbox_id"), Index(None, "reference"))
    id: Mapped[int] = key()
    outbox_id: Mapped[str]
    reference: Mapped[str]
    sealed: Mapped[bytes]
    made_at: Mapped[datetime]


class RollChange(Base):
    """A change of the admission register that a person made and the authority was told of. Never changed."""

    __tablename__ = "roll_change"
    __table_args__ = (Index("uq_roll_change", "pupil_id", "change", "changed_on", unique=True),)
    id: Mapped[int] = key()
    reference: Mapped[str] = mapped_column(unique=True)          # ROLL-2026-0001
    school: Mapped[str]
    pupil_id: Mapped[int]
    change: Mapped[str]                                          # "entered" or "deleted"
    changed_on: Mapped[date]
    ground: Mapped[str] = mapped_column(server_default="")       # of a deletion: the letter of regulation 9(1)
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    outbox_id: Mapped[str]


class HomeSchoolNotice(Base):
    """What a referring school was told of one child and session. ``code`` is the mark as it was told last."""

    __tablename__ = "home_school_notice"
    __table_args__ = (UniqueConstraint("pupil_id", "day", "session"), Index(None, "day"))
    id: Mapped[int] = key()
    reference: Mapped[str] = mapped_column(unique=True)          # HOME-2026-0001
    pupil_id: Mapped[int]
    day: Mapped[date]
    session: Mapped[str]                                         # "AM", "PM"
    code: Mapped[str]
    told_at: Mapped[datetime]
    by_mail: Mapped[bool]                                        # no: the attendance officer was asked to ring


class MailReceived(Base):
    """A mail that came into the school's mailbox, noted once; of its text nothing is kept. ``needs_person``: until somebody has seen to it."""

    __tablename__ = "mail_received"
    __table_args__ = (UniqueConstraint("digest"), Index(None, "place"),
                      Index("ix_mail_received_open", "id", postgresql_where=text("needs_person AND settled_at IS NULL")))
    id: Mapped[int] = key()
    digest: Mapped[str]                                          # SHA-256 of the whole mail: the same mail at another place is noted once
    place: Mapped[str]                                           # "<UIDVALIDITY>:<UID>"
    message_id: Mapped[str] = mapped_column(server_default="")
    sender: Mapped[str] = mapped_column(SealedText("mail_received.sender", findable=True), server_default="")
    kind: Mapped[str]                                            # mail/incoming.py: "bounced", "delayed", "delivered", "automatic", "written"
    outbox_id: Mapped[str | None]                                # the message it belongs to
    subject_of: Mapped[str | None]
    said: Mapped[str] = mapped_column(server_default="")         # of a report: its status, without addresses
    noted_at: Mapped[datetime]
    needs_person: Mapped[bool]
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str | None]
    settled_why: Mapped[str | None]


class MailboxRead(Base):
    """How far a mailbox was read. What lay there before it was read for the first time and belongs to no message needs no person."""

    __tablename__ = "mailbox_read"
    name: Mapped[str] = mapped_column(primary_key=True)          # user, host and folder
    first_places: Mapped[list[Any]]                              # the places that held mail at the first look and were not read yet
    read_at: Mapped[datetime]
