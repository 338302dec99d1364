"""A case of day one is explained like any other: the marks of that morning, the sum, and whether it still holds."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from tests.steps.school import MONDAY, School, a_pupil

from cme import clock
from cme.records.tables import Flag, Pupil
from cme.rules.day_one import RULE
from cme.steps import day_one
from cme.steps.explain import case_on, explain_case, explain_pupil

Clock = Callable[[str], None]


@pytest.fixture
def absent(school: School) -> str:
    """The case of a looked-after child marked N this morning."""
    school.write(a_pupil(flags=("looked after",)), {MONDAY: ("N", "-")})
    [reference] = day_one.watch(school, school.stamp()).raised
    return reference


def test_the_finding_of_day_one_is_replayed_as_it_was_made(school: School, absent: str) -> None:
    [explanation] = explain_case(school, absent)
    [rule] = explanation.rules
    assert rule.rule == RULE and rule.codes == ("N", "O") and rule.version == "1 sessions from 2020-09-01"
    assert rule.sentence.startswith("Absent on Monday 23 November 2026 without a known reason: 1 session marked 1 N")
    assert [(line.day, line.am.code, line.running) for line in rule.lines] == [(MONDAY, "N", "1")]
    assert rule.holds == "It still holds with what is known now, mark for mark."
    assert "looked after" not in rule.sentence + rule.holds


def test_a_later_mark_and_a_reason_given_later_are_said(school: School, absent: str, set_clock: Clock) -> None:
    set_clock("2026-11-23T14:00:00")
    school.write(a_pupil(flags=("looked after",)), {MONDAY: ("N", "N")})
    [explanation] = explain_case(school, absent)
    assert explanation.rules[0].holds.startswith("It still holds with what is known now, with other marks: ")
    set_clock("2026-11-24T09:00:00")
    school.write(a_pupil(flags=("looked after",)), {MONDAY: ("M", "\\")})
    assert day_one.watch(school, school.stamp()).retracted == 1
    said = explain_case(school, absent)[0].rules[0].holds
    assert said.startswith("Retracted on 24 November 2026, 09:00: judged again on 24 November 2026, it no longer holds: ")
    assert "1 of its 1 mark changed (23 Nov 2026 AM: N is now M)" in said


def test_a_flag_that_has_ended_since_takes_nothing_back(school: School, absent: str, set_clock: Clock) -> None:
    set_clock("2026-11-23T16:00:00")
    with school.transaction() as session:
        session.execute(update(Flag).values(valid_to=clock.now()))
    set_clock("2026-11-25T09:00:00")
    [explanation] = explain_case(school, absent)
    assert explanation.rules[0].holds == "It still holds with what is known now, mark for mark."


def test_any_day_can_be_asked_about_by_the_name_of_the_rule(school: School, absent: str, set_clock: Clock) -> None:
    set_clock("2026-11-24T16:00:00")
    with school.transaction() as session:
        number = session.scalars(select(Pupil.id)).one()
    assert [e.rule for e in explain_pupil(school, number, MONDAY).rules] == [RULE]
    [tuesday] = case_on(school, absent, MONDAY + timedelta(days=1), RULE).rules
    assert (tuesday.sentence, tuesday.lines) == ("", ())
