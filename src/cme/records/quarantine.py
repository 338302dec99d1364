"""Rows that could not be read, each with its reason, until a person has dealt with it."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import literal_column, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cme.errors import BadInput
from cme.records.history import Stamp, record
from cme.records.tables import Quarantine


@dataclass(frozen=True)
class Refused:
    """A row to be put into quarantine. ``raw`` may hold a child's name: it stays in the database."""

    place: str
    line: int | None
    reason: str
    raw: str

    @property
    def row_hash(self) -> str:
        return hashlib.sha256(f"{self.reason}\n{self.raw}".encode()).hexdigest()


def quarantine(session: Session, school: str, source: str, rows: Iterable[Refused], at: datetime) -> int:
    """Keep the rows; returns how many are new. A row seen again only has its ``last_seen`` moved, at most once a day."""
    wanted = {(row.place, row.line, row.row_hash): row for row in rows}
    if not wanted:
        return 0
    known = {(place, line, row_hash): (row_id, last) for row_id, place, line, row_hash, last in session.execute(
        select(Quarantine.id, Quarantine.place, Quarantine.line, Quarantine.row_hash, Quarantine.last_seen)
        .where(Quarantine.school == school, Quarantine.source == source, Quarantine.place.in_({row.place for row in wanted.values()})))}
    new = insert(Quarantine)
    found = [{"school": school, "source": source, "place": row.place, "line": row.line, "reason": row.reason, "raw": row.raw,
              "row_hash": row.row_hash, "first_seen": at, "last_seen": at}
             for key, row in wanted.items() if key not in known or known[key][1].date() < at.astimezone(known[key][1].tzinfo).date()]
    if found:
        session.execute(new.on_conflict_do_update(constraint=_UNIQUE, set_={"last_seen": new.excluded.last_seen})
                        .returning(Quarantine.id, literal_column("xmax = 0")), found)
    return sum(key not in known for key in wanted)


_UNIQUE = "uq_quarantine_school_source_place_line_row_hash"


def quarantined(session: Session, school: str, *, resolved: bool = False) -> Sequence[Quarantine]:
    """The rows that wait for a person (or, with ``resolved``, all there ever were), oldest first."""
    rows = select(Quarantine).where(Quarantine.school == school).order_by(Quarantine.first_seen, Quarantine.id)
    return session.scalars(rows if resolved else rows.where(Quarantine.resolved_at.is_(None))).all()


def resolve(session: Session, school: str, number: int, stamp: Stamp, why: str) -> None:
    """A person has dealt with the row: it leaves the list, and the history says who and why. Raises BadInput for no such row."""
    row = session.scalar(select(Quarantine).where(Quarantine.id == number, Quarantine.school == school, Quarantine.resolved_at.is_(None))
                         .with_for_update())
    if row is None:
        raise BadInput(f"no row {number} waits in quarantine: see the list for the numbers")
    row.resolved_at = stamp.at
    record(session, "register", "quarantine.resolved", stamp, why, {"quarantine": row.id, "place": row.place, "line": row.line})
