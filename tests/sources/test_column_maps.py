"""A school's own columns, layouts, dates and encodings; and reports of SIMS's CommandReporter."""

import os
from datetime import date, timedelta
from pathlib import Path

import pytest

from cme.errors import BadInput
from cme.rules.school_days import SchoolCalendar
from cme.sources.column_map import ColumnMap, read_maps
from cme.sources.files import CsvFile, CsvFolder
from cme.sources.source import Mark, Pulled

MONDAY = date(2026, 11, 23)
DATA = Path(__file__).parent / "data"


def pull(folder: Path, data: str | bytes, name: str = "registers.csv", **maps: ColumnMap) -> Pulled:
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    os.utime(folder / name, (1e9, 1e9))
    pulled = CsvFolder(folder, clock=lambda: 2e9, maps=maps).pull(None)
    assert pulled.rows_read == pulled.rows_accepted + len(pulled.bad_rows)
    return pulled


def marks(pulled: Pulled) -> dict[tuple[date, str, str], str]:
    return {(r.local_date, r.slot, m.pupil): m.code for r in pulled.registers for m in r.marks}


SIMS = ColumnMap(columns={"date": "Attendance Date", "session": "Session Name", "group": "Reg Group", "pupil_id": "Adno", "mark": "Mark",
                          "forename": "Forename"}, dates="%d %b %Y")


def test_a_schools_own_columns_and_dates_are_read_by_its_map(tmp_path: Path) -> None:
    pulled = pull(tmp_path, "Attendance Date,Session Name,Reg Group,Adno,Mark,Forename,date\n23 Nov 2026,AM,7A,007,/,Zoë,junk\n",
                  registers=SIMS)
    assert marks(pulled) == {(MONDAY, "AM", "007"): "/"} and pulled.pupils[0].forename == "Zoë" and not pulled.bad_rows


def test_a_date_in_another_form_than_the_map_says_is_refused(tmp_path: Path) -> None:
    pulled = pull(tmp_path, "Attendance Date,Session Name,Reg Group,Adno,Mark,Forename\n23/11/2026,AM,7A,007,/,Zoë\n", registers=SIMS)
    assert not pulled.registers and "form that the column map gives" in pulled.bad_rows[0].reason


def test_a_map_that_says_month_first_is_believed(tmp_path: Path) -> None:
    us = ColumnMap(dates="%m/%d/%Y")
    assert marks(pull(tmp_path, "date,session,group,pupil_id,mark\n09/05/2026,AM,7A,1,/\n", registers=us)) == {(date(2026, 9, 5), "AM", "1"): "/"}


OEA = {"date": "attendance_date", "slot": "Period", "group": "section_id", "pupil_id": "student_id", "mark": "AttendanceCode"}


def test_a_real_export_is_read_by_a_map_with_the_order_that_its_dates_have(tmp_path: Path) -> None:
    lessons = ColumnMap(columns=OEA, fixed={"kind": "lesson"}, dates="%d/%m/%Y")
    pulled = pull(tmp_path, (DATA / "oea_day1.csv").read_bytes(), registers=lessons)
    assert pulled.rows_accepted == 39 and not pulled.bad_rows and {r.kind for r in pulled.registers} == {"lesson"}
    assert {r.local_date.month for r in pulled.registers} == {9, 10} and max(r.local_date for r in pulled.registers).day < 13


def test_a_real_export_whose_dates_can_only_be_the_other_order_than_the_map_says_gives_no_register(tmp_path: Path) -> None:
    turned = ColumnMap(columns=OEA, fixed={"kind": "lesson"}, dates="%d/%m/%Y")
    pulled = pull(tmp_path, (DATA / "oea_us_dates.csv").read_bytes(), registers=turned)
    [bad] = pulled.bad_rows
    assert pulled.registers == () and "day and month exchanged from what the column map says" in bad.reason
    right = pull(tmp_path, (DATA / "oea_us_dates.csv").read_bytes(), registers=turned.model_copy(update={"dates": "%m/%d/%Y"}))
    assert {r.local_date.month for r in right.registers} == {8, 9} and not right.bad_rows


