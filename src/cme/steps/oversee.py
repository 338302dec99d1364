"""The sweep: finds in the rows what waits too long, and moves it to a person. It never decides about a child."""

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta

import psutil
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from cme.records import cases, outbox, reviews
from cme.records.alarms import clear_alarm, raise_alarm
from cme.records.history import Stamp, record
from cme.records.reviews import live_codes
from cme.records.tables import Action, Alarm, Case, Outbox, Review
from cme.rules.cases import CaseState
from cme.steps import contact
from cme.steps.notify import notification_key
from cme.steps.office import Office
from cme.steps.calls import call, remind

# to whom an unanswered question of the safeguarding review goes, in this order; after them operations are alarmed, again and again
HAND_OVER = ("dsl", "deputy_dsl", "head")


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
    found = outbox.recover(office.engine, now=stamp.at, dead=dead_workers(office))
    found += outbox.expire(office.engine, now=stamp.at)
    found += office.deliver(worker=worker_name(), flow_run_id=stamp.flow_run_id, task_run_id=stamp.task_run_id)
    with office.transaction() as session:
        for row in outbox.old(session, stamp.at, timedelta(minutes=15)):
            raise_alarm(session, f"outbox-old:{row.id}", row.subject_of, f"A message of kind {row.kind!r} has waited more than 15 minutes; "
                        "look at the mail server and at `cme outbox`", stamp)
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
        waits = or_(Case.state == CaseState.PARENT_CONTACT, Case.urgency == reviews.DAY_ONE)
        return list(session.scalars(select(Case.reference).where(waits, Case.closed_at.is_(None), Case.id.not_in(asked)).order_by(Case.id)))


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
        elif state in (CaseState.FOLLOWING_UP, CaseState.NOTIFIED) and _back_to_dsl(office, reference, stamp):
            moved.append(reference)
    return moved


def _back_to_dsl(office: Office, reference: str, stamp: Stamp) -> bool:
    with office.transaction() as session:
        case = cases.by_reference(session, reference, lock=True)
        if case.next_step_due is None or case.next_step_due > stamp.at or case.state not in (CaseState.FOLLOWING_UP, CaseState.NOTIFIED):
            return False
        why = ("the local authority has not acknowledged the message in the configured time: ring them" if case.state == CaseState.NOTIFIED
               else "the follow-up date has come")
        contact.to_dsl(office, session, case, stamp, why)
        return True


def escalate(office: Office, stamp: Stamp) -> list[str]:
    """Remind, then hand an overdue safeguarding question to the next person, then alarm operations. Time decides nothing.

    The attendance officer's question is not in here: when that is late, the whole case moves on to the DSL (``move_on``).
    """
    pause = timedelta(minutes=office.policies.school.overdue_review_reminder_minutes)
    done = []
    with office.transaction() as session:
        due = session.execute(select(Review.id, Case.reference).join(Case, Case.id == Review.case_id)
                              .where(Review.state == "open", Review.kind == reviews.SAFEGUARDING, Review.due_at <= stamp.at)
                              .order_by(Review.due_at)).all()
    for review_id, reference in due:
        with office.transaction() as session:
            case = cases.by_reference(session, reference, lock=True)
            review = session.get_one(Review, review_id, with_for_update=True)
            if review.state != "open" or (review.escalated_at and review.escalated_at + pause > stamp.at):
                continue
            review.escalations += 1
            review.escalated_at = stamp.at
            if review.flow_run_id and review.escalations <= len(HAND_OVER):
                person = HAND_OVER[review.escalations - 1]
                holders = {code.person for code in live_codes(session, review.id, stamp.at)}
                record(session, reference, "review.reminded" if person in holders else "review.handed_over", stamp,
                       "the question is past its due time", {"review": review.id, "to": person, "due": review.due_at.isoformat()})
                if person in holders:
                    remind(office, session, case, review, person, stamp)
                else:
                    call(office, session, case, review, person, stamp, "review_handover")
            _alarm(office, session, review, reference, stamp, last=review.escalations >= len(HAND_OVER))
            done.append(reference)
    return done


def _alarm(office: Office, session: Session, review: Review, reference: str, stamp: Stamp, *, last: bool) -> None:
    sentence = f"{reference}: a question of kind {review.kind!r} is past its due time and unanswered"
    raise_alarm(session, f"review:{review.id}", reference, sentence, stamp)
    if last:
        for role in ("operations", "head"):
            office.queue_letter(session, "alarm", to=office.person(role).email, subject_of=reference, stamp=stamp, reference=reference,
                                dedupe_key=f"alarm:review:{review.id}:{review.escalations}:{role}", sentence=sentence)


def watch_tasks(office: Office, stamp: Stamp) -> int:
    """Alarm for chosen actions past their time, and for approved messages that did not leave; returns how many are new."""
    new = 0
    with office.transaction() as session:
        for action, reference in session.execute(select(Action, Case.reference).join(Case, Case.id == Action.case_id).where(
                Action.done_at.is_(None), Action.due_at <= stamp.at)).all():
            new += raise_alarm(session, f"action:{action.id}", reference,
                               f"{reference}: an action that was decided on is past its time (owner: {action.owner})", stamp)
        for case in session.scalars(select(Case).where(Case.state == CaseState.NOTIFYING, Case.next_step_due <= stamp.at)):
            new += raise_alarm(session, f"notifying:{case.id}", case.reference,
                               f"{case.reference}: the approved message has not been accepted by the mail server yet", stamp)
        # only where an alarm still stands: the answered questions of the years grow, the open alarms do not
        standing = select(Alarm.key).join(Review, Alarm.key == func.concat("review:", Review.id)).where(
            Alarm.cleared_at.is_(None), Review.state != "open")
        for key in session.scalars(standing).all():
            clear_alarm(session, key, stamp, "the question was answered")
    return new


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
