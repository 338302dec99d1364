"""A term, a week or any days; a term holds the holidays after it, so that nothing due in them is lost to every report."""

from datetime import date

import pytest

from cme.config.policies import load
from cme.errors import BadInput
from cme.steps.periods import period

CALENDAR = load().calendar
TODAY = date(2026, 11, 23)


def test_a_term_by_its_name_is_the_last_one_that_has_begun_and_runs_to_the_next() -> None:
    autumn = period(CALENDAR, TODAY, term="autumn")
    assert (autumn.first, autumn.last, autumn.title) == (date(2026, 9, 1), date(2027, 1, 3), "autumn term 2026")
    assert autumn.before and (autumn.before.first, autumn.before.last) == (date(2026, 4, 13), date(2026, 8, 31))
    assert period(CALENDAR, TODAY) == autumn and period(CALENDAR, TODAY, term="Autumn  2025").first == date(2025, 9, 1)


def test_the_terms_of_a_year_leave_out_no_day() -> None:
    spring = period(CALENDAR, date(2027, 8, 30), term="spring")
    summer = period(CALENDAR, date(2027, 8, 30), term="summer")
    assert spring.before and spring.before.last == date(2027, 1, 3) and spring.first == date(2027, 1, 4)
    assert spring.last == date(2027, 4, 11) and (summer.first, summer.last) == (date(2027, 4, 12), date(2027, 8, 31))


def test_a_week_is_that_of_any_of_its_days_and_days_are_compared_with_as_many_before() -> None:
    week = period(CALENDAR, TODAY, week=date(2026, 11, 29))
    assert (week.first, week.last) == (date(2026, 11, 23), date(2026, 11, 29)) and week.before and week.before.first == date(2026, 11, 16)
    days = period(CALENDAR, TODAY, since=date(2026, 11, 10), until=date(2026, 11, 12))
    assert days.before and (days.before.first, days.before.last) == (date(2026, 11, 7), date(2026, 11, 9))
    assert period(CALENDAR, TODAY, since=date(2026, 11, 10)).last == TODAY


@pytest.mark.parametrize(("asked", "words"), [
    ({"term": "winter"}, "no term 'winter' of the school's calendar has begun; its terms are autumn, spring, summer"),
    ({"term": "spring 2027"}, "no term 'spring 2027'"), ({"until": TODAY}, "--until needs --since"), ({"term": "autumn", "week": TODAY}, "give one of"),
    ({"since": TODAY, "until": date(2026, 1, 1)}, "lies before")])
def test_what_cannot_be_is_one_sentence(asked: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        period(CALENDAR, TODAY, **asked)  # type: ignore[arg-type]


def test_before_the_first_term_there_is_none() -> None:
    with pytest.raises(BadInput, match="give --since"):
        period(CALENDAR, date(2025, 8, 1))
