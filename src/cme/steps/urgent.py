"""Day one: a concern about a child's safety is before the DSL at once, beside whatever else is asked or done.

Source: the school's procedure ("concern about a child's safety: referral to children's services and the police on day one ...
never waits behind any other queue"). Everything here only speeds up.
"""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from cme.records import cases, reviews
from cme.records.actions import set_task
from cme.records.history import Stamp, record
from cme.records.tables import Case
from cme.rules.cases import CaseState
from cme.steps import calls, contact, duty
from cme.steps.dossier import dossier_of
from cme.steps.office import Office

TASK = "Concern about safety: ring children's services and the police"


def due(office: Office, moment: datetime) -> datetime:
    """When a day-one question or task must have been dealt with."""
    return moment + timedelta(minutes=office.policies.school.day_one_minutes)


def to_dsl_now(office: Office, session: Session, case: Case, stamp: Stamp, why: str) -> None:
    """Put a case before the DSL as a day-one matter, in the caller's transaction, whatever its state.

    A question that is open becomes urgent and is asked anew; a decision that waits for a second person goes back to the DSL; while
    an approved message is on its way the DSL gets a task instead. ``why`` is made of fixed words. Doing it twice changes nothing.
    """
    if case.closed_at is not None:
        raise ValueError("a closed case is not hastened; open a new one")
    if case.urgency != reviews.DAY_ONE:
        case.urgency = reviews.DAY_ONE
        record(session, case.reference, "case.urgent", stamp, why, {"due": due(office, stamp.at).isoformat()})
    asked = reviews.current(session, case.id, reviews.SAFEGUARDING, lock=True)
    if asked:
        if reviews.hasten(session, asked, due(office, stamp.at), stamp, case.reference, why):
            asked.assigned_to = duty.chain(office, reviews.SAFEGUARDING, stamp.at)[0]
            case.next_step_due, case.next_step_owner = asked.due_at, asked.assigned_to
            if asked.flow_run_id:          # its form stands in Prefect: one mail says that it cannot wait; else the first ring does
                calls.call(office, session, case, asked, asked.assigned_to, stamp)
        return
    if CaseState(case.state) is CaseState.NOTIFYING:
        set_task(session, case, TASK, owner="dsl", due=due(office, stamp.at), stamp=stamp, task_key=f"urgent:{case.reference}:{stamp.at:%Y-%m-%d}")
        return
    if second := reviews.current(session, case.id, reviews.CONFIRMATION, lock=True):
        second.state = "void"
        record(session, case.reference, "review.voided", stamp, why, {"review": second.id, "kind": second.kind})
    contact.to_dsl(office, session, case, stamp, why, urgency=reviews.DAY_ONE, due_at=due(office, stamp.at))


def show_anew(office: Office, session: Session, case: Case, stamp: Stamp) -> None:
    """Show new facts in the DSL's question where one is open, so that nobody decides on what was known an hour ago."""
    asked = reviews.current(session, case.id, reviews.SAFEGUARDING, lock=True)
    if asked:
        reviews.refreeze(session, asked, dossier_of(session, office, case), stamp, case.reference)


def heading(office: Office) -> str:
    """What stands above every question about a child's safety: whom to ring. Markdown; telephone numbers of the authority's pack."""
    a = office.policies.authority
    return (f"**If a child may be in danger, ring now and record it here afterwards: police {a.police_emergency}; children's services "
            f"{a.childrens_services} (out of hours {a.childrens_services_out_of_hours}).** This form is never the only way.")
