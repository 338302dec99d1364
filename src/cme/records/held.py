"""Everything that is held about a child, found from the tables themselves: what is erased and what is shown on request are one list.

A table tells by its columns what its rows are about: a pupil, a case, a review of one, or a reference. A new table with such a column
is found without being named here; one with none of them must stand in ``ABOUT_NO_CHILD``, or a test fails.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, or_, select
from sqlalchemy.orm import Session

from cme.records.absences import name_of
from cme.records.tables import (
    AbsenceRequest, Base, Case, CaseEvent, HomeSchoolNotice, Outbox, Pupil, ReceivedMessage, Review, RollChange)

# what else is kept, and what becomes of it
ABOUT_NO_CHILD = {
    "case_number": "a counter", "erasure": "names no child, and is what remains", "events_told": "a counter", "pull": "how a source was read",
    "source_cursor": "where a source goes on",
    "source_answer": "what a source answered about many children; four weeks", "screen_state": "a cache of counts, made anew", "staff": "the school's staff",
    "role_holder": "the school's staff, as long as what they decided", "message_stop": "numbers, and a person's reason",
    "text_reading": "when a service answered", "mailbox_read": "how far a mailbox was read",
    "prefect_run": "a counter", "prefect_record": "opaque copies of runs: references, dates, states",
    "expected_register": "a timetable; goes with its registers", "register_verdict": "about a register; goes with it",
    "register_version": "marks of many children; by their own rule", "roster": "goes with its last register",
    "quarantine": "rows that could not be read; by their own rule", "case_event": "emptied, never deleted"}
_REFERENCES = ("subject_of", "subject", "reference")


@dataclass(frozen=True)
class Held:
    """Whose rows are meant: children by number, cases by number, and every reference under which something is told of them."""

    pupils: frozenset[int]
    cases: frozenset[int]
    references: frozenset[str]


def of_pupil(session: Session, pupil: int, reference: str) -> Held:
    """All of one child. ``reference`` is the child's own (P-1042)."""
    cases = of_cases(session, session.scalars(select(Case.id).where(Case.pupil_id == pupil)))
    others = {row for table in (RollChange, HomeSchoolNotice) for row in session.scalars(select(table.reference).where(table.pupil_id == pupil))}
    asked = {name_of(request) for request in session.scalars(select(AbsenceRequest).where(AbsenceRequest.pupil_id == pupil))}
    return Held(frozenset({pupil}), cases.cases, cases.references | {reference} | others | asked)


def of_cases(session: Session, numbers: Iterable[int]) -> Held:
    """All of these cases, and of the absences that became part of them."""
    cases = frozenset(numbers)
    references = set(session.scalars(select(Case.reference).where(Case.id.in_(cases))))
    asked = {name_of(request) for request in session.scalars(select(AbsenceRequest).where(AbsenceRequest.case_id.in_(cases)))}
    return Held(frozenset(), cases, frozenset(references | asked))


def together(parts: list[Held]) -> Held:
    """All of several."""
    return Held(*(frozenset().union(*(getattr(part, name) for part in parts)) for name in ("pupils", "cases", "references")))


def tables_of(held: Held) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """Each table that may hold rows of ``held``, with the condition that finds them; what others refer to comes last."""
    for table in reversed(Base.metadata.sorted_tables):
        if table.name not in ABOUT_NO_CHILD and (found := condition(table, held)) is not None:
            yield table, found


def condition(table: Table, held: Held) -> ColumnElement[bool] | None:
    """What finds the rows of ``held`` in a table; None where nothing in it says whose they are."""
    c = table.columns
    if table.name == Pupil.__tablename__:
        return c.id.in_(held.pupils)
    if table.name == Case.__tablename__:
        return c.id.in_(held.cases)
    parts: list[ColumnElement[bool]] = []
    if "case_id" in c:
        parts.append(c.case_id.in_(held.cases))
    elif "review_id" in c:
        parts.append(c.review_id.in_(select(Review.id).where(Review.case_id.in_(held.cases))))
    elif "flow_run_id" in c:
        parts.append(c.flow_run_id.in_(select(CaseEvent.flow_run_id).where(CaseEvent.subject.in_(held.references), CaseEvent.what == "review.rung")))
    if "pupil_id" in c:
        parts.append(c.pupil_id.in_(held.pupils))
    if "request_id" in c:
        parts.append(c.request_id.in_(select(AbsenceRequest.id).where(
            or_(AbsenceRequest.case_id.in_(held.cases), AbsenceRequest.pupil_id.in_(held.pupils)))))
    if "outbox_id" in c:
        parts.append(c.outbox_id.in_(select(Outbox.id).where(Outbox.subject_of.in_(held.references))))
    if table.name == ReceivedMessage.__tablename__:      # of several children: as long as the last of them
        parts.append((c.about != []) & c.about.contained_by(sorted(held.references)))
    parts += [c[name].in_(held.references) for name in _REFERENCES if name in c]
    return or_(*parts) if parts else None