def test_a_list_of_pupils_with_month_first_dates_gives_no_date_of_birth(tmp_path: Path) -> None:
    (tmp_path / "pupils.csv").write_text("pupil_id,date_of_birth\n1,03/04/2012\n2,08/15/2012\n")
    os.utime(tmp_path / "pupils.csv", (1e9, 1e9))
    pulled = pull(tmp_path, "date,session,group,pupil_id,mark\n2026-11-23,AM,7A,1,/\n")
    assert [(row.where, row.line) for row in pulled.bad_rows] == [("pupils.csv", None)] and pulled.pupils[0].born is None
    assert "month/day/year" in pulled.bad_rows[0].reason


def test_a_file_of_lessons_alone_needs_no_column_for_the_session(tmp_path: Path) -> None:
    pulled = pull(tmp_path, "date,kind,slot,group,pupil_id,mark\n2026-11-23,lesson,P1,9A,1,/\n2026-11-23,,,9A,1,/\n")
    assert [(r.kind, r.slot) for r in pulled.registers] == [("lesson", "P1")] and "neither AM nor PM" in pulled.bad_rows[0].reason


def test_columns_that_the_map_names_and_the_file_does_not_hold_are_named(tmp_path: Path) -> None:
    pulled = pull(tmp_path, "Date,Session,Group,Adno,Mark\n", registers=SIMS)
    assert "does not hold (Attendance Date, Forename, Reg Group, Session Name)" in pulled.bad_rows[0].reason
    assert "Attendance Date" in pulled.bad_rows[0].reason and "correct the export or the map" in pulled.bad_rows[0].reason


def test_a_value_that_holds_for_every_row_comes_from_the_map(tmp_path: Path) -> None:
    fixed = ColumnMap(fixed={"session": "AM", "group": "whole school"})
    pulled = pull(tmp_path, "date,pupil_id,mark\n2026-11-23,1,/\n2026-11-23,2,N\n", registers=fixed)
    assert [(r.group, r.slot, len(r.marks)) for r in pulled.registers] == [("whole school", "AM", 2)]


def test_an_encoding_that_the_map_names_is_kept_to(tmp_path: Path) -> None:
    text = "date,session,group,pupil_id,mark,forename\n2026-11-23,AM,7A,1,/,Zoë\n"
    assert pull(tmp_path, text.encode("utf-16"), registers=ColumnMap(encoding="utf-16")).pupils[0].forename == "Zoë"
    refused = pull(tmp_path, text.encode("cp1252"), registers=ColumnMap(encoding="utf-8"))
    assert "cannot be read as utf-8" in refused.bad_rows[0].reason


WEEK = "week_starting,group,pupil_id,MonAM,MonPM,TueAM,TuePM,WedAM,WedPM,ThuAM,ThuPM,FriAM,FriPM\n"


