"""Rows that could not be read, each with its reason, until a person has dealt with it."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from cme.errors import BadInput
from cme.records.history import MACHINE, Stamp, record
from cme.records.tables import Quarantine
from cme.sources.source import Spot


@dataclass(frozen=True)
class Refused:
    """A row to be put into quarantine. ``raw`` may hold a child's name: it stays in the database."""

    place: str
    spot: Spot
    reason: str
    raw: str
    day: date | None = None

    @property
    def line(self) -> int | None:
        return self.spot if isinstance(self.spot, int) else None

    @property
    def record(self) -> str:
        """What a vendor calls the record."""
        return self.spot if isinstance(self.spot, str) else ""

    @property
    def row_hash(self) -> str:
        return hashlib.sha256(f"{self.reason}\n{self.raw}".encode()).hexdigest()


def quarantine(session: Session, source: str, rows: Mapping[str, Sequence[Refused]], at: datetime) -> Counter[str]:
    """Keep the rows of each school; returns how many of each are new.

    A row seen again only has its ``last_seen`` moved, once a day; a row that stands in another line since the file grew is the
    same row.
    """
    wanted = {(school, row.place, row.line, row.row_hash): row for school, own in rows.items() for row in own}
    if not wanted:
        return Counter()
    known = {(row.school, row.place, row.line, row.row_hash): row for row in session.scalars(
        select(Quarantine).where(Quarantine.school.in_({key[0] for key in wanted}), Quarantine.source == source,
                                 Quarantine.place.in_({row.place for row in wanted.values()})))}
    gone: dict[tuple[str, str, str], list[Quarantine]] = defaultdict(list)
    for key, row in known.items():
        if key not in wanted:
            gone[row.school, row.place, row.row_hash].append(row)
    new: list[dict[str, object]] = []
    new_again: Counter[str] = Counter()
    for key, refused in wanted.items():
        moved = gone[key[0], refused.place, refused.row_hash]
        seen = known.get(key) or (moved.pop() if moved else None)
        if seen is None:
            new.append({"school": key[0], "source": source, "place": refused.place, "line": refused.line,
                        "record": refused.record, "reason": refused.reason, "raw": refused.raw, "row_hash": refused.row_hash,
                        "first_seen": at, "last_seen": at, "day": refused.day})
            continue
        seen.line, seen.record = refused.line, refused.record
        if seen.resolved_by == MACHINE:         # it has come back; what a person has dealt with stays dealt with
            seen.resolved_at, seen.resolved_by, seen.resolved_why = None, "", ""
            new_again[key[0]] += 1
        if seen.last_seen.date() < at.astimezone(seen.last_seen.tzinfo).date():
            seen.last_seen = at
    session.flush()
    if new:
        session.execute(insert(Quarantine), new)
    return Counter(str(row["school"]) for row in new) + new_again


@dataclass(frozen=True)
class ReadAgain:
    """What a pull read: ``places`` are files and queries, True where also rows of no known day were read; None days: all."""

    places: Mapping[str, bool]
    days: frozenset[date] | None


def mended(session: Session, source: str, read: Mapping[str, ReadAgain], refused: Mapping[str, Sequence[Refused]], stamp: Stamp) -> Counter[str]:
    """Rows that a pull has read again and not refused again leave quarantine: they were corrected, or are gone, at their source.
    Returns how many of each school, with an event for each school."""
    read = {school: what for school, what in read.items() if what.places}
    if not read:
        return Counter()
    still = {(school, row.place, row.row_hash) for school, own in refused.items() for row in own}
    found: dict[str, list[Quarantine]] = defaultdict(list)
    for row in session.scalars(select(Quarantine).where(Quarantine.school.in_(read), Quarantine.source == source,
                                                        Quarantine.resolved_at.is_(None))):
        what = read[row.school]
        again = row.place in what.places and (what.places[row.place] if row.day is None else what.days is None or row.day in what.days)
        if again and (row.school, row.place, row.row_hash) not in still:
            row.resolved_at, row.resolved_by, row.resolved_why = stamp.at, MACHINE, "read again without a fault"
            found[row.school].append(row)
    for rows in found.values():
        record(session, "register", "quarantine.mended", stamp, f"{len(rows)} row(s) were read again without a fault",
               {"source": source, "quarantine": [row.id for row in rows]})
    return Counter({school: len(rows) for school, rows in found.items()})


def quarantined(session: Session, school: str, *, resolved: bool = False) -> Sequence[Quarantine]:
    """The rows that wait for a person (or, with ``resolved``, all there ever were), oldest first."""
    rows = select(Quarantine).where(Quarantine.school == school).order_by(Quarantine.first_seen, Quarantine.id)
    return session.scalars(rows if resolved else rows.where(Quarantine.resolved_at.is_(None))).all()


def resolve(session: Session, school: str, number: int, stamp: Stamp, why: str) -> None:
    """A person has dealt with the row: it leaves the list, and the history says who and why. Raises BadInput for no such row."""
    if not why.strip():
        raise BadInput("say why the row need not be read any more: a row leaves quarantine only with a reason")
    row = session.scalar(select(Quarantine).where(Quarantine.id == number, Quarantine.school == school,
                                                  Quarantine.resolved_at.is_(None))
                         .with_for_update())
    if row is None:
        raise BadInput(f"no row {number} waits in quarantine: see the list for the numbers")
    row.resolved_at, row.resolved_by, row.resolved_why = stamp.at, stamp.who, why
    record(session, "register", "quarantine.resolved", stamp, why, {"quarantine": row.id, "place": row.place, "line": row.line, "record": row.record})
