"""A database as the source: the same rules as for files, one sentence for every fault, and nothing ever written."""

import sqlite3
from collections.abc import Iterator
from datetime import date, datetime, timezone
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg2
import pytest

from cme.errors import Misconfigured, Transient
from cme.records.embedded import Cluster
from cme.sources.source import Contact, Mark, RegisterDocument, Staff, TimeSemantics
from cme.sources.sql import SqlSource

MONDAY = date(2026, 11, 23)
REGISTERS = """SELECT m.day AS date, m.session, m.room AS "group", m.pupil AS pupil_id, m.mark, m.taken AS taken_at,
                      m.teacher AS taken_by
               FROM mark m WHERE m.day BETWEEN :from_day AND :to_day ORDER BY m.day, m.session, m.room, m.pupil"""
TABLES = """
CREATE TABLE mark (day date, session char(4), room text, pupil integer, mark char(3), taken {timestamp}, teacher text);
INSERT INTO mark VALUES ('2026-11-20', 'PM', '7A', 7, '\\', '2026-11-20 13:04:00', 'T1');
INSERT INTO mark VALUES ('2026-11-23', 'AM', '7A', 7, '/', '2026-11-23 09:04:00.081', 'T1');
INSERT INTO mark VALUES ('2026-11-23', 'AM', '7A', 8, 'C1', '2026-11-23 09:04:00.081', 'T1');
INSERT INTO mark VALUES ('2026-11-23', 'AM', '7B', 9, NULL, NULL, NULL);
CREATE TABLE pupil (id integer, first text, last text, born date, leaves date);
INSERT INTO pupil VALUES (7, 'Zoë', 'Quillfeather', '2012-03-04', NULL);
CREATE TABLE contact (pupil integer, name text, rank integer, stop boolean);
INSERT INTO contact VALUES (7, 'A. Quillfeather', 1, {true});
CREATE TABLE staff (code text, mail text);
INSERT INTO staff VALUES ('T1', 't1@school.example');
CREATE TABLE slot (day date, session text, room text, starts text, ends text, who text);
INSERT INTO slot VALUES ('2026-11-23', 'AM', '7A', '09:00', '12:00', 'T1|T2'), ('2026-11-24', 'AM', '7A', '09:00', '12:00', 'T1');
"""
QUERIES = {
    "registers": REGISTERS,
    "pupils": "SELECT id AS pupil_id, first AS forename, last AS surname, born AS date_of_birth, leaves AS \"left\" FROM pupil",
    "contacts": "SELECT pupil AS pupil_id, name, rank AS priority, stop AS do_not_contact FROM contact",
    "staff": "SELECT code AS staff_code, mail AS email FROM staff",
    "expected": "SELECT day AS date, session, room AS \"group\", starts, ends, who AS staff FROM slot "
                "WHERE day >= :from_day AND day <= :to_day"}
_numbers = count(1)


@pytest.fixture
def postgres(cluster: Cluster) -> Iterator[str]:
    """A second database with a school's own tables."""
    name = f"mis_{next(_numbers)}"
    cluster.create_database(name)
    fill(cluster.url(name), TABLES.format(timestamp="timestamp", true="true"))
    yield cluster.url(name)
    cluster.drop_database(name)


def fill(url: str, statements: str) -> None:
    connection = psycopg2.connect(url.replace("+psycopg2", ""))
    with connection, connection.cursor() as cursor:
        cursor.execute(statements)
    connection.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    with sqlite3.connect(tmp_path / "mis.db") as connection:
        connection.executescript(TABLES.format(timestamp="text", true="1"))
    return f"sqlite:///{tmp_path / 'mis.db'}"


