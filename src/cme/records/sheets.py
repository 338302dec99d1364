"""Registers as numbers, straight from their versions: no Python object is made for a mark.

PostgreSQL sends the versions roster by roster, as they lie there, without sorting or joining; which of them is the newest of its
register is found here. The registers with the same roster make a sheet: one row a session, one column a pupil.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ARRAY, BigInteger, Date, DateTime, Integer, LargeBinary, Text, any_, bindparam, case, cast, func, literal, select
from sqlalchemy.orm import Session

from cme.records.binary_rows import binary_rows
from cme.records.tables import RegisterVersion, Roster
from cme.rules.screen import SESSIONS

Numbers = NDArray[np.int64]

_VERSION = np.dtype([("version", ">i8"), ("register", ">u8"), ("session", ">i4")])
_ELEMENT = np.dtype([("length", ">i4"), ("pupil", ">i8")])
_ARRAY_HEAD = 20       # bytes before the elements of an array: dimensions, nulls, type, length, lower bound
_ODD = np.uint64(0x9E3779B97F4A7C15)
_FEW, _MANY = 250, 4_000      # pupils: a sheet of few costs more by its number than by its marks; those of many leave the processor


@dataclass(frozen=True)
class Sheet:
    """The newest registers with one roster, as far as they were asked for.

    ``sessions`` are 2 x the day's ordinal, + 1 in the afternoon, ascending, and twice where two groups have these pupils;
    ``pupils`` are the roster; ``marks`` (sessions, pupils) hold two bytes as one little-endian number.
    """

    sessions: Numbers
    pupils: Numbers
    marks: NDArray[np.uint16]

    def between(self, first: date, last: date) -> "Sheet":
        """The registers from ``first`` to ``last``."""
        begin, end = np.searchsorted(self.sessions, (2 * first.toordinal(), 2 * last.toordinal() + 2)).tolist()
        return Sheet(self.sessions[begin:end], self.pupils, self.marks[begin:end])


def sheets(session: Session, schools: Sequence[str], first: date, last: date, known_at: datetime | None = None) -> list[Sheet]:
    """The morning and afternoon registers of ``schools`` from ``first`` to ``last`` (both included), as known at ``known_at`` (None:
    now)."""
    found = [(int.from_bytes(roster, "big"), np.frombuffer(versions, dtype=_VERSION), marks) for roster, versions, marks in binary_rows(
        session, _VERSIONS, schools=list(schools), first=first, last=last, known_at=known_at)]
    if not found:
        return []
    rosters = {int.from_bytes(number, "big"): np.frombuffer(pupils[_ARRAY_HEAD:], dtype=_ELEMENT)["pupil"].astype(np.int64)
               for number, pupils in binary_rows(session, _ROSTERS, numbers=[number for number, *_ in found])}
    newest = _newest([versions for _, versions, _ in found])
    return _side_by_side([_sheet(versions, marks, rosters[number], which)
                          for (number, versions, marks), which in zip(found, newest, strict=True)])


def _versions() -> Any:
    """For each roster: of each version its number, what tells its register from others of that session, and the session; and their
    marks. Two schools' or groups' registers are told apart by a hash of 64 bits: among a thousand groups of a school, two are alike
    in one of thirty million million schools."""
    v = RegisterVersion
    nothing = cast(literal(b""), LargeBinary)
    session = cast((v.local_date - date.min) * 2 + case((v.slot == SESSIONS[1], 3), else_=2), Integer)
    register = func.hashtextextended(v.group_key, func.hashtextextended(v.school, 0))
    one = func.int8send(v.id).concat(func.int8send(register)).concat(func.int4send(session))
    known_at = func.coalesce(bindparam("known_at", None, DateTime(timezone=True)), cast(literal("infinity", Text), DateTime(timezone=True)))
    return (select(v.roster_id, func.string_agg(one, nothing), func.string_agg(v.marks, nothing))
            .where(v.school == any_(bindparam("schools", [], ARRAY(Text))), v.kind == "session", v.slot.in_(SESSIONS),
                   v.local_date.between(bindparam("first", date.min, Date), bindparam("last", date.max, Date)), v.seen_at <= known_at)
            .group_by(v.roster_id))


_VERSIONS = _versions()
_ROSTERS = select(Roster.id, Roster.pupils).where(Roster.id == any_(bindparam("numbers", [], ARRAY(BigInteger))))


def _newest(found: Sequence[NDArray[np.void]]) -> list[Numbers | slice]:
    """For each roster, which of its versions are the newest of their register."""
    every = np.concatenate(found)
    key = every["register"].astype(np.uint64) + every["session"].astype(np.uint64) * _ODD
    order = np.argsort(key)
    again = np.flatnonzero(key[order[1:]] == key[order[:-1]])
    if not len(again):
        return [slice(None)] * len(found)
    several = order[np.union1d(again, again + 1)]                 # of these registers there may be several versions
    some = every[several]
    order = np.lexsort([some["version"], some["register"], some["session"]])
    before, after = some[order[:-1]], some[order[1:]]
    overtaken = several[order[:-1][(before["session"] == after["session"]) & (before["register"] == after["register"])]]
    ends = np.cumsum([len(versions) for versions in found])
    newest: list[Numbers | slice] = [slice(None)] * len(found)
    for roster in np.unique(np.searchsorted(ends, overtaken, side="right")).tolist():
        stays = np.ones(len(found[roster]), dtype=np.bool_)
        of_roster = overtaken - (ends[roster] - len(stays))
        stays[of_roster[(of_roster >= 0) & (of_roster < len(stays))]] = False
        newest[roster] = np.flatnonzero(stays)
    return newest


def _sheet(versions: NDArray[np.void], marks: memoryview, pupils: Numbers, which: Numbers | slice) -> Sheet:
    # fails where the registers of a roster do not hold a mark for each of its pupils
    entered = np.frombuffer(marks, dtype="<u2").reshape(len(versions), len(pupils))[which]
    sessions = versions["session"].astype(np.int64)[which]
    if (sessions[1:] < sessions[:-1]).any():
        order = np.argsort(sessions, kind="stable")
        sessions, entered = sessions[order], entered[order]
    return Sheet(sessions, pupils, entered)


def _side_by_side(made: Sequence[Sheet]) -> list[Sheet]:
    """The same marks, with small sheets of the same sessions put together where no pupil stands in two of them."""
    found, alike = [], defaultdict[bytes, list[Sheet]](list)
    for sheet in made:
        if len(sheet.pupils) < _FEW:
            alike[sheet.sessions.tobytes()].append(sheet)
        else:
            found.append(sheet)
    for few in alike.values():
        at_once = _MANY // max(1, *(len(sheet.pupils) for sheet in few))
        for some in (few[n:n + at_once] for n in range(0, len(few), at_once)):
            pupils = np.concatenate([sheet.pupils for sheet in some])
            apart = len(np.unique(pupils)) == len(pupils)
            found += [Sheet(some[0].sessions, pupils, np.concatenate([sheet.marks for sheet in some], axis=1))] if apart else some
    return found
