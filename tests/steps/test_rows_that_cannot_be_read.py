"""A row that could not be read says where it stands, whatever it came from, and leaves quarantine once it is corrected there."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select, text

from cme import clock
from cme.records import registers, source_answers
from cme.records.tables import Pull, SourceAnswer
from cme.sources.source import place_of
from cme.steps.pull import pull
from cme.steps.rows import read_again, row_in_full
from tests.sources.one_school import FRIDAY, MONDAY
from tests.sources.vendor_stubs import ArborStub, BromcomStub, WondeStub
from tests.steps.school import School

BAD = {"noon": "neither AM nor PM", "ZZ": "is no"}


def waiting(school: School) -> dict[str, str]:
    """Where each waiting row stands, and why it waits."""
    with school.transaction() as session:
        return {place_of(row.place, row.line or row.record): row.reason for row in registers.quarantined(session, school.school)}


def api(school: School, kind: str, stub: WondeStub | ArborStub | BromcomStub, number: str = "") -> None:
    s = school.settings
    s.registers_api, s.registers_api_url, s.registers_api_school, s.registers_api_user = kind, stub.url, number, "app"
    s.registers_api_secret = SecretStr("open-sesame")


@pytest.fixture
def wonde(school: School) -> Iterator[WondeStub]:
    with WondeStub() as stub:
        api(school, "wonde", stub, "A1234567890")
        yield stub


def test_a_file_gives_its_line_for_an_unknown_code_as_well(school: School, tmp_path: Path) -> None:
    def export(*rows: str) -> None:
        path = tmp_path / "registers.csv"
        path.write_text("date,session,group,pupil_id,mark\n" + "".join(f"2026-11-23,{row}\n" for row in rows))
        os.utime(path, (clock.now().timestamp() - 60,) * 2)

    school.settings.registers_folder = tmp_path
    export("AM,9A,P1,/", "noon,9A,P2,/", "AM,9A,P3,ZZ")
    pull(school, [MONDAY], school.stamp())
    found = waiting(school)
    assert set(found) == {"registers.csv, line 3", "registers.csv, line 4"} and "ZZ" in found["registers.csv, line 4"]
    export("AM,9A,P1,/", "AM,9A,P2,/", "PM,9A,P9,/", "AM,9A,P3,ZZ")
    result = read_again(school, school.stamp())
    assert result is not None and result.rows_mended == 1 and set(waiting(school)) == {"registers.csv, line 5"}
    export("AM,9A,P1,/", "AM,9A,P2,/", "PM,9A,P9,/", "AM,9A,P3,I")
    pull(school, [MONDAY], school.stamp())
    assert waiting(school) == {}


def test_of_two_files_with_one_register_the_one_that_gave_the_mark_is_named(school: School, tmp_path: Path) -> None:
    for age, (name, rows) in zip((200, 100), {"registers-a.csv": "P1,/ P2,ZZ", "registers-b.csv": "P1,QQ"}.items(), strict=True):
        path = tmp_path / name
        path.write_text("date,session,group,pupil_id,mark\n" + "".join(f"2026-11-23,AM,9A,{row}\n" for row in rows.split()))
        os.utime(path, (clock.now().timestamp() - age,) * 2)
    school.settings.registers_folder = tmp_path
    pull(school, [MONDAY], school.stamp())
    assert set(waiting(school)) == {"registers-a.csv, line 3", "registers-b.csv, line 2"}


def test_a_database_gives_the_query_and_the_row_of_its_answer(school: School, tmp_path: Path) -> None:
    base = tmp_path / "school.db"
    with sqlite3.connect(base) as database:
        database.execute("CREATE TABLE marks (day TEXT, session TEXT, pupil TEXT, mark TEXT)")
        database.executemany("INSERT INTO marks VALUES ('2026-11-23', ?, ?, ?)", [("AM", "P1", "/"), ("noon", "P2", "/"), ("AM", "P3", "ZZ")])
        database.execute("CREATE TABLE pupils (id TEXT, born TEXT)")
        database.executemany("INSERT INTO pupils VALUES (?, ?)", [("P1", "2012-01-01"), ("P2", "31/31/2012")])
    queries = tmp_path / "queries.yaml"
    queries.write_text("registers: SELECT day AS date, session, '9A' AS \"group\", pupil AS pupil_id, mark FROM marks "
                       "WHERE day BETWEEN :from_day AND :to_day ORDER BY pupil\n"
                       "pupils: SELECT id AS pupil_id, born AS date_of_birth FROM pupils ORDER BY id\n")
    school.settings.registers_url, school.settings.registers_queries = SecretStr(f"sqlite:///{base}"), queries
    pull(school, [MONDAY], school.stamp())
    assert set(waiting(school)) == {"query registers, row 2", "query registers, row 3", "query pupils, row 2"}
    with sqlite3.connect(base) as database:
        database.execute("UPDATE marks SET session = 'AM', mark = '/'")
        database.execute("UPDATE pupils SET born = '2012-02-01'")
    assert read_again(school, school.stamp()) and waiting(school) == {}


def test_wonde_gives_its_own_name_of_a_record_and_a_retry_reads_it_whatever_the_cursor_says(school: School, wonde: WondeStub) -> None:
    marks = wonde.rows["attendance/session/"]
    kept = [dict(mark) for mark in marks[:2]]
    marks[0]["student"], marks[1]["attendance_code"] = None, {"code": "ZZ"}
    wonde.rows["students/"][1]["date_of_birth"] = "the third of May"
    pull(school, None, school.stamp())
    found = waiting(school)
    assert set(found) == {"attendance/session/, record M1", "attendance/session/, record M2", "students/, record 13"} and "ZZ" in str(found)
    with school.transaction() as session:
        number = next(row.id for row in registers.quarantined(session, school.school) if row.record == "M1")
    assert row_in_full(school, number)[0] == "wonde: attendance/session/, record M1" and '"id": "M1"' in row_in_full(school, number)[2]
    pull(school, [MONDAY], school.stamp())                                    # only what changed: nothing of Friday is read
    assert set(waiting(school)) == set(found)
    marks[0], marks[1] = kept
    wonde.rows["students/"][1]["date_of_birth"] = "2012-05-03"
    assert read_again(school, school.stamp()) and waiting(school) == {}


def test_arbor_and_bromcom_give_their_own_name_of_a_record_too(school: School) -> None:
    with ArborStub() as arbor:
        arbor.page_cap = 50
        api(school, "arbor", arbor)
        mark = arbor.rows["attendance-roll-call-records"][0]
        good, mark["attendanceMark"] = mark["attendanceMark"], arbor.ref("AttendanceMark", "attendance-marks", 99)
        pull(school, [FRIDAY, MONDAY], school.stamp())
        assert set(waiting(school)) == {"attendance-roll-call-records, record 1"}
        mark["attendanceMark"] = good
        assert read_again(school, school.stamp()) and waiting(school) == {}
    with BromcomStub() as bromcom:
        api(school, "bromcom", bromcom, "77")
        bromcom.weeks["2026-11-23"][1]["monAM"] = "ZZ "
        pull(school, [MONDAY], school.stamp())
        assert set(waiting(school)) == {"v2/StudentAttendanceByWeek, record 13"}
        bromcom.weeks["2026-11-23"][1]["monAM"] = "C1 "
        assert read_again(school, school.stamp()) and waiting(school) == {}


def kept_answers(school: School) -> dict[str, int]:
    with school.transaction() as session:
        return {row.place: row.pull_id for row in source_answers.answers_of(session, school.school)}


def test_what_wonde_answered_is_kept_as_it_came_once_sealed_and_for_four_weeks(school: School, wonde: WondeStub, set_clock) -> None:  # type: ignore[no-untyped-def]
    wonde.per_page = 50
    pull(school, None, school.stamp())
    first = kept_answers(school)
    assert set(first) == {"attendance-codes/", "students/", "students-leaver/", "attendance/session/"}
    with school.transaction() as session:
        numbers = {row.place: row.id for row in source_answers.answers_of(session, school.school)}
        assert '"surname": "Quillfeather"' in source_answers.answer_text(session, school.school, numbers["students/"])
        assert '"data": {"id": "12"}' in source_answers.answer_text(session, school.school, numbers["attendance/session/"])
        raw = session.scalars(text("SELECT content FROM source_answer")).all()
        assert all(content.startswith("cme") and "Quillfeather" not in content for content in raw)
        assert session.scalar(select(Pull.source).where(Pull.id == first["students/"])) == "wonde"
    pull(school, None, school.stamp())
    with school.transaction() as session:                                      # the same again writes nothing but that it was asked
        assert len(session.scalars(select(SourceAnswer.id)).all()) == 4 + 1    # and, with a cursor, for deletions
    wonde.rows["students/"][0]["surname"] = "Altered"
    pull(school, None, school.stamp())
    with school.transaction() as session:
        assert [row.place for row in source_answers.answers_of(session, school.school)].count("students/") == 2
    set_clock("2026-12-22 09:00")
    pull(school, [MONDAY], school.stamp())
    with school.transaction() as session:
        students = [row for row in source_answers.answers_of(session, school.school) if row.place == "students/"]
        assert len(students) == 1 and "Altered" in source_answers.answer_text(session, school.school, students[0].id)
