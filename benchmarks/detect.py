"""How long the detection of a whole school year takes: this product against DuckDB, Polars and PostgreSQL's window functions.

    python benchmarks/detect.py --pupils 20000

Every engine gets the same made-up marks, runs in a process of its own, and must give the same answer for every pupil: the day on
which ten days in a row and ten days together were reached, persistent and severe absence. Where two disagree, the exit code is 1.
Times are the best of the rounds; only ratios within one run mean anything.
"""

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import school_year
from arrays import AT_ONCE, CORES, Answers, by_kernel, by_numpy, empty_answers
from rows import Duck, Polars, Postgres
from school_year import NEVER, SchoolYear
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from stored import keep, private_cluster, records, schools_of

from cme.records.population import candidates, populations
from cme.rules.finding import Enrolment
from cme.rules.on_roll import OnRoll
from cme.rules.screen import Screening, screen

ANCHOR = "duckdb day"


def numpy_memory(year: SchoolYear, folder: Path, url: str) -> Callable[[], Any]:
    return lambda: by_numpy(year.marks, year)


def kernel_memory(year: SchoolYear, folder: Path, url: str) -> Callable[[], Any]:
    by_kernel(np.zeros((1, 2, 3), dtype=np.uint8), year)       # compile
    return lambda: by_kernel(year.marks, year)


def screen_memory(year: SchoolYear, folder: Path, url: str) -> Callable[[], Any]:
    on_roll = OnRoll.of_enrolments([Enrolment(school_year.FIRST)] * year.pupils)
    parts = [slice(first, first + AT_ONCE) for first in range(0, year.pupils, AT_ONCE)]

    def run() -> dict[str, Any]:
        with ThreadPoolExecutor(CORES) as cores:
            found = cores.map(lambda part: screen(year.marks[:, :, part], year.days, on_roll.of(part), year.days[-1], year.book), parts)
            return {"screened": np.concatenate(list(found))}

    return run


def screen_database(year: SchoolYear, folder: Path, url: str) -> Callable[[], Any]:
    engine, schools = create_engine(url), schools_of(year.pupils)

    def run() -> dict[str, Any]:
        with Session(engine) as session:
            named = candidates(session, schools, year.days[-1], school_year.FIRST, year.book)
        screened = np.zeros(year.pupils, dtype=np.bool_)
        screened[np.array(named, dtype=np.int64) - 1] = True
        return {"screened": screened}

    return run


def _database(judge: Callable[[Any, SchoolYear], Answers], year: SchoolYear, url: str) -> Callable[[], Any]:
    engine, schools = create_engine(url), schools_of(year.pupils)

    def run() -> Answers:
        answers, screening = empty_answers(year.pupils), Screening(year.book, year.days[-1])
        with Session(engine) as session:
            for part in populations(session, schools, year.days[-1], school_year.FIRST):
                days, marks = part.laid_out(screening, np.arange(len(part.pupils)), year.days[0], year.days[-1])
                assert days == year.days
                for name, found in judge(marks, year).items():
                    answers[name][part.pupils - 1] = found
        return answers

    return run


def numpy_database(year: SchoolYear, folder: Path, url: str) -> Callable[[], Any]:
    return _database(by_numpy, year, url)


def kernel_database(year: SchoolYear, folder: Path, url: str) -> Callable[[], Any]:
    """The compiled kernel on the registers as they are read: nothing is laid out where each pupil is in one register a session."""
    engine, schools, legend = create_engine(url), schools_of(year.pupils), Screening(year.book, year.days[-1]).legend.by_mark
    sessions = [2 * day.toordinal() + slot for day in year.days for slot in (0, 1)]
    by_kernel(np.zeros((1, 2, 3), dtype=np.uint16), year, legend)

    def run() -> Answers:
        answers, seen = empty_answers(year.pupils), np.zeros(year.pupils, dtype=np.uint8)
        with Session(engine) as session:
            for part in populations(session, schools, year.days[-1], school_year.FIRST):
                for sheet in part.sheets:
                    order = np.argsort(sheet.sessions)
                    assert sheet.sessions[order].tolist() == sessions
                    marks = sheet.marks if (np.diff(order) == 1).all() else sheet.marks[order]
                    for name, found in by_kernel(marks.reshape(len(year.days), 2, -1), year, legend).items():
                        answers[name][sheet.pupils - 1] = found
                    seen[sheet.pupils - 1] += 1
        assert (seen == 1).all()
        return answers

    return run


def duckdb_day(year: SchoolYear, folder: Path, url: str) -> Callable[[], Any]:
    return Duck(year, folder, "day").answers


def duckdb_session(year: SchoolYear, folder: Path, url: str) -> Callable[[], Any]:
    return Duck(year, folder, "session").answers


def polars_day(year: SchoolYear, folder: Path, url: str) -> Callable[[], Any]:
    return Polars(year, folder, "day").answers


def polars_session(year: SchoolYear, folder: Path, url: str) -> Callable[[], Any]:
    return Polars(year, folder, "session").answers


def postgres_day(year: SchoolYear, folder: Path, url: str) -> Callable[[], Any]:
    return Postgres(year, "day", create_engine(url).raw_connection()).answers


def postgres_session(year: SchoolYear, folder: Path, url: str) -> Callable[[], Any]:
    return Postgres(year, "session", create_engine(url).raw_connection()).answers


ENGINES = {f.__name__.replace("_", " "): f for f in (
    screen_memory, numpy_memory, kernel_memory, screen_database, numpy_database, kernel_database, duckdb_day, duckdb_session, polars_day,
    polars_session, postgres_day, postgres_session)}
