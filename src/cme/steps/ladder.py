"""The ladder of contact climbs: for every open request the rungs that are due, each once, with its event, until somebody has an answer.

A message is queued only after the child's mark has been read once more in the same transaction. What holds messages back holds back no
person: the call, the visit and the DSL come at their times all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cme import clock
from cme.records import absences, brakes, cases
from cme.records.absences import CORRECTED, OPEN, name_of
from cme.records.history import Stamp
from cme.records.tables import AbsenceRequest, Case, ContactAttempt, Pull, Pupil
from cme.rules.contact_ladder import CALL, DSL, MESSAGE, VISIT, Rung, due_rungs
from cme.rules.marks import MISSING
from cme.rules.message_brakes import SHARE
from cme.steps import duty, unanswered
from cme.steps.office import Office
from cme.steps.parent_messages import About, Result, contacts_of, look_at_share, mark_now, person_of, send, sent_about

SHOWN = 40


@dataclass
class Climbed:
    """What was done: messages queued, calls and visits asked for, absences handed to the DSL; and why messages wait, if they do."""

    queued: int = 0
    calls: int = 0
    visits: int = 0
    to_dsl: list[str] = field(default_factory=list)
    held: str = ""

    def __bool__(self) -> bool:
        return bool(self.queued or self.calls or self.visits or self.to_dsl)


def asked(request: AbsenceRequest) -> tuple[str, ...]:
    """What a person was asked for already."""
    return (*((CALL,) if request.call_asked_at else ()), *((VISIT,) if request.visit_asked_at else ()))


def rungs(office: Office, session: Session, request: AbsenceRequest, moment: datetime) -> tuple[Rung, ...]:
    """The rungs of a request that are due."""
    return due_rungs(moment, request.since, [person_of(office, c) for c in contacts_of(session, request.pupil_id)],
                     sent_about(session, request.pupil_id, request.day, request.session), office.policies.school.ladder, asked=asked(request),
                     today=request.day == clock.local(moment).date())


def messages_due(office: Office, stamp: Stamp) -> bool:
    """Whether a message to a parent is due and nothing holds it back, so that the registers ought to be read once more before it goes."""
    with office.transaction() as session:
        return not brakes.standing(session) and any(rung.what == MESSAGE for request in _open(office, session, stamp)
                                                    for rung in rungs(office, session, request, stamp.at))


def climb(office: Office, stamp: Stamp) -> Climbed:
    """Take every rung that is due, one transaction a request; then ask for all calls and visits in one mail. The same again does nothing.

    One request's failure keeps no other waiting: it is raised when all have been looked at.
    """
    result, failed = Climbed(), []
    with office.transaction() as session:
        with_case = set(session.scalars(select(Case.pupil_id).where(Case.school == office.school, Case.closed_at.is_(None))))
        waiting = [(r.id, r.pupil_id) for r in _open(office, session, stamp) if r.case_id is None and r.pupil_id in with_case
                   or any(rung.what in (MESSAGE, DSL) for rung in rungs(office, session, r, stamp.at))]
        for day, slot in sorted({(r.day, r.session) for r in _open(office, session, stamp) if r.day == clock.local(stamp.at).date()}):
            look_at_share(office, session, day, slot, stamp)
    for number, pupil_id in waiting:
        try:
            with office.transaction() as session:
                session.get_one(Pupil, pupil_id, with_for_update=True)
                request = session.get_one(AbsenceRequest, number, with_for_update=True)
                if request.state == OPEN:
                    _take(office, session, request, stamp, result)
        except Exception as error:
            failed.append(error)
    unanswered.hand_over_together(office, stamp)
    _ask_people(office, stamp, result)
    if failed:
        raise failed[0]
    return result


def _open(office: Office, session: Session, stamp: Stamp) -> Sequence[AbsenceRequest]:
    return session.scalars(absences.of_pupils(session, office.school, OPEN).where(AbsenceRequest.since <= stamp.at)).all()


def _take(office: Office, session: Session, request: AbsenceRequest, stamp: Stamp, result: Climbed) -> None:
    if request.case_id is None and (case := cases.open_case_of(session, request.pupil_id)):
        absences.join_case(session, request, case, stamp)
    mark = mark_now(office, session, request.pupil_id, request.day, request.session)
    if mark.code not in office.policies.school.unexplained_codes:
        request.code = mark.code
        absences.end(session, request, CORRECTED, stamp, "no mark is entered now" if mark.code == MISSING else f"the register holds {mark.code} now")
        return
    for rung in rungs(office, session, request, stamp.at):
        if rung.what == MESSAGE:
            done = _message(office, session, request, rung, stamp)
            result.queued += bool(done.outbox_id)
            result.held = result.held or done.held
        elif rung.what == DSL and not brakes.standing(session, SHARE):
            result.to_dsl.append(unanswered.hand_over(office, session, request, stamp, rung.reason))


def _message(office: Office, session: Session, request: AbsenceRequest, rung: Rung, stamp: Stamp) -> Result:
    if too_old := _marks_too_old(office, session, request.day, stamp):
        return Result(held=too_old)
    about = About(request.pupil_id, request.day, request.session, absences.subject_of(session, request), request.id, request.case_id)
    contact = next(c for c in contacts_of(session, request.pupil_id) if c.id == rung.person)
    done = send(office, session, about, contact, rung.channel, rung.address, stamp)
    if done.outbox_id:
        due = request.since + office.policies.school.ladder.dsl
        session.add(ContactAttempt(case_id=request.case_id, request_id=request.id, contact_id=contact.id, channel=rung.channel, outbox_id=done.outbox_id,
                                   attempted_at=stamp.at, answer_due_at=due))
        absences.note(session, request, "contact.attempted", stamp, rung.reason, contact=contact.id, channel=rung.channel, answer_due=due.isoformat())
    return done


def _marks_too_old(office: Office, session: Session, day: date, stamp: Stamp) -> str:
    """Why nobody is written to by the marks held: the registers were last read too long ago."""
    read = session.scalar(select(func.max(Pull.started_at)).where(Pull.school == office.school))
    old = read is None or read + timedelta(minutes=office.policies.school.marks_age_minutes) < stamp.at
    return "the registers were last read too long ago: nobody is written to by old marks" if old else ""


def _ask_people(office: Office, stamp: Stamp, result: Climbed) -> None:
    """One mail for all calls and visits that are due, in the transaction that remembers them."""
    with office.transaction() as session:
        due: list[tuple[AbsenceRequest, Rung]] = []
        held = absences.of_pupils(session, office.school, OPEN).where(AbsenceRequest.since <= stamp.at).with_for_update(skip_locked=True)
        for request in session.scalars(held).all():
            due += [(request, rung) for rung in rungs(office, session, request, stamp.at) if rung.what in (CALL, VISIT)]
        if not due:
            return
        officer = duty.stand_in(office, duty.OFFICER, stamp.at)
        for request, rung in due:
            if rung.what == CALL:
                request.call_asked_at = stamp.at
            else:
                request.visit_asked_at = stamp.at
            absences.note(session, request, "absence.call_asked" if rung.what == CALL else "absence.visit_asked", stamp, rung.reason, to=officer)
        calls, visits = ([name_of(request) for request, rung in due if rung.what == what] for what in (CALL, VISIT))
        result.calls, result.visits = len(calls), len(visits)
        office.queue_letter(session, "absences_to_ring", to=office.person(officer).email, subject_of="register", stamp=stamp,
                            dedupe_key=f"to-ring:{due[0][0].id}:{len(due)}:{stamp.at.isoformat()}", number=len(due), calls=_some(calls),
                            visits=_some(visits), officer=officer, example=name_of(due[0][0]))


def _some(names: Sequence[str]) -> str:
    return (", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")) or "none"
