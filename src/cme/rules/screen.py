"""The population screen: which pupils can have a finding that opens a case, over all marks at once.

The screen works on numbers of codes in one array (days, 2 sessions, pupils); each pupil it names is then judged by the readable
rules (``judge``), which also give the evidence. It never misses a pupil whom those rules would find: a test compares them.
Only ``continuous_absence`` and ``cumulative_absence`` open cases by themselves, so only these two are screened.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product

import numpy as np
from numpy.typing import NDArray

from cme.rules import continuous_absence, cumulative_absence
from cme.rules.book import RuleBook
from cme.rules.finding import Enrolment
from cme.rules.marks import Category, CodeTable, SessionMark
from cme.rules.possible_sessions import category_of, first_day, last_day

SESSIONS = ("AM", "PM")
_POSSIBLE, _ATTENDED, _CONTINUOUS, _CUMULATIVE = 1, 2, 4, 8

Marks = NDArray[np.uint8]
Flags = NDArray[np.uint8]


@dataclass(frozen=True)
class Legend:
    """Codes as numbers: ``codes[n]`` is the code of number n. Number 0 is a mark not entered, or a code that is not known."""

    codes: tuple[str, ...]

    @classmethod
    def of(cls, table: CodeTable) -> "Legend":
        return cls(("-", *sorted({code.code for code in table.codes})))

    def number(self, code: str) -> int:
        return self.codes.index(code) if code in self.codes else 0

    def numbers(self, marks: bytes) -> Marks:
        """The marks of a register, two bytes a pupil ("/ ", "C1"), as numbers, in the same order."""
        table = np.zeros(1 << 16, dtype=np.uint8)
        for number, code in enumerate(self.codes):
            table[int.from_bytes(code.ljust(2).encode("ascii"), "little")] = number
        return table[np.frombuffer(marks, dtype="<u2")]


def screen(marks: Marks, days: Sequence[date], enrolments: Sequence[Enrolment], as_of: date, book: RuleBook) -> NDArray[np.bool_]:
    """For each pupil, whether a rule that opens a case can find something on ``as_of``.

    ``marks`` has the shape (len(days), 2, pupils) and holds the numbers of ``Legend.of(book.codes)``; ``days`` ascend without
    repetition and should reach back to the start of the school year before; ``enrolments`` has one entry a pupil.
    """
    pupils = marks.shape[2]
    year_start = book.calendar.school_year_start(as_of)
    continuous = book.number(continuous_absence.RULE, as_of)
    cumulative = book.number(cumulative_absence.RULE, as_of)
    first = np.array([first_day(e).toordinal() for e in enrolments])
    last = np.array([last_day(e).toordinal() for e in enrolments])
    patterns = _Patterns(enrolments)
    run, halves = np.zeros(pupils, dtype=np.uint16), np.zeros(pupils, dtype=np.uint16)
    found = np.zeros(pupils, dtype=np.bool_)
    tables = _Tables(book, as_of)
    for row, day in enumerate(day for day in days if day <= as_of):
        table = tables.of(day)
        active = (first <= day.toordinal()) & (day.toordinal() <= last)
        am, pm = (patterns.kept(table[marks[row, i]], day, session) * active for i, session in enumerate(SESSIONS))
        possible = _has(am | pm, _POSSIBLE)
        missed = _missed(am, pm, _CONTINUOUS) & possible
        run[missed] += 1
        run[possible & ~missed] = 0
        if day >= year_start:
            if continuous is not None:
                found |= missed & (run >= continuous.value)
            whole = _missed(am, pm, _CUMULATIVE) & possible
            half = _has(am, _CUMULATIVE).astype(np.uint16) + _has(pm, _CUMULATIVE)
            halves += np.where(whole, np.uint16(2), half)
    if continuous is not None:       # a run of the year before that still goes on
        still_here = np.array([e.left is None or e.left >= year_start for e in enrolments], dtype=np.bool_)
        found |= (run >= continuous.value) & still_here
    if cumulative is not None:
        found |= halves >= 2 * cumulative.value
    return found


def _missed(am: Flags, pm: Flags, counted: int) -> NDArray[np.bool_]:
    """Whether every possible session of the day is one that counts (also true where none is possible)."""
    return (~_has(am, _POSSIBLE) | _has(am, counted)) & (~_has(pm, _POSSIBLE) | _has(pm, counted))


def _has(flags: Flags, bit: int) -> NDArray[np.bool_]:
    return (flags & bit).astype(np.bool_)


class _Tables:
    """What each code's number counts as on a day; made anew only where a code begins or ends."""

    def __init__(self, book: RuleBook, as_of: date) -> None:
        self._codes, self._legend = book.codes, Legend.of(book.codes)
        self._edges = sorted({edge for code in book.codes.codes for edge in (code.valid_from, code.valid_to)})
        self._by_span: dict[tuple[int, int], Flags] = {}
        counted = ((_CONTINUOUS, book.number(continuous_absence.RULE, as_of)),
                   (_CUMULATIVE, book.number(cumulative_absence.RULE, as_of)))
        self._counted = [(bit, number.codes) for bit, number in counted if number is not None]

    def of(self, day: date) -> Flags:
        # days between the same two edges, or on the same edge, have equal tables
        span = bisect_left(self._edges, day), bisect_right(self._edges, day)
        if span not in self._by_span:
            self._by_span[span] = np.array([self._flags(code, day) for code in self._legend.codes], dtype=np.uint8)
        return self._by_span[span]

    def _flags(self, code: str, day: date) -> int:
        category: Category = category_of(SessionMark(day, "AM", code), self._codes)
        if not category.possible:
            return 0
        return _POSSIBLE | _ATTENDED * category.attended | sum(bit for bit, codes in self._counted if code in codes)


class _Patterns:
    """The pupils' own patterns: outside of them nothing counts but attendance."""

    def __init__(self, enrolments: Sequence[Enrolment]) -> None:
        self._off: dict[tuple[int, str], NDArray[np.bool_]] = {}
        if any(e.expected is not None for e in enrolments):
            for weekday, session in product(range(1, 8), SESSIONS):
                self._off[weekday, session] = np.array([e.expected is not None and (weekday, session) not in e.expected
                                                        for e in enrolments])

    def kept(self, flags: Flags, day: date, session: str) -> Flags:
        off = self._off.get((day.isoweekday(), session))
        return flags if off is None else np.where(off & ~_has(flags, _ATTENDED), np.uint8(0), flags)
