"""The year judged as arrays: by NumPy, or by a compiled kernel (Numba) where that is installed.

Both answer, for each pupil, the number of the day on which ten days in a row were reached, the one on which ten days together
were, and whether the absence is persistent and severe.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from school_year import NEVER, SchoolYear

AT_ONCE = 16_384                              # pupils whose rows stay in the processor's cache
Answers = dict[str, NDArray[np.uint8]]


def empty_answers(pupils: int) -> Answers:
    return {name: np.full(pupils, nothing, dtype=np.uint8) for name, nothing in (("run10", NEVER), ("cum10", NEVER),
                                                                                 ("persistent", 0), ("severe", 0))}


def rates(possible: NDArray[np.int64], absent: NDArray[np.int64], year: SchoolYear) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Persistent and severe absence in whole numbers."""
    persistent, severe = ((possible > 0) & (100 * absent >= year.value(name) * possible)
                          for name in ("persistent_absence", "severe_absence"))
    return persistent, severe


def by_numpy(marks: NDArray[np.uint8], year: SchoolYear) -> Answers:
    """``marks`` of any pupils (days, 2, pupils), judged some thousands at a time, day by day."""
    days, _, pupils = marks.shape
    answers = empty_answers(pupils)
    in_a_row, halves = year.value("continuous_absence"), 2 * year.value("cumulative_absence")
    pairs = year.pairs
    # the three sums of a pupil in one number: half days in the upper bits, so that they can be compared as they stand
    sums = (pairs["h"].astype(np.uint32) << 20) | (pairs["na"].astype(np.uint32) << 10) | pairs["np"]
    missed = pairs["miss"]
    kept = ((pairs["np"] == 0) | (missed > 0)).astype(np.uint8)
    moves = missed | (kept << 1)
    for first in range(0, pupils, AT_ONCE):
        block = marks[:, :, first:first + AT_ONCE]
        width = block.shape[2]
        total = np.zeros(width, dtype=np.uint32)
        run, longest, before_run, before_sum = np.zeros((4, width), dtype=np.uint8)
        for day in range(days):
            pair = block[day, 0].astype(np.intp)
            pair <<= 6
            pair += block[day, 1]
            total += sums.take(pair)
            move = moves.take(pair)
            run += move & 1
            run *= move >> 1
            np.maximum(longest, run, out=longest)
            before_run += longest < in_a_row
            before_sum += total < (halves << 20)
        part = slice(first, first + width)
        answers["run10"][part] = np.where(before_run < days, before_run, NEVER)
        answers["cum10"][part] = np.where(before_sum < days, before_sum, NEVER)
        answers["persistent"][part], answers["severe"][part] = rates((total & 1023).astype(np.int64),
                                                                    ((total >> 10) & 1023).astype(np.int64), year)
    return answers


@cache
def _kernel():  # type: ignore[no-untyped-def]
    from numba import njit

    @njit(cache=False)
    def judge(marks, possible, absent, halves, missed, in_a_row, together, run10, cum10, sum_possible, sum_absent):  # type: ignore[no-untyped-def]  # pragma: no cover
        days, _, pupils = marks.shape
        width = 4096
        run = np.zeros(width, dtype=np.uint16)
        half = np.zeros(width, dtype=np.uint16)
        for first in range(0, pupils, width):
            last = min(first + width, pupils)
            run[:] = 0
            half[:] = 0
            for day in range(days):
                for pupil in range(first, last):
                    at = pupil - first
                    pair = (np.intp(marks[day, 0, pupil]) << 6) + marks[day, 1, pupil]
                    sum_possible[pupil] += possible[pair]
                    sum_absent[pupil] += absent[pair]
                    if missed[pair]:
                        run[at] += 1
                        if run[at] == in_a_row and run10[pupil] == NEVER:
                            run10[pupil] = day
                    elif possible[pair]:
                        run[at] = 0
                    if halves[pair]:
                        half[at] += halves[pair]
                        if half[at] >= together and cum10[pupil] == NEVER:
                            cum10[pupil] = day

    return judge


def by_kernel(marks: NDArray[np.uint8], year: SchoolYear) -> Answers:
    """The same as ``by_numpy``, by the compiled kernel, for ``marks`` side by side in memory. The first call compiles it."""
    answers = empty_answers(marks.shape[2])
    possible, absent = np.zeros((2, marks.shape[2]), dtype=np.uint16)
    pairs = year.pairs
    _kernel()(marks, pairs["np"], pairs["na"], pairs["h"], pairs["miss"], year.value("continuous_absence"),
              2 * year.value("cumulative_absence"), answers["run10"], answers["cum10"], possible, absent)
    answers["persistent"][:], answers["severe"][:] = rates(possible.astype(np.int64), absent.astype(np.int64), year)
    return answers
