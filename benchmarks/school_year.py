"""A made-up school year of marks, the same at every call: P pupils, 190 school days, two sessions, one byte a mark.

Pupils differ in how often they are away; absences come in spells with one code; there are half days, dual registration, days on
which the school is closed, joiners and leavers, and single marks of any code.
"""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cme.config.policies import load
from cme.rules.book import RuleBook
from cme.rules.marks import Category
from cme.rules.numbered_marks import Legend

FIRST, LAST = date(2025, 9, 1), date(2026, 8, 31)
PUPILS_A_SCHOOL = 1000
NEVER = 255                                   # no day: a threshold not reached
_POSSIBLE, _ABSENT, _COUNTED = 1, 2, 4
# what a spell puts in the morning and in the afternoon, and how often
_SPELLS = (("I", "I", .38), ("M", "/", .08), ("/", "M", .06), ("N", "N", .07), ("O", "O", .13), ("G", "G", .05), ("U", "\\", .07),
           ("C", "C", .05), ("E", "E", .02), ("C1", "C1", .01), ("J1", "J1", .01), ("B", "B", .02), ("V", "V", .02),
           ("X", "X", .01), ("N", "-", .01), ("O", "\\", .01))


@dataclass(frozen=True)
class SchoolYear:
    """``marks`` has the shape (days, 2, pupils); its numbers are those of ``Legend.of(book.codes)``. A pupil who joins late or
    leaves early has no mark outside of the days from ``joined`` to ``left`` (numbers of days; the last one included)."""

    marks: NDArray[np.uint8]
    joined: NDArray[np.uint8]
    left: NDArray[np.uint8]
    book: RuleBook

    @property
    def pupils(self) -> int:
        return self.marks.shape[2]

    @cached_property
    def days(self) -> list[date]:
        return school_days(self.book)

    @cached_property
    def codes(self) -> tuple[str, ...]:
        return Legend.of(self.book.codes).codes

    @cached_property
    def meaning(self) -> NDArray[np.uint8]:
        """For each number of a code: 1 a possible session, + 2 absent, + 4 counts towards both thresholds."""
        counted = self._number("continuous_absence").codes
        assert counted == self._number("cumulative_absence").codes, "the queries of this benchmark count one set of codes"
        tables = [[self._meaning(code, day, counted) for code in self.codes] for day in (self.days[0], self.days[-1])]
        assert tables[0] == tables[1], "no code may begin or end in the year of this benchmark"
        return np.array(tables[0], dtype=np.uint8)

    def _meaning(self, code: str, day: date, counted: frozenset[str]) -> int:
        known = any(c.code == code and c.valid_from <= day <= c.valid_to for c in self.book.codes.codes)
        category = self.book.codes.category(code, day) if known else Category.MISSING
        return (_POSSIBLE * category.possible + _ABSENT * category.absent + _COUNTED * (code in counted)) if category.possible else 0

    def _number(self, name: str):  # type: ignore[no-untyped-def]
        found = self.book.number(name, self.days[-1])
        assert found is not None
        return found

    def value(self, name: str) -> int:
        """A threshold as it is in force at the end of the year."""
        return int(self._number(name).value)

    @cached_property
    def pairs(self) -> dict[str, NDArray[np.uint8]]:
        """For each pair of codes (64 x morning + afternoon): possible sessions, absent ones, half days missed, whole day missed."""
        m = np.zeros(64, dtype=np.uint8)
        m[:len(self.meaning)] = self.meaning
        both = [np.add.outer(*(2 * [(m & bit > 0).astype(np.uint8)])).ravel() for bit in (_POSSIBLE, _ABSENT, _COUNTED)]
        possible, absent, counted = both
        missed = (possible > 0) & (counted == possible)
        return {"np": possible, "na": absent, "h": np.where(missed, 2, counted).astype(np.uint8), "miss": missed.astype(np.uint8)}

    def save(self, folder: Path) -> None:
        for name in ("marks", "joined", "left"):
            np.save(folder / f"{name}.npy", getattr(self, name))


def school_days(book: RuleBook) -> list[date]:
    return list(book.calendar.school_days(FIRST, LAST))


def saved(folder: Path) -> SchoolYear:
    """The year that was saved in ``folder``."""
    return SchoolYear(*(np.load(folder / f"{name}.npy") for name in ("marks", "joined", "left")), load().rule_book())


def generated(pupils: int, seed: int = 20250902) -> SchoolYear:
    """A year of ``pupils`` pupils; the same numbers give the same year."""
    book = load().rule_book()
    legend, days = Legend.of(book.codes), len(school_days(book))
    chance = np.random.default_rng(seed)
    pick = np.cumsum([often for *_, often in _SPELLS])
    codes = np.array([[legend.number("/"), legend.number("\\")], *([legend.number(a), legend.number(p)] for a, p, _ in _SPELLS)],
                     dtype=np.uint8)
    inclined = np.minimum(chance.gamma(0.7, 0.07, pupils), 0.6)            # how often a spell begins
    short = chance.choice([0.7, 0.35, 0.08], pupils, p=[0.66, 0.28, 0.06])  # how often a spell ends
    joined = np.where(chance.random(pupils) < 0.04, chance.integers(0, days, pupils), 0).astype(np.uint8)
    left = np.where(chance.random(pupils) < 0.04, chance.integers(0, days, pupils), days - 1).astype(np.uint8)
    dual = chance.random(pupils) < 0.01
    marks = np.empty((days, 2, pupils), dtype=np.uint8)
    spell = np.zeros(pupils, dtype=np.uint8)
    for day in range(days):
        spell[chance.random(pupils, dtype=np.float32) < short] = 0
        begins = (spell == 0) & (chance.random(pupils, dtype=np.float32) < inclined)
        spell[begins] = 1 + np.minimum(np.searchsorted(pick, chance.random(int(begins.sum()))), len(_SPELLS) - 1)
        for slot in range(2):
            row = codes[spell, slot]
            odd = chance.integers(0, pupils, max(1, pupils // 400))
            row[odd] = chance.integers(0, len(legend.codes), len(odd))
            row[dual & (day % 5 < 2)] = legend.number("D")
            row[(day < joined) | (day > left)] = 0
            marks[day, slot] = row
    for day in chance.choice(days, 2, replace=False):                       # closed, for a third of the schools
        closed = (np.arange(pupils) // PUPILS_A_SCHOOL % 3 == 0) & (marks[day] != 0)
        marks[day][closed] = legend.number("Y2")
    return SchoolYear(marks, joined, left, book)
