"""How long something is kept and by when a request is answered: worked examples, and what holds of every day."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cme.rules.retention import answer_due, keep_case, months_later, years_before, years_later

DAYS = st.dates(date(2000, 1, 1), date(2060, 12, 31))
NOTHING = {"protection": False, "unfinished": False, "held": False, "asked": False, "case_years": 6, "protection_years": 25}
CLOSED, BORN = date(2026, 12, 1), date(2013, 2, 3)
EASTER = {date(2027, 3, 26), date(2027, 3, 29)}


def working(day: date) -> bool:
    return day.isoweekday() < 6 and day not in EASTER


@pytest.mark.parametrize(("received", "due"), [
    (date(2026, 11, 23), date(2026, 12, 23)), (date(2027, 1, 31), date(2027, 3, 1)),          # no 31 February; 28 February 2027 is a Sunday
    (date(2027, 2, 27), date(2027, 3, 30)),                                                    # a Saturday in Easter: past the bank holiday
    (date(2026, 12, 31), date(2027, 2, 1)), (date(2028, 1, 29), date(2028, 2, 29))])
def test_a_request_is_due_on_the_same_date_of_the_next_month_or_the_next_working_day(received: date, due: date) -> None:
    assert answer_due(received, 1, working) == due


def test_of_29_february_the_day_after_is_meant_in_a_year_without_it() -> None:
    assert [years_later(date(2024, 2, 29), years) for years in (1, 4)] == [date(2025, 3, 1), date(2028, 2, 29)]
    assert years_later(date(2096, 2, 29), 4) == date(2100, 3, 1)


@pytest.mark.parametrize("day", [date(2026, 2, 28), date(2026, 3, 1), date(2026, 12, 1), date(2028, 2, 28), date(2028, 1, 29)])
def test_every_other_day_keeps_its_date(day: date) -> None:
    assert [years_later(day, years) for years in (1, 5)] == [date(day.year + years, day.month, day.day) for years in (1, 5)]


@pytest.mark.parametrize(("day", "last"), [
    (date(2026, 12, 1), date(2020, 12, 1)), (date(2026, 3, 1), date(2020, 3, 1)), (date(2026, 2, 28), date(2020, 2, 28)),
    (date(2030, 2, 28), date(2024, 2, 28)), (date(2030, 3, 1), date(2024, 3, 1)), (date(2028, 2, 29), date(2022, 2, 28)), (date(2026, 12, 31), date(2020, 12, 31))])
def test_what_was_closed_six_years_ago_to_the_day_may_go(day: date, last: date) -> None:
    assert years_before(day, 6) == last


@given(DAYS, st.integers(1, 30))
def test_nothing_goes_a_day_early(day: date, years: int) -> None:
    last = years_before(day, years)
    assert years_later(last, years) <= day < years_later(last + timedelta(days=1), years)


@given(DAYS, st.integers(0, 40))
def test_a_month_later_is_in_the_month_after(day: date, months: int) -> None:
    later = months_later(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months and later.day <= day.day


@pytest.mark.parametrize(("closed", "born", "changes", "until", "why"), [
    (CLOSED, BORN, {}, date(2032, 12, 1), "closed cases"),
    (CLOSED, BORN, {"protection": True}, date(2038, 2, 3), "the child protection record"),
    (CLOSED, date(2000, 1, 1), {"protection": True}, date(2032, 12, 1), "closed cases"),       # the longer one wins
    (CLOSED, None, {"protection": True}, None, "child protection, and no date of birth is held"),
    (CLOSED, None, {}, date(2032, 12, 1), "closed cases"),
    (None, BORN, {}, None, "an open case"),
    (CLOSED, BORN, {"held": True}, None, "a legal hold"),
    (CLOSED, BORN, {"asked": True}, None, "an open request about the child's records"),
    (CLOSED, BORN, {"unfinished": True}, None, "something unfinished in the case")])
def test_the_longest_rule_wins(closed: date | None, born: date | None, changes: dict[str, bool], until: date | None, why: str) -> None:
    kept = keep_case(closed, born, **{**NOTHING, **changes})
    assert (kept.until, kept.why) == (until, why)
    assert until is None or [kept.may_go(until + timedelta(days=n)) for n in (-1, 0, 1)] == [False, True, True]
    assert kept.may_go(date(2090, 1, 1)) == (until is not None) and not kept.may_go(CLOSED)


@given(DAYS, st.one_of(st.none(), DAYS), *[st.booleans()] * 4, DAYS)
def test_open_held_asked_or_unfinished_never_goes(closed: date, born: date | None, protection: bool, unfinished: bool, held: bool, asked: bool, day: date) -> None:
    kept = keep_case(closed, born, protection=protection, unfinished=unfinished, held=held, asked=asked, case_years=6, protection_years=25)
    if unfinished or held or asked or (protection and born is None):
        assert not kept.may_go(day)
    elif kept.may_go(day):
        assert day >= years_later(closed, 6) and (not protection or born is None or day >= years_later(born, 25))
