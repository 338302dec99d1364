"""The history: what happened, who did it, when, and the flow run that did it.

Every write of the product calls ``record`` in its own transaction. The rows are chained by hash under one lock, and the
database refuses to change them (migrations). Who and when are a pair: a Stamp.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from cme.records.emptied import EmptiedEvents
from cme.records.tables import Base, CaseEvent
from cme.records.written_rows import written_rows

MACHINE = "machine"
_CHAIN_LOCK = 0x434D45  # "CME"
GENESIS = "0" * 64
_CHAIN, _HELD, _END = "the chain's transaction", "lock held", "end"


@dataclass(frozen=True)
class Stamp:
    """Who did it and when, and where in Prefect. ``who`` is "machine" or a person's key of the config ("dsl", ...)."""

    who: str
    at: datetime
    flow_run_id: str | None = None
    task_run_id: str | None = None


def chain_hash(previous: str, row: dict[str, Any]) -> str:
    """The hash of a row of the history: SHA-256 over the previous hash and the row's content as canonical JSON."""
    return hashlib.sha256((previous + json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":"))).encode()).hexdigest()


def content(event: CaseEvent) -> dict[str, Any]:
    """What the chain protects of an event, in a form that reads the same before and after the database."""
    return {"id": event.id, "subject": event.subject, "at": event.at.astimezone(timezone.utc).isoformat(), "who": event.who,
            "what": event.what, "why": event.why, "data": event.data, "flow_run_id": event.flow_run_id, "task_run_id": event.task_run_id}


def lock(session: Session) -> None:
    """Take the chain's lock until the transaction ends. Who locks other rows before recording takes it first: no deadlock."""
    if _HELD not in _noted(session):
        session.execute(text("SELECT pg_advisory_xact_lock(:k)"), {"k": _CHAIN_LOCK})
        _noted(session)[_HELD] = True


def _noted(session: Session) -> dict[str, Any]:
    """What is known of the chain for as long as this transaction holds its lock: nobody else can lengthen it. Within a savepoint
    nothing is known and nothing noted, since going back to it would give up the lock and take back events."""
    root = session.get_transaction()
    if root is None or session.in_nested_transaction():
        session.info.pop(_CHAIN, None)
        return {}
    noted: tuple[Any, dict[str, Any]] | None = session.info.get(_CHAIN)
    if noted is None or noted[0] is not root:
        noted = session.info[_CHAIN] = (root, {})
    return noted[1]


def record(session: Session, subject: str, what: str, stamp: Stamp, why: str = "", data: dict[str, Any] | None = None) -> int:
    """Write one event to the history, in the caller's transaction, and return its number.

    ``data`` must be JSON of strings, integers, booleans, None, lists and dicts (no floats: their text may change).
    """
    return record_each(session, subject, what, stamp, [(why, data or {})])[0]


def record_each(session: Session, subject: str, what: str, stamp: Stamp, said: Iterable[tuple[str, dict[str, Any]]]) -> list[int]:
    """Write one event for each (why, data) in ``said``, one after another in the chain; returns their numbers."""
    said = list(said)
    if not said:
        return []
    lock(session)
    number, previous = _noted(session).get(_END) or _end(session)
    rows = []
    for number, (why, data) in enumerate(said, number + 1):
        row = {"id": number, "subject": subject, "at": stamp.at, "who": stamp.who, "what": what, "why": why,
               "data": json.loads(json.dumps(data, default=str)), "flow_run_id": stamp.flow_run_id, "task_run_id": stamp.task_run_id,
               "previous_hash": previous}
        row["hash"] = previous = chain_hash(previous, content(CaseEvent(**row)))
        rows.append(row)
    session.flush()
    session.execute(insert(CaseEvent.__table__), rows)
    _noted(session)[_END] = number, previous
    return [row["id"] for row in rows]


def _end(session: Session) -> tuple[int, str]:
    """The number and the hash of the chain's last event."""
    last = session.execute(select(CaseEvent.id, CaseEvent.hash).order_by(CaseEvent.id.desc()).limit(1)).first()
    return (last.id, last.hash) if last else (0, GENESIS)


def events(session: Session, subject: str) -> list[CaseEvent]:
    """The history of one subject, oldest first."""
    return list(session.scalars(select(CaseEvent).where(CaseEvent.subject == subject).order_by(CaseEvent.id)))


def walk(session: Session, emptied: EmptiedEvents) -> Iterator[tuple[CaseEvent, list[str]]]:
    """Every event from the first to the last, each with what is wrong at its place: one sentence for each fault, none for a whole one.

    ``emptied`` gathers the events that erasures emptied, and says at the end what is wrong with them."""
    previous, expected = GENESIS, 1
    for row in written_rows(session, Base.metadata.tables[CaseEvent.__tablename__]):
        event, faults = CaseEvent(**row.values), []
        place = f"event {event.id} ({event.what} of {event.subject})"
        if event.id != expected:
            faults.append(f"event {expected} is missing: the next one found is {event.id}")
        if event.previous_hash != previous:
            faults.append(f"{place} does not follow the event before it")
        if row.fault:
            faults.append(f"{place} was changed after it was written: {row.fault}")
        elif not emptied.accounts_for(event) and chain_hash(event.previous_hash, content(event)) != event.hash:
            faults.append(f"{place} was changed after it was written")
        yield event, faults
        previous, expected = event.hash, event.id + 1


def verify(session: Session) -> list[str]:
    """Walk the whole chain; each sentence names a place where a row was changed, removed, inserted or moved. Empty: whole.

    An event that an approved erasure emptied keeps its hash, and is compared with what the erasure's own event says of it (emptied.py).
    What a chain cannot show: that its last events were cut off, or that all of it was written anew by somebody who may
    alter the table, or what became of the rows beside it. ``cme.records.verifying`` looks at these as well.
    """
    emptied = EmptiedEvents()
    return [fault for _, faults in walk(session, emptied) for fault in faults] + emptied.faults()
