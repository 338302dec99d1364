"""Which sessions count for a pupil: age, roll, pattern, dual registration, and marks that contradict each other."""

from datetime import date, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cme.rules.finding import Enrolment, PupilRecord
from cme.rules.lateness import lateness
from cme.rules.marks import SessionMark
from cme.rules.possible_sessions import (
    attendance,
    category_of,
    compulsory_from,
    compulsory_until,
    expected,
    first_day,
    last_day,
    one_mark_a_session,
)
from cme.rules.rates import rates

DAY = date(2025, 11, 17)


def record(*marks: tuple[date, str, str], **enrolment) -> PupilRecord:
    return PupilRecord(1, Enrolment(**{"admitted": date(2025, 9, 1), **enrolment}), tuple(SessionMark(*mark) for mark in marks))


@pytest.mark.parametrize(("born", "begins"), [
    (date(2019, 2, 10), date(2024, 3, 31)), (date(2019, 3, 31), date(2024, 3, 31)), (date(2019, 4, 1), date(2024, 8, 31)),
    (date(2019, 8, 31), date(2024, 8, 31)), (date(2019, 9, 1), date(2024, 12, 31)), (date(2019, 12, 31), date(2024, 12, 31)),
    (date(2020, 1, 1), date(2025, 3, 31)), (date(2020, 2, 29), date(2025, 3, 31))])
def test_compulsory_age_begins_on_the_prescribed_day(born, begins) -> None:
    assert compulsory_from(born) == begins


@pytest.mark.parametrize(("born", "ends"), [
    (date(2007, 9, 23), date(2024, 6, 28)), (date(2009, 8, 31), date(2025, 6, 27)), (date(2009, 9, 1), date(2026, 6, 26)),
    (date(2011, 3, 1), date(2027, 6, 25)), (date(2012, 2, 29), date(2028, 6, 30)), (date(2010, 7, 15), date(2026, 6, 26))])
def test_compulsory_age_ends_on_the_last_friday_in_june(born, ends) -> None:
    assert compulsory_until(born) == ends


@given(st.dates(date(1999, 1, 1), date(2030, 12, 31)))
def test_compulsory_age_lasts_about_eleven_years_and_ends_on_a_friday(born) -> None:
    begins, ends = compulsory_from(born), compulsory_until(born)
    assert ends.isoweekday() == 5 and ends.month == 6 and (ends + timedelta(days=7)).month == 7
    assert (begins.month, begins.day) in {(3, 31), (8, 31), (12, 31)}
    assert timedelta(0) <= begins - born - timedelta(days=5 * 365) <= timedelta(days=160)
    assert 10 * 365 < (ends - begins).days < 12 * 366


def test_roll_and_age_both_bound_what_counts() -> None:
    enrolment = Enrolment(date(2025, 9, 1), left=date(2026, 7, 17), born=date(2010, 3, 1))
    assert (first_day(enrolment), last_day(enrolment)) == (date(2025, 9, 1), date(2026, 6, 26))
    assert first_day(Enrolment(date(2025, 9, 1), born=date(2020, 12, 1))) == date(2025, 12, 31)
    assert last_day(Enrolment(date(2025, 9, 1))) == date.max
    assert last_day(Enrolment(date(2025, 9, 1), left=date(2026, 1, 9), born=date(2010, 3, 1))) == date(2026, 1, 9)


def test_a_dual_registered_pupil_is_judged_by_the_six_sessions_expected_here(book) -> None:
    week = [DAY + timedelta(days=n) for n in range(5)]
    marks = [(day, s, "D" if n >= 3 else "/" if s == "AM" else "\\") for n, day in enumerate(week) for s in ("AM", "PM")]
    own = rates(attendance(record(*marks, registration="dual-main"), week[-1], book).days, book.codes)
    assert (own.possible, own.attended, own.absent) == (6, 6, 0)


