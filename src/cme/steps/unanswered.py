"""An absence without an answer at its time is in the DSL's hands: through the child's open case, or a new one.

Where a brake holds a whole crowd of absences for a person's look (rather a fault of the registers), they are handed over together, in
one mail, instead of one case for each child; when the brake is released the ladder begins anew for what still stands.
"""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from cme.records import absences, brakes, cases, reviews
from cme.records.absences import OPEN, WITH_DSL
from cme.records.actions import set_task
from cme.records.history import Stamp
from cme.records.tables import AbsenceRequest, Case, MessageStop
from cme.rules.cases import CaseState
from cme.rules.message_brakes import SHARE
from cme.steps import contact, duty, urgent
from cme.steps.office import Office

WHY = "absent without explanation, and no answer of a parent or carer"
TASK = "Absent again, and nobody answers: decide what is to be done today"


def due(office: Office, moment: datetime) -> datetime:
    """When the DSL's question about an absence without an answer is due."""
    return moment + timedelta(minutes=office.policies.school.dsl_answer_minutes)


def case_for(office: Office, session: Session, request: AbsenceRequest, stamp: Stamp) -> Case:
    """The child's open case, or a new one that stands for this absence. The request belongs to it from here on."""
    case = cases.open_case_of(session, request.pupil_id)
    if case is None:
        case = cases.open_case(session, school=office.school, pupil_id=request.pupil_id, episode_start=request.day, stamp=stamp,
                               due=due(office, stamp.at), owner=duty.chain(office, reviews.SAFEGUARDING, stamp.at)[0], why=WHY,
                               data={"request": absences.name_of(request), "reached_on": request.day.isoformat()}, origin=cases.UNANSWERED)
    absences.join_case(session, request, case, stamp)
    return case


def hand_over(office: Office, session: Session, request: AbsenceRequest, stamp: Stamp, why: str) -> str:
    """Put one absence into the DSL's hands, in the caller's transaction; returns the case's reference. ``why`` is made of fixed words.

    A question that stands before the DSL is shown the new facts; a case that is elsewhere gives the DSL a task, once a day.
    """
    case = case_for(office, session, request, stamp)
    absences.end(session, request, WITH_DSL, stamp, why)
    session.flush()
    if CaseState(case.state) is CaseState.PARENT_CONTACT:
        contact.to_dsl(office, session, case, stamp, WHY, due_at=due(office, stamp.at))
    elif CaseState(case.state) is CaseState.DSL_REVIEW:
        urgent.show_anew(office, session, case, stamp)
    else:
        set_task(session, case, TASK, owner="dsl", due=due(office, stamp.at), stamp=stamp, task_key=f"unanswered:{case.reference}:{request.day}")
    return case.reference


def hand_over_together(office: Office, stamp: Stamp) -> int:
    """While a brake holds a crowd back: hand those whose time has come to the DSL in one mail; returns how many."""
    with office.transaction() as session:
        stops = brakes.standing(session, SHARE)
        late = [r for r in session.scalars(absences.of_pupils(session, office.school, OPEN).with_for_update(skip_locked=True))
                if r.since + office.policies.school.ladder.dsl <= stamp.at] if stops else []
        if not late:
            return 0
        asked = duty.chain(office, reviews.SAFEGUARDING, stamp.at)[0]
        for request in late:
            absences.end(session, request, WITH_DSL, stamp, "handed to the DSL together with others, while messages are stopped")
        office.queue_letter(session, "absences_together", to=office.person(asked).email, subject_of="school", stamp=stamp,
                            dedupe_key=f"together:{stops[0].id}:{late[0].id}:{len(late)}", number=len(late), numbers=stops[0].why, person=asked)
        return len(late)


def begin_anew(office: Office, session: Session, stop: MessageStop, stamp: Stamp) -> int:
    """A crowd's brake was released: for what was handed over together and still stands, the ladder begins anew; returns how many."""
    found = [r for r in session.scalars(absences.of_pupils(session, office.school, OPEN, WITH_DSL).with_for_update())
             if r.changed_at is None and (r.state == OPEN or r.case_id is None and r.ended_at and r.ended_at >= stop.stopped_at)]
    for request in found:
        if request.state == OPEN:
            request.since = max(request.since, stamp.at)
        else:
            absences.reopen(session, request, request.code, stamp.at, stamp, "a person released the messages: contact begins anew")
    return len(found)
