"""The outbox and the alarms."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from cme.records.base import Base, key


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
    route: Mapped[str] = mapped_column(server_default="school")  # "school", or "alarm": the second mail server
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
