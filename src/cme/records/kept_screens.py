"""Where the screen of each school stood at an earlier day, so that a check need not read the year so far again.

A cache: without any of its rows every answer is the same, only slower. What is kept is used for a school only if

* everything that decides is as it was: the codes, the two numbers, the school year, the days from which marks count (the
  fingerprint), and what the enrolments say of the days until then (the proof, which covers what is kept as well); and
* no register version with a number above the highest that was read then (``versions``) is of a day until then.

Else that school is screened anew from all its registers. What was known in the past (a replay) never asks here.

Two are kept of each school. Most corrections are of the last days: the screen of some days ago then still holds, and a check reads
no more than these days. Where it does not, the check goes on from that of some weeks ago, and makes both anew.

A version's number is given before it is committed, so a lower number may come to light later than a higher one. Nothing is kept,
therefore, while anybody else is writing registers: who holds a number writes, and who writes holds PostgreSQL's lock for it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ARRAY, BigInteger, Boolean, Date, LargeBinary, Text, any_, bindparam, cast, delete, func, select, text
from sqlalchemy.orm import Session

from cme.records.arrays import among
from cme.records.binary_copy import copy_rows
from cme.records.binary_rows import binary_rows
from cme.records.enrolments import Enrolled, settled
from cme.records.tables import Pupil, RegisterVersion, ScreenState
from cme.rules.screen import SESSIONS, Screening

_RECENT = 4             # days after which most registers are as they will stay
_ALGORITHM = 2          # to be raised whenever equal marks may give another standing
_OTHERS_WRITE = text("SELECT current_setting('transaction_isolation') <> 'read committed' OR EXISTS (SELECT FROM pg_locks "
                     "WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND relation = 'register_version'::regclass "
                     "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
                     "AND pid IS DISTINCT FROM pg_backend_pid())")
_ONE_AFTER_THE_OTHER = text("LOCK TABLE screen_state IN SHARE ROW EXCLUSIVE MODE")        # whoever only reads does not wait


@dataclass(frozen=True)
class KeptScreen:
    """How the pupils of a school stood at the end of ``settled``, packed (``Screening.packed``): of those of its pupils (in
    order) who had had a day on roll by then."""

    settled: date
    pupils: NDArray[np.bool_]
    standing: NDArray[np.unsignedinteger[Any]]


class Keeper:
    """What is kept, for one check: what it may go on from, and what it leaves behind. To be made before anything else is read.

    Left behind is how the screen stands ``settled_after`` days ago, and ``_RECENT`` days ago. ``settled_after`` None: nothing is left
    behind, and nothing written.
    """

    def __init__(self, session: Session, screening: Screening, start: date, settled_after: int | None) -> None:
        self._session, self._start = session, start
        self._fingerprint = _fingerprint(screening, start)
        after = {False: settled_after, True: min(_RECENT, settled_after)} if settled_after is not None else {}
        self._settled = {recent: screening.as_of - timedelta(days=days + 1) for recent, days in after.items()}
        self._as_of, self._packed_type = screening.as_of, screening.packed_type
        self._rows: list[dict[str, Any]] = []
        if self._settled:
            # in this order: what is committed after the highest number was read, was either being written then or has a higher one
            self._versions = session.scalar(select(func.max(RegisterVersion.id))) or 0
            if session.scalar(_OTHERS_WRITE):
                self._settled = {}
            self._newest_pupil = session.scalar(select(func.max(Pupil.id))) or 0

    def usable(self, pupils: Mapping[str, Enrolled]) -> dict[str, KeptScreen]:
        """The schools whose screen can go on from where it was kept, and from the latest day of which that is true; ``pupils`` are
        all their pupils now."""
        found: dict[str, KeptScreen] = {}
        for recent in (True, False):
            found |= self._usable({school: own for school, own in pupils.items() if school not in found}, recent)
        return found

    def _usable(self, pupils: Mapping[str, Enrolled], recent: bool) -> dict[str, KeptScreen]:
        if not pupils:
            return {}
        rows = [_Row.received(*fields) for fields in binary_rows(self._session, _ROWS, schools=list(pupils), recent=recent,
                                                                 fingerprint=self._fingerprint, first=self._start, last=self._as_of)]
        overtaken = self._overtaken(rows)
        rows = [row for row in rows if row.school not in overtaken]
        if not rows:
            return {}
        now = settled([pupils[row.school] for row in rows], self._start, [row.settled for row in rows], [row.newest_pupil for row in rows])
        return {row.school: KeptScreen(row.settled, who, np.frombuffer(row.standing, dtype=self._packed_type))
                for row, (who, said) in zip(rows, now, strict=True)
                if row.proof == _proof(row.settled, row.versions, row.newest_pupil, said, row.standing)}

    def _overtaken(self, rows: Sequence["_Row"]) -> set[str]:
        """The schools with a later version of a register that had been read."""
        if not rows:
            return set()
        by_school = {row.school: row for row in rows}
        v = RegisterVersion
        later = self._session.execute(select(v.school, v.id, v.local_date).where(
            v.id > min(row.versions for row in rows), v.local_date.between(self._start, max(row.settled for row in rows)),
            v.kind == "session", v.slot.in_(SESSIONS), among(v.school, by_school)))
        return {school for school, version, day in later
                if (row := by_school.get(school)) and version > row.versions and day <= row.settled}

    def due(self, first: date) -> list[date]:
        """At the ends of which days, in order, the screen of schools that are read from ``first`` on is to be kept."""
        return sorted({day for day in self._settled.values() if day >= first})

    def note(self, day: date, schools: Mapping[str, Enrolled], standing: Mapping[str, NDArray[np.unsignedinteger[Any]]]) -> None:
        """How the pupils of ``schools`` stand at the end of ``day``, one of those due, school by school (packed)."""
        many = len(schools)
        of_schools = settled(list(schools.values()), self._start, [day] * many, [self._newest_pupil] * many)
        for school, (who, said) in zip(schools, of_schools, strict=True):
            held = standing[school][who].tobytes()
            proof = _proof(day, self._versions, self._newest_pupil, said, held)
            self._rows += [{"school": school, "recent": recent, "fingerprint": self._fingerprint, "settled": day, "versions": self._versions,
                            "newest_pupil": self._newest_pupil, "standing": held, "proof": proof}
                           for recent, settled_then in self._settled.items() if settled_then == day]

    def keep(self) -> None:
        """Write what was noted, in the session's transaction. Of two checks at once the later one waits, and then has the last word:
        both are right."""
        if not self._rows:
            return
        self._session.execute(_ONE_AFTER_THE_OTHER)
        for recent in self._settled:
            self._session.execute(delete(ScreenState).where(
                ScreenState.recent == recent, among(ScreenState.school, (row["school"] for row in self._rows if row["recent"] == recent))))
        copy_rows(self._session, ScreenState, self._rows)


def _proof(settled: date, versions: int, newest_pupil: int, enrolments: bytes, standing: bytes | memoryview) -> bytes:
    said = hashlib.sha256(repr((settled, versions, newest_pupil, enrolments)).encode())
    said.update(standing)
    return said.digest()


def _fingerprint(screening: Screening, start: date) -> bytes:
    numbers = [(number.value, sorted(number.codes)) if number else None for number in (screening.continuous, screening.cumulative)]
    codes = sorted((c.code, c.category.value, c.valid_from, c.valid_to) for c in screening.codes.codes)
    return hashlib.sha256(repr((_ALGORITHM, start, screening.year_start, numbers, codes)).encode()).digest()


@dataclass(frozen=True)
class _Row:
    """A row of ``ScreenState`` as it was kept, copied no more than once."""

    school: str
    settled: date
    versions: int
    newest_pupil: int
    standing: memoryview
    proof: bytes

    @classmethod
    def received(cls, school: memoryview, settled: memoryview, versions: memoryview, newest_pupil: memoryview, standing: memoryview,
                 proof: memoryview) -> "_Row":
        """A row from the bytes of its fields, numbers as 8 bytes."""
        day, number, pupil = (int.from_bytes(field, "big") for field in (settled, versions, newest_pupil))
        return cls(str(school, "utf-8"), date.fromordinal(day), number, pupil, standing, bytes(proof))


def _rows() -> Any:
    s = ScreenState
    day = cast(s.settled - date.min + 1, BigInteger)
    return select(s.school, day, s.versions, s.newest_pupil, s.standing, s.proof).where(
        s.school == any_(bindparam("schools", [], ARRAY(Text))), s.recent == bindparam("recent", False, Boolean),
        s.fingerprint == bindparam("fingerprint", b"", LargeBinary),
        s.settled.between(bindparam("first", date.min, Date), bindparam("last", date.max, Date)))


_ROWS = _rows()