NEEDS = {"kernel": "numba", "duckdb": "duckdb", "polars": "polars"}      # see requirements.txt; without them, the others run
ENOUGH = 15.0                                              # seconds, after which an engine gets no further round
TOGETHER = 2000                                            # pupils up to which all engines share one process (it is quicker)
SMALL_ONLY = {"postgres day", "postgres session"}          # above 20,000 pupils only when asked for by name


def measure(name: str, folder: str, url: str, rounds: int) -> tuple[Any, ...]:
    """Load, run some rounds, and say how long each took and how much memory the process has used."""
    begun = time.perf_counter()
    run = ENGINES[name](school_year.saved(Path(folder)), Path(folder), url)
    loaded, loading = _peak(), time.perf_counter() - begun
    times, answers = [], {}
    for _ in range(rounds):
        if sum(wall for wall, _ in times) > ENOUGH:
            break
        begun, used = time.perf_counter(), time.process_time()
        answers = run()
        times.append((time.perf_counter() - begun, time.process_time() - used))
    return times, loading, loaded, _peak(), answers


def measure_apart(name: str, folder: str, url: str, rounds: int) -> tuple[Any, ...]:
    """The same in a process of its own, so that the memory is the engine's alone."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(measure, name, folder, url, rounds).result()


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def differences(found: dict[str, dict[str, Any]]) -> list[str]:
    """Who disagrees with the first engine that gave all four answers; the screen is compared with "any day reached"."""
    whole = {name: answers for name, answers in found.items() if "run10" in answers}
    if not whole:
        return ["no engine gave days: nothing can be compared"]
    first, expected = next(iter(whole.items()))
    expected = {**expected, "screened": (expected["run10"] != NEVER) | (expected["cum10"] != NEVER)}
    return [f"{name} and {first} disagree about {what} of {int((answers[what] != expected[what]).sum())} pupils"
            for name, answers in found.items() for what in answers if not np.array_equal(answers[what], expected[what])]


def main() -> int:
    """Run, print the table, and return the exit code."""
    ask = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ask.add_argument("--pupils", type=int, default=200)
    ask.add_argument("--engines", default="", help=f"comma-separated; default: all that fit the size. {', '.join(ENGINES)}")
    ask.add_argument("--rounds", type=int, default=3)
    ask.add_argument("--pupils-a-register", type=int, default=school_year.PUPILS_A_SCHOOL, help="1000: one register a school and session")
    given = ask.parse_args()
    wanted = [e.strip() for e in given.engines.split(",") if e.strip()] or [
        e for e in ENGINES if (given.pupils <= 20_000 or e not in SMALL_ONLY) and find_spec(NEEDS.get(e.split()[0], "numpy"))]
    if unknown := set(wanted) - set(ENGINES):
        ask.error(f"no such engine: {', '.join(sorted(unknown))}")
    year = school_year.generated(given.pupils)
    print(f"{given.pupils:,} pupils, {len(year.days)} days, {int((year.marks != 0).sum()):,} marks; load {os.getloadavg()[0]:.1f}; "
          f"at {time.strftime('%H:%M')}")
    figures, found = {}, {}
    with tempfile.TemporaryDirectory(prefix="cme-bench-") as folder, private_cluster() as cluster:
        year.save(Path(folder))
        url = cluster.url("bench")
        if any("database" in e or "postgres" in e for e in wanted):
            engine = records(cluster, "bench")
            begun = time.perf_counter()
            versions = keep(engine, year, given.pupils_a_register)
            engine.dispose()
            print(f"{versions:,} register versions kept in {time.perf_counter() - begun:.1f} s")
        for name in wanted:
            *figures[name], found[name] = (measure if given.pupils <= TOGETHER else measure_apart)(name, folder, url, given.rounds)
        if "screen database" in wanted:
            show_growth(url, year)
    show(figures)
    faults = differences(found)
    if not faults:
        some = next(a for a in found.values() if "run10" in a)
        print(f"All agree: {int((some['run10'] != NEVER).sum()):,} reach ten days in a row, {int((some['cum10'] != NEVER).sum()):,} together, "
              f"{int(some['persistent'].sum()):,} persistent, {int(some['severe'].sum()):,} severe; load {os.getloadavg()[0]:.1f}.")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def show_growth(url: str, year: SchoolYear) -> None:
    """What a check of the whole population costs in week 2 and in week 38: every check reads the year so far."""
    engine, schools = create_engine(url), schools_of(year.pupils)
    costs = []
    for day in (year.days[9], year.days[-1]):
        rounds = []
        for _ in range(3):
            begun = time.perf_counter()
            with Session(engine) as session:
                candidates(session, schools, day, school_year.FIRST, year.book)
            rounds.append(time.perf_counter() - begun)
        costs.append(min(rounds))
    engine.dispose()
    print(f"screen database: day 10 of the year {costs[0]:.3f} s, day {len(year.days)} {costs[1]:.3f} s, {costs[1] / costs[0]:.1f} times as much")


def show(figures: dict[str, Any]) -> None:
    anchor = min(t for t, _ in figures[ANCHOR][0]) if ANCHOR in figures else None
    print(f"{'engine':<18}{'best s':>9}{'median s':>10}{'CPU s':>8}{'load s':>8}{'MB peak':>9}{'x ' + ANCHOR:>14}")
    for name, (times, loading, _, peak) in figures.items():
        wall = sorted(t for t, _ in times)
        ratio = f"{anchor / wall[0]:.2f}" if anchor else "-"
        print(f"{name:<18}{wall[0]:>9.3f}{wall[len(wall) // 2]:>10.3f}{min(c for _, c in times):>8.2f}{loading:>8.1f}{peak:>9.0f}{ratio:>14}")


if __name__ == "__main__":
    sys.exit(main())
