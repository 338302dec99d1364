"""The same school from a folder of CSV, a workbook, a database and three vendors' interfaces says the same."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import date, timedelta, timezone
from pathlib import Path

import pytest
from openpyxl import Workbook
from sqlalchemy.orm import Session

from cme.config.policies import load
from cme.records import registers
from cme.records.history import Stamp
from cme import clock
from cme.sources.arbor import ArborSource
from cme.sources.bromcom import BromcomSource
from cme.sources.files import CsvFolder
from cme.sources.http_api import Patience
from cme.sources.source import Pulled, Source, TimeSemantics
from cme.sources.sql import SqlSource
from cme.sources.wonde import WondeSource
from tests.sources.one_school import FRIDAY, MARKS, MONDAY, NAMES, PUPILS
from tests.sources.vendor_stubs import ArborStub, BromcomStub, WondeStub

HEADER = ["date", "session", "group", "pupil_id", "mark"]
ROWS = [[str(day), session, "7A", pupil, code] for (day, session, pupil), code in MARKS.items()]
PEOPLE = [[pupil, *names] for pupil, names in PUPILS.items()]
NO_WAIT = Patience(sleep=lambda _: None)


def csv_folder(folder: Path) -> Source:
    for name, rows in (("registers.csv", [HEADER, *ROWS]), ("pupils.csv", [["pupil_id", "forename", "surname"], *PEOPLE])):
        (folder / name).write_text("\n".join(",".join(row) for row in rows) + "\n")
        os.utime(folder / name, (1e9, 1e9))
    return CsvFolder(folder, clock=lambda: 2e9)


def workbook(folder: Path) -> Source:
    for name, rows in (("registers.xlsx", [HEADER, *ROWS]), ("pupils.xlsx", [["pupil_id", "forename", "surname"], *PEOPLE])):
        made = Workbook()
        for row in rows:
            made.active.append(row)
        made.save(folder / name)
        os.utime(folder / name, (1e9, 1e9))
    return CsvFolder(folder, clock=lambda: 2e9)


def database(folder: Path) -> Source:
    with sqlite3.connect(folder / "mis.db") as connection:
        connection.execute("CREATE TABLE mark (date, session, room, pupil_id, mark)")
        connection.executemany("INSERT INTO mark VALUES (?, ?, ?, ?, ?)", ROWS)
        connection.execute("CREATE TABLE pupil (pupil_id, forename, surname)")
        connection.executemany("INSERT INTO pupil VALUES (?, ?, ?)", PEOPLE)
    return SqlSource(f"sqlite:///{folder / 'mis.db'}", {
        "registers": "SELECT date, session, room AS \"group\", pupil_id, mark FROM mark WHERE date BETWEEN :from_day AND :to_day",
        "pupils": "SELECT * FROM pupil"})


@pytest.fixture(params=["csv", "xlsx", "sql", "arbor", "wonde", "bromcom"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Source]:
    made: dict[str, Callable[[Path], Source]] = {"csv": csv_folder, "xlsx": workbook, "sql": database}
    if request.param in made:
        yield made[request.param](tmp_path)
    elif request.param == "arbor":
        with ArborStub() as stub:
            yield ArborSource(stub.url, "app", lambda: "open-sesame", patience=NO_WAIT)
    elif request.param == "wonde":
        with WondeStub() as stub:
            yield WondeSource(stub.url, "A1234567890", lambda: "open-sesame", patience=NO_WAIT)
    else:
        with BromcomStub() as stub:
            yield BromcomSource(stub.url, "77", "app", lambda: "open-sesame", patience=NO_WAIT)


def sessions(pulled: Pulled) -> dict[tuple[date, str, str], str]:
    return {(r.local_date, r.slot, m.pupil): m.code.replace("-", "") for r in pulled.registers if r.kind == "session" for m in r.marks}


def test_the_statutory_marks_are_the_same_whatever_the_source(source: Source) -> None:
    pulled = source.pull([FRIDAY, MONDAY])
    told = sessions(pulled)
    if isinstance(source, BromcomSource):      # a week's row cannot tell a session without a mark from one not yet come
        told = {key: code for key, code in told.items() if code or key in MARKS}
    assert told == MARKS
    assert pulled.rows_read == pulled.rows_accepted and not pulled.bad_rows


def test_all_there_is_holds_what_the_days_hold(source: Source) -> None:
    assert {key: code for key, code in sessions(source.pull(None)).items() if code} == {key: code for key, code in MARKS.items() if code}


def test_the_pupils_are_the_same_whatever_the_source(source: Source) -> None:
    assert {p.mis_id: (p.forename, p.surname) for p in source.pull([MONDAY]).pupils} == PUPILS


def test_no_day_brings_no_register(source: Source) -> None:
    pulled = source.pull([])
    assert (pulled.registers, pulled.expected, pulled.whole, pulled.days) == ((), (), frozenset(), ())


def test_a_source_says_what_its_times_mean_and_how_old_it_may_be(source: Source) -> None:
    assert isinstance(source.time_semantics, TimeSemantics) and timedelta(0) < source.freshness < timedelta(days=1) and source.name
    assert source.zone.key == "Europe/London"


def test_what_is_said_of_a_pull_names_no_child(source: Source) -> None:
    pulled = source.pull([FRIDAY, MONDAY])
    said = [*pulled.notes, *(row.where + row.reason for row in pulled.bad_rows), *(place for place, _ in pulled.places), str(pulled.cursor)]
    assert not [name for name in NAMES if name in " ".join(said)]


def test_the_same_pull_again_writes_nothing(source: Source, session: Session) -> None:
    codes, results = load().codes, []
    for at in ("2026-11-23T09:30:00", "2026-11-23T09:35:00"):
        stamp = Stamp("machine", clock.datetime.fromisoformat(at).replace(tzinfo=timezone.utc))
        pulled = source.pull([FRIDAY, MONDAY])
        results.append(registers.store(session, "school", pulled, source=source.name, codes=codes, stamp=stamp,
                                       time_semantics=source.time_semantics, freshness=source.freshness))
    assert results[0].registers_new >= 3 and not results[1].changed and not results[1].doubts
