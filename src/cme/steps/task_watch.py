"""Tasks that wait: the owner is told at once, then one after another hears of a task past its time, until a person ends it.

Time ends no task. Who stands in for an owner that is away is told; the owner stays the owner.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cme import clock
from cme.records import cases, reviews
from cme.records.actions import open_tasks
from cme.records.alarms import clear_alarm, raise_alarm
from cme.records.history import Stamp, record
from cme.records.tables import Action, Alarm, Case, Review
from cme.rules.cases import CaseState
from cme.steps import alarms, duty
from cme.steps.calls import numbers
from cme.steps.escalation import pause
from cme.steps.office import Office


def urgency(office: Office, action: Action) -> str:
    """Whether a task was set as one of day one: to be done within the minutes of day one."""
    minutes = timedelta(minutes=office.policies.school.day_one_minutes)
    return reviews.DAY_ONE if action.due_at - action.created_at <= minutes else reviews.ROUTINE


def watch_tasks(office: Office, stamp: Stamp) -> int:
    """Tell owners of new tasks, escalate those past their time, and alarm for approved messages that did not leave.

    Returns how many alarms are new.
    """
    on_duty = cache(lambda owner: _on_duty(office, owner, stamp.at))
    with office.transaction() as session:
        waiting = [(action.id, case.reference) for action, case in open_tasks(session)
                   if _matter(office, action, on_duty(action.owner), stamp.at)]
    new = sum(_see_to(office, action, reference, stamp) for action, reference in waiting)
    with office.transaction() as session:
        for case in session.scalars(select(Case).where(Case.state == CaseState.NOTIFYING, Case.next_step_due <= stamp.at)):
            new += raise_alarm(session, f"notifying:{case.id}", case.reference,
                               f"{case.reference}: the approved message has not been accepted by the mail server yet", stamp)
        # only where an alarm still stands: the answered questions of the years grow, the open alarms do not
        standing = select(Alarm.key).join(Review, Alarm.key == func.concat("review:", Review.id)).where(
            Alarm.cleared_at.is_(None), Review.state != "open")
        for key in session.scalars(standing).all():
            clear_alarm(session, key, stamp, "the question was answered")
    return new


def _on_duty(office: Office, owner: str, now: datetime) -> tuple[str, ...]:
    """Who may be the one that is told of a task of ``owner`` now."""
    return (duty.stand_in(office, owner, now), *duty.chain(office, reviews.SAFEGUARDING, now))


def _matter(office: Office, action: Action, on_duty: tuple[str, ...], now: datetime) -> str:
    """What a task needs now; empty: nothing."""
    last = action.escalated_at
    if action.due_at <= now and (last is None or last + pause(office, urgency(office, action)) <= now):
        return "late"
    if not action.called:
        return "new"
    return "" if action.called in on_duty else "uncovered"


def _see_to(office: Office, action_id: int, reference: str, stamp: Stamp) -> bool:
    with office.transaction() as session:
        case = cases.by_reference(session, reference, lock=True)
        action = session.get_one(Action, action_id, with_for_update=True)
        matter = "" if action.done_at else _matter(office, action, _on_duty(office, action.owner, stamp.at), stamp.at)
        if matter == "late":
            return _step(office, session, case, action, stamp)
        if matter:
            _tell(office, session, case, action, duty.stand_in(office, action.owner, stamp.at), stamp,
                  "A task was set that is yours to do." if matter == "new" else "A task has passed to you: the person it was with is away.")
        return False


def _step(office: Office, session: Session, case: Case, action: Action, stamp: Stamp) -> bool:
    """One step: the owner, the DSL on duty, the head, round and round; from the last one on, operations. True: the alarm is new."""
    ladder = duty.ladder(office, action.owner, stamp.at)
    person = ladder[action.escalations % len(ladder)]
    action.escalations, action.escalated_at = action.escalations + 1, stamp.at
    _tell(office, session, case, action, person, stamp, "A task is past its time, and nobody has recorded that it was done.")
    key = f"action:{action.id}"
    new = raise_alarm(session, key, case.reference, f"{case.reference}: a task is past its time (owner: {action.owner})", stamp)
    if action.escalations >= len(ladder):
        alarms.call_operations(office, session, key, stamp)
    return new


def _tell(office: Office, session: Session, case: Case, action: Action, person: str, stamp: Stamp, why: str) -> None:
    action.called = person
    record(session, case.reference, "action.called", stamp, why, {"action": action.id, "to": person, "owner": action.owner,
                                                                "escalations": action.escalations})
    office.queue_letter(session, "task_call", to=office.person(person).email, subject_of=case.reference, stamp=stamp,
                        dedupe_key=f"task:{action.id}:{person}:{action.escalations}:{stamp.at:%Y%m%d%H%M}", reference=case.reference,
                        why=why, task=action.kind, due=office.shown_time(action.due_at), owner=office.settings.people.title(action.owner),
                        command=f'cme done {case.reference} {action.id} --by {person} --outcome "..."', **numbers(office))


@dataclass(frozen=True)
class TaskLine:
    """One task in the list of `cme tasks`. ``called`` was told of it last; ``result`` is empty while it is open."""

    reference: str
    number: int
    kind: str
    owner: str
    called: str
    due: str
    overdue: bool
    result: str


def task_list(office: Office, *, include_done: bool = False) -> list[TaskLine]:
    """The tasks, the earliest due first; references only, no names."""
    now = clock.now()
    query = select(Action, Case.reference).join(Case, Case.id == Action.case_id).order_by(Action.due_at, Action.id)
    with office.transaction() as session:
        rows = session.execute(query if include_done else query.where(Action.done_at.is_(None))).all()
    return [TaskLine(reference, a.id, a.kind, a.owner.replace("_", " "), a.called.replace("_", " "), f"{clock.local(a.due_at):%a %-d %b %Y %H:%M}",
                     a.done_at is None and a.due_at <= now, (a.result or "done") if a.done_at else "") for a, reference in rows]
