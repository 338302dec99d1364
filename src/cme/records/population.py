"""The population as numbers, straight from the register versions: which pupils may have a finding that opens a case.

No Python object is made for a mark: the newest versions come as bytes, roster by roster, and are laid into one array of session
by pupil, which ``cme.rules.screen`` reads. Only the pupils named here need be loaded and judged by the readable rules. Where two
registers of one session disagree about a pupil, the pupil is named without asking further: the rules decide.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from itertools import repeat

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Integer, LargeBinary, Select, and_, bindparam, case, cast, func, literal, or_, select
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.elements import ColumnElement

from cme.records.binary_rows import binary_rows
from cme.records.pupils import expected_sessions
from cme.records.tables import Pupil, RegisterVersion, Roster
from cme.rules.book import RuleBook
from cme.rules.finding import Enrolment
from cme.rules.possible_sessions import compulsory_until, first_day
from cme.rules.screen import SESSIONS, Legend, screen

_AT_ONCE = 16_000      # pupils: few enough that a day of them stays in the processor's cache, enough that calls cost little
_ARRAY_HEAD = 20       # bytes before the elements of an array that PostgreSQL sends: dimensions, nulls, type, length, lower bound
_UNKNOWN = -1          # in place of a date that is not known; dates are sent as days since the first of all (date.min)
_ELEMENT = np.dtype([("length", ">i4"), ("pupil", ">i8")])

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Population:
    """Pupils with their marks as numbers of ``Legend.of(book.codes)``.

    ``pupils`` are internal numbers in ascending order, one a column of ``marks`` (days, 2 sessions, pupils) and an entry of
    ``enrolments``. ``disputed`` says for whom two registers of one session hold different marks: the array holds one of them.
    """

    pupils: Numbers
    enrolments: tuple[Enrolment, ...]
    days: tuple[date, ...]
    marks: NDArray[np.uint8]
    disputed: NDArray[np.bool_]


def candidates(session: Session, schools: Sequence[str], as_of: date, start: date, book: RuleBook,
               known_at: datetime | None = None) -> list[int]:
    """The pupils, by number and in order, in whom a rule that opens a case may find something on ``as_of``.

    Marks count from ``start`` to ``as_of``, as known at ``known_at`` (None: now). Nobody with such a finding is left out.
    """
    named: list[int] = []
    for part in populations(session, schools, as_of, start, book, known_at):
        found = screen(part.marks, part.days, part.enrolments, as_of, book) | part.disputed
        named += part.pupils[found].tolist()
    return sorted(named)


def pupils_on_roll(session: Session, schools: Sequence[str], as_of: date, start: date) -> int:
    """How many pupils are looked at: on roll at some time from ``start`` to ``as_of``."""
    return session.scalar(select(func.count()).select_from(Pupil).where(Pupil.school.in_(schools), _on_roll(as_of, start))) or 0


def populations(session: Session, schools: Sequence[str], as_of: date, start: date, book: RuleBook,
                known_at: datetime | None = None) -> Iterator[Population]:
    """The pupils of ``schools`` on roll at some time from ``start`` to ``as_of``, some thousands (whole schools) at a time."""
    legend = Legend.of(book.codes)
    for together in _parts(session, schools):
        pupils, enrolments = _enrolled(session, together, as_of, start)
        registers = binary_rows(session, _registers(as_of, start, known_at), [{"of_school": school} for school in together])
        yield _laid_out(pupils, enrolments, list(registers), start, legend)


def _on_roll(as_of: date, start: date) -> ColumnElement[bool]:
    return and_(or_(Pupil.left.is_(None), Pupil.left >= start), or_(Pupil.admitted.is_(None), Pupil.admitted <= as_of))


def _parts(session: Session, schools: Sequence[str]) -> Iterator[list[str]]:
    sizes = session.execute(select(Pupil.school, func.count()).where(Pupil.school.in_(schools)).group_by(Pupil.school)
                            .order_by(func.min(Pupil.id))).all()
    part: list[str] = []
    room = _AT_ONCE
    for school, size in sizes:
        if part and size > room:
            yield part
            part, room = [], _AT_ONCE
        part.append(school)
        room -= size
    if part:
        yield part


def _enrolled(session: Session, schools: Sequence[str], as_of: date, start: date) -> tuple[Numbers, tuple[Enrolment, ...]]:
    """The pupils in ascending order and what decides their sessions; equal enrolments are one object."""
    days = [func.int4send(func.coalesce(column - date.min, _UNKNOWN)) for column in (Pupil.admitted, Pupil.left, Pupil.born)]
    [columns] = binary_rows(session, select(*(func.string_agg(part, _nothing()) for part in (func.int8send(Pupil.id), *days)))
                            .where(Pupil.school.in_(schools), _on_roll(as_of, start)))
    pupils = np.frombuffer(columns[0], dtype=">i8").astype(np.int64)
    order = np.argsort(pupils)
    dates = [np.frombuffer(column, dtype=">i4")[order].tolist() for column in columns[1:]]
    patterns = {pupil: pattern for pupil, pattern in session.execute(select(Pupil.id, Pupil.expected_pattern).where(
        Pupil.school.in_(schools), Pupil.expected_pattern != ""))}
    enrol = cache(_enrolment)
    numbers = pupils[order]
    given = [patterns.get(pupil, "") for pupil in numbers.tolist()] if patterns else repeat("")
    return numbers, tuple([enrol(*row, as_of) for row in zip(*dates, given, strict=False)])


def _nothing() -> ColumnElement[bytes]:
    return cast(literal(b""), LargeBinary)


def _day(number: int) -> date | None:
    return None if number == _UNKNOWN else date.min + timedelta(days=number)


def _enrolment(admission: int, leaving: int, birth: int, pattern: str, as_of: date) -> Enrolment:
    admitted, left, born = _day(admission), _day(leaving), _day(birth)
    # without an admission date the first mark stands for it, and before that there is nothing to count
    given = Enrolment(admitted or date.min, left, born, expected=expected_sessions(pattern))
    if born is None or compulsory_until(born) < as_of:
        return given
    return Enrolment(first_day(given), left, expected=given.expected)      # the same days, without asking the age of each again


def _registers(as_of: date, start: date, known_at: datetime | None) -> Select[tuple[bytes, bytes, bytes]]:
    """For each roster of a school (parameter ``of_school``): its pupils, its sessions as numbers (2 x days since ``start``,
    + 1 in the afternoon), and their marks. The two aggregates read the same rows in the same order."""
    v = RegisterVersion
    newest = (select(v.roster_id, v.local_date, v.slot, v.marks)
              .where(v.school == bindparam("of_school", ""), v.kind == "session", v.slot.in_(SESSIONS), v.local_date.between(start, as_of))
              .distinct(v.local_date, v.slot, v.group_key).order_by(v.local_date, v.slot, v.group_key, v.id.desc()))
    if known_at:
        newest = newest.where(v.seen_at <= known_at)
    one = aliased(RegisterVersion, newest.subquery())
    number = cast((one.local_date - start) * 2 + case((one.slot == SESSIONS[1], 1), else_=0), Integer)
    return (select(func.array_send(Roster.pupils), func.string_agg(func.int4send(number), _nothing()),
                   func.string_agg(one.marks, _nothing()))
            .join(one, one.roster_id == Roster.id).group_by(Roster.id))


def _laid_out(pupils: Numbers, enrolments: tuple[Enrolment, ...], registers: Sequence[Sequence[bytes]], start: date,
              legend: Legend) -> Population:
    sessions = [np.frombuffer(row[1], dtype=">i4") for row in registers]
    days = np.unique(np.concatenate([*sessions, np.empty(0, dtype=">i4")]) // 2)
    # one column more than there are pupils: for those who stand in a register and are not looked at
    marks = np.zeros((2 * len(days), len(pupils) + 1), dtype=np.uint8)
    disputed = np.zeros(len(pupils) + 1, dtype=np.bool_)
    entered_marks = legend.numbers(b"".join([row[2] for row in registers]))
    at = 0
    for (roster, _, codes), numbers in zip(registers, sessions, strict=True):
        rows = 2 * np.searchsorted(days, numbers // 2) + numbers % 2
        columns = _columns(pupils, np.frombuffer(roster, dtype=_ELEMENT, offset=_ARRAY_HEAD)["pupil"] if len(roster) > _ARRAY_HEAD
                           else np.empty(0, dtype=np.int64))
        entered = entered_marks[at:at + len(codes) // 2].reshape(len(rows), len(columns))
        at += len(codes) // 2
        if len(np.unique(rows)) == len(rows):
            _lay(marks, disputed, rows, columns, entered)
        else:                                  # two groups with the same pupils in one session
            for one in range(len(rows)):
                _lay(marks, disputed, rows[one:one + 1], columns, entered[one:one + 1])
    return Population(pupils, enrolments, tuple(start + timedelta(days=int(day)) for day in days),
                      marks.reshape(len(days), 2, len(pupils) + 1)[:, :, :-1], disputed[:-1])


def _columns(pupils: Numbers, roster: Numbers) -> Numbers:
    at = np.searchsorted(pupils, roster)
    known = np.append(pupils, -1)[at] == roster
    return np.where(known, at, len(pupils))


def _lay(marks: NDArray[np.uint8], disputed: NDArray[np.bool_], rows: Numbers, columns: Numbers, entered: NDArray[np.uint8]) -> None:
    """Put the marks of one roster's sessions into their place: an entered mark beats one not entered."""
    first, last = (int(columns[0]), int(columns[-1])) if len(columns) else (0, -1)
    side_by_side = last - first + 1 == len(columns) and bool((np.diff(columns) == 1).all())
    place = (rows, slice(first, last + 1)) if side_by_side else np.ix_(rows, columns)
    held = marks[place]
    if held.any():
        clash = (held != 0) & (entered != 0) & (held != entered)
        disputed[columns[clash.any(axis=0)]] = True
        entered = np.where(entered != 0, entered, held)
    marks[place] = entered
