"""What parents answer: kept, matched to whom it may concern, and brought to a person until one has seen to it.

A reply is a note. Whoever holds the telephone may have written it, so it changes no code, ends no request and closes no case; a person
reads it, speaks with somebody, and records the reason. It is matched by the sender's number or address, never by what it says.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, Text, cast, select
from sqlalchemy.orm import Session

from cme.config.settings import require_role
from cme.errors import BadInput
from cme.mail.numbers import number_of, textable
from cme.mail.texts import MOST_PAGES, Received, SafeTexts
from cme.records import outbox, received
from cme.records.alarms import raise_alarm
from cme.records.contacts import held_with, held_with_digits
from cme.records.history import Stamp
from cme.records.reviews import CONTACT_OUTCOME
from cme.records.tables import Case, Contact, Outbox, Pupil, ReceivedMessage
from cme.steps import duty
from cme.steps.calls import numbers
from cme.steps.office import Office
from cme.steps.report_form import reference_of

ANSWERS = timedelta(days=7)          # a message may be the answer to what went to its sender so long ago


@dataclass(frozen=True)
class Incoming:
    """A message that came in. ``channel`` is "text" or "email", ``service_id`` what its service calls it, ``sender`` a number in
    international form or a mail address; ``answers`` what the message of ours was about that it answers by its Message-ID, if any."""

    channel: str
    service_id: str
    sender: str
    sent_at: datetime
    text: str
    answers: str = ""


def read_texts(office: Office, service: SafeTexts, stamp: Stamp) -> int:
    """Keep every text that came in and is not kept yet, oldest first; returns how many. A whole page of known ones ends the reading."""
    new: list[Received] = []
    for page in service.received_pages(MOST_PAGES):
        with office.transaction() as session:
            known = received.known(session, outbox.TEXT, [each.service_id for each in page])
        new += [each for each in page if each.service_id not in known]
        if known:
            break
    kept = 0
    for each in reversed(new):
        with office.transaction() as session:
            kept += keep(office, session, Incoming(outbox.TEXT, each.service_id, each.sender, each.sent_at, each.text), stamp) is not None
    return kept


def keep(office: Office, session: Session, incoming: Incoming, stamp: Stamp) -> int | None:
    """Keep one message and call the attendance officer on duty; its number, or None where it is kept already."""
    held = contacts_of_sender(session, incoming.channel, incoming.sender)
    pupils = sorted({contact.pupil_id for contact in held})
    number = received.keep(session, office.sealer, channel=incoming.channel, service_id=incoming.service_id, sender=incoming.sender,
                           sent_at=incoming.sent_at, text=incoming.text, about=_about(session, incoming, pupils, stamp), pupils=pupils,
                           stamp=stamp)
    if number is not None:
        _tell(office, session, session.get_one(ReceivedMessage, number), 0, stamp)
    return number


def contacts_of_sender(session: Session, channel: str, sender: str) -> list[Contact]:
    """Whoever is held now with that number or address, also who may not be contacted."""
    if channel != outbox.TEXT:
        return held_with(session, sender)
    return [contact for contact in held_with_digits(session, sender[-9:].lstrip("+")) if _wrote(contact, channel, sender)]


def _wrote(contact: Contact, channel: str, sender: str) -> bool:
    """Whether a sender's number or address is the one held of a contact; an address that is not held is nobody's."""
    if channel != outbox.TEXT:
        return bool(contact.email) and contact.email.lower() == sender.lower()
    return textable(contact.telephone) and number_of(contact.telephone) == sender


def _about(session: Session, incoming: Incoming, pupils: list[int], stamp: Stamp) -> list[str]:
    """The references that the sender may mean: that of the message it answers, the open cases of children of whom they are a contact, and
    what was sent to them of late."""
    cases = session.scalars(select(Case.reference).where(Case.pupil_id.in_(pupils), Case.closed_at.is_(None)).order_by(Case.id)).all()
    sent = session.execute(select(Outbox.subject_of, Outbox.recipient).where(
        Outbox.channel == incoming.channel, Outbox.kind.like("parent%"),
        Outbox.created_at > stamp.at - ANSWERS, Outbox.handed_over_at.is_not(None)).order_by(Outbox.created_at))
    theirs = [about for about, recipient in sent if recipient.lower() == incoming.sender.lower()]
    return list(dict.fromkeys((*([incoming.answers] if incoming.answers else []), *cases, *theirs)))


def watch(office: Office, stamp: Stamp) -> list[int]:
    """Bring replies that nobody has seen to in their time to the next person on duty, and raise an alarm; returns their numbers.

    The time is given once, then twice, four times as long, and so on: a night's replies do not fill a mailbox.
    """
    late = []
    with office.transaction() as session:
        for message in received.open_messages(session):
            times = int((stamp.at - message.noticed_at) / timedelta(minutes=office.policies.school.reply_read_minutes))
            if times < 1:
                continue
            late.append(message.id)
            raise_alarm(session, received.alarm_key(message.id), _subject(message), f"Reply {message.id} of a parent or carer has not been read "
                        "in its time; `cme replies` shows it", stamp)
            _tell(office, session, message, times.bit_length(), stamp)
    return late


def _subject(message: ReceivedMessage) -> str:
    return str(message.about[0]) if message.about else "school"


def _tell(office: Office, session: Session, message: ReceivedMessage, level: int, stamp: Stamp) -> None:
    chain = duty.chain(office, CONTACT_OUTCOME, stamp.at)
    office.queue_letter(session, "reply_received", to=office.person(chain[level % len(chain)]).email, subject_of=_subject(message), stamp=stamp,
                        dedupe_key=f"reply:{message.id}:{level}", number=message.id, channel={"text": "text message", "email": "e-mail"}[message.channel],
                        reference=_named(message.about), sent_at=office.shown_time(message.sent_at),
                        sender="held as a contact" if message.pupils else "not held as a contact: it proves nothing, but may matter",
                        **({"late": "yes"} if level else {}), command=f'cme replies {message.id} --by YOUR-ROLE --done "..."', **numbers(office))


def _named(about: list[str]) -> str:
    return ", ".join(about[:3]) + (f" and {len(about) - 3} more" if len(about) > 3 else "") if about else "No open case"


@dataclass(frozen=True)
class Reply:
    """A reply as `cme replies` shows it: names people, for this machine's screen only. ``warnings`` say what to mind."""

    number: int
    at: datetime
    channel: str
    sender: str
    text: str
    about: tuple[str, ...]
    people: tuple[str, ...]
    warnings: tuple[str, ...]


