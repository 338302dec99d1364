"""Whatever a vendor's interface sends as a record: it is accepted or quarantined as it came, and never brings the pull down."""

import os
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cme import clock
from cme.sources import arbor_records, bromcom, wonde
from cme.sources.api_rows import WHOLE_SCHOOL, ApiPupils, ApiRows
from cme.sources.source import Pupil
from cme.sources.values import Unreadable
from tests.sources.one_school import MONDAY

QUICK = settings(max_examples=max(50, int(os.environ.get("CME_FUZZ_INPUTS", "600")) // 6), deadline=None, database=None,
                 derandomize="CME_FUZZ_INPUTS" not in os.environ)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.sampled_from(
    ["2026-11-23", "2026-11-23 09:04:00", "2026-11-23T09:04:00+01:00", "0001-01-01 00:00:00", "9999-12-31 23:59:59", "AM", "N", "12", "\0", "\ud800",
     "Europe/London", "../x", "UTC", "/rest-v2/students/12", "/rest-v2/attendance-marks/1", "1900-01-02T09:09:00"]))
VALUES = st.recursive(SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(
    ["data", "id", "code", "date", "timezone", "href", "entityType", "name", "email", "relationship", "priority", "contact_details", "emails",
     "displayName"]), inner, max_size=4)), max_leaves=8)
NAMES = ["id", "date", "session", "student", "student_id", "attendance_code", "attendance_code_id", "comment", "minutes_late", "forename", "surname",
         "date_of_birth", "education_details", "contacts", "href", "recordDate", "attendanceRollCall", "attendanceMark", "minutesLate", "person",
         "startDatetime", "endDatetime", "academicUnit", "attendanceRegister", "event", "studentId", "monAM", "friPM", "dateOfBirth", "contact1Name",
         "updated_at"]
RECORDS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=12)


def balanced(rows: ApiRows) -> bool:
    return rows.found.read == rows.found.accepted + len(rows.found.bad) and all("\0" not in row.raw for row in rows.found.bad)


@QUICK
@given(records=st.lists(RECORDS, max_size=6))
def test_any_record_of_a_mark_is_accepted_or_quarantined(records: list[dict[str, Any]]) -> None:
    for cells in (lambda r: wonde._cells(r, {"12": "N"}),
                  lambda r: arbor_records.roll_call_cells(r, {"/rest-v2/attendance-marks/1": "N"}, {}, WHOLE_SCHOOL)):
        rows = ApiRows("records", None)
        for record in records:
            rows.add(record, cells)
        assert balanced(rows) and rows.found.read == len(records)
    weeks = ApiRows("weeks", None)
    for record in records:
        bromcom.BromcomSource("https://mis.example", "1", "app", lambda: "x")._week(weeks, record, MONDAY)
    assert balanced(weeks) and weeks.found.read >= len(records)


@QUICK
@given(records=st.lists(RECORDS, max_size=6))
def test_any_record_of_a_pupil_or_a_lesson_is_read_or_refused(records: list[dict[str, Any]]) -> None:
    def arbor(record: dict[str, Any]) -> Pupil:
        return arbor_records.pupil_of(record, {}, clock.LONDON)

    for pupil in (wonde._pupil, bromcom._pupil, arbor):
        found = ApiPupils("pupils")
        for record in records:
            found.add(record, pupil)
        assert found.read == len(records) == found.accepted + len(found.bad)
        assert all(p.mis_id for p in found.pupils())
    for record in records:
        wonde._later(None, record)
        arbor_records.session_of(record)
        try:
            lesson = arbor_records.lesson_of(record, clock.LONDON)
            assert lesson.starts_at < lesson.ends_at and lesson.slot
        except Unreadable:
            pass
