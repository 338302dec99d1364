"""What a daily check of a whole population costs early and late in the school year: the screen, with what it keeps between checks.

    python benchmarks/growth.py --pupils 20000

Days come in one by one: their registers, and new versions of some registers of the two weeks before; then everybody is checked, as
the product does it. Week 2 and week 38 are timed, each day once. Nothing is kept yet in week 2; in week 38 a check goes on from
what was kept. For comparison the same day from all registers. Exits with 1 where the two name different pupils, or where a week
costs more than the goal of the issue (1.2 times the other).
"""

import argparse
import gc
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import school_year
from school_year import SchoolYear
from sqlalchemy import Engine, delete, text
from sqlalchemy.orm import Session
from stored import keep, keep_days, private_cluster, records, schools_of

from cme.records.population import candidates
from cme.records.tables import ScreenState

WINDOW = 14                               # calendar days that a pull reads again
CORRECTED = 0.01                          # of the registers of each of the ten school days before
GOAL = 1.2


def check(engine: Engine, year: SchoolYear, day: int) -> tuple[list[int], float, float]:
    """Who is named on that day, and what it took: seconds, and seconds of processor time, PostgreSQL's included."""
    gc.collect()                                                        # of what made the registers
    begun, used = time.perf_counter(), time.process_time() + _of_postgresql(engine)
    with Session(engine) as session, session.begin():
        named = candidates(session, schools_of(year.pupils), year.days[day], school_year.FIRST, year.book, None, WINDOW)
    wall = time.perf_counter() - begun
    return named, wall, time.process_time() + _of_postgresql(engine) - used


def _of_postgresql(engine: Engine) -> float:
    """Processor seconds of all server processes of the cluster so far (Linux: to the nanosecond)."""
    with engine.connect() as connection:
        own = psutil.Process(connection.scalar(text("SELECT pg_backend_pid()")))
    found = 0
    for process in own.parent().children():
        with suppress(OSError, psutil.Error):
            found += int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[0])
    return found / 1e9


def live(engine: Engine, year: SchoolYear, pupils_a_register: int, day: int) -> None:
    """The registers of the day, and the corrections of the days before."""
    keep_days(engine, year, pupils_a_register, day, day + 1)
    keep_days(engine, year, pupils_a_register, max(day - 10, 0), day, some=CORRECTED)


def week(engine: Engine, year: SchoolYear, pupils_a_register: int, days: Sequence[int]) -> list[tuple[float, float]]:
    costs = []
    for day in days:
        live(engine, year, pupils_a_register, day)
        _, wall, used = check(engine, year, day)
        costs.append((wall, used))
        print(f"  day {day + 1:>3}: {wall:.3f} s, {used:.3f} s of processor; load {os.getloadavg()[0]:.1f}", flush=True)
    return costs


def from_all(engine: Engine, year: SchoolYear, day: int) -> tuple[list[int], float, float]:
    with Session(engine) as session, session.begin():
        session.execute(delete(ScreenState))
    return check(engine, year, day)


def main() -> int:
    """Run, print, and return the exit code."""
    ask = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ask.add_argument("--pupils", type=int, default=20_000)
    ask.add_argument("--pupils-a-register", type=int, default=school_year.PUPILS_A_SCHOOL, help="1000: one register a school and session")
    given = ask.parse_args()
    year, size = school_year.generated(given.pupils), given.pupils_a_register
    last = len(year.days)
    print(f"{given.pupils:,} pupils, registers of {size}; load {os.getloadavg()[0]:.1f}; at {time.strftime('%H:%M')}")
    with private_cluster() as cluster:
        engine = records(cluster, "bench")
        keep(engine, year, size, until=5)
        check(engine, year, 4)                                            # nothing is measured cold
        print("week 2")
        early = week(engine, year, size, range(5, 10))
        keep_days(engine, year, size, 10, last - 10)
        for day in range(last - 10, last - 5):                            # week 37: what is kept is as it is in any week
            live(engine, year, size, day)
            check(engine, year, day)
        print("week 38")
        late = week(engine, year, size, range(last - 5, last))
        named = check(engine, year, last - 1)[0]
        everybody, wall, processor = from_all(engine, year, last - 1)
        print(f"the last day from all registers, keeping anew: {wall:.3f} s, {processor:.2f} s of processor")
        engine.dispose()
    mean, used = ([sum(cost[n] for cost in costs) / len(costs) for costs in (early, late)] for n in (0, 1))
    ratio = mean[1] / mean[0]
    print(f"a day in week 2 {mean[0]:.3f} s, in week 38 {mean[1]:.3f} s: {ratio:.2f} times as much (goal {GOAL}); "
          f"processor {used[0]:.3f} s and {used[1]:.3f} s: {used[1] / used[0]:.2f} times; load {os.getloadavg()[0]:.1f}")
    if named != everybody:
        print("with and without what is kept, different pupils are named", file=sys.stderr)
    return 1 if named != everybody or ratio > GOAL else 0


if __name__ == "__main__":
    sys.exit(main())
