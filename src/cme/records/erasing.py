"""Carries out an erasure that a person has approved: rows go, events are emptied, and what went stands in one row and one event.

All of it is one transaction. The database lets append-only rows go only in the transaction that wrote the row of the erasure.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, Text, delete, func, insert, or_, select, text, update
from sqlalchemy.orm import Session

from cme.errors import Permanent
from cme.records.arrays import among
from cme.records.emptied import ERASED, digest_of
from cme.records.held import Held, tables_of
from cme.records.history import Stamp, lock, record
from cme.records.tables import (
    Base, CaseEvent, Erasure, ExpectedRegister, MailReceived, Outbox, Quarantine, ReceivedMessage, RegisterVerdict, RegisterVersion,
    Roster, ScreenState)

SUBJECT = "retention"


@dataclass(frozen=True)
class Due:
    """What is to go: all of ``held``, and the rows of these numbers. ``rules`` says how many units each rule gave."""

    held: Held
    registers: tuple[int, ...]           # numbers of register versions
    expected: tuple[int, ...]            # and of what was expected and said of the same registers
    verdicts: tuple[int, ...]
    mail: tuple[str, ...]                # rows of the outbox, and of the messages that came back
    received: tuple[int, ...]
    incoming: tuple[int, ...]
    quarantine: tuple[int, ...]
    rules: dict[str, int]


def erase(session: Session, school: str, due: Due, as_of: object, proposal: str, reason: str, stamp: Stamp) -> Erasure:
    """Erase it, in the caller's transaction; returns the record of it. Raises Permanent, and nothing is erased, where rows changed meanwhile."""
    lock(session)
    plan = list(_plan(due))
    counts, digest = _counted(session, plan)
    emptied = session.scalars(select(CaseEvent).where(_events(due)).order_by(CaseEvent.id)).all()
    events, events_digest = digest_of(emptied)
    number = session.scalars(insert(Erasure).values(
        school=school, approved_by=stamp.who, approved_at=stamp.at, reason=reason, as_of=as_of, proposal=proposal, rules=due.rules,
        rows={**counts, "events emptied": events}, digest=digest).returning(Erasure.id)).one()
    session.execute(text("SELECT set_config('cme.erasure', :number, true)"), {"number": str(number)})
    if events:
        session.execute(update(CaseEvent).where(_events(due)).values(why="", data={}, erased_by=number).execution_options(synchronize_session=False))
    for table, which in plan:
        gone = session.execute(delete(table).where(which)).rowcount  # type: ignore[attr-defined]
        if gone != counts.get(table.name, 0):
            raise Permanent(f"rows of {table.name} changed while they were being erased: nothing was erased; try again")
    rosters = session.execute(delete(Roster).where(~select(RegisterVersion.id).where(RegisterVersion.roster_id == Roster.id).exists())
                              .execution_options(synchronize_session=False)).rowcount  # type: ignore[attr-defined]
    session.execute(delete(ScreenState))         # a cache: the next check makes it anew
    session.execute(text("SELECT set_config('cme.erasure', '', true)"))
    record(session, SUBJECT, ERASED, stamp, reason, {
        "erasure": number, "as_of": str(as_of), "proposal": proposal, "rules": due.rules, "rows": {**counts, "roster": rosters}, "digest": digest,
        "events": events, "events_digest": events_digest})
    session.expire_all()
    return session.get_one(Erasure, number)


def _events(due: Due) -> ColumnElement[bool]:
    return CaseEvent.subject.in_(due.held.references) & CaseEvent.erased_by.is_(None)


def _plan(due: Due) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """Each table with the rows that go. Messages go by what they are about, or by their own age."""
    aged: dict[str, Sequence[object]] = {Outbox.__tablename__: due.mail, ReceivedMessage.__tablename__: due.received,
                                        MailReceived.__tablename__: due.incoming}
    for table, which in tables_of(due.held):
        yield table, or_(which, among(table.c.id, aged[table.name])) if table.name in aged else which
    for model, numbers in ((RegisterVersion, due.registers), (ExpectedRegister, due.expected), (RegisterVerdict, due.verdicts),
                           (Quarantine, due.quarantine)):
        table = Base.metadata.tables[model.__tablename__]
        yield table, among(table.c.id, numbers)


def _counted(session: Session, plan: list[tuple[Table, ColumnElement[bool]]]) -> tuple[dict[str, int], str]:
    """How many rows of each table go, and the SHA-256 of all of them as the database holds them, table by table in order."""
    counts: dict[str, int] = {}
    digest = hashlib.sha256()
    for table, which in plan:
        for (held,) in session.execute(select(func.to_jsonb(table.table_valued()).cast(Text)).where(which).order_by(*table.primary_key)
                                       .execution_options(yield_per=1000)):
            counts[table.name] = counts.get(table.name, 0) + 1
            digest.update(f"{table.name} {held}\n".encode())
    return counts, digest.hexdigest()
