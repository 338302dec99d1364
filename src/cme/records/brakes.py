"""What holds messages to parents back: rows that a person, or a brake that asks a person, has written and nobody has released.

Looked at in the transaction that queues a message, and again at the moment it is handed over; works without Prefect.
"""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from cme.records.alarms import clear_alarm, raise_alarm
from cme.records.history import Stamp, record
from cme.records.tables import MessageStop, Outbox, ParentMessage
from cme.rules.message_brakes import PERSON, RATE, SHARE

BRAKES = (SHARE, RATE)


def not_stopped() -> ColumnElement[bool]:
    """Of a row of the outbox: it is no message to a parent, or nothing holds these back."""
    return or_(~exists(select(ParentMessage.id).where(ParentMessage.outbox_id == Outbox.id)),
               ~exists(select(MessageStop.id).where(MessageStop.released_at.is_(None))))


def standing(session: Session, *kinds: str) -> list[MessageStop]:
    """The stops nobody has released, oldest first (of ``kinds``, or of all)."""
    query = select(MessageStop).where(MessageStop.released_at.is_(None)).order_by(MessageStop.id)
    return list(session.scalars(query.where(MessageStop.kind.in_(kinds)) if kinds else query))


def stop(session: Session, kind: str, why: str, day: date, slot: str, stamp: Stamp, *, counted: int = 0, allowed: int = 0) -> MessageStop:
    """Hold all messages to parents back, and raise the alarm that stands until a person releases them. ``why`` names no child."""
    row = MessageStop(kind=kind, why=why, day=day, session=slot, counted=counted, allowed=allowed, stopped_at=stamp.at, stopped_by=stamp.who)
    session.add(row)
    session.flush()
    record(session, "school", "messages.stopped", stamp, why, {"stop": row.id, "kind": kind, "counted": counted, "allowed": allowed})
    said = ("Messages to parents were stopped by a person; `cme resume-messages` lets them go on" if kind == PERSON else
            f"Messages to parents are stopped: {why}. Look at the registers, then `cme messages-go`")
    raise_alarm(session, alarm_key(row), "school", said, stamp)
    return row


def alarm_key(row: MessageStop) -> str:
    """The alarm that stands while a stop does."""
    return f"messages:{row.id}"


def release(session: Session, rows: Sequence[MessageStop], stamp: Stamp, reason: str) -> None:
    """A person lets messages go on, and says why."""
    for row in rows:
        row.released_at, row.released_by, row.released_reason = stamp.at, stamp.who, reason
        record(session, "school", "messages.released", stamp, reason, {"stop": row.id, "kind": row.kind, "counted": row.counted})
        clear_alarm(session, alarm_key(row), stamp, f"released: {reason}")


def released(session: Session, kind: str, day: date, slot: str) -> int:
    """The largest number that a person has already released for a session, 0 where none was."""
    return session.scalar(select(func.max(MessageStop.counted)).where(
        MessageStop.kind == kind, MessageStop.day == day, MessageStop.session == slot, MessageStop.released_at.is_not(None))) or 0


def queued_since(session: Session, moment: datetime) -> int:
    """How many messages to parents were queued after ``moment``."""
    return session.scalar(select(func.count()).select_from(ParentMessage).where(ParentMessage.queued_at > moment)) or 0


def unsent(session: Session) -> list[tuple[ParentMessage, Outbox]]:
    """The messages to parents that have not left yet."""
    return [(message, row) for message, row in session.execute(
        select(ParentMessage, Outbox).join(Outbox, and_(Outbox.id == ParentMessage.outbox_id, Outbox.state == "queued")).order_by(ParentMessage.id))]
