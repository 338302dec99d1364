"""The population screen: which pupils can have a finding that opens a case, over all marks at once.

The screen works on numbers of codes in one array (days, 2 sessions, pupils); each pupil it names is then judged by the readable
rules (``judge``), which also give the evidence. It never misses a pupil whom those rules would find: a test compares them.
Only ``continuous_absence`` and ``cumulative_absence`` open cases by themselves, so only these two are screened.

Two things make it quick. Nobody with fewer counted marks than the lower of the two numbers can be found, so most pupils are left
after their counted marks were counted (``could_reach``). And where pupils stand after a day (``Standing``) is all that the days
after it need, so that a screen can go on from there.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cme.rules import continuous_absence, cumulative_absence
from cme.rules.book import RuleBook
from cme.rules.marks import Category, SessionMark
from cme.rules.numbered_marks import Legend, Marks, how_many
from cme.rules.on_roll import Chosen, OnRoll
from cme.rules.possible_sessions import category_of

SESSIONS = ("AM", "PM")
_POSSIBLE, _ATTENDED, _CONTINUOUS, _CUMULATIVE = 1, 2, 4, 8     # what a mark counts as
_MISSED, _UNBROKEN, _HALVES = 1, 2, 2                          # what a day came to: two flags, and above them its half days (0 to 2)
_TOGETHER = 4096                                               # pupils whose marks of a year stay near the processor

Flags = NDArray[np.uint8]
Who = NDArray[np.bool_]


@dataclass(frozen=True)
class Standing:
    """How pupils stand after a day: the whole days in a row that they have missed, the half days missed in the school year so
    far, and whether a run of this school year has reached its number."""

    run: NDArray[np.uint16]
    halves: NDArray[np.uint16]
    reached: Who

    @classmethod
    def none(cls, pupils: int) -> "Standing":
        run, halves = np.zeros((2, pupils), dtype=np.uint16)
        return cls(run, halves, np.zeros(pupils, dtype=np.bool_))

    def of(self, who: Chosen) -> "Standing":
        return Standing(self.run[who], self.halves[who], self.reached[who])

    def put(self, who: Chosen, others: "Standing") -> "Standing":
        """The same, but with the pupils ``who`` standing as ``others`` do."""
        run, halves, reached = self.run.copy(), self.halves.copy(), self.reached.copy()
        run[who], halves[who], reached[who] = others.run, others.halves, others.reached
        return Standing(run, halves, reached)


class Screening:
    """The screen of one day by one book: what each code counts as on each day, and what the two rules ask for."""

    def __init__(self, book: RuleBook, as_of: date) -> None:
        self.as_of, self.year_start = as_of, book.calendar.school_year_start(as_of)
        self.codes, self.legend = book.codes, Legend.of(book.codes)
        self.continuous = book.number(continuous_absence.RULE, as_of)
        self.cumulative = book.number(cumulative_absence.RULE, as_of)
        self._counted = [(bit, number.codes) for bit, number in ((_CONTINUOUS, self.continuous), (_CUMULATIVE, self.cumulative))
                         if number is not None]
        self.counted_codes = sorted(frozenset[str]().union(*(codes for _, codes in self._counted)))
        self._halves = max(2 * self.cumulative.value, 1) if self.cumulative else 1       # fewer have all who are not certain
        self._longest = self.continuous.value if self.continuous else 0
        self._most = self._halves * (self._longest + 1)
        self.packed_type = np.min_scalar_type(self._most)
        self._edges = sorted({edge for code in book.codes.codes for edge in (code.valid_from, code.valid_to)})
        self._flags: dict[tuple[int, int], Flags] = {}
        self._outcomes: dict[tuple[int, int], Flags] = {}

    def could_reach(self, counted: NDArray[np.uint16], before: Standing) -> Who:
        """Who may be found, by how many counted marks each has on the days after ``before``: a day in a row takes one at least,
        and so do two half days."""
        found = before.reached.copy()
        if self.continuous is not None:
            found |= before.run + counted >= self.continuous.value
        if self.cumulative is not None:
            found |= before.halves + 2 * counted >= 2 * self.cumulative.value
        return found

    def certain(self, standing: Standing) -> Who:
        """Who is found on every later day of the school year, whatever it brings: a number of the year that is reached stays reached."""
        certain = standing.reached.copy()
        if self.cumulative is not None:
            certain |= standing.halves >= 2 * self.cumulative.value
        return certain

    def packed(self, standing: Standing) -> NDArray[np.unsignedinteger[Any]]:
        """All that matters of how pupils stand, as one number each: 0 for whoever is certain to be found; a run counts no further than
        to its number."""
        run = np.minimum(standing.run, self._longest).astype(np.promote_types(self.packed_type, np.uint16))
        return np.where(self.certain(standing), 0, 1 + standing.halves + self._halves * run).astype(self.packed_type)

    def unpacked(self, numbers: NDArray[np.unsignedinteger[Any]]) -> Standing:
        """Where the pupils stand whose standing was ``packed``."""
        run, halves = np.array(np.divmod(np.maximum(np.arange(1 + self._most), 1) - 1, self._halves), dtype=np.uint16)
        return Standing(run.take(numbers), halves.take(numbers), numbers == 0)

    def after(self, before: Standing, marks: Marks, days: Sequence[date], on_roll: OnRoll) -> Standing:
        """How the pupils of ``on_roll``, who stood as ``before``, stand after ``days`` (in order) with ``marks`` (days, 2,
        pupils)."""
        outcome = self._outcomes_of(marks, days, on_roll)
        missed, unbroken = outcome & _MISSED, (outcome & _UNBROKEN) >> 1
        runs = np.empty(missed.shape, dtype=np.uint16)
        run = before.run
        for row in range(len(days)):
            run = np.add(run, missed[row], out=runs[row])
            run *= unbroken[row]
        this_year = bisect_left(days, self.year_start)
        halves = np.add.reduce(outcome[this_year:] >> _HALVES, axis=0, dtype=np.uint16)
        reached = before.reached
        if self.continuous is not None:
            reached = reached | ((runs[this_year:] >= self.continuous.value) & missed[this_year:].view(np.bool_)).any(axis=0)
        return Standing(run.copy(), before.halves + halves, reached)

    def found(self, standing: Standing, on_roll: OnRoll) -> Who:
        """Of the pupils who stand so on ``as_of``: in whom a rule that opens a case finds something."""
        found = self.certain(standing)
        if self.continuous is not None:       # a run of the year before that still goes on
            found |= (standing.run >= self.continuous.value) & (on_roll.left >= self.year_start.toordinal())
        return found

    def worst(self, one: Marks, other: Marks, day: date) -> Marks:
        """Of two different marks of a pupil in one session, the one with which more is found: whichever of them the rules take,
        nobody is missed."""
        flags = self._flags_on(day)
        rank = np.where(flags & (_CONTINUOUS | _CUMULATIVE), 3, np.where(flags & _POSSIBLE, np.where(flags & _ATTENDED, 0, 1), 2))
        chosen = np.where(rank[one] >= rank[other], one, other)
        return np.where(rank[chosen] == 3, np.uint8(self.legend.either), chosen)

    def _outcomes_of(self, marks: Marks, days: Sequence[date], on_roll: OnRoll) -> Flags:
        """What each day comes to for each pupil (days, pupils)."""
        outcome = np.empty((len(days), marks.shape[2]), dtype=np.uint8)
        if on_roll.has_patterns:
            marks = marks.copy()
            for row, day in enumerate(days):
                # outside of a pupil's own pattern nothing counts but attendance
                attended = (self._flags_on(day) & _ATTENDED).astype(np.bool_)
                for at, session in enumerate(SESSIONS):
                    marks[row, at][on_roll.not_expected(day.isoweekday(), session) & ~attended[marks[row, at]]] = 0
        pairs = marks[:, 0].astype(np.uint16)
        pairs *= len(self.legend.codes) + 1
        pairs += marks[:, 1]
        first = 0
        for _, same in groupby(days, self._span):
            last = first + sum(1 for _ in same)
            self._outcome(days[first]).take(pairs[first:last], out=outcome[first:last], mode="clip")
            first = last
        if not on_roll.throughout(days):
            outcome[~on_roll.on(days)] = _UNBROKEN
        return outcome

    def _span(self, day: date) -> tuple[int, int]:
        # days between the same two edges, or on the same edge, have equal tables
        return bisect_left(self._edges, day), bisect_right(self._edges, day)

    def _flags_on(self, day: date) -> Flags:
        """What each number counts as on a day."""
        span = self._span(day)
        if span not in self._flags:
            either = _POSSIBLE | _CONTINUOUS | _CUMULATIVE
            self._flags[span] = np.array([*(self._flags_of(code, day) for code in self.legend.codes), either], dtype=np.uint8)
        return self._flags[span]

    def _flags_of(self, code: str, day: date) -> int:
        category: Category = category_of(SessionMark(day, "AM", code), self.codes)
        if not category.possible:
            return 0
        return _POSSIBLE | _ATTENDED * category.attended | sum(bit for bit, codes in self._counted if code in codes)

    def _outcome(self, day: date) -> Flags:
        """What a day comes to, for each pair of numbers: the morning's times the count of all, plus the afternoon's."""
        span = self._span(day)
        if span not in self._outcomes:
            flags = self._flags_on(day)
            am, pm = np.repeat(flags, len(flags)), np.tile(flags, len(flags))
            possible = _has(am | pm, _POSSIBLE)
            missed = _missed(am, pm, _CONTINUOUS) & possible
            whole = _missed(am, pm, _CUMULATIVE) & possible
            halves = np.where(whole, 2, _has(am, _CUMULATIVE).astype(np.uint8) + _has(pm, _CUMULATIVE))
            self._outcomes[span] = (_MISSED * missed + _UNBROKEN * (missed | ~possible) + (halves << _HALVES)).astype(np.uint8)
        return self._outcomes[span]


def screen(marks: Marks, days: Sequence[date], on_roll: OnRoll, as_of: date, book: RuleBook) -> Who:
    """For each pupil, whether a rule that opens a case can find something on ``as_of``.

    ``marks`` has the shape (len(days), 2, pupils) and holds the numbers of ``Legend.of(book.codes)``; ``days`` ascend without
    repetition and should reach back to the start of the school year before; ``on_roll`` holds the pupils in the same order.
    """
    screening = Screening(book, as_of)
    until = [day for day in days if day <= as_of]
    found = np.zeros(marks.shape[2], dtype=np.bool_)
    numbers = [screening.legend.number(code) for code in screening.counted_codes] + [screening.legend.either]
    for first in range(0, marks.shape[2], _TOGETHER):
        some = marks[:len(until), :, first:first + _TOGETHER]
        counted = how_many(some.reshape(2 * len(until), some.shape[2]), numbers)
        may = np.flatnonzero(screening.could_reach(counted, Standing.none(len(counted))))
        them = on_roll.of(first + may)
        found[first + may] = screening.found(screening.after(Standing.none(len(may)), some[:, :, may], until, them), them)
    return found


def _missed(am: Flags, pm: Flags, counted: int) -> Who:
    """Whether every possible session of the day is one that counts (also true where none is possible)."""
    return (~_has(am, _POSSIBLE) | _has(am, counted)) & (~_has(pm, _POSSIBLE) | _has(pm, counted))


def _has(flags: Flags, bit: int) -> Who:
    return (flags & bit).astype(np.bool_)
