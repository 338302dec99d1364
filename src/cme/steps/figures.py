"""Counts, ages and durations of the house, for dashboards: opaque, and all from rows. Ages are in seconds."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cme import clock
from cme.records.tables import Action, Alarm, Case, EventsTold, Outbox, Pull, Quarantine, Review
from cme.steps.feed import counts
from cme.steps.office import Office
from cme.steps.register_verdicts import judge_day

WAITING = ("queued", "sending", "handing_over", "failed", "ambiguous")      # of the outbox: not settled
SWEEP = "sweep"


@dataclass(frozen=True)
class Figure:
    """One number: its name without the prefix, what it says, and what it is told apart by."""

    name: str
    says: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)


def figures(office: Office, now: datetime) -> list[Figure]:
    """Every figure of the school at this moment. Reads only."""
    with office.transaction() as session:
        return [*_people(session, now), *_messages(session, now), *_registers(office, session, now)]


def _age(moment: datetime | None, now: datetime) -> float:
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0


def _people(session: Session, now: datetime) -> Iterator[Figure]:
    late = func.count().filter(Review.due_at <= now)
    for kind, number, overdue, oldest in session.execute(
            select(Review.kind, func.count(), late, func.min(Review.opened_at)).where(Review.state == "open").group_by(Review.kind)):
        yield Figure("questions_open", "questions to people that are not answered", number, {"kind": kind})
        yield Figure("questions_overdue", "of these, past their due time", overdue, {"kind": kind})
        yield Figure("question_oldest_seconds", "how long the oldest open question has waited", _age(oldest, now), {"kind": kind})
    for state, number, overdue, oldest in session.execute(select(
            Case.state, func.count(), func.count().filter(Case.next_step_due <= now), func.min(Case.opened_at))
            .where(Case.closed_at.is_(None)).group_by(Case.state)):
        yield Figure("cases_open", "cases that are not closed", number, {"state": state})
        yield Figure("cases_overdue", "of these, whose next step is past its time", overdue, {"state": state})
        yield Figure("case_oldest_seconds", "how long the oldest has been open", _age(oldest, now), {"state": state})
    tasks, overdue = session.execute(select(func.count(), func.count().filter(Action.due_at <= now)).where(Action.done_at.is_(None))).one()
    yield Figure("tasks_open", "tasks of people that are not done", tasks)
    yield Figure("tasks_overdue", "of these, past their due time", overdue)
    alarms, oldest = session.execute(select(func.count(), func.min(Alarm.raised_at)).where(Alarm.cleared_at.is_(None))).one()
    yield Figure("alarms_open", "alarms that nobody has cleared", alarms)
    yield Figure("alarm_oldest_seconds", "how long the oldest alarm has stood", _age(oldest, now))
    swept = session.scalar(select(EventsTold.event).where(EventsTold.name == SWEEP))
    yield Figure("sweep_age_seconds", "since the last sweep ended; it runs every minute. -1: none has yet",
                 max(0.0, now.timestamp() - swept) if swept else -1)


def _messages(session: Session, now: datetime) -> Iterator[Figure]:
    found = {state: (number, oldest) for state, number, oldest in session.execute(
        select(Outbox.state, func.count(), func.min(Outbox.created_at)).group_by(Outbox.state))}
    for state in (*WAITING, "sent", "cancelled"):
        yield Figure("outbox_messages", "messages by their state", found.get(state, (0, None))[0], {"state": state})
    waiting = [oldest for state, (_, oldest) in found.items() if state in WAITING]
    yield Figure("outbox_oldest_seconds", "how long the oldest message that is not settled has waited", _age(min(waiting, default=None), now))


def _registers(office: Office, session: Session, now: datetime) -> Iterator[Figure]:
    for verdict, number in counts(judge_day(office, session, clock.local(now).date(), now)).items():
        yield Figure("registers_today", "registers of today by what can be said of them", number, {"verdict": verdict})
    for source, finished in session.execute(select(Pull.source, func.max(Pull.started_at)).where(
            Pull.school == office.school, Pull.outcome == "ok").group_by(Pull.source)):
        yield Figure("pull_age_seconds", "since the source of registers was last read well", _age(finished, now), {"source": source})
    rows = session.scalar(select(func.count()).select_from(Quarantine).where(Quarantine.school == office.school, Quarantine.resolved_at.is_(None)))
    yield Figure("quarantine_rows", "rows of the source that could not be read", rows or 0)
