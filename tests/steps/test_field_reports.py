"""What goes wrong in the field: the reports of sources.md section 6 (vendors' help pages, issue trackers), each a test named after it.

The number in a test's name is the report's; the last test counts them.
"""

import json
import os
import re
import sqlite3
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import psycopg2
import pymysql
import pytest
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, OperationalError
from tests.sources.stub_server import Reply
from tests.sources.vendor_stubs import ArborStub, BromcomStub
from tests.steps.school import MONDAY, School

from cme import clock
from cme.config.policies import FOLDER, ConfigFaults, load
from cme.errors import Transient
from cme.records import registers
from cme.records.alarms import open_alarms
from cme.records.quarantine import quarantined
from cme.records.registers import PullResult, current_marks, read_one
from cme.records.tables import Contact as ContactRow
from cme.records.tables import ExpectedRegister as ExpectedRow
from cme.records.tables import RegisterVerdict, RegisterVersion
from cme.sources.files import CsvFolder
from cme.sources.source import Contact, ExpectedRegister, Mark, Pulled, Pupil, RegisterDocument, Staff, TimeSemantics
from cme.sources.sql import SqlSource
from cme.steps import overdue
from cme.steps.pull import pull as pull_of_school
from cme.steps.register_verdicts import judge_day

TEACHERS = (Staff("TQA", "Tansy Quarrelby", "tquarrelby@school.example"), Staff("OFE", "Odo Fennimore", "ofennimore@school.example"))
DATA = Path(__file__).parents[1] / "sources" / "data"
OFFICER = "attendance@larkspur-bridge.example"


def wall(hour_minute: str, day: date = MONDAY) -> datetime:
    return clock.wall(day, hour_minute)


def expect(slot: str = "P1", group: str = "9A", starts: str = "09:00", *, day: date = MONDAY, **more: Any) -> ExpectedRegister:
    kind = "session" if slot in ("AM", "PM") else "lesson"
    return ExpectedRegister(day, kind, slot, group, wall(starts, day), wall(starts, day) + timedelta(hours=1), **{"staff": ("TQA",), **more})


def taken(codes: str, at: str = "", slot: str = "P1", group: str = "9A", *, day: date = MONDAY, **more: Any) -> RegisterDocument:
    kind = "session" if slot in ("AM", "PM") else "lesson"
    marks = tuple(Mark(f"P{n}", code) for n, code in enumerate(codes.split(), 1))
    return RegisterDocument(day, kind, slot, group, marks, wall(at, day) if at else None, **more)


def pull(school: School, *what: Any, semantics: TimeSemantics = TimeSemantics.FIRST_COMPLETED, **more: Any) -> PullResult:
    """A whole reading at the present moment."""
    with school.transaction() as session:
        return registers.store(session, school.school, Pulled(
            registers=tuple(d for d in what if isinstance(d, RegisterDocument)), staff=TEACHERS,
            expected=tuple(e for e in what if isinstance(e, ExpectedRegister)), **more), source="mis", codes=school.policies.codes,
            stamp=school.stamp(), time_semantics=semantics)


def verdicts(school: School, day: date = MONDAY) -> dict[tuple[str, str], str]:
    """What is said of every register now; reporting what is to be reported."""
    overdue.report(school, clock.now(), school.stamp())
    school.deliver(worker="test")
    with school.transaction() as session:
        return {(j.state.slot, j.state.group): j.verdict.verdict for j in judge_day(school, session, day, clock.now())}


def reminded(school: School) -> list[str]:
    return [to for to, _ in school.post.accepted]


def codes(school: School, slot: str = "P1", known_at: datetime | None = None) -> list[str]:
    with school.transaction() as session:
        found = read_one(session, school.school, MONDAY, "session" if slot in ("AM", "PM") else "lesson", slot, "9A", known_at)
        return list(found.marks.values()) if found else []


