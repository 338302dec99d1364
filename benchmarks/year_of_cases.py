"""Ten thousand simulated cases over a school year: holidays, absent DSLs, staff changes, people who never answer.

    python benchmarks/year_of_cases.py --cases 10000 --schools 8

The cases are shared out among made-up schools of the same staff, each with its own people's whims and a database of its own; as many live at
the same time as there are processors. The sweep steps through the time hour by hour (``--minutes`` for finer steps). After every step it must
hold that no open question or task is past its time without somebody on duty being asked; at the end that every decision and closure
has a person and an accepted answer, and that the history is whole. Exits with 1 where one of these does not hold. Mail servers, PDFs and
Prefect are left out: what is shown here is that rows alone never let anything wait. The cases open without registers: detection has a
benchmark of its own.
"""

import argparse
import gc
import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path

from life_of_cases import Life
from school_staff import write_staff
from sqlalchemy import Engine, text
from stored import private_cluster, records
from watched_cases import bypassed

from cme import clock
from cme.config.policies import load
from cme.config.settings import Settings
from cme.records import database
from cme.records.history import verify
from cme.records.sealing import Sealer
from cme.steps.office import Office

COUNTED = {"decisions": "SELECT count(*) FROM decision", "confirmations": "SELECT count(*) FROM confirmation",
           "cases closed": "SELECT count(*) FROM \"case\" WHERE closed_at IS NOT NULL",
           "calls of operations": "SELECT coalesce(sum(calls), 0) FROM alarm", "events of the history": "SELECT count(*) FROM case_event"}
MOST = "most questions open at once"


@dataclass(frozen=True)
class School:
    """One school to be lived: where its rows go, how many cases, and by which chance."""

    url: str
    cases: int
    first: date
    last: date
    step: timedelta
    seed: int


@dataclass(frozen=True)
class Lived:
    """What became of a school's cases: counts, and every fault there was."""

    seed: int
    said: Counter[str]
    silent: list[str]
    forbidden: list[str]
    broken: list[str]
    processor: float


def live(school: School) -> Lived:
    """Live one school's time, in a process of its own."""
    gc.set_threshold(50_000)
    os.environ["CME_CLOCK"] = f"{school.first.isoformat()}T00:00:00"
    engine = _quick(database.engine(school.url))
    with tempfile.TemporaryDirectory() as folder:
        people = Path(folder) / "people.yaml"
        write_staff(people, clock.local().replace(tzinfo=None))
        settings = Settings(_env_file=None, environment="test", people_file=people, data_dir=Path(folder),  # type: ignore[call-arg]
                            mail_sender="attendance@school.example", smtp_host="127.0.0.1", smtp_tls="none")
        with Office(engine, settings, load(), Sealer("a secret of this benchmark only")) as office:
            life = Life(office, people, school.cases, school.first, school.last, school.seed, school.step)
            life.live(_progress)
            forbidden = bypassed(office)
            with office.transaction() as session:
                broken = verify(session)
                said = life.said + Counter({what: session.scalar(text(query)) or 0 for what, query in COUNTED.items()})
    return Lived(school.seed, said, life.found, forbidden, broken, time.process_time())


def _quick(engine: Engine) -> Engine:
    """The database without what only matters against a power cut or a lost connection: neither is simulated."""
    with engine.begin() as connection:
        name = connection.scalar(text("SELECT current_database()"))
        connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
    engine.dispose()
    engine.pool._pre_ping = False
    return engine


def _progress(life: Life) -> None:
    if life.said["sweeps"] % 672 == 0:
        print(f"school {life.seed}: {life.said['sweeps'] // 168} weeks, {life.opened} cases, {len(life.found)} faults", file=sys.stderr, flush=True)


def _print(said: Counter[str], schools: list[Lived]) -> None:
    numbers = {**said, "past a deadline with nobody on duty asked": sum(len(s.silent) for s in schools),
               "approvals or closures without a person": sum(len(s.forbidden) for s in schools),
               "faults of the history's chain": sum(len(s.broken) for s in schools)}
    for what, number in numbers.items():
        print(f"{what:<60}{number:>10}", flush=True)


def main() -> int:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--cases", type=int, default=10_000)
    arguments.add_argument("--schools", type=int, default=8)
    arguments.add_argument("--first", type=date.fromisoformat, default=date(2026, 9, 1))
    arguments.add_argument("--last", type=date.fromisoformat, default=date(2027, 8, 31))
    arguments.add_argument("--minutes", type=int, default=60, help="between two sweeps")
    arguments.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = arguments.parse_args()
    begun, done, said = time.perf_counter(), [], Counter[str]()
    with private_cluster() as cluster:
        schools = []
        for n in range(asked.schools):
            url = records(cluster, f"school_{n}").url.render_as_string(hide_password=False)
            share = asked.cases // asked.schools + (n < asked.cases % asked.schools)
            schools.append(School(url, share, asked.first, asked.last, timedelta(minutes=asked.minutes), n + 1))
        with ProcessPoolExecutor(asked.processes, mp_context=get_context("spawn")) as pool:
            for each in as_completed([pool.submit(live, school) for school in schools]):
                lived = each.result()
                done.append(lived)
                most = max(said[MOST], lived.said[MOST])
                said += lived.said
                said[MOST] = most
                print(f"--- {len(done)} of {asked.schools} schools, {time.perf_counter() - begun:.0f} s, load {os.getloadavg()[2]:.1f}")
                _print(said, done)
    print(f"{time.perf_counter() - begun:.0f} s, {sum(each.processor for each in done):.0f} s of processor without PostgreSQL's, "
          f"load {os.getloadavg()[2]:.1f}")
    faults = [fault for each in done for fault in (*each.silent[:20], *each.forbidden[:20], *each.broken[:20])]
    print("\n".join(f"  {fault}" for fault in faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
