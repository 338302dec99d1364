"""Alarms: what a person must look at. One open row per key; cleared with a reason, never deleted."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cme.records.history import Stamp, record
from cme.records.tables import Alarm


def raise_alarm(session: Session, key: str, subject: str, sentence: str, stamp: Stamp) -> bool:
    """Raise the alarm of ``key`` unless it is open already; True when it is new. ``sentence`` names no child."""
    row = session.scalar(insert(Alarm).values(key=key, subject=subject, sentence=sentence, raised_at=stamp.at)
                         .on_conflict_do_nothing(index_elements=["key"], index_where=Alarm.cleared_at.is_(None))
                         .returning(Alarm.id))
    if row is not None:
        record(session, subject, "alarm.raised", stamp, sentence, {"alarm": key})
    return row is not None


def clear_alarm(session: Session, key: str, stamp: Stamp, reason: str) -> bool:
    """Clear the open alarm of ``key``, if there is one; True when there was."""
    alarm = session.scalar(select(Alarm).where(Alarm.key == key, Alarm.cleared_at.is_(None)).with_for_update())
    if alarm is None:
        return False
    alarm.cleared_at, alarm.cleared_by, alarm.cleared_reason = stamp.at, stamp.who, reason
    record(session, alarm.subject, "alarm.cleared", stamp, reason, {"alarm": key})
    return True


def open_alarms(session: Session) -> list[Alarm]:
    """The alarms nobody has cleared, oldest first."""
    return list(session.scalars(select(Alarm).where(Alarm.cleared_at.is_(None)).order_by(Alarm.id)))
