"""School days: the published calendars, holidays, INSET, and years that nobody has entered yet."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cme.errors import BadInput
from cme.rules.school_days import NoSchoolDay, SchoolCalendar, Term

BANK = frozenset({date(2024, 5, 6), date(2024, 5, 27), date(2025, 5, 5), date(2025, 5, 26), date(2026, 5, 4), date(2026, 5, 25)})


def days(*parts: int) -> date:
    return date(*parts)


def year(*terms: tuple[date, date, date, date]) -> SchoolCalendar:
    return SchoolCalendar(tuple(Term(name, first, last, (start, end)) for name, (first, start, end, last) in
                                zip(("autumn", "spring", "summer"), terms)), bank_holidays=BANK)


@pytest.mark.parametrize(
    ("calendar", "autumn", "spring", "summer"),
    [
        (
            year(
                (days(2025, 9, 1), days(2025, 10, 27), days(2025, 10, 31), days(2025, 12, 19)),
                (days(2026, 1, 5), days(2026, 2, 16), days(2026, 2, 20), days(2026, 3, 27)),
                (days(2026, 4, 13), days(2026, 5, 25), days(2026, 5, 29), days(2026, 7, 20)),
            ),
            75,
            55,
            65,
        ),
        (
            year(
                (days(2024, 9, 2), days(2024, 10, 28), days(2024, 11, 1), days(2024, 12, 20)),
                (days(2025, 1, 6), days(2025, 2, 17), days(2025, 2, 21), days(2025, 4, 11)),
                (days(2025, 4, 28), days(2025, 5, 26), days(2025, 5, 30), days(2025, 7, 21)),
            ),
            None,
            None,
            None,
        ),
        (
            year(
                (days(2023, 9, 4), days(2023, 10, 30), days(2023, 11, 3), days(2023, 12, 22)),
                (days(2024, 1, 8), days(2024, 2, 12), days(2024, 2, 16), days(2024, 3, 22)),
                (days(2024, 4, 8), days(2024, 5, 27), days(2024, 5, 31), days(2024, 7, 22)),
            ),
            None,
            None,
            None,
        ),
    ],
    ids=["2025/26", "2024/25", "2023/24"],
)
def test_birmingham_publishes_195_days_in_each_of_three_years(calendar, autumn, spring, summer) -> None:
    counts = [calendar.count(term.first, term.last) for term in calendar.terms]
    assert sum(counts) == 195
    if autumn:
        assert counts == [autumn, spring, summer]


@pytest.fixture(scope="module")
def school(book) -> SchoolCalendar:
    return book.calendar


def test_five_school_days_after_a_friday_before_half_term(school) -> None:
    without_inset = SchoolCalendar(school.terms, bank_holidays=school.bank_holidays)
    assert without_inset.add_school_days(date(2025, 10, 24), 5) == date(2025, 11, 7)
    assert school.add_school_days(date(2025, 10, 24), 5) == date(2025, 11, 10)      # 3 November is INSET


@pytest.mark.parametrize(
    ("day", "is_one", "why"),
    [
        (date(2026, 11, 23), True, "an ordinary Monday"),
        (date(2026, 11, 22), False, "Sunday"),
        (date(2025, 10, 29), False, "half-term"),
        (date(2025, 11, 3), False, "INSET"),
        (date(2026, 5, 4), False, "bank holiday"),
        (date(2025, 12, 19), True, "last day of term"),
        (date(2025, 12, 22), False, "Christmas"),
        (date(2026, 8, 12), False, "summer"),
        (date(2026, 10, 23), True, "before half-term"),
    ],
)
def test_a_day_is_a_school_day_or_not(school, day, is_one, why) -> None:
    assert school.is_school_day(day) is is_one, why


def test_a_closure_is_no_school_day_and_neither_is_a_day_with_both_sessions_cancelled(school) -> None:
    day, other = date(2026, 11, 24), date(2026, 11, 25)
    closed = SchoolCalendar(school.terms, closures=frozenset({day}), no_session=frozenset({(other, "AM"), (other, "PM"),
                                                                                          (date(2026, 12, 18), "PM")}))
    assert not closed.is_school_day(day) and not closed.is_school_day(other)
    assert closed.is_school_day(date(2026, 12, 18))
    assert closed.has_session(date(2026, 12, 18), "AM") and not closed.has_session(date(2026, 12, 18), "PM")
    assert not closed.has_session(day, "AM")
    whole = SchoolCalendar(school.terms, no_session=frozenset({(other, "AM"), (other, "PM")}))
    assert not whole.is_school_day(other) and whole.is_school_day(day)
    assert closed.next_school_day(date(2026, 11, 23)) == date(2026, 11, 26)


def test_the_school_year_starts_on_the_first_of_september(school) -> None:
    assert school.school_year_start(date(2026, 8, 31)) == date(2025, 9, 1)
    assert school.school_year_start(date(2026, 9, 1)) == date(2026, 9, 1)
    assert [SchoolCalendar(()).school_year_start(date(2026, *day)) for day in ((8, 31), (9, 1), (9, 2))] == [
        date(2025, 9, 1), date(2026, 9, 1), date(2026, 9, 1)]


def test_terms_hold_their_half_term(school) -> None:
    assert school.term_of(date(2025, 10, 29)).name == "autumn"
    assert school.term_of(date(2025, 12, 19)).name == school.term_of(date(2025, 9, 1)).name == "autumn"
    assert school.term_of(date(2025, 12, 20)) is None


def test_a_year_nobody_has_entered_counts_every_weekday_but_bank_holidays(school) -> None:
    assert not school.knows(date(2027, 9, 7)) and school.knows(date(2027, 8, 31))
    assert school.is_school_day(date(2027, 9, 7))
    assert not school.is_school_day(date(2027, 12, 27)) and not school.is_school_day(date(2027, 9, 11))
    assert school.add_school_days(date(2027, 9, 7), 5) == date(2027, 9, 14)


def test_breaks_are_counted_in_calendar_days(school) -> None:
    assert school.break_after(date(2026, 11, 20)) == 2
    assert school.break_after(date(2026, 11, 23)) == 0
    assert school.break_after(date(2025, 12, 19)) == 17


def test_a_calendar_without_school_days_says_so() -> None:
    empty = SchoolCalendar(
        (Term("autumn", date(2025, 9, 6), date(2025, 9, 7)), Term("autumn", date(2026, 9, 5), date(2026, 9, 6)))
    )
    with pytest.raises(NoSchoolDay, match="no school day within 400 days of 10 September 2025"):
        empty.next_school_day(date(2025, 9, 10))


def test_a_school_day_is_looked_for_over_400_days_and_no_further() -> None:
    start = date(2025, 9, 10)
    for days in (400, 401):
        only = start + timedelta(days=days)
        calendar = SchoolCalendar((Term("autumn", start, start), Term("autumn", only, only)))
        if days == 400:
            assert calendar.next_school_day(start) == only and calendar.previous_school_day(only) == start
        else:
            with pytest.raises(NoSchoolDay):
                calendar.next_school_day(start)


def test_days_cannot_be_added_backwards(school) -> None:
    with pytest.raises(BadInput):
        school.add_school_days(date(2025, 9, 10), -1)
    with pytest.raises(BadInput):
        school.school_days_before(date(2025, 9, 10), -1)


@given(start=st.dates(date(2024, 1, 1), date(2028, 12, 31)), n=st.integers(0, 130))
def test_counting_agrees_with_walking_day_by_day(book, start, n) -> None:
    calendar = book.calendar
    day, left = start, n
    while left:
        day += timedelta(days=1)
        left -= calendar.is_school_day(day)
    assert calendar.add_school_days(start, n) == day
    assert calendar.count(start + timedelta(days=1), day) == n
    if calendar.is_school_day(start):
        assert calendar.school_days_before(day, n) == start
    assert list(calendar.school_days(start, day)) == [d for i in range((day - start).days + 1)
                                                      if calendar.is_school_day(d := start + timedelta(days=i))]
