"""One message to one parent or carer about a child and a session: the only way by which parents are written to.

Everything that may hold it back is asked in the transaction that queues it: the emergency stop, the brakes, the quiet hours, the
contact's own marks as they stand now, and whether that address has had a message about this child and session already.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cme import clock
from cme.mail.numbers import number_of, textable
from cme.records import brakes, reviews
from cme.records.absences import absent_without_explanation
from cme.records.history import Stamp, lock
from cme.records.registers import current_marks
from cme.records.tables import Contact, Outbox, ParentMessage, Pupil, TextReceipt
from cme.records.text_receipts import FAILED
from cme.rules import message_brakes as rule
from cme.rules.contact_ladder import EMAIL, TEXT, Person, Sent
from cme.rules.marks import MISSING, SessionMark
from cme.rules.possible_sessions import category_of, one_mark_a_session
from cme.steps import alarms, duty
from cme.steps.office import Office

MINUTE = timedelta(minutes=1)
LETTERS = {EMAIL: "parent_contact", TEXT: "parent_contact_text"}


@dataclass(frozen=True)
class About:
    """What a message is about, and where its history stands."""

    pupil_id: int
    day: date
    session: str
    subject: str
    request_id: int | None = None
    case_id: int | None = None


@dataclass(frozen=True)
class Result:
    """The outbox row of the message, or why there is none."""

    outbox_id: str = ""
    held: str = ""


def session_now(office: Office, stamp: Stamp) -> str:
    """The session of the day in which a moment lies."""
    return "PM" if f"{clock.local(stamp.at):%H:%M}" >= office.policies.school.sessions["PM"].starts else "AM"


def contacts_of(session: Session, pupil_id: int) -> list[Contact]:
    """The contacts held for a pupil today, highest priority first."""
    return list(session.scalars(select(Contact).where(Contact.pupil_id == pupil_id, Contact.valid_to.is_(None))
                                .order_by(Contact.priority, Contact.id)))


def person_of(office: Office, contact: Contact) -> Person:
    """A contact as the ladder sees it."""
    text = ((TEXT, number_of(contact.telephone)),) if office.has_texts and textable(contact.telephone) else ()
    reach = (*text, *(((EMAIL, contact.email),) if contact.email else ()))
    return Person(contact.id, reach, bool(contact.telephone), contact.do_not_contact or contact.court_order, contact.no_responsibility)


def sent_about(session: Session, pupil_id: int, day: date, slot: str) -> list[Sent]:
    """What has gone about a child on a day, seen from one of its sessions. A message that certainly never left, or was refused, failed."""
    rows = session.execute(select(ParentMessage, Outbox.state, TextReceipt.status).join(Outbox, Outbox.id == ParentMessage.outbox_id)
                           .outerjoin(TextReceipt, TextReceipt.outbox_id == Outbox.id).where(
        ParentMessage.pupil_id == pupil_id, ParentMessage.day == day)).tuples().all()
    for message, state, receipt in rows:
        message.failed = message.failed or state in ("failed", "cancelled") or receipt in FAILED
    return [Sent(message.channel, message.address, message.session == slot, message.failed) for message, state, _ in rows if state != "cancelled"]


def written_to(session: Session, pupil_id: int, day: date, slot: str) -> ParentMessage | None:
    """The first message that has gone, or is on its way, about a child and session."""
    sent_about(session, pupil_id, day, slot)                     # what failed is marked as such
    session.flush()
    return session.scalar(select(ParentMessage).where(ParentMessage.pupil_id == pupil_id, ParentMessage.day == day, ParentMessage.session == slot,
                                                      ~ParentMessage.failed).order_by(ParentMessage.id).limit(1))


def mark_now(office: Office, session: Session, pupil_id: int, day: date, slot: str) -> SessionMark:
    """A child's mark of one session as the records hold it now; code "-" where none is entered."""
    marks = current_marks(session, office.school, day, day, pupils=[pupil_id]).get(pupil_id, ())
    return next((mark for mark in one_mark_a_session(list(marks), office.policies.codes) if mark.session == slot), SessionMark(day, slot, MISSING))


def known_to_be_elsewhere(office: Office, mark: SessionMark) -> bool:
    """Whether a mark is entered and is no absence at all: the child is here, on a trip, or the school is closed."""
    category = category_of(mark, office.policies.codes)
    return mark.code != MISSING and not category.absent