def test_a_week_a_row_gives_ten_sessions(tmp_path: Path) -> None:
    pulled = pull(tmp_path, WEEK + "16/11/2026,7A,1,/,\\,N,N,/,\\,L,\\,#,#\n", registers=ColumnMap(layout="week"))
    assert marks(pulled) == {(date(2026, 11, 16 + n // 2), ("AM", "PM")[n % 2], "1"): code for n, code in enumerate("/\\NN/\\L\\##")}
    assert pulled.rows_read == 10


def test_empty_cells_of_the_days_to_come_are_no_registers_and_those_of_today_are(tmp_path: Path) -> None:
    pulled = pull(tmp_path, WEEK + "23/11/2026,7A,1,/,,,,,,,,,\n23/11/2026,7A,2,/,,,,H,,,,,\n", registers=ColumnMap(layout="week"))
    assert marks(pulled) == {(MONDAY, "AM", "1"): "/", (MONDAY, "PM", "1"): "", (MONDAY, "AM", "2"): "/", (MONDAY, "PM", "2"): "",
                             (date(2026, 11, 25), "AM", "2"): "H"}


def test_a_week_that_begins_on_no_monday_is_refused(tmp_path: Path) -> None:
    pulled = pull(tmp_path, WEEK + "22/11/2026,7A,1,/,,,,,,,,,\n", registers=ColumnMap(layout="week"))
    assert not pulled.registers and "no Monday" in pulled.bad_rows[0].reason


def test_columns_headed_by_dates_need_no_monday(tmp_path: Path) -> None:
    pulled = pull(tmp_path, "group,pupil_id,20/11/2026 AM,20/11/2026 PM,23/11/2026 AM\n7A,1,/,\\,N\n", registers=ColumnMap(layout="week"))
    assert marks(pulled) == {(date(2026, 11, 20), "AM", "1"): "/", (date(2026, 11, 20), "PM", "1"): "\\", (MONDAY, "AM", "1"): "N"}


@pytest.mark.parametrize(("header", "sentence"), [
    ("group,pupil_id,MonAM\n", "week_starting"), ("group,pupil_id,week_starting\n", "no column of the week"),
    ("week_starting,group,pupil_id,MonAM,Mon AM\n", "stands twice"), ("group,pupil_id,31/11/2026 AM\n", "no day of the calendar")])
def test_a_week_grid_that_does_not_say_its_days_is_refused(tmp_path: Path, header: str, sentence: str) -> None:
    assert sentence in pull(tmp_path, header, registers=ColumnMap(layout="week")).bad_rows[0].reason


PACKED = ColumnMap(layout="packed", columns={"marks": "AttMarkString", "starting": "AttMarksStartDate", "ending": "AttMarksEndDate",
                                             "pupil_id": "Id", "group": "RegGroup"})
HEAD = "Id,RegGroup,AttMarkString,AttMarksStartDate,AttMarksEndDate\n"


def test_a_whole_year_in_one_cell_is_taken_apart_by_weekdays(tmp_path: Path) -> None:
    pulled = pull(tmp_path, HEAD + "1,7A,/\\NN#-,2026-11-19,2026-11-23\n", registers=PACKED)
    assert marks(pulled) == {(date(2026, 11, 19), "AM", "1"): "/", (date(2026, 11, 19), "PM", "1"): "\\", (date(2026, 11, 20), "AM", "1"): "N",
                             (date(2026, 11, 20), "PM", "1"): "N", (MONDAY, "AM", "1"): "#", (MONDAY, "PM", "1"): "-"}


def test_packed_marks_of_another_length_than_the_days_need_are_never_shifted_into_place(tmp_path: Path) -> None:
    pulled = pull(tmp_path, HEAD + "1,7A,/\\NN#,2026-11-19,2026-11-23\n2,7A,I01/\\NN,2026-11-19,2026-11-23\n", registers=PACKED)
    assert not pulled.registers and all("need 6" in row.reason for row in pulled.bad_rows)


def test_codes_of_several_letters_are_packed_with_a_separator(tmp_path: Path) -> None:
    given = PACKED.model_copy(update={"separator": ";"})
    pulled = pull(tmp_path, HEAD.replace(",", "|") .replace("|", ",") + "1,7A,I01;/;C1;C1,2026-11-20,2026-11-23\n", registers=given)
    assert list(marks(pulled).values()) == ["I01", "/", "C1", "C1"]


def test_packed_marks_may_count_every_day_or_the_schools_own(tmp_path: Path) -> None:
    every = PACKED.model_copy(update={"packed_days": "every day"})
    assert len(marks(pull(tmp_path, HEAD + "1,7A,/\\####/\\,2026-11-20,2026-11-23\n", registers=every))) == 8
    own = PACKED.model_copy(update={"packed_days": "school days"})
    (tmp_path / "registers.csv").write_text(HEAD + "1,7A,/\\/\\,2026-11-20,2026-11-24\n")
    with pytest.raises(BadInput, match="school's calendar"):
        CsvFile(tmp_path / "registers.csv", maps={"registers": own}).pull(None)
    os.utime(tmp_path / "registers.csv", (1e9, 1e9))

    class Inset(SchoolCalendar):
        def __init__(self) -> None: ...
        def is_school_day(self, day: date) -> bool:
            return day.isoweekday() < 6 and day != MONDAY

    pulled = CsvFolder(tmp_path, clock=lambda: 2e9, calendar=Inset(), maps={"registers": own}).pull(None)
    assert {day for day, *_ in marks(pulled)} == {MONDAY - timedelta(days=3), MONDAY + timedelta(days=1)}


XML = """<?xml version="1.0" encoding="iso-8859-1"?>
<SuperStarReport><Record><Attendance_x0020_Date>23 Nov 2026</Attendance_x0020_Date><Session_x0020_Name>AM</Session_x0020_Name>
<Reg_x0020_Group>7A</Reg_x0020_Group><Adno>007</Adno><Mark>/</Mark><Forename>Zo\u00eb</Forename></Record>
<Record><Attendance_x0020_Date>23 Nov 2026</Attendance_x0020_Date><Session_x0020_Name>AM</Session_x0020_Name>
<Reg_x0020_Group>7A</Reg_x0020_Group><Adno>008</Adno></Record></SuperStarReport>"""


def test_a_report_of_command_reporter_is_read_and_a_field_left_out_is_empty(tmp_path: Path) -> None:
    pulled = pull(tmp_path, XML.encode("latin-1"), "registers.xml", registers=SIMS)
    assert pulled.registers[0].marks == (Mark("007", "/"), Mark("008", "")) and pulled.pupils[0].forename == "Zoë"


def test_letters_of_windows_in_a_report_called_iso_8859_1_are_what_they_are_in_windows(tmp_path: Path) -> None:
    pulled = pull(tmp_path, XML.replace("Zo\u00eb", "Zo\u0096").encode("latin-1"), "registers.xml", registers=SIMS)
    assert pulled.pupils[0].forename == "Zo\u2013"


def test_a_report_that_breaks_off_leaves_its_register_incomplete(tmp_path: Path) -> None:
    pulled = pull(tmp_path, XML.encode("latin-1")[:-120], "registers.xml", registers=SIMS)
    assert [m.pupil for m in pulled.registers[0].marks] == ["007"] and not pulled.registers[0].complete
    assert "breaks off" in pulled.bad_rows[-1].reason


@pytest.mark.parametrize(("text", "sentence"), [
    ("<CommandReporterError>Login failed for a person</CommandReporterError>", "wrote an error in place of the report"),
    ('<!DOCTYPE r [<!ENTITY a "b">]><SuperStarReport><Record><Mark>&a;</Mark></Record></SuperStarReport>', "a DTD"),
    ('<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/hostname">]><SuperStarReport/>', "a DTD"),
    ("<SuperStarReport/>", "holds no Record"), ("", "breaks off"), ("date,session\n", "breaks off")])
def test_a_report_that_is_none_costs_itself_with_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    [bad] = pull(tmp_path, text, "registers.xml", registers=SIMS).bad_rows
    assert sentence in bad.reason and "Login" not in bad.reason


@pytest.mark.parametrize(("text", "sentence"), [
    ("registers: {columns: {datum: Day}}", "datum is no column of registers"), ("register: {}", "one part for each kind of file"),
    ("registers: {dates: '%d/%m'}", "day, month and year"), ("registers: {encoding: klingon}", "no encoding"),
    ("registers: {columns: {date: D}, fixed: {date: '2026-11-23'}}", "both columns and fixed"), ("pupils: {layout: week}", "only registers"),
    ("registers: {layout: year}", "registers.layout"), ("registers: [", "no YAML"), ("staff: {dates: '%d %m %Y'}", "registers and pupils only"),
    ("registers: {columns: {session: Period, slot: Period}}", "session, slot cannot be one and the same column")])
def test_a_map_that_cannot_be_meant_is_refused_with_its_place(text: str, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence) as refused:
        read_maps(text, "columns.yaml")
    assert str(refused.value).startswith("columns.yaml: ")


def test_a_map_is_read_from_yaml() -> None:
    text = "registers:\n  columns: {date: Attendance Date, mark: Mark}\n  fixed: {session: AM}\n  dates: '%d %b %Y'\npupils: {}\n"
    assert read_maps(text, "columns.yaml") == {"registers": ColumnMap(
        columns={"date": "Attendance Date", "mark": "Mark"}, fixed={"session": "AM"}, dates="%d %b %Y"), "pupils": ColumnMap()}
