"""Registers as numbers, straight from their versions: no Python object is made for a mark.

PostgreSQL sends every version as it lies there, without sorting or joining; which of them is the newest of its register is found
here. The registers with the same roster make a sheet: one row a session, one column a pupil.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from cme.records.binary_rows import binary_rows, rows_as_sent
from cme.records.tables import RegisterVersion, Roster
from cme.rules.screen import SESSIONS

Numbers = NDArray[np.int64]

# a row of _versions as it is sent: the length of each field before it, at last that of the marks
_HEAD = np.dtype([("fields", ">i2"), *((f"{name}{part}", kind) for name, kind in (
    ("roster", ">i8"), ("version", ">i8"), ("day", ">i4"), ("slot", "S2"), ("group", ">u8"), ("group_again", ">u8"))
    for part, kind in (("_length", ">i4"), ("", kind))), ("marks_length", ">i4")])
_ELEMENT = np.dtype([("length", ">i4"), ("pupil", ">i8")])
_ARRAY_HEAD = 20       # bytes before the elements of an array: dimensions, nulls, type, length, lower bound
_FIRST_DAY = date(2000, 1, 1).toordinal()      # PostgreSQL sends a day as its distance from this one
_ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Sheet:
    """The newest registers with one roster, as far as they were asked for.

    ``sessions`` are 2 x the day's ordinal, + 1 in the afternoon, in no order, and twice where two groups have these pupils;
    ``pupils`` are the roster; ``marks`` (sessions, pupils) hold two bytes as one little-endian number.
    """

    sessions: Numbers
    pupils: Numbers
    marks: NDArray[np.uint16]

    def between(self, first: date, last: date) -> "Sheet":
        """The registers from ``first`` to ``last``."""
        here = (self.sessions >= 2 * first.toordinal()) & (self.sessions <= 2 * last.toordinal() + 1)
        return self if here.all() else Sheet(self.sessions[here], self.pupils, self.marks[here])


def sheets(session: Session, schools: Sequence[str], first: date, last: date, known_at: datetime | None = None) -> list[Sheet]:
    """The morning and afternoon registers of ``schools`` from ``first`` to ``last`` (both included), as known at ``known_at`` (None:
    now)."""
    rows = rows_as_sent(session, _versions(schools, first, last, known_at))
    if not rows:
        return []
    heads = np.frombuffer(b"".join([row[:_HEAD.itemsize] for row in rows]), dtype=_HEAD)
    sessions = 2 * (heads["day"].astype(np.int64) + _FIRST_DAY) + (heads["slot"] == SESSIONS[1].encode())
    newest = _newest(heads, sessions)
    by_roster = newest[np.argsort(heads["roster"][newest], kind="stable")]
    numbers, begin = np.unique(heads["roster"][by_roster], return_index=True)
    rosters = _rosters(session, numbers)
    return [_sheet(rows, sessions, of_roster, rosters[number])
            for number, of_roster in zip(numbers.tolist(), np.split(by_roster, begin[1:]), strict=True)]


def _versions(schools: Sequence[str], first: date, last: date, known_at: datetime | None) -> Select[tuple[object, ...]]:
    v = RegisterVersion
    of_school = (func.hashtextextended(v.school, seed) for seed in (0, 1))
    found = (select(v.roster_id, v.id, v.local_date, v.slot, *(func.hashtextextended(v.group_key, seed) for seed in of_school), v.marks)
             .where(v.school.in_(schools), v.kind == "session", v.slot.in_(SESSIONS), v.local_date.between(first, last)))
    return found.where(v.seen_at <= known_at) if known_at else found


def _newest(heads: NDArray[np.void], sessions: Numbers) -> Numbers:
    """Which rows are the newest of their register. A register is told by its session and by school and group, of which two
    independent hashes of 64 bits are sent: that two groups have both alike will not happen."""
    key = heads["group"].astype(np.uint64) + sessions.astype(np.uint64) * _ODD
    ordered = np.sort(key)
    if not (ordered[1:] == ordered[:-1]).any():
        return np.arange(len(heads))
    order = np.lexsort([heads["version"], heads["group_again"], heads["group"], sessions])
    same = [np.diff(column[order]) == 0 for column in (sessions, heads["group"].astype(np.uint64), heads["group_again"].astype(np.uint64))]
    return np.sort(order[~np.append(np.logical_and.reduce(same), False)])


def _rosters(session: Session, numbers: Numbers) -> dict[int, Numbers]:
    found = binary_rows(session, select(Roster.id, Roster.pupils).where(Roster.id.in_(numbers.tolist())))
    return {int.from_bytes(number, "big"): np.frombuffer(pupils[_ARRAY_HEAD:], dtype=_ELEMENT)["pupil"].astype(np.int64)
            for number, pupils in found}


def _sheet(rows: Sequence[bytes], sessions: Numbers, which: Numbers, pupils: Numbers) -> Sheet:
    together = np.frombuffer(b"".join([rows[row] for row in which.tolist()]), dtype="<u2").reshape(len(which), -1)
    marks = together[:, _HEAD.itemsize // 2:]
    if marks.shape[1] != len(pupils):
        raise ValueError("a register's marks are not as many as the pupils of its roster")
    return Sheet(sessions[which], pupils, marks)
