"""Messages that came back, kept sealed until a person has seen to each. None is dropped, and none changes a record by itself."""

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cme.errors import BadInput
from cme.records.alarms import clear_alarm
from cme.records.history import Stamp, lock, record
from cme.records.sealing import Sealer
from cme.records.tables import ReceivedMessage


def known(session: Session, channel: str, service_ids: Collection[str]) -> set[str]:
    """Which of these messages are kept already."""
    return set(session.scalars(select(ReceivedMessage.service_id).where(ReceivedMessage.channel == channel,
                                                                        ReceivedMessage.service_id.in_(list(service_ids)))))


def keep(session: Session, sealer: Sealer, *, channel: str, service_id: str, sender: str, sent_at: datetime, text: str, about: Sequence[str],
         pupils: Sequence[int], stamp: Stamp) -> int | None:
    """Keep a message once, with an event in the history of everything it is about; its number, or None where it is kept already."""
    lock(session)
    digest = hashlib.sha256(text.encode()).hexdigest()
    number = session.scalar(
        insert(ReceivedMessage).values(channel=channel, service_id=service_id, sender=sender, sent_at=sent_at, noticed_at=stamp.at,
                                       sealed=sealer.seal(text.encode()), sha256=digest, about=list(about), pupils=list(pupils), state="open")
        .on_conflict_do_nothing(index_elements=["channel", "service_id"]).returning(ReceivedMessage.id))
    if number is not None:
        for subject in about or ("school",):
            record(session, subject, "reply.received", stamp, f"{channel}, from {'a listed' if pupils else 'an unlisted'} sender",
                   {"reply": number, "channel": channel, "sha256": digest, "listed": bool(pupils)})
    return number


def open_messages(session: Session) -> list[ReceivedMessage]:
    """The messages that nobody has seen to, oldest first."""
    return list(session.scalars(select(ReceivedMessage).where(ReceivedMessage.state == "open").order_by(ReceivedMessage.id)))


def close(session: Session, number: int, outcome: str, stamp: Stamp) -> ReceivedMessage:
    """A person has seen to a message and says what came of it. Raises BadInput for one that does not wait."""
    lock(session)
    message = session.get(ReceivedMessage, number, with_for_update=True)
    if message is None or message.state != "open":
        raise BadInput(f"no reply {number} waits for a person; `cme replies` lists them")
    message.state, message.done_at, message.done_by, message.outcome = "done", stamp.at, stamp.who, outcome
    for subject in message.about or ("school",):
        record(session, subject, "reply.done", stamp, outcome, {"reply": number})
    clear_alarm(session, alarm_key(number), stamp, f"seen to: {outcome}")
    return message


def alarm_key(number: int) -> str:
    return f"reply:{number}"
