"""The sweep: finds in the rows what waits too long, and moves it to a person. It never decides about a child."""

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta

import psutil
from sqlalchemy import and_, or_, select

from cme.records import brakes, cases, outbox, reviews
from cme.records.alarms import clear_alarm, open_alarms, raise_alarm
from cme.records.history import Stamp
from cme.records.tables import Case, Finding, Outbox, Review
from cme.rules.cases import CaseState
from cme.steps import acknowledgement, contact, message_stops
from cme.steps.completeness import SICKNESS_RULES
from cme.steps.escalation import escalate
from cme.steps.notify import notification_key
from cme.steps.office import Office
from cme.steps.task_watch import watch_tasks

__all__ = ["Waiting", "cases_to_notify", "dead_workers", "escalate", "move_on", "send_mail", "settle_notified", "uncontacted_cases",
           "waiting_questions", "watch_tasks", "worker_name"]

OLD = timedelta(minutes=15)


def worker_name() -> str:
    """A name for this process that no later process can have: host, pid and the moment the process began."""
    return f"{socket.gethostname()}:{os.getpid()}:{int(psutil.Process().create_time() * 100)}"


def dead_workers(office: Office) -> list[str]:
    """The workers of this host that hold messages but no longer run."""
    with office.transaction() as session:
        names = session.scalars(select(Outbox.worker).where(Outbox.state.in_(["sending", "handing_over"])).distinct()).all()
    return [name for name in names if name and not _alive(name)]


def _alive(worker: str) -> bool:
    host, _, rest = worker.partition(":")
    pid, _, began = rest.partition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return True           # another machine's worker: only its lease can tell
    try:
        return int(psutil.Process(int(pid)).create_time() * 100) == int(began or 0)
    except (psutil.NoSuchProcess, ValueError):
        return False


def send_mail(office: Office, stamp: Stamp) -> list[outbox.Delivery]:
    """Take back what dead workers held, cancel expired codes, hand over what is due, and alarm for what is old."""
    run = (stamp.flow_run_id, stamp.task_run_id)
    found = outbox.recover(office.engine, now=stamp.at, dead=dead_workers(office), run=run)
    found += outbox.expire(office.engine, now=stamp.at, run=run)
    message_stops.reconcile(office, stamp)
    found += office.deliver(worker=worker_name(), flow_run_id=stamp.flow_run_id, task_run_id=stamp.task_run_id)
    with office.transaction() as session:
        held = {row.id for _, row in brakes.unsent(session)} if brakes.standing(session) else set()      # a person holds these back
        stuck = [row for row in outbox.old(session, stamp.at, OLD) if row.id not in held]
        for row in stuck:
            raise_alarm(session, f"outbox-old:{row.id}", row.subject_of, f"A message of kind {row.kind!r} has waited more than 15 minutes; "
                        "look at the mail server and at `cme outbox`", stamp)
        still = {f"outbox-old:{row.id}" for row in stuck}
        for alarm in open_alarms(session):
            if alarm.key.startswith("outbox-old:") and alarm.key not in still:
                clear_alarm(session, alarm.key, stamp, "the message has left, or a person has settled it")
    return found


@dataclass(frozen=True)
class Waiting:
    """An open question, and the run that ought to ring for it."""

    reference: str
    kind: str
    number: int
    flow_run_id: str | None
    rung_at: datetime | None


def waiting_questions(office: Office) -> list[Waiting]:
    """Every open question, the oldest deadline first."""
    with office.transaction() as session:
        rows = session.execute(select(Case.reference, Review.kind, Review.number, Review.flow_run_id, Review.rung_at)
                               .join(Review, Review.case_id == Case.id).where(Review.state == "open").order_by(Review.due_at))
        return [Waiting(*row) for row in rows]


def uncontacted_cases(office: Office) -> list[str]:
    """Cases whose parent contact has not begun."""
    with office.transaction() as session:
        asked = select(Review.case_id).where(Review.kind == reviews.CONTACT_OUTCOME)
        # a day-one case is before the DSL already; contact goes on beside it
        # a case of illness is before the DSL without one, until another absence stands on it
        other = Case.id.in_(select(Finding.case_id).where(Finding.retracted_at.is_(None), Finding.rule.not_in(SICKNESS_RULES)))
        waits = or_(Case.state == CaseState.PARENT_CONTACT, Case.urgency == reviews.DAY_ONE, and_(Case.origin == cases.SICKNESS, other))
        # the letter says what the register shows; about a report alone the attendance officer is asked, who rings
        shown = or_(Case.origin != cases.REPORT, Case.id.in_(select(Finding.case_id).where(Finding.retracted_at.is_(None))))
        return list(session.scalars(select(Case.reference).where(waits, shown, Case.closed_at.is_(None), Case.id.not_in(asked))
                                    .order_by(Case.id)))


def cases_to_notify(office: Office) -> list[str]:
    """Approved cases whose message is not accepted by the mail server yet."""
    with office.transaction() as session:
        return list(session.scalars(select(Case.reference).where(Case.state == CaseState.NOTIFYING).order_by(Case.id)))


def move_on(office: Office, stamp: Stamp) -> list[str]:
    """Take every case whose waiting time has ended to the DSL; returns the references moved."""
    with office.transaction() as session:
        late = session.execute(select(Case.reference, Case.state).where(Case.closed_at.is_(None), Case.next_step_due <= stamp.at)).all()
    moved = []
    for reference, state in late:
        if state == CaseState.PARENT_CONTACT and contact.contact_overdue(office, reference, stamp):
            moved.append(reference)
        elif state == CaseState.NOTIFIED and acknowledgement.unacknowledged(office, reference, stamp):
            moved.append(reference)
        elif state == CaseState.FOLLOWING_UP and _back_to_dsl(office, reference, stamp):
            moved.append(reference)
    return moved


def _back_to_dsl(office: Office, reference: str, stamp: Stamp) -> bool:
    with office.transaction() as session:
        case = cases.by_reference(session, reference, lock=True)
        if case.next_step_due is None or case.next_step_due > stamp.at or case.state != CaseState.FOLLOWING_UP:
            return False
        contact.to_dsl(office, session, case, stamp, "the follow-up date has come")
        return True


def settle_notified(office: Office, stamp: Stamp) -> list[str]:
    """Move each approved case whose message the mail server has accepted to "notified"; returns the references."""
    settled = []
    for reference in cases_to_notify(office):
        with office.transaction() as session:
            case = cases.by_reference(session, reference, lock=True)
            key = notification_key(session, case)
            row = session.scalar(select(Outbox).where(Outbox.dedupe_key == key)) if key else None
            if case.state != CaseState.NOTIFYING or row is None or row.state != "sent":
                continue
            due = office.school_days_later(stamp.at, office.policies.school.ack_due_school_days)
            cases.move(session, case, CaseState.NOTIFIED, stamp, why="the mail server has accepted the message", due=due,
                       owner="attendance_officer", data={"outbox": row.id})
            clear_alarm(session, f"notifying:{case.id}", stamp, "the message was accepted")
            settled.append(reference)
    return settled
