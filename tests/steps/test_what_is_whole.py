"""A reading is evidence of what was not taken where it saw the whole of today: a bad row or a remark does not make it less, a lost end does."""

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from cme import clock
from cme.records.tables import Pull
from cme.steps import feed, overdue
from cme.steps.pull import pull
from tests.steps.school import MONDAY, School

HEADER = "date,session,group,pupil_id,mark,taken_at\n"
TIMETABLE = "weekday,session,group,starts,ends,staff\nMon,AM,9A,08:50,12:00,TQA\nMon,AM,9B,08:50,12:00,TQA\n"


def folder(school: School, path: Path, **files: str) -> None:
    for name, text in files.items():
        file = path / name.replace("_", ".")
        file.write_text(text, encoding="utf-8")
        os.utime(file, (clock.now().timestamp() - 60,) * 2)
    school.settings.registers_folder = path


def read(school: School) -> tuple[str, str, set[tuple[str, str]]]:
    """The outcome of a reading at ten past nine, its remarks, and what is judged of which group."""
    pull(school, [MONDAY], school.stamp())
    overdue.report(school, clock.now(), school.stamp())
    with school.transaction() as session:
        last = session.scalars(select(Pull).order_by(Pull.id.desc()).limit(1)).one()
        judged = {(j.state.group, j.verdict.verdict) for j in overdue.judge_day(school, session, MONDAY, clock.now())}
        return last.outcome, last.remarks, judged


def test_a_line_of_totals_is_a_remark_and_the_register_that_is_missing_is_missed(school: School, tmp_path: Path, set_clock: Any) -> None:
    set_clock("2026-11-23T09:12:00")
    folder(school, tmp_path, registers_csv=HEADER + "2026-11-23,AM,9A,1,/,09:00\n2026-11-23,AM,9B,2,-,\nTotal,,,,2,\n", timetable_csv=TIMETABLE)
    outcome, remarks, judged = read(school)
    assert (outcome, judged) == ("ok", {("9A", "on_time"), ("9B", "missing")}) and "1 line(s) of totals" in remarks
    assert "ok, with remarks" in feed.page(school, clock.now()) and "registers.csv" not in feed.page(school, clock.now())


def test_one_bad_row_of_a_database_does_not_silence_the_school(school: School, tmp_path: Path, set_clock: Any) -> None:
    set_clock("2026-11-23T09:12:00")
    with sqlite3.connect(tmp_path / "mis.db") as mis:
        mis.executescript("CREATE TABLE mark (g, p, m, t); INSERT INTO mark VALUES ('9A', '1', '/', '09:00'), ('9B', '2', '-', NULL), ('9A', '', '/', NULL);")
    (tmp_path / "queries.yaml").write_text(
        "registers: SELECT '2026-11-23' AS date, 'AM' AS session, g AS \"group\", p AS pupil_id, m AS mark, t AS taken_at FROM mark\n"
        "expected: SELECT DISTINCT '2026-11-23' AS date, 'AM' AS session, g AS \"group\", '08:50' AS starts, '12:00' AS ends FROM mark\n")
    school.settings.registers_url, school.settings.registers_queries = SecretStr(f"sqlite:///{tmp_path / 'mis.db'}"), tmp_path / "queries.yaml"
    outcome, _, judged = read(school)
    assert (outcome, judged) == ("ok", {("9A", "on_time"), ("9B", "missing")})


@pytest.mark.parametrize(("name", "text"), [
    ("registers_csv", HEADER + "2026-11-23,AM,9A,1,/,09:00\n2026-11-2"),
    ("registers_xml", "<SuperStarReport><Record><date>2026-11-23</date><session>AM</session><group>9A</group><pupil_id>1</pupil_id><mark>/</mark>"
                      "<taken_at>09:00</taken_at></Record><Record><date>2026-")])
def test_a_file_that_breaks_off_accuses_nobody_of_what_may_have_stood_in_its_end(school: School, tmp_path: Path, set_clock: Any, name: str, text: str) -> None:
    set_clock("2026-11-23T09:12:00")
    folder(school, tmp_path, timetable_csv=TIMETABLE, **{name: text})
    outcome, _, judged = read(school)
    assert "breaks off" in outcome and judged == {("9A", "on_time"), ("9B", "unknown")}
    with school.transaction() as session:
        assert not session.scalars(select(overdue.RegisterVerdict).where(overdue.RegisterVerdict.group_key == "9B")).all()


def test_a_file_that_cannot_be_read_at_all_is_said_of_the_reading(school: School, tmp_path: Path, set_clock: Any) -> None:
    set_clock("2026-11-23T09:12:00")
    folder(school, tmp_path, registers_csv=HEADER, timetable_csv=TIMETABLE, registers2_csv="something,else\n1,2\n")
    assert read(school)[0] == "registers2.csv could not be read at all, see the quarantine"
