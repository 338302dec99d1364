"""The mails that came in: noted once, and kept before a person until somebody has seen to them."""

from collections.abc import Collection

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cme.errors import BadInput
from cme.records.alarms import clear_alarm, raise_alarm
from cme.records.history import Stamp, record
from cme.records.tables import MailboxRead, MailReceived

ALARM = "mailbox"


def note(session: Session, stamp: Stamp, *, digest: str, place: str, message_id: str, sender: str, kind: str, outbox_id: str | None,
         subject_of: str | None, said: str, needs_person: bool) -> int | None:
    """Note a mail; returns its number, or None where the same mail was noted before (the mailbox has numbered its mails anew)."""
    values = {"digest": digest, "place": place, "message_id": message_id, "sender": sender[:320], "kind": kind, "outbox_id": outbox_id,
              "subject_of": subject_of, "said": said, "noted_at": stamp.at, "needs_person": needs_person}
    number = session.scalar(insert(MailReceived).values(**values).on_conflict_do_nothing(index_elements=["digest"]).returning(MailReceived.id))
    if number is None:
        session.execute(update(MailReceived).where(MailReceived.digest == digest).values(place=place))
        return None
    record(session, subject_of or "school", "mail.received", stamp, kind, {"received": number, "outbox": outbox_id, "needs_person": needs_person})
    if needs_person:
        raise_alarm(session, ALARM, "school", "Mail in the school's mailbox belongs to no message, or to no case, and waits to be read: `cme mail` "
                    "lists it", stamp)
    return number


def unknown(session: Session, places: Collection[str]) -> set[str]:
    """Which places hold a mail that was not noted."""
    return set(places) - set(session.scalars(select(MailReceived.place).where(MailReceived.place.in_(list(places)))))


def first_places(session: Session, name: str, places: Collection[str], stamp: Stamp) -> frozenset[str]:
    """The places that held mail when the mailbox was looked at for the first time, which is now where it never was."""
    known = session.get(MailboxRead, name)
    if known is None:
        known = MailboxRead(name=name, first_places=list(places), read_at=stamp.at)
        session.add(known)
        record(session, "school", "mailbox.first_read", stamp, "", {"mails": len(places)})
    known.read_at = stamp.at
    return frozenset(str(place) for place in known.first_places)


def waiting(session: Session, *, everything: bool = False) -> list[MailReceived]:
    """The mails that need a person, oldest first; or the last hundred of all."""
    if everything:
        return list(session.scalars(select(MailReceived).order_by(MailReceived.id.desc()).limit(100)))[::-1]
    return list(session.scalars(select(MailReceived).where(MailReceived.needs_person, MailReceived.settled_at.is_(None)).order_by(MailReceived.id)))


def settle(session: Session, number: int, stamp: Stamp, reason: str) -> None:
    """A person has read a mail and done what it asks. The alarm ends with the last one."""
    if len(reason.strip()) < 3:
        raise BadInput("say in a few words what was done about the mail")
    row = session.get(MailReceived, number, with_for_update=True)
    if row is None or not row.needs_person or row.settled_at:
        raise BadInput(f"no mail {number} waits; `cme mail` lists those that do")
    row.settled_at, row.settled_by, row.settled_why = stamp.at, stamp.who, reason.strip()
    record(session, row.subject_of or "school", "mail.seen_to", stamp, reason.strip(), {"received": row.id})
    session.flush()
    if not waiting(session):
        clear_alarm(session, ALARM, stamp, "every mail was seen to")