def held_back(office: Office, session: Session, stamp: Stamp) -> str:
    """Why no message to a parent may go now; empty: it may."""
    if stops := brakes.standing(session):
        return "messages to parents are stopped by a person" if stops[0].kind == rule.PERSON else "messages to parents are stopped until a person has looked"
    if rule.quiet(clock.local(stamp.at).time(), office.policies.school.limits):
        return "the quiet hours: no message to a parent leaves now"
    return ""


def look_at_share(office: Office, session: Session, day: date, slot: str, stamp: Stamp) -> None:
    """Stop everything where too many children are absent without explanation in one session, and call a person with the numbers."""
    roll = session.scalar(select(func.count()).select_from(Pupil).where(
        Pupil.school == office.school, (Pupil.left.is_(None)) | (Pupil.left >= day), (Pupil.admitted.is_(None)) | (Pupil.admitted <= day))) or 0
    found = rule.too_large_a_share(absent_without_explanation(session, office.school, day, slot), roll, office.policies.school.limits,
                                   brakes.released(session, rule.SHARE, day, slot))
    if found and not brakes.standing(session, rule.SHARE):
        brake(office, session, found, day, slot, stamp)


def brake(office: Office, session: Session, found: rule.Stop, day: date, slot: str, stamp: Stamp) -> None:
    """Hold everything back; operations and the head are called by the second mail route, the officer and the DSL by mail, at once."""
    row = brakes.stop(session, found.kind, found.reason, day, slot, stamp, counted=found.counted, allowed=found.allowed)
    alarms.call_operations(office, session, brakes.alarm_key(row), stamp)
    for person in dict.fromkeys((duty.stand_in(office, duty.OFFICER, stamp.at), duty.chain(office, reviews.SAFEGUARDING, stamp.at)[0])):
        office.queue_letter(session, "messages_stopped", to=office.person(person).email, subject_of="school", stamp=stamp,
                            dedupe_key=f"messages-stopped:{row.id}:{person}", numbers=found.reason, when=office.shown_time(stamp.at), person=person)


def send(office: Office, session: Session, about: About, contact: Contact, channel: str, address: str, stamp: Stamp) -> Result:
    """Queue the approved message for one contact, unless something holds it back; it is cancelled unsent when the evening comes."""
    lock(session)                # from here on one after another: the minute's count and the stop cannot be overtaken
    contact = session.get_one(Contact, contact.id, populate_existing=True)
    if contact.do_not_contact or contact.court_order or contact.no_responsibility or contact.valid_to is not None:
        return Result(held="this contact may not be written to")
    if held := held_back(office, session, stamp):
        return Result(held=held)
    limits, slot = office.policies.school.limits, session_now(office, stamp)
    today = clock.local(stamp.at).date()
    if found := rule.too_many_a_minute(brakes.queued_since(session, stamp.at - MINUTE), 1, limits, brakes.released(session, rule.RATE, today, slot)):
        brake(office, session, found, today, slot, stamp)
        return Result(held=found.reason)
    if any(sent.this_session and not sent.failed and sent.address == address for sent in sent_about(session, about.pupil_id, about.day, about.session)):
        return Result(held="this person has had a message about this session already")
    valid = clock.wall(today, limits.quiet_from) - stamp.at
    fields = {"telephone": office.person(duty.OFFICER).telephone, "date": f"{about.day:%A %-d %B %Y}"}
    before = session.scalar(select(func.count()).select_from(ParentMessage).where(
        ParentMessage.pupil_id == about.pupil_id, ParentMessage.day == about.day, ParentMessage.session == about.session))
    key = f"parent:{about.pupil_id}:{about.day}:{about.session}:{before}"
    queue = office.queue_text if channel == TEXT else office.queue_letter
    row = queue(session, LETTERS[channel], to=address, subject_of=about.subject, language=contact.language, stamp=stamp, dedupe_key=key, valid=valid,
                **fields)
    session.add(ParentMessage(pupil_id=about.pupil_id, day=about.day, session=about.session, address=address, contact_id=contact.id, channel=channel,
                              outbox_id=row, request_id=about.request_id, case_id=about.case_id, queued_at=stamp.at))
    session.flush()
    return Result(row)
