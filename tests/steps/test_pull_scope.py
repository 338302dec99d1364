"""A reading covers its days: corrections are seen for two weeks daily and for the term weekly, and a sudden loss waits for a person."""

import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr
from sqlalchemy import select
from tests.steps.school import MONDAY, School

from cme.errors import Transient
from cme.records.alarms import open_alarms
from cme.records.history import events
from cme.records.registers import current_marks
from cme.records.tables import Alarm
from cme.steps.pull import pull, window

QUERY = 'SELECT day AS date, session, room AS "group", pupil AS pupil_id, code AS mark FROM mark WHERE day BETWEEN :from_day AND :to_day'


@pytest.fixture
def mis(school: School, tmp_path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(tmp_path / "mis.db")
    connection.executescript("CREATE TABLE mark (day text, session text, room text, pupil text, code text); CREATE TABLE child (id text);"
                             "INSERT INTO mark VALUES ('2026-11-23', 'AM', '9A', 'P1', '/'), ('2026-11-23', 'AM', '9A', 'P2', 'N');"
                             "INSERT INTO child VALUES ('P1'), ('P2');")
    (tmp_path / "queries.yaml").write_text(yaml.safe_dump({"registers": QUERY, "pupils": "SELECT id AS pupil_id FROM child"}))
    school.settings = school.settings.model_copy(update={"registers_url": SecretStr(f"sqlite:///{tmp_path / 'mis.db'}"),
                                                         "registers_queries": tmp_path / "queries.yaml"})
    return connection


def codes(school: School) -> list[str]:
    with school.transaction() as session:
        return [m.code for marks in current_marks(session, school.school, MONDAY, MONDAY).values() for m in marks]


def empty(mis: sqlite3.Connection) -> None:
    mis.execute("DELETE FROM mark")
    mis.commit()


def test_a_source_that_is_suddenly_empty_is_an_alarm_and_changes_nothing_until_a_person_says_so(school: School, mis: sqlite3.Connection) -> None:
    pull(school, [MONDAY], school.stamp())
    empty(mis)
    assert pull(school, [MONDAY], school.stamp()).doubts and codes(school) == ["/", "N"]
    with school.transaction() as session:
        [alarm] = open_alarms(session)
        assert alarm.key == "loss:sql:2026-11-23:session" and "came with 0 marks where 2 more were known" in alarm.sentence
    assert not pull(school, [MONDAY], school.stamp("operations"), "the test class was deleted").doubts and codes(school) == ["-", "-"]
    with school.transaction() as session:
        assert session.scalars(select(Alarm.cleared_reason)).all() == ["the test class was deleted"]
        [event] = [e for e in events(session, "school") if e.what == "pull.loss_accepted"]
        assert (event.who, event.why) == ("operations", "the test class was deleted")


def test_the_alarm_about_a_loss_stays_while_only_other_days_are_read_and_ends_when_the_marks_are_back(school: School, mis: sqlite3.Connection) -> None:
    pull(school, [MONDAY], school.stamp())
    empty(mis)
    pull(school, [MONDAY], school.stamp())
    pull(school, [date(2026, 11, 20)], school.stamp())
    with school.transaction() as session:
        assert len(open_alarms(session)) == 1
    mis.execute("INSERT INTO mark VALUES ('2026-11-23', 'AM', '9A', 'P1', '/'), ('2026-11-23', 'AM', '9A', 'P2', 'N')")
    mis.commit()
    pull(school, [MONDAY], school.stamp())
    with school.transaction() as session:
        assert open_alarms(session) == []


def test_a_reading_that_fails_changes_nothing(school: School, mis: sqlite3.Connection) -> None:
    pull(school, [MONDAY], school.stamp())
    mis.execute("DROP TABLE mark")
    mis.commit()
    with pytest.raises(Transient):
        pull(school, [MONDAY], school.stamp())
    assert codes(school) == ["/", "N"]


def test_two_weeks_are_read_daily_and_the_term_once_a_week(school: School, mis: sqlite3.Connection, set_clock: Callable[[str], None]) -> None:
    assert window(school, MONDAY) is None, "everything, the first time"
    set_clock("2026-11-23T09:00:00")
    pull(school, None, school.stamp())
    days = window(school, MONDAY)
    assert days is not None and (days[0], days[-1], len(days)) == (date(2026, 11, 9), MONDAY, 15)
    later = date(2026, 12, 1)
    days = window(school, later)
    assert days is not None and days[0] == date(2026, 9, 1), "the term has not been read for a week"
    set_clock("2026-12-01T09:00:00")
    pull(school, days, school.stamp())
    days = window(school, later)
    assert days is not None and len(days) == 15
