"""Calls and home visits about unexplained absences: what a person needs to make one, on this machine only, and what came of it."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme import clock
from cme.config.settings import require_role
from cme.errors import BadInput
from cme.mail.render import letter
from cme.records import absences
from cme.records.absences import OPEN, SEEN, name_of
from cme.records.actions import set_task
from cme.records.history import Stamp, record
from cme.records.tables import AbsenceRequest, ContactAttempt, HomeVisit, Professional, ProfessionalNotice, Pupil
from cme.steps import professionals, unanswered, urgent
from cme.steps.contact import NO_ANSWER, NOT_WHERE_BELIEVED, WRONG_NUMBER
from cme.steps.decisions import BLOCKED_VISIT
from cme.steps.office import Office
from cme.steps.parent_messages import contacts_of, person_of

TRIED = {"no answer": NO_ANSWER, "wrong number": WRONG_NUMBER, "not where believed": NOT_WHERE_BELIEVED}
CHILD_SEEN, SPOKEN, NO_ENTRY = "child seen", "spoken to somebody", "no entry"
RESULTS = (CHILD_SEEN, SPOKEN, NO_ENTRY)


@dataclass(frozen=True)
class Whom:
    """One person in the order in which to ring. ``number`` is empty for who may not be rung; ``note`` says what must be heeded."""

    place: int
    name: str
    number: str
    note: str


@dataclass(frozen=True)
class Call:
    """All that `cme call` shows: names the child and its people, for this machine's screen only."""

    reference: str
    child: str
    about: str
    people: tuple[Whom, ...]
    professionals: tuple[str, ...]
    tried: tuple[str, ...]
    script: str


def call(office: Office, reference: str) -> Call:
    """Whom to ring about an absence, what to say, and what was tried. Raises BadInput for a reference that is none."""
    with office.transaction() as session:
        request = absences.by_reference(session, reference)
        pupil = session.get_one(Pupil, request.pupil_id)
        attempts = session.scalars(select(ContactAttempt).where(ContactAttempt.request_id == request.id).order_by(ContactAttempt.id)).all()
        held = contacts_of(session, pupil.id)
        names = {c.id: c.name for c in held}
        notices = {n.role: n for n in session.scalars(select(ProfessionalNotice).where(ProfessionalNotice.request_id == request.id))}
        return Call(
            name_of(request), f"{pupil.forename} {pupil.surname}".strip() or f"pupil {pupil.mis_id}",
            f"absent on {request.day:%A %-d %B %Y} {request.session}, mark {request.code}; {request.state.replace('_', ' ')}",
            tuple(_whom(office, place, contact) for place, contact in enumerate(held, 1)),
            tuple(_professional(each, notices.get(each.role)) for each in professionals.held(session, pupil.id)),
            tuple(f"{office.shown_time(a.attempted_at)}: {a.channel}, {names.get(a.contact_id or 0, 'nobody')}: {a.outcome or 'no answer recorded'}"
                  for a in attempts),
            letter("call_script", "en", school=office.policies.school.name, date=f"{request.day:%A %-d %B %Y}").text)


def _whom(office: Office, place: int, contact) -> Whom:  # type: ignore[no-untyped-def]
    person = person_of(office, contact)
    notes = [word for word, holds in (("DO NOT CONTACT", contact.do_not_contact), ("COURT ORDER: do not contact", contact.court_order),
                                      ("no parental responsibility: ask the DSL before ringing", contact.no_responsibility),
                                      ("interpreter needed", contact.interpreter), (f"speaks {contact.language}", contact.language != "en")) if holds]
    number = contact.telephone if person.may_be_rung else ""
    return Whom(place, f"{contact.name} ({contact.relationship or 'relationship not held'})", number,
                "; ".join(notes) or ("" if number else "no number held"))


def _professional(each: Professional, notice: ProfessionalNotice | None) -> str:
    told = "not told yet" if notice is None else "told by e-mail" if notice.by_mail else "RING: no mailbox is held"
    return f"{each.role}: {each.name or 'name not held'}, {each.telephone or 'no number held'} ({told})"


