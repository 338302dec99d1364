"""What a day of registers costs: from the source's parsed rows to committed register versions, against a bare COPY of the marks.

    python benchmarks/ingest.py --pupils 20000

Then the same day pulled again (nothing may be written), with one register in a hundred changed (only those may be written), and,
for one school of 200 pupils with a whole year behind it, a whole check without Prefect: pull, store, screen, judge, cases.
Exits with 1 where a register was written that had not changed, or one that had changed was not.
"""

import argparse
import io
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import school_year
import yaml
from school_year import PUPILS_A_SCHOOL, SchoolYear
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session
from stored import SEALER, keep, private_cluster, records, schools_of

from cme.config.policies import load
from cme.config.settings import Settings
from cme.records import database, registers, roles
from cme.records.history import Stamp
from cme.records.sealed_columns import keep_keys
from cme.services.demo import PEOPLE
from cme.sources.source import Mark, Pulled, RegisterDocument, TimeSemantics
from cme.steps import detect as detect_step
from cme.steps import pull as pull_step
from cme.steps.office import Office

MOMENT = datetime(2026, 9, 1, 15, 0, tzinfo=timezone.utc)


class Meter:
    """Wall time, processor time of this process, and bytes of write-ahead log of a step."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.lines: list[tuple[str, float, float, float, str]] = []

    def measure(self, name: str, step: Callable[[], str]) -> str:
        with self.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("CHECKPOINT"))
        before, begun, used = self._position(), time.perf_counter(), time.process_time()
        said = step()
        wall, cpu = time.perf_counter() - begun, time.process_time() - used
        self.lines.append((name, wall, cpu, float(self._position() - before) / 1e6, said))
        print(f"{name:<46}{wall:>9.3f} s{cpu:>9.2f} s CPU{self.lines[-1][3]:>10.3f} MB WAL   {said}", flush=True)
        return said

    def _position(self) -> Any:
        with self.engine.connect() as connection:
            return connection.scalar(text("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"))


def the_day(year: SchoolYear, day: int, moment: datetime, pupils_a_register: int) -> dict[str, Pulled]:
    """For each school what a source hands over: the parsed rows of the morning's and the afternoon's registers."""
    pulled = {}
    for number, school in enumerate(schools_of(year.pupils)):
        documents = []
        for first in range(number * PUPILS_A_SCHOOL, min((number + 1) * PUPILS_A_SCHOOL, year.pupils), pupils_a_register):
            last = min(first + pupils_a_register, (number + 1) * PUPILS_A_SCHOOL, year.pupils)
            documents += [RegisterDocument(moment.date(), "session", slot, f"G{first % PUPILS_A_SCHOOL}",
                                           tuple(Mark(str(n), year.codes[year.marks[day, at, n]]) for n in range(first, last)))
                          for at, slot in enumerate(("AM", "PM"))]
        pulled[school] = Pulled(registers=tuple(documents), rows_read=sum(len(d.marks) for d in documents))
    return pulled


def store(engine: Engine, pulled: dict[str, Pulled], year: SchoolYear, moment: datetime) -> str:
    """All schools in one transaction, as an authority's pull is kept."""
    with Session(engine) as session, session.begin():
        results = registers.store_all(session, pulled, source="bench", codes=year.book.codes, stamp=Stamp("machine", moment),
                                      time_semantics=TimeSemantics.NONE)
    new, changed, same = (sum(getattr(result, f"registers_{name}") for result in results.values()) for name in ("new", "changed", "unchanged"))
    return f"{new} new, {changed} changed, {same} unchanged"


def as_application(owner: Engine, school: str = "") -> Engine:
    """The same database as the role as which the product connects: it sees one school's rows."""
    roles.grant(owner, "of the benchmark")
    made = database.engine(owner.url.set(username=database.APP, password="of the benchmark").render_as_string(hide_password=False), school)
    keep_keys(made, SEALER)
    return made


