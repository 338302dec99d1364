"""The year judged as arrays: by NumPy, or by a compiled kernel (Numba) where that is installed.

Both answer, for each pupil, the number of the day on which ten days in a row were reached, the one on which ten days together
were, and whether the absence is persistent and severe.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from school_year import NEVER, SchoolYear

CORES = os.cpu_count()
AT_ONCE = 16_384                              # pupils whose rows stay in the processor's cache
Answers = dict[str, NDArray[np.uint8]]


def empty_answers(pupils: int) -> Answers:
    return {name: np.full(pupils, nothing, dtype=np.uint8) for name, nothing in (("run10", NEVER), ("cum10", NEVER),
                                                                                 ("persistent", 0), ("severe", 0))}


def _rates_of(total: NDArray[np.uint32], year: SchoolYear) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Persistent and severe absence in whole numbers."""
    possible, absent = (total & 1023).astype(np.int64), ((total >> 10) & 1023).astype(np.int64)
    persistent, severe = ((possible > 0) & (100 * absent >= year.value(name) * possible)
                          for name in ("persistent_absence", "severe_absence"))
    return persistent, severe


def _tables(year: SchoolYear) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """For each pair of codes: the three sums of a pupil in one number, half days in the upper bits, so that they can be compared as
    they stand; and what it does to the days in a row (1: one more; 2: not broken)."""
    pairs = year.pairs
    sums = (pairs["h"].astype(np.uint32) << 20) | (pairs["na"].astype(np.uint32) << 10) | pairs["np"]
    kept = ((pairs["np"] == 0) | (pairs["miss"] > 0)).astype(np.uint8)
    return sums, pairs["miss"] | (kept << 1)


def by_numpy(marks: NDArray[np.uint8], year: SchoolYear) -> Answers:
    """``marks`` of any pupils (days, 2, pupils), judged some thousands at a time, day by day, on all cores."""
    answers = empty_answers(marks.shape[2])
    with ThreadPoolExecutor(CORES) as cores:
        for first, found in zip(range(0, marks.shape[2], AT_ONCE), cores.map(
                lambda first: _judged(marks[:, :, first:first + AT_ONCE], year), range(0, marks.shape[2], AT_ONCE)), strict=True):
            for name in answers:
                answers[name][first:first + AT_ONCE] = found[name]
    return answers


def _judged(block: NDArray[np.uint8], year: SchoolYear) -> Answers:
    days, _, width = block.shape
    in_a_row, halves = year.value("continuous_absence"), 2 * year.value("cumulative_absence")
    sums, moves = _tables(year)
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
    persistent, severe = _rates_of(total, year)
    return {"run10": np.where(before_run < days, before_run, NEVER), "cum10": np.where(before_sum < days, before_sum, NEVER),
            "persistent": persistent, "severe": severe}


@cache
def _kernel(parallel: bool):  # type: ignore[no-untyped-def]
    from numba import njit, prange

    @njit(parallel=parallel, cache=False)
    def judge(marks, legend, table, in_a_row, together, run10, cum10, total):  # type: ignore[no-untyped-def]  # pragma: no cover
        days, _, pupils = marks.shape
        width = 2048
        for block in prange((pupils + width - 1) // width):
            first = block * width
            last = min(first + width, pupils)
            run = np.zeros(width, dtype=np.uint8)
            for day in range(days):
                for pupil in range(first, last):
                    if legend is None:                        # decided when it is compiled
                        morning, afternoon = marks[day, 0, pupil], marks[day, 1, pupil]
                    else:
                        morning, afternoon = legend[marks[day, 0, pupil]], legend[marks[day, 1, pupil]]
                    entry = table[(np.uint32(morning) << np.uint32(6)) + np.uint32(afternoon)]
                    at = pupil - first
                    total[pupil] += entry >> np.uint32(2)
                    run[at] = (run[at] + (entry & np.uint32(1))) * ((entry >> np.uint32(1)) & np.uint32(1))
                    if entry & np.uint32(1) and run[at] == in_a_row and run10[pupil] == NEVER:
                        run10[pupil] = day
                    if entry >> np.uint32(22) and total[pupil] >= together and cum10[pupil] == NEVER:
                        cum10[pupil] = day

    return judge


def by_kernel(marks: NDArray[np.unsignedinteger[Any]], year: SchoolYear, legend: NDArray[np.uint8] | None = None) -> Answers:
    """The same as ``by_numpy``, by the compiled kernel, on all cores. The first call compiles it. With ``legend``, which
    gives the number of each mark as registers hold it, ``marks`` are as they are read, and one core is used: the others read on."""
    answers = empty_answers(marks.shape[2])
    total = np.zeros(marks.shape[2], dtype=np.uint32)
    sums, moves = _tables(year)
    _kernel(legend is None)(marks, legend, (sums << 2) | moves, year.value("continuous_absence"), np.uint32(2 * year.value("cumulative_absence") << 20),
              answers["run10"], answers["cum10"], total)
    answers["persistent"][:], answers["severe"][:] = _rates_of(total, year)
    return answers
