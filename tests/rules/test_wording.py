"""How reasons word days, halves and lists; and that what the rules pass around cannot be changed on the way."""

import dataclasses
import importlib
import pkgutil
from datetime import date

import pytest

import cme.rules
from cme.rules.book import Number
from cme.rules.finding import Enrolment, Finding
from cme.rules.marks import AttendanceCode, Category, SessionMark
from cme.rules.wording import halves, on, plural, short, tally, unmarked

MARKS = tuple(SessionMark(date(2025, 11, day), session, "-") for day in range(3, 8) for session in ("AM", "PM"))


def test_days_and_marks_read_as_people_write_them() -> None:
    assert on(date(2025, 11, 3)) == "Monday 3 November 2025"
    assert short(MARKS[0]) == "3 Nov 2025 AM"
    assert tally(SessionMark(date(2025, 11, 3), "AM", code) for code in "NGNN") == "1 G, 3 N"


@pytest.mark.parametrize(("count", "words"), [(0, "0"), (1, "0 and a half"), (2, "1"), (19, "9 and a half"), (20, "10")])
def test_half_days_read_as_days(count, words) -> None:
    assert halves(count) == words


def test_one_is_singular() -> None:
    assert [plural(n, "day") for n in (0, 1, 2)] == ["0 days", "1 day", "2 days"]


def test_six_marks_are_named_and_the_rest_counted() -> None:
    assert unmarked(()) == ""
    six = "3 Nov 2025 AM, 3 Nov 2025 PM, 4 Nov 2025 AM, 4 Nov 2025 PM, 5 Nov 2025 AM, 5 Nov 2025 PM"
    assert unmarked(MARKS[:6]) == f"; no readable mark for 6 sessions ({six}), counted neither way"
    assert unmarked(MARKS[:7]).endswith("5 Nov 2025 AM, 5 Nov 2025 PM and 1 more), counted neither way")
    assert unmarked(MARKS).startswith("; no readable mark for 10 sessions (") and " and 4 more)" in unmarked(MARKS)


def test_nothing_that_the_rules_pass_around_can_be_changed() -> None:
    checked = 0
    for module in pkgutil.iter_modules(cme.rules.__path__):
        for thing in vars(importlib.import_module(f"cme.rules.{module.name}")).values():
            if isinstance(thing, type) and dataclasses.is_dataclass(thing):
                assert thing.__dataclass_params__.frozen, thing
                checked += 1
    assert checked > 15


def test_what_is_not_said_is_unconfirmed_boundless_and_opens_a_case() -> None:
    code = AttendanceCode("N", "", Category.UNAUTHORISED)
    assert (code.confirmed, code.valid_from, code.valid_to) == (False, date.min, date.max)
    number = Number("x", 10, "school days", date(2024, 8, 19), "law")
    assert (number.confirmed, number.window, number.codes) == (False, 0, frozenset())
    assert number.version == "10 school days from 2024-08-19"
    day = date(2025, 11, 3)
    assert Finding("x", "1", day, day, day, 10, 10, "school days", "reason", "source", ()).opens_case
    enrolment = Enrolment(day)
    assert (enrolment.left, enrolment.born, enrolment.registration, enrolment.expected) == (None, None, "sole", None)
