"""Who is looked at: the pupils of whole schools with what decides their sessions, as numbers side by side."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ARRAY, Date, LargeBinary, Text, and_, any_, bindparam, cast, func, literal, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from cme.records.binary_rows import binary_rows
from cme.records.pupils import expected_sessions
from cme.records.tables import Pupil
from cme.rules.on_roll import NOT_KNOWN, OnRoll

_PUPIL = np.dtype([("pupil", ">i8"), ("admitted", ">i4"), ("left", ">i4"), ("born", ">i4")])


@dataclass(frozen=True)
class Enrolled:
    """Pupils by number, ascending, and their enrolments in the same order; ``patterns`` are their own patterns as they are
    written, place for place those of ``on_roll``."""

    pupils: NDArray[np.int64]
    on_roll: OnRoll
    patterns: tuple[str, ...]

    def digest(self, first: date, last: date, newest: int) -> bytes:
        """What these enrolments say of the days from ``first`` to ``last``, of the pupils up to number ``newest``, as SHA-256."""
        begin = np.maximum(self.on_roll.first, first.toordinal())
        end = np.minimum(self.on_roll.last, last.toordinal())
        counts = (begin <= end) & (self.pupils <= newest)
        said = hashlib.sha256()
        everybody = bool(counts.all())
        for column in (self.pupils, begin, end):
            said.update((column if everybody else column[counts]).astype("<i8").tobytes())
        for number, pattern in enumerate(self.patterns):
            if pattern:
                said.update(repr((pattern, self.pupils[counts & (self.on_roll.pattern == number)].tolist())).encode())
        return said.digest()


def on_roll_between(start: Any, as_of: Any) -> ColumnElement[bool]:
    """Whether a pupil was on roll at some time from ``start`` to ``as_of``, as far as is known."""
    return and_(or_(Pupil.left.is_(None), Pupil.left >= start), or_(Pupil.admitted.is_(None), Pupil.admitted <= as_of))


def enrolled(session: Session, schools: Sequence[str], as_of: date, start: date) -> dict[str, Enrolled]:
    """By school: the pupils on roll at some time from ``start`` to ``as_of``. A school without such pupils is left out."""
    return {str(school, "utf-8"): _side_by_side(np.frombuffer(records, dtype=_PUPIL), json.loads(bytes(written) or b"{}"))
            for school, records, written in binary_rows(session, _PUPILS, schools=list(schools), as_of=as_of, start=start)}


def _pupils() -> Any:
    """For each school its pupils, each as one record, and the patterns of those who have one of their own."""
    record: ColumnElement[Any] = func.int8send(Pupil.id)
    for day in (Pupil.admitted, Pupil.left, Pupil.born):
        record = record.concat(func.int4send(func.coalesce(day - date.min + 1, NOT_KNOWN)))
    patterns = func.json_object_agg(Pupil.id, Pupil.expected_pattern).filter(Pupil.expected_pattern != "")
    return (select(Pupil.school, func.string_agg(record, cast(literal(b""), LargeBinary)), patterns)
            .where(Pupil.school == any_(bindparam("schools", [], ARRAY(Text))),
                   on_roll_between(bindparam("start", date.min, Date), bindparam("as_of", date.max, Date))).group_by(Pupil.school))


_PUPILS = _pupils()


def _side_by_side(rows: NDArray[np.void], patterns: dict[str, str]) -> Enrolled:
    written = ("", *sorted(set(patterns.values())))
    order = np.argsort(rows["pupil"].astype(np.int64))
    pupils = rows["pupil"].astype(np.int64)[order]
    which = np.zeros(len(pupils), dtype=np.intp)
    which[np.searchsorted(pupils, list(map(int, patterns)))] = [written.index(pattern) for pattern in patterns.values()]
    admitted, left, born = (rows[name].astype(np.int32)[order] for name in ("admitted", "left", "born"))
    return Enrolled(pupils, OnRoll.of_days(admitted, left, born, which, tuple(map(expected_sessions, written))), written)


def together(schools: Sequence[Enrolled]) -> Enrolled:
    """The pupils of several schools as one."""
    written = ("", *sorted({pattern for school in schools for pattern in school.patterns if pattern}))
    pupils = np.concatenate([school.pupils for school in schools])
    order = np.argsort(pupils, kind="stable")
    columns = (np.concatenate([getattr(school.on_roll, name) for school in schools])[order] for name in ("first", "last", "left"))
    which = np.concatenate([np.array([written.index(p) for p in school.patterns])[school.on_roll.pattern] for school in schools])[order]
    return Enrolled(pupils[order], OnRoll(*columns, which, tuple(map(expected_sessions, written))), written)
