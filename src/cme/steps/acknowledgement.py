"""After a notification has left: the authority's acknowledgement, what is done when none comes, and what its officer reports back.

No acknowledgement in the configured time: the authority is reminded once by mail, then a person must ring, then the case is before the DSL
again. Only a person's word is an acknowledgement.
"""

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from cme.config.settings import require_role
from cme.errors import BadInput
from cme.records import cases
from cme.records.actions import set_task
from cme.records.alarms import clear_alarm
from cme.records.delivery import delay_key
from cme.records.history import Stamp, record
from cme.records.tables import Action, Case, Outbox
from cme.rules.cases import CaseState
from cme.steps import contact
from cme.steps.notify import notification_key
from cme.steps.office import Office

RING = "Ring the authority: it has acknowledged neither our message nor our reminder"
READ_REPORT = "Read what the authority's officer reports back (cme history)"


def acknowledge(office: Office, reference: str, authority_reference: str, person: str, stamp: Stamp, *, reported: str = "") -> None:
    """A person records that the authority has acknowledged the notification, with its reference and who said so; the tasks about it end.
    ``reported``: what the officer said of the child."""
    require_role(stamp.who, office.settings.people)
    if not authority_reference.strip() or not person.strip():
        raise BadInput("give the authority's reference and the name of the person who acknowledged")
    with office.transaction() as session:
        case = cases.by_reference(session, reference, lock=True)
        if CaseState(case.state) is not CaseState.NOTIFIED:
            raise BadInput(f"{case.reference} waits for no acknowledgement: it is in state {case.state!r}; what the authority reports later: "
                           f"`cme reported {case.reference}`")
        key = notification_key(session, case)
        row = session.scalar(select(Outbox).where(Outbox.dedupe_key == key))
        due = office.school_days_later(stamp.at, office.policies.school.follow_up_school_days)
        cases.move(session, case, CaseState.FOLLOWING_UP, stamp, why="the local authority has acknowledged the message", due=due, owner="dsl",
                   data={"authority_reference": authority_reference.strip(), "person": person.strip()})
        if row:
            _end_tasks(session, case, row, stamp)
            clear_alarm(session, delay_key(row.id), stamp, "the authority has acknowledged it")
        if reported.strip():
            _report(office, session, case, reported, person, stamp)


def report_back(office: Office, reference: str, reported: str, person: str, stamp: Stamp) -> None:
    """A person records what the authority's officer reports of a child, at any time; the DSL gets the task to read it while the case is open."""
    require_role(stamp.who, office.settings.people)
    if len(reported.strip()) < 5 or not person.strip():
        raise BadInput("say in a few words what was reported, and with --person who at the authority said it")
    with office.transaction() as session:
        _report(office, session, cases.by_reference(session, reference, lock=True), reported, person, stamp)


def _report(office: Office, session: Session, case: Case, reported: str, person: str, stamp: Stamp) -> None:
    number = record(session, case.reference, "case.authority_reported", stamp, "the authority's officer has reported back",
                    {"reported": reported.strip(), "person": person.strip()})
    if case.closed_at is None:
        set_task(session, case, READ_REPORT, owner="dsl", due=office.routine_due(stamp.at), stamp=stamp, task_key=f"reported:{number}")


def _end_tasks(session: Session, case: Case, row: Outbox, stamp: Stamp) -> None:
    tasks = session.scalars(select(Action).where(Action.case_id == case.id, Action.done_at.is_(None), or_(
        Action.task_key == _ring_key(row), Action.task_key.like(f"reply:{row.id}:%"))).with_for_update()).all()
    for task in tasks:
        task.done_at, task.done_by, task.outcome, task.result = stamp.at, stamp.who, "the authority has acknowledged the message", "done"
        record(session, case.reference, "action.done", stamp, task.kind, {"action": task.id, "outcome": task.outcome, "result": "done", "evidence": ""})
        clear_alarm(session, f"action:{task.id}", stamp, "the authority has acknowledged the message")


def _ring_key(row: Outbox) -> str:
    return f"ring-authority:{row.id}"


def unacknowledged(office: Office, reference: str, stamp: Stamp) -> bool:
    """The time for an acknowledgement has passed: remind by mail, then have somebody ring, then take the case to the DSL. True: it went to
    the DSL. One step at a time; doing it again before the next time changes nothing."""
    with office.transaction() as session:
        case = cases.by_reference(session, reference, lock=True)
        if case.next_step_due is None or case.next_step_due > stamp.at or case.state != CaseState.NOTIFIED:
            return False
        key = notification_key(session, case)
        row = session.scalar(select(Outbox).where(Outbox.dedupe_key == key)) if key else None
        again = office.routine_due(stamp.at)
        if row is not None and session.scalar(select(Outbox.id).where(Outbox.dedupe_key == f"chaser:{row.id}")) is None:
            _chase(office, session, case, row, stamp)
            _wait(session, case, again, stamp, "the authority was reminded: it has not acknowledged the message")
        elif row is not None and set_task(session, case, RING, owner="attendance_officer", due=again, stamp=stamp, task_key=_ring_key(row)):
            _wait(session, case, again, stamp, "somebody must ring the authority: it has answered neither the message nor the reminder")
        else:
            contact.to_dsl(office, session, case, stamp, "the local authority has not acknowledged the message, nor a reminder: ring them")
            return True
    return False


def _wait(session: Session, case: Case, due: object, stamp: Stamp, why: str) -> None:
    case.next_step_due = due  # type: ignore[assignment]
    record(session, case.reference, "case.chased", stamp, why, {"due": str(due), "owner": case.next_step_owner})


def _chase(office: Office, session: Session, case: Case, row: Outbox, stamp: Stamp) -> None:
    officer = office.person("attendance_officer")
    office.queue_letter(session, "la_chaser", to=row.recipient, subject_of=case.reference, stamp=stamp, dedupe_key=f"chaser:{row.id}",
                        answers=row.message_id, reply_to=office.replies_to(), reference=case.reference, subject=row.mail_subject,
                        date=office.shown_time(row.sent_at or row.created_at), telephone=officer.telephone, referrer=office.person("dsl").name)
