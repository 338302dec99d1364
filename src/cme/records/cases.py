"""Cases: one open case per child and episode, moved only along the permitted transitions, each step with its event."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cme.errors import BadInput
from cme.records.history import Stamp, record
from cme.records.tables import Case, CaseNumber
from cme.rules.cases import CaseState, check_transition

# what opened a case
THRESHOLD, DAY_ONE, REPORT, SICKNESS, UNANSWERED = "threshold", "day_one", "report", "sickness", "unanswered"


def next_reference(session: Session, year: int) -> str:
    """The next case reference of the year ("CME-2026-0012"); the row stays locked until commit, so no number is lost."""
    upsert = insert(CaseNumber).values(year=year, last=1)
    number = session.scalar(upsert.on_conflict_do_update(index_elements=["year"], set_={"last": CaseNumber.last + 1})
                            .returning(CaseNumber.last))
    return f"CME-{year}-{number:04d}"


def open_case(session: Session, *, school: str, pupil_id: int, episode_start: date, due: datetime, owner: str, stamp: Stamp,
              why: str, data: dict[str, Any], origin: str = THRESHOLD) -> Case:
    """Open a case in state "parent contact" and write its first event. ``why`` holds no name."""
    case = Case(reference=next_reference(session, stamp.at.year), school=school, pupil_id=pupil_id, episode_start=episode_start, origin=origin,
                state=CaseState.PARENT_CONTACT, opened_at=stamp.at, state_since=stamp.at, next_step_due=due, next_step_owner=owner)
    session.add(case)
    session.flush()
    record(session, case.reference, "case.opened", stamp, why, data)
    return case


def open_case_of(session: Session, pupil_id: int) -> Case | None:
    """The open case of a pupil, locked for this transaction, or None."""
    return session.scalar(select(Case).where(Case.pupil_id == pupil_id, Case.closed_at.is_(None)).with_for_update())


def case_of_episode(session: Session, pupil_id: int, episode_start: date) -> Case | None:
    """The case, open or closed, that already stands for this episode of the pupil. A case of day one, or of a report, stands for no
    more than its day: closed, it answers no threshold that begins on the same day."""
    return session.scalar(select(Case).where(Case.pupil_id == pupil_id, Case.episode_start == episode_start, Case.origin == THRESHOLD))


def by_reference(session: Session, reference: str, *, lock: bool = False) -> Case:
    """The case of a reference; raises BadInput when there is none. ``lock`` holds it until the transaction ends."""
    query = select(Case).where(Case.reference == reference.strip().upper())
    case = session.scalar(query.with_for_update() if lock else query)
    if case is None:
        raise BadInput(f"there is no case {reference!r}; `cme cases` lists the references")
    return case


def all_cases(session: Session, *, only_open: bool = False) -> list[Case]:
    """The cases, oldest first."""
    query = select(Case).order_by(Case.id)
    return list(session.scalars(query.where(Case.closed_at.is_(None)) if only_open else query))


def move(session: Session, case: Case, after: CaseState, stamp: Stamp, *, why: str, due: datetime | None, owner: str = "",
         data: dict[str, Any] | None = None, decided: bool = False, confirmed: bool = False) -> None:
    """Take a case to its next state with the event that belongs to the step.

    ``due`` is when ``owner`` must have acted next; None only for a closed case, so that nothing waits without an owner.
    Raises ForbiddenTransition where the procedure knows no such step, ValueError where a deadline is missing.
    """
    step = check_transition(CaseState(case.state), after, decided=decided, confirmed=confirmed)
    if (due is None or not owner) != (after is CaseState.CLOSED):
        raise ValueError("every open case has a next step with a due time and an owner; a closed case has neither")
    before = case.state
    case.state, case.state_since, case.next_step_due, case.next_step_owner = after, stamp.at, due, owner
    if after is CaseState.CLOSED:
        case.closed_at = stamp.at
    record(session, case.reference, step.event, stamp, why, {"from": before, "to": after.value, **(data or {}),
                                                           "due": due.isoformat() if due else None, "owner": owner})