def store_each(engine: Engine, pulled: dict[str, Pulled], year: SchoolYear, moment: datetime) -> str:
    """Each school in a transaction and a session of its own, as schools pull by themselves."""
    for school, what in pulled.items():
        with Session(engine) as session, session.begin():
            session.execute(text("SELECT set_config(:name, :school, true)"), {"name": roles.SCHOOL, "school": school})
            registers.store_all(session, {school: what}, source="bench", codes=year.book.codes, stamp=Stamp("machine", moment),
                                time_semantics=TimeSemantics.NONE)
    return f"{sum(len(what.registers) for what in pulled.values())} registers"


def copy_as_rows(engine: Engine, pulled: dict[str, Pulled], encoded: str = "") -> str:
    """The same marks, one row each, into a table without a key."""
    raw = engine.raw_connection()
    with raw.cursor() as cursor:
        cursor.copy_expert("COPY mark_row (pupil_id, day, session, code) FROM STDIN", io.StringIO(encoded or as_text(pulled)))
        written = cursor.rowcount
    raw.commit()
    raw.close()
    return f"{written:,} rows"


def as_text(pulled: dict[str, Pulled]) -> str:
    return "\n".join([f"{mark.pupil}\t{d.local_date}\t{d.slot}\t" + ("\\\\" if mark.code == "\\" else mark.code)
                      for what in pulled.values() for d in what.registers for mark in d.marks])


def copy_registers(engine: Engine, day: Any) -> str:
    """Only the writing: the versions of the day, copied as they are."""
    columns = ("school, local_date, kind, slot, group_key, seen_at, source, status, roster_id, marks, content_hash, basis, taken_by, extras")
    raw = engine.raw_connection()
    with raw.cursor() as cursor:
        buffer = io.StringIO()
        cursor.copy_expert(f"COPY (SELECT {columns.replace('school,', chr(39) + 'x' + chr(39) + ' || school,', 1)} FROM register_version "
                           f"WHERE local_date = '{day}') TO STDOUT", buffer)
        buffer.seek(0)
        begun = time.perf_counter()
        cursor.copy_expert(f"COPY register_version ({columns}) FROM STDIN", buffer)
        written = cursor.rowcount
        raw.commit()
    raw.close()
    return f"{written} versions, of it the writing alone {time.perf_counter() - begun:.3f} s"


