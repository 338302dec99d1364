"""Files of JSON: answers of XoD, SIF UK objects, and any list of records with a column map."""

import json
import os
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cme.errors import BadInput
from cme.sources.column_map import ColumnMap
from cme.sources.files import CsvFile, CsvFolder
from cme.sources.source import Mark, Pulled

MONDAY = date(2026, 11, 23)
DATA = Path(__file__).parent / "data"
XOD = {"Id": "9919.2026-11-23.AM", "Date": "2026-11-23", "InstanceId": None, "StudentId": "9919", "Mark": "L", "MinsLate": 5, "Notes": "Bus was late",
       "Type": "S", "Session": "AM"}
SIF = {"@RefId": "A1", "@LearnerPersonalRefId": "L-1", "@SchoolInfoRefId": "S", "AttendanceDate": "2026-11-23", "Session": "AM",
       "AttendanceDomain": "Session", "AttendanceCode": "N", "InputSource": "Teacher", "RecordTimestamp": "2026-11-23T09:04:00Z"}


def pulled(folder: Path, maps: dict[str, ColumnMap] | None = None, **files: Any) -> Pulled:
    for name, held in files.items():
        (folder / f"{name}.json").write_text(held if isinstance(held, str) else json.dumps(held), encoding="utf-8")
    found = CsvFolder(folder, stable_seconds=0, maps=maps or {}).pull(None)
    assert found.rows_read == found.rows_accepted + len(found.bad_rows)
    return found


def test_the_marks_of_xod_are_read_without_a_map(tmp_path: Path) -> None:
    lesson = {**XOD, "Type": "L", "Session": "AM", "InstanceId": "38764", "Mark": "\\", "MinsLate": None, "Notes": None, "Date": "2026-11-23T00:00:00"}
    found = pulled(tmp_path, registers={"AttendMarks": [XOD, {**XOD, "StudentId": 9920, "Mark": "-", "MinsLate": 0, "Notes": None}, lesson]})
    lessons, sessions = found.registers
    assert (sessions.local_date, sessions.kind, sessions.slot) == (MONDAY, "session", "AM")
    assert sessions.marks == (Mark("9919", "L", 5, "Bus was late"), Mark("9920", "-", 0))
    assert (lessons.kind, lessons.slot, lessons.marks) == ("lesson", "38764", (Mark("9919", "\\"),)) and sessions.taken_at is None


def test_the_students_of_xod_bring_their_dates_and_who_is_looked_after(tmp_path: Path) -> None:
    student = {"Id": "3116", "Forename": "Quilla", "Surname": "Bramblewick", "Gender": "F", "RegGroup": "4ES", "YearGroup": "Year  4", "EntryDate": "2012-09-01",
               "DateofBirth": "2009-01-12", "LeavingDate": None, "InLeaCare": 1, "PostCode": "PE4 7FQ", "AddressBlock": "3 Penrith Grove\nPeterborough"}
    [pupil] = pulled(tmp_path, registers={"AttendMarks": []}, pupils={"Students": [student], "StudentSiblings": [], "meta": []}).pupils
    assert (pupil.mis_id, pupil.surname, pupil.born, pupil.year_group, pupil.group) == ("3116", "Bramblewick", date(2009, 1, 12), "4", "4ES")
    assert (pupil.admitted, pupil.left, pupil.flags, pupil.address) == (date(2012, 9, 1), None, ("looked after",), "3 Penrith Grove, Peterborough")
    assert pupil.given is not None and "contacts" not in pupil.given


def test_the_error_that_xod_gives_as_http_200_is_refused_and_its_words_are_not_repeated(tmp_path: Path) -> None:
    found = pulled(tmp_path, registers=(DATA / "xod_error.json").read_text())
    assert [row.reason for row in found.bad_rows] == ["the file holds an error of the source in place of data: ask the source again and see what it says"]
    with pytest.raises(BadInput, match="in place of data"):
        CsvFile(tmp_path / "registers.json").pull(None)


def test_the_file_is_as_old_as_xods_cache_says_and_deleted_marks_are_told(tmp_path: Path) -> None:
    found = pulled(tmp_path, registers={"AttendMarks": [XOD], "AttendMarks_deleted": [{"Id": "x"}], "meta": [{"DateTime": "2026-06-01T09:14:47.085"}]})
    assert found.as_of == datetime(2026, 6, 1, 8, 14, 47, 85000, timezone.utc)
    assert found.notes == ("registers.json: 1 record(s) that the source calls deleted were left as they are: export all, not the changes",)