def waiting(office: Office) -> list[Reply]:
    """The replies that nobody has seen to, oldest first."""
    with office.transaction() as session:
        return [_reply(office, session, message) for message in received.open_messages(session)]


def _reply(office: Office, session: Session, message: ReceivedMessage) -> Reply:
    held = contacts_of_sender(session, message.channel, message.sender)
    names = {pupil.id: f"{pupil.forename} {pupil.surname}".strip() for pupil in session.scalars(
        select(Pupil).where(Pupil.id.in_([contact.pupil_id for contact in held])))}
    people = [f"{c.name} ({c.relationship or 'contact'} of {names[c.pupil_id]}, {reference_of(c.pupil_id)})" for c in held]
    return Reply(message.id, message.sent_at, message.channel, message.sender, office.sealer.open(message.sealed).decode(),
                 tuple(message.about), tuple(people), tuple(_warnings(held, names)))


def _warnings(held: list[Contact], names: dict[int, str]) -> Iterable[str]:
    if not held:
        yield "not held as a contact of any child: it proves nothing; find out who wrote it"
    if len(names) > 1:
        yield "a contact of several children: ask which one is meant"
    for contact in held:
        barred = [word for word, is_so in (("not to be contacted", contact.do_not_contact), ("under a court order", contact.court_order),
                                           ("without parental responsibility", contact.no_responsibility)) if is_so]
        if barred:
            yield f"{contact.name} is {' and '.join(barred)} about {names[contact.pupil_id]}: do not answer; speak to the DSL"
        if contact.interpreter or contact.language not in ("", "en"):
            yield f"{contact.name} speaks {contact.language}" + ("; an interpreter is needed" if contact.interpreter else "")


def replies_about(office: Office, session: Session, references: Collection[str], contacts: Sequence[Contact]) -> list[dict[str, Any]]:
    """What came in about one of ``references`` (a case and its absences), oldest first, as a dossier shows it. ``contacts`` are the child's."""
    found = session.scalars(select(ReceivedMessage).where(ReceivedMessage.about.op("?|")(cast(sorted(references), ARRAY(Text))))
                            .order_by(ReceivedMessage.id)).all()
    own = [(m, next((c for c in reversed(contacts) if _wrote(c, m.channel, m.sender)), None)) for m in found]
    return [{"number": m.id, "at": m.sent_at.isoformat(), "channel": m.channel, "from": f"{c.name} ({c.relationship or 'contact'})" if c else
             "not held as a contact of the child", "text": office.sealer.open(m.sealed).decode(), "outcome": m.outcome or "", "done_by": m.done_by or ""}
            for m, c in own]


def done(office: Office, number: int, outcome: str, stamp: Stamp) -> None:
    """A person has seen to a reply and says what came of it. The reason of an absence is recorded on its own, never by this."""
    require_role(stamp.who, office.settings.people)
    if len(outcome.strip()) < 10:
        raise BadInput("say in at least ten characters what came of the reply")
    with office.transaction() as session:
        received.close(session, number, outcome.strip(), stamp)