def with_some_changed(pulled: dict[str, Pulled]) -> tuple[dict[str, Pulled], int]:
    """One register in a hundred (at least one) gets one other mark."""
    chance = random.Random(1)
    places = [(school, at) for school, what in pulled.items() for at in range(len(what.registers))]
    chosen = chance.sample(places, max(1, len(places) // 100))
    changed = dict(pulled)
    for school, at in chosen:
        documents = list(changed[school].registers)
        first, *others = documents[at].marks
        documents[at] = replace(documents[at], marks=(replace(first, code="L" if first.code != "L" else "N"), *others))
        changed[school] = replace(changed[school], registers=tuple(documents))
    return changed, len(chosen)


def whole_check(cluster: Any, folder: Path) -> list[str]:
    """A school of 200 pupils with a year of registers: the last day's check, first with all cases to open, then as every day."""
    policies = load()
    year = school_year.generated(200)
    engine = records(cluster, "one_school")
    keep(engine, year, 25, school=policies.school.laestab, until=len(year.days) - 1)
    os.environ["CME_CLOCK"] = f"{year.days[-1]}T15:30:00"
    people = folder / "people.yaml"
    people.write_text(yaml.safe_dump(PEOPLE), encoding="utf-8")
    export = folder / "export"
    export.mkdir()
    settings = Settings(_env_file=None, environment="test", people_file=people, mail_sender="attendance@school.example",  # type: ignore[call-arg]
                        smtp_host="127.0.0.1", smtp_tls="none", data_dir=folder, registers_folder=export)
    office = Office(as_application(engine, policies.school.laestab), settings, policies, SEALER)
    days = [year.days[-1] - timedelta(days=n) for n in range(policies.school.pull_window_days, -1, -1)]
    for day in days:
        if day in year.days:
            _export(export, year, day)
    meter, opened = Meter(engine), []

    def check() -> str:
        begun = time.perf_counter()
        pulled = pull_step.pull(office, days, office.stamp())
        midway = time.perf_counter()
        found = detect_step.detect(office, year.days[-1], office.stamp())
        opened.append(len(found.opened))
        return (f"pull {midway - begun:.3f} s ({pulled.registers_new} new, {pulled.registers_unchanged} unchanged), "
                f"detect {time.perf_counter() - midway:.3f} s ({found.pupils} pupils, {len(found.opened)} cases opened)")

    for name in ("200 pupils: first check, every case opens", "200 pupils: the check again", "200 pupils: and again"):
        meter.measure(name, check)
    office.close()
    engine.dispose()
    return [] if opened[0] and not any(opened[1:]) else [f"cases opened in three checks of one day: {opened}; only the first may open any"]


def _export(folder: Path, year: SchoolYear, day: Any) -> None:
    at = year.days.index(day)
    lines = ["date,session,group,pupil_id,mark"]
    lines += [f"{day},{slot},G{n // 25 * 25},{n},{year.codes[year.marks[at, s, n]]}"
              for s, slot in enumerate(("AM", "PM")) for n in range(year.pupils)]
    file = folder / f"registers-{day}.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    old = datetime(2026, 7, 1, tzinfo=timezone.utc).timestamp()          # not a file that is still being written
    os.utime(file, (old, old))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print each step, and return the exit code."""
    ask = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ask.add_argument("--pupils", type=int, default=1000)
    ask.add_argument("--pupils-a-register", type=int, default=PUPILS_A_SCHOOL, help="1000: one register a school and session")
    given = ask.parse_args(arguments)
    year = school_year.generated(given.pupils)
    print(f"{given.pupils:,} pupils in {len(schools_of(given.pupils))} schools, load {os.getloadavg()[0]:.1f}, at {time.strftime('%H:%M')}")
    with tempfile.TemporaryDirectory(prefix="cme-bench-") as folder, private_cluster() as cluster:
        engine = records(cluster, "ingest")
        keep(engine, year, given.pupils_a_register, until=0)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE mark_row (pupil_id int, day date, session text, code varchar(2))"))
        meter, faults = Meter(engine), []
        tomorrow, later = MOMENT + timedelta(days=1), timedelta(minutes=5)
        first, second = the_day(year, 60, MOMENT, given.pupils_a_register), the_day(year, 61, tomorrow, given.pupils_a_register)
        documents = sum(len(p.registers) for p in second.values())
        meter.measure("the first day ever (also writes the rosters)", lambda: store(engine, first, year, MOMENT))
        meter.measure("a day: parsed rows -> committed registers", lambda: store(engine, second, year, tomorrow))
        meter.measure("bare COPY of the same parsed rows", lambda: copy_as_rows(engine, second))
        encoded = as_text(second)
        meter.measure("bare COPY, text made before", lambda: copy_as_rows(engine, second, encoded))
        meter.measure("the register versions copied as they are", lambda: copy_registers(engine, tomorrow.date()))
        said = meter.measure("the day pulled again, nothing changed", lambda: store(engine, second, year, tomorrow + later))
        faults += [] if said == f"0 new, 0 changed, {documents} unchanged" else [f"nothing had changed, but: {said}"]
        changed, number = with_some_changed(second)
        said = meter.measure("one register in a hundred changed", lambda: store(engine, changed, year, tomorrow + 2 * later))
        faults += [] if said == f"0 new, {number} changed, {documents - number} unchanged" else [f"{number} had changed, but: {said}"]
        application = as_application(engine)
        for at, (who, role) in enumerate((("owner", engine), ("application", application)), start=2):
            day = the_day(year, 60 + at, MOMENT + at * timedelta(days=1), given.pupils_a_register)
            meter.measure(f"a day school by school, as the {who}", lambda: store_each(role, day, year, MOMENT + at * timedelta(days=1)))  # noqa: B023
        application.dispose()
        engine.dispose()
        faults += whole_check(cluster, Path(folder))
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
