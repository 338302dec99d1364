"""The databases of known school systems, on real servers: schemas of our own in the systems' shape (tests/sources/schemas)."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timezone
from itertools import count
from pathlib import Path

import psycopg2
import pytest
from tests.sources.mariadb import MariaDb

from cme import clock
from cme.errors import Misconfigured
from cme.records.embedded import Cluster
from cme.sources.source import Contact, ExpectedRegister, Pulled, RegisterDocument, TimeSemantics
from cme.sources.systems import NAMES, known_system

MONDAY, FRIDAY = date(2026, 11, 23), date(2026, 11, 20)
SCHEMAS = Path(__file__).parent / "schemas"
Write = Callable[..., None]
_numbers = count(1)


def at(hour: int, minute: int) -> datetime:
    return datetime(2026, 11, 23, hour, minute, tzinfo=timezone.utc)


@pytest.fixture
def rosariosis(cluster: Cluster) -> Iterator[tuple[str, Write]]:
    yield from on_postgres(cluster, "rosariosis")


@pytest.fixture
def views(cluster: Cluster) -> Iterator[tuple[str, Write]]:
    yield from on_postgres(cluster, "views")


def on_postgres(cluster: Cluster, system: str) -> Iterator[tuple[str, Write]]:
    name = f"{system}_{next(_numbers)}"
    cluster.create_database(name)
    connection = psycopg2.connect(cluster.url(name).replace("+psycopg2", ""))
    connection.autocommit = True

    def write(*statements: str) -> None:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    write((SCHEMAS / f"{system}.sql").read_text(encoding="utf-8"))
    yield cluster.url(name), write
    connection.close()
    cluster.drop_database(name)


def on_mariadb(mariadb: MariaDb, system: str) -> tuple[str, Write]:
    name, url = mariadb.database("\n".join(line for line in (SCHEMAS / f"{system}.sql").read_text(encoding="utf-8").splitlines()
                                           if not line.startswith("--")))
    return url, lambda *statements: mariadb.run(name, statements)


@pytest.fixture
def opensis(mariadb: MariaDb) -> tuple[str, Write]:
    return on_mariadb(mariadb, "opensis")


@pytest.fixture
def gibbon(mariadb: MariaDb) -> tuple[str, Write]:
    return on_mariadb(mariadb, "gibbon")


def pull(system: str, url: str, *days: date) -> Pulled:
    pulled = known_system(system).source(url, clock.LONDON).pull(days or [MONDAY])
    assert pulled.bad_rows == () and pulled.rows_accepted == pulled.rows_read
    return pulled


def register(pulled: Pulled, group: str, slot: str = "AM", day: date = MONDAY) -> RegisterDocument:
    [found] = [r for r in pulled.registers if (r.local_date, r.slot, r.group) == (day, slot, group)]
    return found


def expected(pulled: Pulled) -> dict[tuple[str, str], ExpectedRegister]:
    return {(e.slot, e.group): e for e in pulled.expected if e.local_date == MONDAY}


def marks(document: RegisterDocument) -> dict[str, str]:
    return {m.pupil: m.code for m in document.marks}


# --- RosarioSIS: the five behaviours seen in the running application --------------------------------------------------

TAKES = ["INSERT INTO attendance_period (student_id, school_date, period_id, attendance_code, attendance_teacher_code, course_period_id, created_at) VALUES "
         f"({pupil}, '2026-11-23', 1, {code}, {code}, 1, '2026-11-23 09:04:00.{81 + pupil:03}')" for pupil, code in ((1, 1), (2, 2))]
COMPLETES = "INSERT INTO attendance_completed VALUES (11, '2026-11-23', 1, 0, '2026-11-23 09:04:00.134')"


def test_a_torn_save_seen_between_its_marks_and_its_completion_is_not_taken(rosariosis: tuple[str, Write]) -> None:
    url, write = rosariosis
    write(TAKES[0])
    torn = register(pull("rosariosis", url), "9A")
    assert (torn.taken, torn.taken_at, marks(torn)) == (False, None, {"1": "/", "2": ""})
    write(TAKES[1], COMPLETES)
    whole = register(pull("rosariosis", url), "9A")
    assert (whole.taken, whole.taken_by, marks(whole)) == (True, "11", {"1": "/", "2": "N"})
    assert whole.taken_at == at(9, 4).replace(microsecond=134000)


def test_saving_again_without_a_change_changes_nothing(rosariosis: tuple[str, Write]) -> None:
    url, write = rosariosis
    write(*TAKES, COMPLETES)
    before = pull("rosariosis", url)
    write("UPDATE attendance_period SET attendance_code = attendance_code", "INSERT INTO attendance_completed VALUES (11, '2026-11-23', 1, 0) ON CONFLICT DO NOTHING")
    assert pull("rosariosis", url) == before


def test_a_correction_moves_the_mark_and_not_the_moment_at_which_it_was_first_taken(rosariosis: tuple[str, Write]) -> None:
    url, write = rosariosis
    write(*TAKES, COMPLETES, "UPDATE attendance_period SET attendance_code = 3, updated_at = '2026-11-23 10:30' WHERE student_id = 2")
    found = register(pull("rosariosis", url), "9A")
    assert marks(found) == {"1": "/", "2": "L"} and found.taken_at == at(9, 4).replace(microsecond=134000)


def test_marks_of_the_office_are_marks_and_no_register_taken(rosariosis: tuple[str, Write]) -> None:
    url, write = rosariosis
    write(*(f"INSERT INTO attendance_period (student_id, school_date, period_id, attendance_code, admin, course_period_id) VALUES ({pupil}, '2026-11-23', 1, 4, 'Y', 1)"
            for pupil in (1, 2)))
    found = register(pull("rosariosis", url), "9A")
    assert (found.taken, found.taken_at, marks(found)) == (False, None, {"1": "I", "2": "I"})


def test_the_teacher_after_the_office_takes_the_register_and_the_offices_code_stays(rosariosis: tuple[str, Write]) -> None:
    url, write = rosariosis
    write("INSERT INTO attendance_period (student_id, school_date, period_id, attendance_code, admin, course_period_id) VALUES (1, '2026-11-23', 1, 4, 'Y', 1)",
          "UPDATE attendance_period SET attendance_teacher_code = 1 WHERE student_id = 1", TAKES[1], COMPLETES)
    found = register(pull("rosariosis", url), "9A")
    assert found.taken and marks(found) == {"1": "I", "2": "N"}


def test_one_completion_of_a_teacher_with_two_classes_takes_only_the_class_that_has_marks(rosariosis: tuple[str, Write]) -> None:
    url, write = rosariosis
    write("INSERT INTO attendance_period (student_id, school_date, period_id, attendance_code, course_period_id) VALUES (1, '2026-11-23', 2, 1, 3)",
          "INSERT INTO attendance_completed VALUES (14, '2026-11-23', 2, 0, '2026-11-23 09:03')")
    found = pull("rosariosis", url)
    assert marks(register(found, "Art A1", "P1/3")) == {"1": "/"} and marks(register(found, "Art A2", "P1/4")) == {"2": ""}
    assert register(found, "Art A2", "P1/4").taken, "the header says so; without a mark it is no register taken (records)"


def test_the_second_teacher_may_take_the_register_as_well(rosariosis: tuple[str, Write]) -> None:
    url, write = rosariosis
    write("INSERT INTO attendance_completed VALUES (13, '2026-11-23', 2, 0, '2026-11-23 09:06'), (12, '2026-11-23', 2, 0, '2026-11-23 09:08')")
    found = register(pull("rosariosis", url), "Maths M1", "P1/2")
    assert (found.taken, found.taken_by, found.taken_at) == (True, "13", at(9, 6))


def test_rosariosis_gives_what_is_expected_with_several_teachers_rooms_double_lessons_and_empty_classes(rosariosis: tuple[str, Write]) -> None:
    url, _ = rosariosis
    found = expected(pull("rosariosis", url))
    assert set(found) == {("AM", "9A"), ("P1/2", "Maths M1"), ("P2/2", "Maths M1"), ("P1/3", "Art A1"), ("P1/4", "Art A2"), ("P2/6", "Art empty")}
    maths = found["P1/2", "Maths M1"]
    assert (maths.staff, maths.rooms, maths.starts_at, maths.required) == (("12", "13"), ("R2",), at(9, 0), True)
    assert (found["P2/6", "Art empty"].required, found["P2/6", "Art empty"].not_required_reason) == (False, "the class has no pupils")


def test_a_day_without_minutes_and_a_term_that_is_over_expect_nothing(rosariosis: tuple[str, Write]) -> None:
    url, _ = rosariosis
    assert pull("rosariosis", url, date(2026, 11, 24)).expected == ()
    assert {e.group for e in pull("rosariosis", url, date(2026, 3, 2)).expected} == {"Art old"}


@pytest.mark.parametrize("system", ["rosariosis", "opensis"])
def test_marks_of_a_timetable_that_has_changed_since_are_still_given(system: str, request: pytest.FixtureRequest) -> None:
    url, write = request.getfixturevalue(system)
    write("INSERT INTO attendance_period (student_id, school_date, period_id, attendance_code, course_period_id) VALUES (1, '2026-11-20', 1, 2, 1)",
          "DELETE FROM schedule", "DELETE FROM attendance_calendar")
    pulled = pull(system, url, FRIDAY)
    assert pulled.expected == () and marks(register(pulled, "9A", day=FRIDAY)) == {"1": "N"}


def test_a_leaver_stays_in_the_registers_of_the_days_on_roll(rosariosis: tuple[str, Write]) -> None:
    url, write = rosariosis
    write("INSERT INTO attendance_period (student_id, school_date, period_id, attendance_code, course_period_id) VALUES (3, '2026-11-20', 1, 2, 1)")
    found = pull("rosariosis", url, FRIDAY, MONDAY)
    assert marks(register(found, "9A", day=FRIDAY)) == {"1": "", "2": "", "3": "N"} and set(marks(register(found, "9A"))) == {"1", "2"}
    assert {p.mis_id: p.left for p in found.pupils} == {"1": None, "2": None, "3": FRIDAY}


def test_rosariosis_gives_pupils_with_their_contacts_in_order(rosariosis: tuple[str, Write]) -> None:
    url, _ = rosariosis
    found = pull("rosariosis", url)
    [quilla] = [p for p in found.pupils if p.mis_id == "1"]
    assert (quilla.forename, quilla.surname, quilla.born, quilla.year_group, quilla.admitted) == ("Quilla", "Bramblewick", date(2013, 2, 3), "9", date(2026, 9, 2))
    assert quilla.group == "9A" and quilla.contacts == (Contact("Aoife Bramblewick", "mother", 1, "aoife@home.example", "07700 900101"),
                                                         Contact("Bram Bramblewick", "father", 2, "", "0121 496 0102"))
    assert {s.code: s.email for s in found.staff} == {"11": "tquarrelby@school.example", "12": "ofennimore@school.example", "13": "", "14": "ithrupp@school.example"}


def test_the_same_moment_of_a_summer_day_is_read_in_the_zone_of_the_machine_that_wrote_it(rosariosis: tuple[str, Write]) -> None:
    url, write = rosariosis
    write("INSERT INTO schedule VALUES (1, 5, '2026-01-05', NULL)", "INSERT INTO attendance_calendar VALUES ('2026-06-01', 300, 1)",
          "INSERT INTO attendance_completed VALUES (14, '2026-06-01', 3, 0, '2026-06-01 09:04')")
    for zone, hour in (("Europe/London", 8), ("UTC", 9)):
        [found] = [r for r in known_system("rosariosis").source(url, clock.ZoneInfo(zone)).pull([date(2026, 6, 1)]).registers if r.group == "Art old"]
        assert found.taken_at == datetime(2026, 6, 1, hour, 4, tzinfo=timezone.utc)


# --- openSIS and Gibbon on MariaDB, whose server's clock stands five and a half hours away -----------------------------

def test_opensis_gives_the_first_completion_in_utc_whatever_the_servers_zone_is(opensis: tuple[str, Write]) -> None:
    url, write = opensis
    write("SET time_zone = '+00:00'", "INSERT INTO attendance_period (student_id, school_date, period_id, attendance_code, course_period_id) VALUES (1, '2026-11-23', 1, 1, 1)",
          "INSERT INTO attendance_completed VALUES (11, '2026-11-23', 1, 1, 13, 'Y', '2026-11-23 08:57:00'), (11, '2026-11-23', 1, 1, NULL, NULL, '2026-11-23 11:00:00')")
    found = register(pull("opensis", url), "9A")
    assert (found.taken, found.taken_at, found.taken_by, marks(found)) == (True, at(8, 57), "13", {"1": "/", "2": ""})


def test_a_correction_in_opensis_that_leaves_no_time_is_seen_all_the_same(opensis: tuple[str, Write]) -> None:
    url, write = opensis
    write("INSERT INTO attendance_period (student_id, school_date, period_id, attendance_code, course_period_id) VALUES (1, '2026-11-23', 1, 2, 1)")
    assert marks(register(pull("opensis", url), "9A"))["1"] == "N"
    write("UPDATE attendance_period SET attendance_code = 3 WHERE student_id = 1")
    assert marks(register(pull("opensis", url), "9A"))["1"] == "L"


def test_opensis_gives_what_is_expected_its_people_and_its_leavers(opensis: tuple[str, Write]) -> None:
    url, _ = opensis
    pulled = pull("opensis", url)
    found = expected(pulled)
    assert set(found) == {("AM", "9A"), ("P1/2", "Maths M1"), ("P2/2", "Maths M1"), ("P2/4", "Art empty")}
    maths = found["P1/2", "Maths M1"]
    assert (maths.staff, maths.rooms, maths.starts_at) == (("12", "13"), ("R2",), at(9, 5)) and found["P2/2", "Maths M1"].starts_at == at(10, 0)
    assert not found["P2/4", "Art empty"].required and pull("opensis", url, date(2026, 11, 24)).expected == ()
    quilla = pulled.pupils[0]
    assert (quilla.born, quilla.admitted, quilla.contacts[0]) == (date(2013, 2, 3), date(2026, 9, 2), Contact(
        "Aoife Bramblewick", "mother", 1, "aoife@home.example", "07700 900101"))
    assert pulled.pupils[2].left == FRIDAY


def saves(log: int, occurrence: int | str, person: int, code: int, when: str) -> list[str]:
    return [f"INSERT INTO gibbonAttendanceLogCourseClass VALUES ({log}, 2, {occurrence}, 12, '2026-11-23', '2026-11-23 {when}') "
            f"ON DUPLICATE KEY UPDATE timestampTaken = '2026-11-23 {when}'",
            "INSERT INTO gibbonAttendanceLogPerson (gibbonAttendanceCodeID, gibbonPersonID, type, context, date, gibbonPersonIDTaker, gibbonCourseClassID, "
            f"gibbonTTDayRowClassID, timestampTaken) VALUES ({code}, {person}, 'x', 'Class', '2026-11-23', 12, 2, {occurrence}, '2026-11-23 {when}')"]


def test_gibbon_gives_the_last_save_as_an_upper_bound_in_the_schools_zone(gibbon: tuple[str, Write]) -> None:
    url, write = gibbon
    write(*saves(1, 102, 1, 4, "09:04"), *saves(1, 102, 1, 2, "09:31"))
    found = register(pull("gibbon", url), "MA.1", "P1/102")
    assert (found.taken, found.taken_at, marks(found)) == (True, at(9, 31), {"1": "PL", "2": ""})
    assert known_system("gibbon").times == TimeSemantics.LAST_SAVED


def test_the_two_lessons_of_a_double_period_are_two_registers(gibbon: tuple[str, Write]) -> None:
    url, write = gibbon
    write(*saves(1, 102, 1, 1, "09:04"))
    found = pull("gibbon", url)
    assert register(found, "MA.1", "P1/102").taken and register(found, "MA.1", "P2/103").taken is False
    write(*saves(2, "NULL", 1, 1, "10:05"))
    assert register(pull("gibbon", url), "MA.1", "P2/103").taken is False, "which of the two lessons it was nobody can say"


def test_gibbon_gives_what_is_expected_with_cover_and_pupils_who_are_excepted(gibbon: tuple[str, Write]) -> None:
    url, _ = gibbon
    pulled = pull("gibbon", url)
    found = expected(pulled)
    assert set(found) == {("AM", "FORM.9A"), ("P1/102", "MA.1"), ("P2/103", "MA.1"), ("P2/104", "ART.1")}
    assert (found["P1/102", "MA.1"].staff, found["P1/102", "MA.1"].rooms) == (("12", "13"), ("R2",)), "a teacher who has left is none"
    assert (found["P2/103", "MA.1"].staff, found["P2/103", "MA.1"].cover) == (("12", "13", "11"), ("11",))
    assert found["AM", "FORM.9A"].cover == () and not found["P2/104", "ART.1"].required
    assert set(marks(register(pulled, "MA.1", "P1/102"))) == {"1", "2"} and set(marks(register(pulled, "MA.1", "P2/103"))) == {"1"}
    [quilla] = [p for p in pulled.pupils if p.mis_id == "1"]
    assert (quilla.group, quilla.year_group, quilla.contacts) == ("9A", "Y09", (Contact("Aoife Bramblewick", "Mother", 1, "aoife@home.example", "07700 900101"),))


# --- a school's own views -----------------------------------------------------------------------------------------------

def test_your_own_views_give_registers_expected_ones_and_pupils_by_the_documented_columns(views: tuple[str, Write]) -> None:
    pulled = pull("views", views[0], FRIDAY, MONDAY)
    nine = register(pulled, "9A")
    assert (nine.taken_at, nine.taken_by, marks(nine)) == (at(9, 4), "TQA", {"1": "/", "2": ""})
    assert marks(register(pulled, "Maths", "P1", FRIDAY)) == {"3": "N"}
    found = expected(pulled)
    assert (found["P1", "Maths"].required, found["P1", "Maths"].not_required_reason) == (False, "suspended")
    assert (found["P2", "Maths"].staff, found["P2", "Maths"].cover, found["P2", "Maths"].rooms) == (("TQA", "OFE", "XYZ"), ("OFE",), ("R2", "R3"))
    quilla, _, una = pulled.pupils
    assert (quilla.born, quilla.admitted, quilla.flags, una.left) == (date(2013, 2, 3), date(2024, 9, 2), ("looked after",), FRIDAY)
    assert quilla.given is not None and "contacts" not in quilla.given, "there is no view of contacts, so none ends"


def test_a_view_that_is_added_later_is_read_and_one_without_a_needed_column_is_told(views: tuple[str, Write]) -> None:
    url, write = views
    source = known_system("views").source(url, clock.LONDON, times=TimeSemantics.LAST_SAVED)
    assert source.time_semantics == TimeSemantics.LAST_SAVED
    write("CREATE VIEW cme_contacts AS SELECT 1 AS pupil_id, 'Aoife Bramblewick' AS name, '07700 900101' AS telephone")
    assert source.pull([MONDAY]).pupils[0].contacts == (Contact("Aoife Bramblewick", telephone="07700 900101"),)
    write("CREATE VIEW cme_staff AS SELECT 'TQA' AS code")
    with pytest.raises(Misconfigured, match="query staff: the column staff_code of staff is missing"):
        source.check()


# --- all of them -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("system", NAMES)
def test_a_known_system_gives_every_column_that_is_needed_covers_its_days_and_writes_nothing(system: str, request: pytest.FixtureRequest) -> None:
    url, _ = request.getfixturevalue(system)
    source = known_system(system).source(url, clock.LONDON)
    source.check()
    pulled = source.pull([FRIDAY, MONDAY])
    assert pulled.expected_whole == {MONDAY, FRIDAY}
    assert not pulled.whole if system == "gibbon" else {(MONDAY, "session"), (FRIDAY, "lesson")} <= pulled.whole
    assert source.pull([FRIDAY, MONDAY]) == pulled and not known_system(system).verified_live
    with source._connection() as connection, pytest.raises(Exception, match=r"(?i)read.only|denied"):
        connection.exec_driver_sql("DELETE FROM " + ("gibbonAttendanceCode" if system == "gibbon" else "attendance_codes"))


def test_a_system_that_is_not_known_and_a_database_of_another_kind_are_one_sentence_each() -> None:
    with pytest.raises(Misconfigured, match="use one of gibbon, opensis, rosariosis, views"):
        known_system("sims")
    with pytest.raises(Misconfigured, match="not kept in a database of the kind 'sqlite'"):
        known_system("gibbon").source("sqlite://", clock.LONDON)
    assert known_system("opensis").title == "openSIS Classic (MariaDB, MySQL)"