@pytest.fixture(params=["postgres", "sqlite"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def test_the_schools_own_queries_give_registers_people_and_what_is_expected(url: str) -> None:
    pulled = SqlSource(url, QUERIES, name="mis").pull([MONDAY])
    taken = datetime(2026, 11, 23, 9, 4, 0, 81000, tzinfo=timezone.utc)
    assert pulled.registers == (RegisterDocument(MONDAY, "session", "AM", "7A", (Mark("7", "/"), Mark("8", "C1")), taken, "T1"),
                                RegisterDocument(MONDAY, "session", "AM", "7B", (Mark("9", ""),)))
    assert (pulled.rows_read, pulled.rows_accepted, pulled.bad_rows) == (7, 7, ())
    pupil = next(p for p in pulled.pupils if p.mis_id == "7")
    assert (pupil.forename, pupil.born, pupil.left) == ("Zoë", date(2012, 3, 4), None)
    assert pupil.given == {"forename", "surname", "born", "left", "group", "contacts"}
    assert pupil.contacts == (Contact("A. Quillfeather", priority=1, do_not_contact=True),)
    assert pulled.staff == (Staff("T1", email="t1@school.example"),)
    assert [(e.local_date, e.group, e.starts_at.hour, e.staff) for e in pulled.expected] == [(MONDAY, "7A", 9, ("T1", "T2"))]


def test_without_days_everything_is_read_and_the_backslash_survives(url: str) -> None:
    registers = SqlSource(url, QUERIES).pull(None).registers
    assert [(r.local_date.day, r.slot) for r in registers] == [(20, "PM"), (23, "AM"), (23, "AM")]
    assert registers[0].marks == (Mark("7", "\\"),)


def test_days_between_the_first_and_the_last_asked_for_are_left_out(url: str) -> None:
    assert [r.local_date for r in SqlSource(url, QUERIES).pull([date(2026, 11, 19), MONDAY]).registers] == [MONDAY, MONDAY]
    assert SqlSource(url, QUERIES).pull([]).registers == ()


def test_a_naive_time_is_read_in_the_declared_zone(url: str) -> None:
    pulled = SqlSource(url, QUERIES, zone=ZoneInfo("Asia/Hong_Kong"), time_semantics=TimeSemantics.LAST_SAVED).pull([MONDAY])
    assert pulled.registers[0].taken_at == datetime(2026, 11, 23, 1, 4, 0, 81000, tzinfo=timezone.utc)


def test_a_time_with_an_offset_needs_no_zone(postgres: str) -> None:
    query = REGISTERS.replace("m.taken AS", "(m.taken AT TIME ZONE 'America/Lima') AS")
    taken = SqlSource(postgres, {"registers": query}).pull([MONDAY]).registers[0].taken_at
    assert taken == datetime(2026, 11, 23, 14, 4, 0, 81000, tzinfo=timezone.utc)


def test_missing_columns_are_listed_in_one_sentence_before_anything_is_read(url: str) -> None:
    queries = {**QUERIES, "registers": "SELECT day AS date, session FROM mark", "staff": "SELECT mail FROM staff"}
    with pytest.raises(Misconfigured) as refused:
        SqlSource(url, queries, name="mis").check()
    said = str(refused.value)
    assert "query registers: the columns group, mark, pupil_id" in said and "query staff: the column staff_code" in said
    with pytest.raises(Misconfigured):
        SqlSource(url, queries).pull([MONDAY])


def test_a_contract_that_is_kept_passes_the_check(url: str) -> None:
    SqlSource(url, QUERIES).check()


@pytest.mark.parametrize("query", ["SELECT * FROM nowhere", "SELEC 1", "SELECT nothing FROM mark",
                                   REGISTERS.replace(":to_day", ":until")])
def test_a_query_that_the_database_refuses_is_a_matter_for_a_person(url: str, query: str) -> None:
    with pytest.raises(Misconfigured, match="query registers"):
        SqlSource(url, {"registers": query}).pull([MONDAY])


def test_a_table_without_the_right_to_read_it_is_a_matter_for_a_person(postgres: str) -> None:
    query = REGISTERS.replace("FROM mark m", "FROM (SELECT * FROM mark) m")
    role = f"reader_{next(_numbers)}"
    fill(postgres, f"CREATE ROLE {role}; GRANT {role} TO CURRENT_USER; REVOKE ALL ON mark FROM {role}")
    try:
        with pytest.raises(Misconfigured, match="permission denied for table mark"):
            SqlSource(f"{postgres}{'&' if '?' in postgres else '?'}options=-crole%3D{role}", {"registers": query}).pull([MONDAY])
    finally:
        fill(postgres, f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_database_that_does_not_answer_is_tried_again(tmp_path: Path) -> None:
    source = SqlSource(f"postgresql://reader:hush@/mis?host={tmp_path}", {"registers": REGISTERS}, name="mis")
    with pytest.raises(Transient) as refused:
        source.pull([MONDAY])
    assert not isinstance(refused.value, Misconfigured)
    assert "hush" not in str(refused.value) and str(tmp_path) not in str(refused.value)


def test_a_locked_database_is_tried_again(sqlite: str) -> None:
    holder = sqlite3.connect(sqlite.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(Transient) as refused:
            SqlSource(f"{sqlite}?timeout=0.1", {"registers": REGISTERS}).pull([MONDAY])
        assert not isinstance(refused.value, Misconfigured)
    finally:
        holder.close()


def test_a_wrong_password_is_a_matter_for_a_person(postgres: str) -> None:
    wrong = postgres.replace(postgres.split("://")[1].split("@")[0].split(":")[1], "wrong")
    with pytest.raises(Misconfigured, match="correct the address, the login"):
        SqlSource(wrong, QUERIES).check()


@pytest.mark.parametrize(("address", "queries", "sentence"), [
    ("not a url", {"registers": REGISTERS}, "must look like"), ("nosuch://x/y", {"registers": REGISTERS}, "driver"),
    ("sqlite://", {"pupils": "SELECT 1"}, "no query called registers"),
                                                              ("sqlite://", {"registers": "SELECT 1", "marks": "x"},
                                                               "queries marks")])
def test_a_source_that_cannot_be_meant_is_refused_at_once(address: str, queries: dict[str, str], sentence: str) -> None:
    with pytest.raises(Misconfigured, match=sentence):
        SqlSource(address, queries)


def test_an_sqlite_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="is not there"):
        SqlSource(f"sqlite:///{tmp_path / 'gone.db'}", QUERIES).check()
    assert list(tmp_path.iterdir()) == []


def test_nothing_can_be_written_through_a_source(postgres: str) -> None:
    with pytest.raises(Misconfigured):
        SqlSource(postgres,
                  {"registers": "DELETE FROM mark RETURNING day AS date, session, "
                                           "room AS \"group\", pupil AS pupil_id, mark"}).pull([MONDAY])
    assert len(SqlSource(postgres, QUERIES).pull(None).registers) == 3


def test_a_row_that_cannot_be_read_is_quarantined_and_the_rest_goes_on(sqlite: str) -> None:
    with sqlite3.connect(sqlite.removeprefix("sqlite:///")) as connection:
        connection.execute("INSERT INTO mark VALUES ('2026-11-23', 'EV', '7A', 10, '/', NULL, NULL)")
        connection.execute("INSERT INTO mark VALUES ('2026-11-23', 'PM', '7A', 11, ?, NULL, NULL)", (b"\xff\xfe",))
        connection.execute("INSERT INTO mark VALUES ('2026-11-23', 'PM', '7A', 11.0, '\\', NULL, NULL)")
    pulled = SqlSource(sqlite, {"registers": REGISTERS}).pull([MONDAY])
    assert [row.where for row in pulled.bad_rows] == ["query registers"] * 2 and pulled.rows_read == pulled.rows_accepted + 2
    assert next(r for r in pulled.registers if r.slot == "PM").marks == (Mark("11", "\\"),)
    assert all("\ufffd" not in row.reason and row.raw for row in pulled.bad_rows)


def test_a_file_and_a_database_with_the_same_rows_give_the_same_registers(tmp_path: Path, sqlite: str) -> None:
    from cme.sources.files import CsvFile

    (tmp_path / "r.csv").write_text("date,session,group,pupil_id,mark,taken_at,taken_by\n"
                                    "2026-11-20,PM,7A,7,\\,2026-11-20 13:04:00,T1\n"
                                    "2026-11-23,AM,7A,7,/,2026-11-23 09:04:00.081,T1\n"
                                    "2026-11-23,AM,7A,8,C1,2026-11-23 09:04:00.081,T1\n2026-11-23,AM,7B,9,,,\n")
    assert CsvFile(tmp_path / "r.csv").pull(None).registers == SqlSource(sqlite, {"registers": REGISTERS}).pull(None).registers


def test_each_query_says_which_documented_columns_it_gives_and_which_of_its_own_are_not_read(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "mis.db") as connection:
        connection.execute("CREATE TABLE m (date, session, g, p, mark, house)")
    found = SqlSource(f"sqlite:///{tmp_path / 'mis.db'}", {"registers": 'SELECT date, session, g AS "group", p AS pupil_id, mark, house FROM m'}).pull([date(2026, 11, 23)])
    [columns] = found.columns
    assert (columns.place, columns.given, columns.unread) == ("query registers", ("date", "group", "mark", "pupil_id", "session"), ("house",))
    assert "taken_at" in columns.absent and "date" not in columns.absent
