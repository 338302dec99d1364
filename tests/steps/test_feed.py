"""What is due and does not come is an alarm, never a silence; and no teacher is reminded because the source is at fault."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from tests.steps.school import MONDAY, School

from cme import clock
from cme.records import registers
from cme.records.alarms import open_alarms
from cme.records.tables import Alarm, RegisterVerdict
from cme.sources.source import BadRow, ExpectedRegister, Mark, Pulled, Pupil, RegisterDocument, TimeSemantics
from cme.steps import feed, overdue
from cme.steps.register_verdicts import judge_day

GROUPS = ("9A", "9B", "9C", "9D")
NINE = clock.wall(MONDAY, "09:00")


def pull(school: School, *taken: str, as_of: datetime | None = None, semantics: TimeSemantics = TimeSemantics.FIRST_COMPLETED,
         fresh: int = 20, groups: tuple[str, ...] = GROUPS, **more: Any) -> None:
    """A whole pull at the present moment: the registers of four groups are due at 09:10; those of ``taken`` are there."""
    marked = tuple(RegisterDocument(MONDAY, "session", "AM", group, (Mark(f"P{group}", "/"),), clock.now()) for group in taken)
    expected = tuple(ExpectedRegister(MONDAY, "session", "AM", group, NINE, NINE + timedelta(hours=3), ("TQA",)) for group in groups)
    with school.transaction() as session:
        registers.store(session, school.school, Pulled(registers=marked, expected=expected, as_of=as_of, **more), source="mis",
                        codes=school.policies.codes, stamp=school.stamp(), time_semantics=semantics, freshness=timedelta(minutes=fresh))


def alarms(school: School) -> dict[str, str]:
    feed.watch(school, school.stamp())
    with school.transaction() as session:
        return {a.key: a.sentence for a in open_alarms(session)}


@pytest.mark.parametrize(("now", "standing"), [("09:15:00", []), ("09:20:01", ["feed:silent"])])
def test_ten_minutes_without_a_reading_while_registers_are_due_are_an_alarm(school: School, set_clock: Any, now: str, standing: list[str]) -> None:
    set_clock("2026-11-23T09:10:00")
    pull(school, "9A")
    set_clock(f"2026-11-23T{now}")
    assert list(alarms(school)) == standing


def test_the_alarm_says_since_when_and_how_many_and_ends_with_the_next_reading(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:10:00")
    pull(school, "9A")
    set_clock("2026-11-23T09:40:00")
    assert "not been read since Monday 09:10, and 4 are due" in alarms(school)["feed:silent"]
    pull(school, *GROUPS)
    assert alarms(school) == {}
    with school.transaction() as session:
        assert session.scalars(select(Alarm.cleared_reason)).all() == ["the source gives registers again"]


@pytest.mark.parametrize("moment", ["2026-11-23T09:05:00", "2026-11-22T11:00:00", "2026-11-23T18:00:00", "2026-12-25T10:00:00"],
                         ids=["nothing due yet", "a Sunday", "after school", "the holidays"])
def test_no_alarm_is_raised(school: School, set_clock: Any, moment: str) -> None:
    set_clock("2026-11-20T15:00:00")
    pull(school)
    set_clock(moment)
    assert alarms(school) == {}


def test_a_source_staler_than_it_declares_silences_lateness_and_says_so(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:45:00")
    pull(school, "9A", as_of=clock.wall(MONDAY, "09:20"))
    assert overdue.report(school, clock.now(), school.stamp()) == 1, "9A was taken late by its own time; the others may be taken since"
    assert "newest data of the register source are of Monday 09:20, older than the 20 minutes it declares" in alarms(school)["feed:stale"]
    pull(school, "9A", as_of=clock.wall(MONDAY, "09:20"), fresh=60)
    assert alarms(school) == {} and overdue.report(school, clock.now(), school.stamp()) == 3


def test_a_source_that_cannot_judge_lateness_is_not_called_stale_and_nobody_is_reminded(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:12:00")
    pull(school, "9A", semantics=TimeSemantics.NONE)
    assert overdue.report(school, clock.now(), school.stamp()) == 0 and alarms(school) == {}
    with school.transaction() as session:
        assert feed.counts(judge_day(school, session, MONDAY, clock.now()))["unknown"] == 4


def test_not_one_register_of_all_that_are_due_is_the_source_and_no_teacher_is_reminded(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:12:00")
    pull(school)
    assert overdue.report(school, clock.now(), school.stamp()) == 0 and alarms(school) == {}
    set_clock("2026-11-23T09:17:00")
    pull(school)
    assert "4 registers were due at one moment" in alarms(school)["feed:not one"]
    set_clock("2026-11-23T09:20:00")
    pull(school, "9B")
    assert overdue.report(school, clock.now(), school.stamp()) == 4, "with the first register the source lives: one is late, three are missing"
    assert alarms(school) == {}


def test_two_registers_that_are_missing_are_the_teachers_and_not_the_source(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:12:00")
    pull(school, groups=("9A", "9B"))
    assert overdue.report(school, clock.now(), school.stamp()) == 2


def test_a_source_without_times_is_believed_when_two_readings_agree(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:08:00")
    pull(school, "9A", groups=("9A",), semantics=TimeSemantics.OBSERVED)
    overdue.report(school, clock.now(), school.stamp())
    with school.transaction() as session:
        assert session.scalars(select(RegisterVerdict.verdict)).all() == []
    set_clock("2026-11-23T09:13:00")
    pull(school, "9A", groups=("9A",), semantics=TimeSemantics.OBSERVED)
    overdue.report(school, clock.now(), school.stamp())
    with school.transaction() as session:
        [row] = session.scalars(select(RegisterVerdict)).all()
    assert row.verdict == "on time" and row.evidence["taken_to"] == clock.wall(MONDAY, "09:08").isoformat() and row.evidence["pull"]


def test_what_nobody_knew_yesterday_is_judged_when_the_source_says_it_and_nobody_is_reminded_of_it(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:05:00")
    pull(school)
    set_clock("2026-11-24T09:05:00")
    late = RegisterDocument(MONDAY, "session", "AM", "9A", (Mark("P9A", "/"),), clock.wall(MONDAY, "09:30"))
    with school.transaction() as session:
        registers.store(session, school.school, Pulled(registers=(late,)), source="mis", codes=school.policies.codes, stamp=school.stamp(),
                        time_semantics=TimeSemantics.FIRST_COMPLETED)
    assert overdue.report(school, clock.now(), school.stamp()) == 4
    with school.transaction() as session:
        assert sorted(session.scalars(select(RegisterVerdict.verdict))) == ["late", "overdue", "overdue", "overdue"]
    assert school.deliver(worker="test") == []


def test_the_page_of_the_sources_says_what_came_and_what_could_be_judged_and_names_no_child(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:15:00")
    pull(school, "9A", "9B", bad_rows=(BadRow("registers.csv", 3, "no day", "Quilla"),), rows_read=3, rows_accepted=2,
         pupils=(Pupil("P9A", "Quilla", "Bramblewick"),))
    overdue.report(school, clock.now(), school.stamp())
    set_clock("2026-11-23T09:19:00")
    page = feed.page(school, clock.now())
    assert "| mis | Mon 23 Nov 09:15 | Mon 23 Nov 09:15 | under 5 min | 2 of 3 | 2 | 2 | 1 | ok |" in page
    assert "| 0 | 2 | 2 | 0 | 0 | 0 |" in page and "Quilla" not in page
    set_clock("2026-11-23T13:00:00")
    pull(school, "9A", "9B", semantics=TimeSemantics.NONE, groups=("9A", "9B", "9E"))
    assert "- 1 unknown: not taken when last seen" in feed.page(school, clock.now())
    set_clock("2026-11-24T08:00:00")
    assert "Said of earlier days: 2 late, 2 overdue; 1 of the last 14 days unknown." in feed.page(school, clock.now())
