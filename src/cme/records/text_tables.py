"""What became of sent texts, what came back from parents, and when the text service was last read."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cme.records.base import Base, key
from cme.records.sealed_columns import SealedText


class TextReceipt(Base):
    """What the text service last said of a sent text. ``status`` is its word: created, sending, pending, sent (to a foreign network),
    delivered, permanent-failure, temporary-failure or technical-failure; ``since`` is when we first read it."""

    __tablename__ = "text_receipt"
    outbox_id: Mapped[str] = mapped_column(primary_key=True)
    service_id: Mapped[str]
    status: Mapped[str]
    since: Mapped[datetime]


class ReceivedMessage(Base):
    """A message that came back, kept until a person has seen to it. It proves nothing by itself and changes no record.

    ``about`` names the cases or requests to which the sender's number or address belongs; empty: to none that is open. ``pupils``
    are the children of whom the sender is held as a contact; empty: the sender is not listed.
    """

    __tablename__ = "received_message"
    __table_args__ = (UniqueConstraint("channel", "service_id"), Index(None, "state"),
                      CheckConstraint("channel IN ('email','text')", name="channel"), CheckConstraint("state IN ('open','done')", name="state"))
    id: Mapped[int] = key()
    channel: Mapped[str]
    service_id: Mapped[str]                                      # the text service's id, or the mail's Message-ID
    sender: Mapped[str] = mapped_column(SealedText("received_message.sender", findable=True))
    sent_at: Mapped[datetime]
    noticed_at: Mapped[datetime]
    sealed: Mapped[bytes]
    sha256: Mapped[str]
    about: Mapped[list[Any]]
    pupils: Mapped[list[Any]]
    state: Mapped[str]
    done_at: Mapped[datetime | None]
    done_by: Mapped[str | None]
    outcome: Mapped[str | None] = mapped_column(SealedText("received_message.outcome"))


class TextReading(Base):
    """When the text service last answered. Moved at every reading, so without an event: what fails to move it raises an alarm."""

    __tablename__ = "text_reading"
    school: Mapped[str] = mapped_column(primary_key=True)
    read_at: Mapped[datetime]
