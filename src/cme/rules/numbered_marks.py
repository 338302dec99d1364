"""Marks as numbers, whole registers at a time: what each code's number is, and how many of some codes each pupil has."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cme.rules.marks import Category, CodeTable

Marks = NDArray[np.uint8]


@dataclass(frozen=True)
class Legend:
    """Codes as numbers: ``codes[n]`` is the code of number n. Number 0 is a mark not entered, or a code that is not known."""

    codes: tuple[str, ...]

    @classmethod
    def of(cls, table: CodeTable) -> "Legend":
        # absence without permission last and side by side: one comparison finds all of it
        last = {code.code for code in table.codes if code.category is Category.UNAUTHORISED}
        return cls(("-", *sorted({code.code for code in table.codes}, key=lambda code: (code in last, code))))

    @property
    def either(self) -> int:
        """The number that stands for two different marks of one session, at least one of which counts as absence."""
        return len(self.codes)

    def number(self, code: str) -> int:
        return self.codes.index(code) if code in self.codes else 0

    @cached_property
    def by_mark(self) -> Marks:
        """The number of each mark as registers hold it: two bytes ("/ ", "C1") read as one little-endian number."""
        table = np.zeros(1 << 16, dtype=np.uint8)
        for number, code in enumerate(self.codes):
            table[as_stored(code)] = number
        return table

    def numbers(self, marks: bytes) -> Marks:
        """The marks of a register as numbers, in the same order."""
        return self.by_mark[np.frombuffer(marks, dtype="<u2")]


def as_stored(code: str) -> int:
    return int.from_bytes(code.ljust(2).encode("ascii"), "little")


def how_many(marks: NDArray[np.unsignedinteger[Any]], wanted: Sequence[int]) -> NDArray[np.uint16]:
    """How many of the marks (sessions, pupils) each pupil has that are one of ``wanted``."""
    counted = np.zeros(marks.shape, dtype=np.bool_)
    for lowest, highest in _side_by_side(tuple(wanted)):
        counted |= (marks == lowest) if lowest == highest else (marks - marks.dtype.type(lowest) <= highest - lowest)
    return np.add.reduce(counted.view(np.uint8), axis=0, dtype=np.uint16)


@cache
def _side_by_side(numbers: tuple[int, ...]) -> list[tuple[int, int]]:
    """The lowest and the highest of each row of numbers without a gap."""
    ordered = sorted(numbers)
    rows = groupby(enumerate(ordered), lambda placed: placed[1] - placed[0])
    return [(row[0], row[-1]) for row in ([number for _, number in placed] for _, placed in rows)]
