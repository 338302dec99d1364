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


def settled(schools: Sequence[Enrolled], first: date, lasts: Sequence[date], newest: Sequence[int]) -> list[tuple[NDArray[np.bool_], bytes]]:
    """For each of ``schools`` and the days from ``first`` to its day in ``lasts``: which of its pupils up to its number in ``newest``
    have such a day, and what all these enrolments say of those days, as SHA-256."""
    sizes = [len(school.pupils) for school in schools]
    pupils, begin, end = (np.concatenate(columns) for columns in zip(
        *((school.pupils, school.on_roll.first, school.on_roll.last) for school in schools), strict=True))
    begin = np.maximum(begin, first.toordinal())
    end = np.minimum(end, np.repeat(np.array([last.toordinal() for last in lasts], dtype=end.dtype), sizes))
    every = (begin <= end) & (pupils <= np.repeat(newest, sizes))
    found, at = [], 0
    for school, size in zip(schools, sizes, strict=True):
        own = slice(at, at + size)
        at += size
        counts, said = every[own], hashlib.sha256()
        everybody = counts.all()
        for column in (pupils[own], begin[own], end[own]):
            said.update(column if everybody else column[counts])
        for number, pattern in enumerate(school.patterns):
            if pattern:
                said.update(repr((pattern, school.pupils[counts & (school.on_roll.pattern == number)].tolist())).encode())
        found.append((counts, said.digest()))
    return found


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


def together(schools: Sequence[Enrolled]) -> tuple[Enrolled, list[NDArray[np.int64]]]:
    """The pupils of several schools as one, and for each school its pupils' places among them."""
    written = ("", *sorted({pattern for school in schools for pattern in school.patterns if pattern}))
    pupils = np.concatenate([school.pupils for school in schools])
    order = np.argsort(pupils, kind="stable")
    columns = (np.concatenate([getattr(school.on_roll, name) for school in schools])[order] for name in ("first", "last", "left"))
    which = np.concatenate([np.array([written.index(p) for p in school.patterns])[school.on_roll.pattern] for school in schools])[order]
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order))
    return (Enrolled(pupils[order], OnRoll(*columns, which, tuple(map(expected_sessions, written))), written),
            np.split(places, np.cumsum([len(school.pupils) for school in schools])[:-1]))
