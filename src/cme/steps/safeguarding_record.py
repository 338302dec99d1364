"""Persistent absence is reported through the school's safeguarding record (MyConcern, CPOMS or another): a task, once for each case.

The software writes into no such system: `cme export concern` makes the files that a person uploads, and a person says that it was done.
Source: the school's procedure; the Department for Education's 10 per cent (``persistent_absence``), once the sessions are enough to say much.
"""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cme import clock
from cme.records import cases
from cme.records.actions import set_task
from cme.records.history import Stamp
from cme.records.registers import pupil_records
from cme.records.tables import Action, Case, CaseEvent
from cme.rules.possible_sessions import attendance
from cme.rules.rates import ENOUGH, PERSISTENT, rates
from cme.steps import urgent
from cme.steps.office import Office
from cme.steps.replay import marks_from

TASK = "Report the persistent absence through the school's safeguarding record"
EXPORTED = "concern.exported"


def task_key(reference: str) -> str:
    """What makes the task of a case one task."""
    return f"safeguarding-record:{reference}"


def evidence_of(session: Session, case: Case, action: Action) -> str:
    """Where the proof of such a task is when a person names none: the last export of the case; empty where there is none."""
    if action.kind != TASK:
        return ""
    last = session.scalar(select(func.max(CaseEvent.id)).where(CaseEvent.subject == case.reference, CaseEvent.what == EXPORTED))
    return f"exported for upload: event {last}" if last else ""


def set_tasks(office: Office, stamp: Stamp) -> list[str]:
    """Give the attendance officer the task for every open case of a child who is persistently (or severely) absent today and whose case
    has none yet; returns the references. The same again sets nothing."""
    today, book = clock.local(stamp.at).date(), office.policies.rule_book()
    number, enough = book.number(PERSISTENT, today), book.number(ENOUGH, today)
    if number is None:
        return []
    with office.transaction() as session:
        told = select(Action.id).where(Action.case_id == Case.id, Action.kind == TASK).exists()
        waiting = dict(session.execute(select(Case.pupil_id, Case.reference).where(
            Case.school == office.school, Case.closed_at.is_(None), ~told)).tuples().all())
        records = pupil_records(session, office.school, today, marks_from(book.calendar, today), pupils=sorted(waiting)) if waiting else []
    found = []
    for record in records:
        own = rates(attendance(record, today, book).this_year, book.codes)
        if own.reaches(number.value) and own.possible >= (enough.value if enough else 1):
            with office.transaction() as session:
                case = cases.by_reference(session, waiting[record.pupil_id], lock=True)
                if case.closed_at is None and set_task(session, case, TASK, owner="attendance_officer", due=office.routine_due(stamp.at), stamp=stamp,
                                                       task_key=task_key(case.reference)):
                    urgent.show_anew(office, session, case, stamp)
                    found.append(case.reference)
    return found