def test_01_a_register_taken_at_seven_minutes_past_is_not_reported_although_the_first_list_still_had_it(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:10:30")
    pull(school, expect())
    assert len(overdue.candidates(school, clock.now())) == 1
    pull(school, expect(), taken("/ N", "09:07"))              # read again just before sending
    assert verdicts(school) == {("P1", "9A"): "on_time"} and reminded(school) == []


def test_02_marks_of_the_office_leave_the_register_missing_and_their_absences_count(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:12:00")
    pull(school, expect("AM"), taken("I N", slot="AM", taken=False))
    assert verdicts(school) == {("AM", "9A"): "missing"} and sorted(reminded(school)) == [OFFICER, "tquarrelby@school.example"]
    with school.transaction() as session:
        assert sorted(m.code for marks in current_marks(session, school.school, MONDAY, MONDAY).values() for m in marks) == ["I", "N"]


def test_03_closure_codes_that_overwrite_a_day_make_nothing_late_and_the_marks_before_are_kept(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:06:00")
    pull(school, expect(), taken("/ N", "09:05"))
    assert verdicts(school) == {("P1", "9A"): "on_time"}
    before = clock.now()
    set_clock("2026-11-23T15:00:00")
    pull(school, expect(), taken("# #", "14:55"))
    assert verdicts(school) == {("P1", "9A"): "on_time"} and reminded(school) == []
    assert (codes(school), codes(school, known_at=before)) == (["#", "#"], ["/", "N"])


def test_03_a_register_that_the_office_closed_for_everybody_needs_not_be_taken(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:12:00")
    pull(school, expect(), taken("# #", taken=False))
    assert verdicts(school) == {("P1", "9A"): "not_required"}


def test_04_an_amended_entry_keeps_the_original_with_the_moment_of_both(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:06:00")
    pull(school, taken("N"))
    set_clock("2026-11-23T11:00:00")
    pull(school, RegisterDocument(MONDAY, "lesson", "P1", "9A", (Mark("P1", "I", note="parent rang"),)))
    with school.transaction() as session:
        rows = session.execute(select(RegisterVersion.marks, RegisterVersion.seen_at, RegisterVersion.extras).order_by(RegisterVersion.id)).all()
    assert [(bytes(marks), seen) for marks, seen, _ in rows] == [(b"N ", wall("09:06")), (b"I ", wall("11:00"))]
    assert list(rows[1].extras.values()) == [{"note": "parent rang"}]


def test_05_a_register_may_stay_open_for_thirty_minutes_and_needs_a_mark_for_every_pupil(school: School, set_clock: Any, tmp_path: Path) -> None:
    (tmp_path / "authorities").mkdir()
    for file in FOLDER.rglob("*.yaml"):
        text = file.read_text(encoding="utf-8").replace('closes: "09:20"', 'closes: "09:21"')
        (tmp_path / file.relative_to(FOLDER)).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigFaults, match="stays open for 31 minutes; 30 are allowed"):
        load(tmp_path)
    set_clock("2026-11-23T09:12:00")
    pull(school, expect("AM"), taken("/ -", slot="AM"), semantics=TimeSemantics.OBSERVED)
    assert verdicts(school) == {("AM", "9A"): "missing"}


@pytest.mark.parametrize(("zone", "written"), [("Europe/London", "2026-06-02 00:30"), ("America/Los_Angeles", "2026-06-01 16:30")])
def test_06_today_is_the_schools_day_whatever_the_zone_of_the_server(tmp_path: Path, set_clock: Any, zone: str, written: str) -> None:
    (tmp_path / "registers.csv").write_text(f"date,session,group,pupil_id,mark,taken_at\n2026-06-02,AM,9A,P1,/,{written}\n")
    set_clock("2026-06-01T23:30:00+00:00")                     # half past midnight of the second of June in England
    [found] = CsvFolder(tmp_path, stable_seconds=0, zone=clock.ZoneInfo(zone)).pull([clock.today()]).registers
    assert found.taken_at == datetime(2026, 6, 1, 23, 30, tzinfo=timezone.utc)


@pytest.mark.parametrize(("day", "utc_hour"), [(date(2026, 10, 23), 7), (date(2026, 11, 3), 8), (date(2027, 3, 25), 8), (date(2027, 4, 13), 7)],
                         ids=["before the clocks go back", "after", "before they go forward", "and after"])
def test_07_a_lesson_starts_at_its_wall_clock_on_both_sides_of_a_clock_change(school: School, set_clock: Any, tmp_path: Path, day: date, utc_hour: int) -> None:
    (tmp_path / "timetable.csv").write_text("weekday,session,group,starts,ends,staff\n" + "".join(
        f"{name},AM,9A,08:50,12:00,TQA\n" for name in ("Mon", "Tue", "Wed", "Thu", "Fri")))
    (tmp_path / "registers.csv").write_text(f"date,session,group,pupil_id,mark,taken_at\n{day},AM,9A,P1,/,08:59\n{day},AM,9B,P2,/,09:01\n")
    set_clock(f"{day}T09:05:00")
    pulled = CsvFolder(tmp_path, stable_seconds=0, calendar=school.policies.calendar).pull([day])
    [expected] = pulled.expected
    assert (expected.starts_at.hour, expected.starts_at.minute) == (utc_hour, 50)
    pull(school, *pulled.registers, *pulled.expected, expect("AM", "9B", "08:50", day=day))
    assert verdicts(school, day) == {("AM", "9A"): "on_time", ("AM", "9B"): "late"}


def test_08_the_same_class_twice_a_day_has_two_registers(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T11:30:00")
    pull(school, expect(), expect("P3", starts="11:00"), taken("/ /", "09:04"), taken("N N", "11:20", slot="P3"))
    assert verdicts(school) == {("P1", "9A"): "on_time", ("P3", "9A"): "late"}
    assert (codes(school), codes(school, "P3")) == (["/", "/"], ["N", "N"])


def test_09_a_class_without_pupils_misses_no_register(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:30:00")
    pull(school, expect(required=False, not_required_reason="the class has no pupils"))
    assert verdicts(school) == {("P1", "9A"): "not_required"} and reminded(school) == []


def test_10_a_register_of_an_old_timetable_is_reported_no_more(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T08:00:00")
    pull(school, expect("P1", "old"), expect(), expected_whole=frozenset({MONDAY}))
    set_clock("2026-11-23T09:12:00")
    pull(school, expect(), taken("/", "09:03"), expected_whole=frozenset({MONDAY}))
    assert verdicts(school) == {("P1", "9A"): "on_time", ("P1", "old"): "not_required"} and reminded(school) == []


def test_11_a_pupil_who_stands_in_a_register_twice_counts_once_and_two_different_marks_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "registers.csv").write_text("date,session,group,pupil_id,mark\n2026-11-23,AM,9A,P1,/\n2026-11-23,AM,9A,P1,/\n"
                                            "2026-11-23,AM,9A,P2,/\n2026-11-23,AM,9A,P2,N\n")
    pulled = CsvFolder(tmp_path, stable_seconds=0).pull(None)
    assert pulled.registers[0].marks == (Mark("P1", "/"),) and not pulled.registers[0].complete
    assert len(pulled.bad_rows) == 2 and pulled.rows_read == pulled.rows_accepted + 2


def test_12_a_lesson_that_has_not_begun_is_pending_and_a_teacher_who_left_is_not_written_to(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:12:00")
    pull(school, expect(staff=("GONE", "OFE")), expect("P2", starts="10:00"))
    assert verdicts(school) == {("P1", "9A"): "missing", ("P2", "9A"): "pending"}
    assert sorted(reminded(school)) == [OFFICER, "ofennimore@school.example"]


def test_13_a_change_of_teacher_is_the_same_register_and_reported_once_to_the_new_one(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T08:30:00")
    pull(school, expect(staff=("TQA",)))
    for minute in ("12", "17"):
        set_clock(f"2026-11-23T09:{minute}:00")
        pull(school, expect(staff=("OFE",)))
        assert verdicts(school) == {("P1", "9A"): "missing"}
    assert sorted(reminded(school)) == [OFFICER, "ofennimore@school.example"]


def test_14_several_teachers_rooms_and_cover_are_one_register_with_all_of_them(school: School, set_clock: Any, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'mis.db'}"
    with sqlite3.connect(tmp_path / "mis.db") as connection:
        connection.executescript("""
            CREATE TABLE lesson (day text, starts text, ends text, who text, room text, stands_in text);
            INSERT INTO lesson VALUES ('2026-11-23', '09:00', '10:00', 'TQA', 'R1', ''), ('2026-11-23', '09:00', '10:00', 'XXX', 'R2', 'OFE');
            CREATE TABLE mark (pupil text);""")
    queries = {"registers": "SELECT '2026-11-23' AS date, 'P1' AS slot, '' AS session, 'lesson' AS kind, '9A' AS \"group\", pupil AS pupil_id, '/' AS mark FROM mark",
               "expected": "SELECT day AS date, 'lesson' AS kind, 'P1' AS slot, '' AS session, '9A' AS \"group\", starts, ends, who AS staff, room AS rooms, "
                           "stands_in AS cover FROM lesson"}
    [lesson] = SqlSource(url, queries).pull([MONDAY]).expected
    assert (lesson.staff, lesson.rooms, lesson.cover) == (("TQA", "XXX", "OFE"), ("R1", "R2"), ("OFE",))
    set_clock("2026-11-23T09:12:00")
    pull(school, lesson)
    verdicts(school)
    assert sorted(reminded(school)) == [OFFICER, "ofennimore@school.example", "tquarrelby@school.example"]
    with school.transaction() as session:
        [row] = session.scalars(select(ExpectedRow)).all()
        assert (row.rooms, row.cover) == (["R1", "R2"], ["OFE"])


def test_15_leavers_stay_an_empty_answer_is_no_deletion_a_deletion_is_and_contacts_not_given_stay(school: School, set_clock: Any) -> None:
    whole = frozenset({(MONDAY, "lesson")})
    here = (Pupil("P1", given=frozenset()), Pupil("P3", given=frozenset()), Pupil("P2", contacts=(Contact("A. Parent"),), given=frozenset({"contacts"})))
    set_clock("2026-11-23T09:06:00")
    pull(school, taken("/ N L"), pupils=here, whole=whole)
    left = Pupil("P2", left=date(2026, 11, 20), given=frozenset({"left"}))
    assert pull(school, pupils=here, whole=whole).doubts and codes(school) == ["/", "N", "L"], "a wrong region is an empty success"
    pull(school, RegisterDocument(MONDAY, "lesson", "P1", "9A", (Mark("P1", "/"),)), pupils=(*here[:2], left), whole=whole)
    with school.transaction() as session:
        found = read_one(session, school.school, MONDAY, "lesson", "P1", "9A")
        assert found is not None and sorted(found.marks.values()) == ["-", "/", "N"], "the third mark was deleted, the leaver's stays"
        assert len(session.scalars(select(ContactRow).where(ContactRow.valid_to.is_(None))).all()) == 1


@pytest.mark.parametrize(("vendor", "answer"), [
    ("arbor", {"response": {"code": 500, "reason": "sorry", "errors": [{"exception": "x", "message": "deadlock victim"}]}}),
    ("bromcom", {"success": False, "data": None}), ("xod", json.loads((DATA / "xod_error.json").read_text()))])
def test_16_an_error_that_arrives_as_http_200_changes_nothing_and_is_told(school: School, tmp_path: Path, vendor: str, answer: Any) -> None:
    s = school.settings
    if vendor == "xod":                                        # the answer as it was saved by a script of the school's
        (tmp_path / "registers.json").write_text(json.dumps(answer))
        os.utime(tmp_path / "registers.json", (1e9, 1e9))
        s.registers_folder = tmp_path
        assert pull_of_school(school, [MONDAY], school.stamp()).rows_quarantined == 1
        with school.transaction() as session:
            [row] = quarantined(session, school.school)
            assert row.place == "registers.json" and "an error of the source in place of data" in row.reason
        return
    with (ArborStub() if vendor == "arbor" else BromcomStub()) as stub:
        s.registers_api, s.registers_api_url, s.registers_api_user, s.registers_api_school = vendor, stub.url, "app", "77"
        s.registers_api_secret = SecretStr("open-sesame")
        pull_of_school(school, [MONDAY], school.stamp())
        with school.transaction() as session:
            before = current_marks(session, school.school, MONDAY, MONDAY)
        stub.plan.append(("", Reply(200, answer)))
        with pytest.raises(Transient):
            pull_of_school(school, [MONDAY], school.stamp())
    with school.transaction() as session:
        assert before and current_marks(session, school.school, MONDAY, MONDAY) == before
        assert [alarm.key for alarm in open_alarms(session)] == [f"pull:{vendor}"]


def test_17_a_full_synchronisation_that_gives_everything_again_corrects_nothing(school: School, set_clock: Any) -> None:
    day = [taken("/ N L", "09:03"), taken("\\ \\ \\", "13:00", slot="PM"), expect(), expect("PM", starts="12:45")]
    set_clock("2026-11-23T13:20:00")
    pull(school, *day)
    assert not pull(school, *reversed(day)).changed


@pytest.mark.parametrize("error", [
    OperationalError("q", {}, psycopg2.errors.DeadlockDetected("deadlock detected")), OperationalError("q", {}, pymysql.err.OperationalError(
        1213, "Deadlock found when trying to get lock; try restarting transaction")),
    DBAPIError("q", {}, Exception("Transaction was chosen as the deadlock victim. Rerun the transaction."))], ids=["PostgreSQL", "MariaDB", "SQL Server"])
def test_18_a_deadlock_at_register_time_is_tried_again(error: DBAPIError) -> None:
    fault = SqlSource("sqlite://", {"registers": "SELECT 1"})._fault(error, "query registers")
    assert type(fault) is Transient and "tried again" in str(fault)


# --- and what else a timetable holds ---------------------------------------------------------------------------------------

def test_a_day_cut_short_needs_no_register_for_its_afternoon(school: School, set_clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calendar = replace(school.policies.calendar, no_session=frozenset({(MONDAY, "PM")}))
    monkeypatch.setattr(school, "policies", replace(school.policies, calendar=calendar))
    set_clock("2026-11-23T13:30:00")
    pull(school, expect(), expect("PM", starts="12:45"), expect("P5", starts="13:00"), taken("/", "09:01"))
    assert verdicts(school) == {("P1", "9A"): "on_time", ("PM", "9A"): "not_required", ("P5", "9A"): "not_required"}


def test_a_lesson_that_is_suspended_needs_no_register_and_one_that_is_reinstated_does(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:12:00")
    pull(school, expect(required=False, not_required_reason="suspended: sports day"))
    assert verdicts(school) == {("P1", "9A"): "not_required"}
    pull(school, expect())
    assert verdicts(school) == {("P1", "9A"): "missing"}


def test_the_cover_teacher_takes_the_register_and_it_is_on_time(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:12:00")
    pull(school, expect(staff=("TQA", "OFE"), cover=("OFE",)), taken("/", "09:08", taken=True, taken_by="OFE"))
    assert verdicts(school) == {("P1", "9A"): "on_time"}
    with school.transaction() as session:
        assert session.scalars(select(RegisterVerdict.verdict)).all() == ["on time"]


def test_each_of_the_eighteen_reports_has_a_test_of_its_number() -> None:
    numbered = {int(found[1]) for name in globals() if (found := re.match(r"test_(\d\d)_", name))}
    assert numbered == set(range(1, 19))
