"""Ten thousand simulated cases over a school year: holidays, absent DSLs, staff changes, people who never answer.

    python benchmarks/year_of_cases.py --cases 10000

The sweep steps through the time hour by hour (``--minutes`` for finer steps). After every step it must hold that no open question or
task is past its time without somebody on duty being asked; at the end that every decision and closure has a person and an accepted
answer, and that the history is whole. Exits with 1 where one of these does not hold. Mail servers, PDFs and Prefect are left out: what
is shown here is that rows alone never let anything wait. The cases open without registers: detection has a benchmark of its own.
"""

import argparse
import os
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from life_of_cases import Life
from school_staff import write_staff
from sqlalchemy import Engine, text
from stored import private_cluster, records
from watched_cases import bypassed

from cme import clock
from cme.config.policies import load
from cme.config.settings import Settings
from cme.records.history import verify
from cme.records.sealing import Sealer
from cme.steps.office import Office


def main() -> int:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--cases", type=int, default=10_000)
    arguments.add_argument("--first", type=date.fromisoformat, default=date(2026, 9, 1))
    arguments.add_argument("--last", type=date.fromisoformat, default=date(2027, 8, 31))
    arguments.add_argument("--minutes", type=int, default=60, help="between two sweeps")
    arguments.add_argument("--seed", type=int, default=1)
    asked = arguments.parse_args()
    os.environ["CME_CLOCK"] = f"{asked.first.isoformat()}T00:00:00"
    begun, used = time.perf_counter(), time.process_time()
    with private_cluster() as cluster, tempfile.TemporaryDirectory() as folder:
        engine = _quick(records(cluster, "life"))
        people = Path(folder) / "people.yaml"
        write_staff(people, clock.local().replace(tzinfo=None))
        settings = Settings(_env_file=None, environment="test", people_file=people, data_dir=Path(folder),  # type: ignore[call-arg]
                            mail_sender="attendance@school.example", smtp_host="127.0.0.1", smtp_tls="none")
        with Office(engine, settings, load(), Sealer("a secret of this benchmark only")) as office:
            life = Life(office, people, asked.cases, asked.first, asked.last, asked.seed, timedelta(minutes=asked.minutes))
            life.live(_progress)
            forbidden = bypassed(office)
            with office.transaction() as session:
                broken = verify(session)
                events = session.scalar(text("SELECT count(*) FROM case_event"))
                closed = session.scalar(text("SELECT count(*) FROM \"case\" WHERE closed_at IS NOT NULL"))
                decided = session.scalar(text("SELECT count(*) FROM decision"))
                confirmed = session.scalar(text("SELECT count(*) FROM confirmation"))
                called = session.scalar(text("SELECT sum(calls) FROM alarm"))
    for what, number in (*life.said.items(), ("decisions", decided), ("confirmations", confirmed), ("cases closed", closed),
                         ("calls of operations", called), ("events of the history", events),
                         ("past a deadline with nobody on duty asked", len(life.found)),
                         ("approvals or closures without a person", len(forbidden)), ("faults of the history's chain", len(broken))):
        print(f"{what:<60}{number or 0:>10}")
    print(f"{time.perf_counter() - begun:.0f} s, {time.process_time() - used:.0f} s of processor, load {os.getloadavg()[2]:.1f}")
    for fault in (*life.found[:20], *forbidden[:20], *broken[:20]):
        print(f"  {fault}")
    return 1 if life.found or forbidden or broken else 0


def _quick(engine: Engine) -> Engine:
    """The database without what only matters against a power cut or a lost connection: neither is simulated."""
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ALTER DATABASE life SET synchronous_commit = off"))
    engine.dispose()
    engine.pool._pre_ping = False
    return engine


def _progress(life: Life) -> None:
    if life.said["sweeps"] % 168 == 0:
        print(f"week {life.said['sweeps'] // 168}: {life.opened} cases, {len(life.found)} faults", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