def test_outside_the_pattern_only_attendance_counts(book) -> None:
    mornings = frozenset((weekday, "AM") for weekday in range(1, 6))
    pupil = attendance(
        record(
            (DAY, "AM", "N"),
            (DAY, "PM", "N"),
            (DAY + timedelta(1), "AM", "-"),
            (DAY + timedelta(1), "PM", "-"),
            (DAY + timedelta(2), "PM", "B"),
            (DAY + timedelta(3), "PM", "U"),
            expected=mornings,
        ),
        DAY + timedelta(4),
        book,
    )
    assert [(len(d.sessions), len(d.unmarked), len(d.not_possible)) for d in pupil.days] == [
        (1, 0, 0),
        (0, 1, 0),
        (1, 0, 0),
        (0, 0, 0),
    ]
    assert expected(pupil.record.enrolment, DAY, "AM") and not expected(pupil.record.enrolment, DAY, "PM")


def test_marks_before_admission_after_leaving_and_after_the_day_judged_are_left_out(book) -> None:
    marks = [(DAY + timedelta(days=n), "AM", "N") for n in range(5)]
    pupil = attendance(record(*marks, admitted=DAY + timedelta(1), left=DAY + timedelta(3)), DAY + timedelta(4), book)
    assert [mark.day for mark in pupil.marks] == [DAY + timedelta(1), DAY + timedelta(2), DAY + timedelta(3)]
    assert [d.day for d in attendance(record(*marks), DAY + timedelta(1), book).days] == [DAY, DAY + timedelta(1)]


def test_a_code_not_valid_on_its_day_counts_as_no_mark(book) -> None:
    pupil = attendance(record((DAY, "AM", "H"), (DAY, "PM", "??")), DAY, book)
    assert pupil.days[0].sessions == () and len(pupil.days[0].unmarked) == 2


@pytest.mark.parametrize(
    ("codes", "kept"),
    [
        (("-", "N"), "N"),
        (("N", "/"), "/"),
        (("N", "I"), "N"),
        (("D", "I"), "I"),
        (("#", "D"), "D"),
        (("", "-"), "-"),
        (("G", "O"), "G"),
        (("B", "L"), "L"),
        (("-", "#"), "#"),
        (("W", "G"), "W"),
        (("U", "C"), "U"),
        (("T", "D"), "T"),
        (("X", "#"), "X"),
        (("Z", "-"), "Z"),
        (("L", "/"), "/"),
        (("",), "-"),
    ],
)
def test_of_two_marks_for_one_session_one_is_kept_whatever_their_order(book, codes, kept) -> None:
    for order in permutations(codes):
        assert [mark.code for mark in one_mark_a_session([SessionMark(DAY, "AM", code) for code in order], book.codes)] == [kept]


def test_late_pupils_are_counted_apart_before_and_after_the_register_closed(book) -> None:
    pupil = attendance(record((date(2025, 7, 1), "AM", "L"), (DAY, "AM", "L"), (DAY, "PM", "U"), (DAY + timedelta(1), "AM", "U"),
                              (DAY + timedelta(1), "PM", "V"), (DAY - timedelta(3), "AM", "/"), admitted=date(2025, 1, 1)), DAY + timedelta(1), book)
    late = lateness(pupil)
    assert (len(late.before_close), len(late.after_close), late.sessions) == (1, 2, 3)
    assert {mark.code for mark in late.before_close} == {"L"} and {mark.code for mark in late.after_close} == {"U"}


@pytest.mark.parametrize("code", ["D", "X", "Q", "Y1", "Z", "#"])
def test_a_code_that_leaves_the_count_is_not_possible_and_no_gap_in_the_register(book, code) -> None:
    mark = SessionMark(DAY, "AM", code)
    [day] = attendance(record((DAY, "AM", code), (DAY, "PM", "-")), DAY, book).days
    assert (day.sessions, day.not_possible, day.unmarked) == ((), (mark,), (SessionMark(DAY, "PM", "-"),))


def test_category_of_an_unknown_code_is_no_mark(book) -> None:
    assert category_of(SessionMark(DAY, "AM", "Y"), book.codes).value == "no mark"