def test_of_two_sif_records_of_one_reference_the_later_counts(tmp_path: Path) -> None:
    corrected = {**SIF, "AttendanceCode": "I", "AttendanceNote": "parent rang", "RecordTimestamp": "2026-11-23T10:30:00+01:00"}
    lesson = {**SIF, "@RefId": "A2", "AttendanceDomain": "Lesson", "StartTime": "10:00:00", "SessionLabel": "P2", "SchoolGroupRefId": "G7"}
    found = pulled(tmp_path, registers={"LearnerAttendances": {"LearnerAttendance": [corrected, SIF, lesson]}})
    assert [(r.kind, r.slot, r.group, r.marks) for r in found.registers] == [
        ("lesson", "10:00 P2", "G7", (Mark("L-1", "N"),)), ("session", "AM", "roll call", (Mark("L-1", "I", note="parent rang"),))]
    assert found.notes == ("registers.json: 1 record(s) passed over: a later one of the same RefId stands in their place",)
    assert pulled(tmp_path, registers={"LearnerAttendance": SIF}).rows_accepted == 1, "one record may stand alone"


@pytest.mark.parametrize(("record", "reason"), [
    ({**XOD, "Type": "X"}, "the Type is neither S (session) nor L (lesson): look at the export"),
    ({**XOD, "Date": "23.11.2026"}, "the date is not in the form 2026-11-23 or 23/11/2026: export it so"),
    ({**XOD, "StudentId": None}, "the pupil_id is empty: every row needs one"),
    ({**XOD, "Type": "L", "Session": None}, "the lesson has no slot: every lesson of a day and group needs its own label"),
    ("no object", "the record is no object: correct the export")])
def test_a_record_that_cannot_be_read_is_kept_as_it_came(tmp_path: Path, record: Any, reason: str) -> None:
    found = pulled(tmp_path, registers={"AttendMarks": [XOD, record]})
    assert [(row.line, row.reason, json.loads(row.raw)) for row in found.bad_rows] == [(2, reason, record)] and found.rows_accepted == 1


def test_a_field_that_stands_twice_is_not_guessed(tmp_path: Path) -> None:
    found = pulled(tmp_path, registers=json.dumps({"AttendMarks": [XOD]}).replace('"Mark": "L"', '"Mark": "L", "Mark": "N"'))
    assert [row.reason for row in found.bad_rows] == ["a field stands twice in the record: correct the export"]


def test_any_other_list_is_read_by_the_schools_map(tmp_path: Path) -> None:
    how = ColumnMap(columns={"date": "day", "pupil_id": "student.id", "mark": "code", "group": "room"}, fixed={"session": "AM"}, sheet="marks")
    held = {"marks": [{"day": "2026-11-23T00:00:00", "student": {"id": 7}, "code": "/", "room": "7A"}], "others": [{"a": 1}]}
    found = pulled(tmp_path, {"registers": how}, registers=held)
    assert found.registers[0].marks == (Mark("7", "/"),) and found.registers[0].local_date == MONDAY


@pytest.mark.parametrize(("text", "sentence"), [
    ('{"AttendMarks": [{"Id": "1"', "breaks off or is damaged"), ('{"a": NaN}', "breaks off or is damaged"), ('{"a": 1}', "holds no list of records"),
    ('{"a": [{"x": 1}], "b": [{"y": 2}]}', "several lists: name the one that counts"), ("[" * 200_000, "nested deeper"),
    ('[{"x": 1}]', "columns date, group, mark, pupil_id, session of registers are missing"), ('{"success": false, "data": null}', "in place of data")],
    ids=["half written", "no number", "no list", "several lists", "deep", "other columns", "refused"])
def test_a_file_that_cannot_be_read_costs_itself_with_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    [row] = pulled(tmp_path, registers=text).bad_rows
    assert sentence in row.reason and row.line is None


VALUES = st.recursive(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=6), st.sampled_from(
    ["2026-11-23", "2026-11-23T00:00:00", "AM", "S", "L", "session", "/", "\\", "\0", "\ud800", "1.2E+11"])), lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(["Id", "data", "AttendMarks", "meta"]), inner, max_size=2)), max_leaves=5)
RECORDS = st.one_of(st.dictionaries(st.sampled_from([*XOD, *SIF, "StartTime", "SchoolGroupRefId", "DateTime"]), VALUES, max_size=9), VALUES)


@settings(max_examples=max(50, int(os.environ.get("CME_FUZZ_INPUTS", "600")) // 6), deadline=None, database=None, derandomize="CME_FUZZ_INPUTS" not in os.environ,
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(records=st.lists(RECORDS, max_size=5), name=st.sampled_from(["AttendMarks", "LearnerAttendance", "records", "meta"]), cut=st.one_of(st.none(), st.floats(0, 1)))
def test_every_record_of_any_list_is_accepted_or_quarantined(tmp_path: Path, records: list[Any], name: str, cut: float | None) -> None:
    text = json.dumps({name: [XOD, *records]})
    found = pulled(tmp_path, registers=text if cut is None else text[:int(cut * len(text))])
    if name == "AttendMarks" and cut is None:
        replaced = sum(int(note.split(": ")[1].split()[0]) for note in found.notes if "RefId" in note)
        assert found.rows_read == 1 + len(records) - replaced