def tried(office: Office, reference: str, outcome: str, place: int, note: str, stamp: Stamp) -> str:
    """A person rang somebody and has no reason yet: what came of it. A child who is not where it is believed to be is before the DSL at
    once. Returns what happens next. Raises BadInput for what cannot be recorded, and where that person may not be contacted."""
    require_role(stamp.who, office.settings.people)
    said = TRIED.get(outcome.strip().casefold())
    if said is None:
        raise BadInput(f"{outcome!r} is no outcome of a call; use one of {', '.join(TRIED)}, or `cme contact record` for a reason")
    with office.transaction() as session:
        request = _locked(session, reference)
        held = contacts_of(session, request.pupil_id)
        if not 1 <= place <= len(held):
            raise BadInput(f"there is no contact number {place}; `cme call {name_of(request)}` lists {len(held)}")
        contact = held[place - 1]
        if contact.do_not_contact or contact.court_order:
            raise BadInput(f"contact {place} must not be contacted; if it happened all the same, tell the DSL")
        session.add(ContactAttempt(case_id=request.case_id, request_id=request.id, contact_id=contact.id, channel="call", attempted_at=stamp.at,
                                   answer_due_at=request.since + office.policies.school.ladder.dsl, outcome=said, note=note.strip(),
                                   recorded_by=stamp.who, recorded_at=stamp.at))
        absences.note(session, request, "contact.outcome", stamp, said, contact=contact.id, channel="call")
        if said != NOT_WHERE_BELIEVED:
            return f"{name_of(request)}: recorded. Try the next person; without an answer it goes to the DSL by itself."
        reference = _to_dsl_now(office, session, request, stamp, "the child is not where the parent or carer believes")
        return f"{name_of(request)}: the DSL has it now as {reference}. If the child may be in danger, ring {office.policies.authority.police_emergency} first."


def visited(office: Office, reference: str, *, on: date, half: str, address: str, spoken_to: str, result: str, outcome: str, stamp: Stamp) -> str:
    """A person records a home visit: date, AM or PM, address, who was spoken to, and what came of it; returns what happens next.

    No entry gives the DSL a task of day one. A child who was seen ends the ladder; the reason is still owed. Raises BadInput.
    """
    require_role(stamp.who, office.settings.people)
    if half not in ("AM", "PM") or result not in RESULTS:
        raise BadInput(f"say AM or PM, and one of {', '.join(RESULTS)}")
    if result == SPOKEN and not spoken_to.strip():
        raise BadInput("say who was spoken to: the name and the relationship to the child")
    if on > clock.local(stamp.at).date():
        raise BadInput("a visit is recorded after it was made: the day lies ahead")
    if len(outcome.strip()) < 3:
        raise BadInput("say in a few words what came of the visit")
    with office.transaction() as session:
        request = _locked(session, reference)
        pupil = session.get_one(Pupil, request.pupil_id)
        where = address.strip() or ", ".join(filter(None, (pupil.address, pupil.postcode)))
        if not where:
            raise BadInput("no address is held for the child: give the one that was visited")
        session.add(HomeVisit(request_id=request.id, case_id=request.case_id, visited_on=on, half=half, address=where, spoken_to=spoken_to.strip(),
                              result=result, outcome=outcome.strip(), recorded_by=stamp.who, recorded_at=stamp.at))
        session.add(ContactAttempt(case_id=request.case_id, request_id=request.id, channel="visit", attempted_at=stamp.at,
                                   answer_due_at=request.since + office.policies.school.ladder.dsl, outcome=result, note=outcome.strip(),
                                   recorded_by=stamp.who, recorded_at=stamp.at))
        request.visit_asked_at = request.visit_asked_at or stamp.at
        absences.note(session, request, "absence.visited", stamp, f"home visit on {on:%-d %B %Y} {half}: {result}")
        if result == NO_ENTRY:
            reference = _to_dsl_now(office, session, request, stamp, "nobody opened at a home visit", task=BLOCKED_VISIT)
            return f"{name_of(request)}: nobody opened: the DSL has a task for today in {reference}."
        if result == CHILD_SEEN and request.state == OPEN:
            absences.end(session, request, SEEN, stamp, "seen at a home visit; the reason is still owed")
        return f"{name_of(request)}: the visit is recorded."


def _locked(session: Session, reference: str) -> AbsenceRequest:
    found = absences.by_reference(session, reference)
    session.get_one(Pupil, found.pupil_id, with_for_update=True)
    session.refresh(found, with_for_update=True)
    return found


def _to_dsl_now(office: Office, session: Session, request: AbsenceRequest, stamp: Stamp, why: str, task: str = "") -> str:
    case = unanswered.case_for(office, session, request, stamp)
    if request.state in (OPEN, SEEN):
        absences.end(session, request, absences.WITH_DSL, stamp, why)
    if task:
        set_task(session, case, task, owner="dsl", due=urgent.due(office, stamp.at), stamp=stamp, task_key=f"blocked-visit:{name_of(request)}:{stamp.at:%Y-%m-%d}")
    session.flush()
    urgent.to_dsl_now(office, session, case, stamp, why)
    urgent.show_anew(office, session, case, stamp)
    record(session, case.reference, "absence.hastened", stamp, why, {"request": name_of(request)})
    return case.reference
