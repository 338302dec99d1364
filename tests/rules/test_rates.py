"""Rates in whole numbers: the published boundaries and totals, and percentages that are cut off, never rounded up."""

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cme.rules.finding import Enrolment, PupilRecord
from cme.rules.marks import SessionMark
from cme.rules.possible_sessions import attendance
from cme.rules.rates import Rates, Trend, persistent_absence, severe_absence


def of(absent: int, possible: int) -> Rates:
    return Rates(possible, possible - absent, 0, absent)


@pytest.mark.parametrize(("absent", "possible", "persistent", "severe"), [
    (37, 380, False, False), (38, 380, True, False), (189, 380, True, False), (190, 380, True, True), (1, 10, True, False),
    (0, 0, False, False), (0, 10, False, False), (10, 10, True, True)])
def test_the_boundaries_are_inclusive_and_persistent_includes_severe(absent, possible, persistent, severe) -> None:
    assert (of(absent, possible).reaches(10), of(absent, possible).reaches(50)) == (persistent, severe)


def test_birminghams_published_year_gives_its_published_rate() -> None:
    birmingham = of(4_137_295, 58_739_125)
    assert birmingham.tenths == "7.0" and birmingham.reaches(7) and not birmingham.reaches(8)
    assert float(Fraction(100 * birmingham.absent, birmingham.possible)) == pytest.approx(7.04350805361844, abs=1e-13)


@pytest.mark.parametrize(("absent", "possible", "shown"), [
    (9999, 10000, "99.9"), (1, 3, "33.3"), (997, 10000, "9.9"), (1, 1, "100.0"), (0, 0, "none")])
def test_a_rate_is_cut_off_and_never_reads_as_more_than_it_is(absent, possible, shown) -> None:
    assert of(absent, possible).tenths == shown


@given(possible=st.integers(1, 500), percent=st.integers(1, 100))
def test_the_least_number_that_reaches_a_percentage_does_and_one_less_does_not(possible, percent) -> None:
    least = of(0, possible).least(percent)
    assert of(least, possible).reaches(percent) and not of(least - 1, possible).reaches(percent)


def test_both_kinds_of_absence_count() -> None:
    assert Rates(10, 7, 2, 1).absent == 3


@pytest.mark.parametrize(("recent", "before", "says"), [
    (of(1, 10), of(10, 101), "rising"), (of(1, 10), of(10, 100), "level"), (of(1, 10), of(10, 99), "falling"),
    (of(0, 5), of(0, 80), "level"), (of(5, 5), of(79, 80), "rising")])
def test_a_trend_is_compared_in_whole_numbers(recent, before, says) -> None:
    assert Trend(recent, before).direction == says


@pytest.mark.parametrize(("silent", "left_out", "kept"), [
    ("rate_sessions", "too few", "in the last 4 school weeks"),
    ("trend_weeks", "school week", "too few sessions yet to say much (8 < 40)")])
def test_without_a_number_in_force_its_part_of_the_reason_is_left_out(book, silent, left_out, kept) -> None:
    days = [date(2025, 9, 5), date(2025, 9, 8), date(2025, 9, 29), date(2025, 9, 30)]
    record = PupilRecord(1, Enrolment(date(2025, 9, 1)), tuple(SessionMark(d, s, "I") for d in days for s in ("AM", "PM")))
    later = replace(book, numbers=tuple(replace(n, valid_from=date(2027, 1, 1)) if n.name == silent else n for n in book.numbers))
    [finding] = persistent_absence(attendance(record, days[-1], later), later)
    assert left_out not in finding.reason and kept in finding.reason


def test_the_trend_of_one_week_is_worded_as_one(book) -> None:
    days = [date(2025, 9, 5), date(2025, 9, 8)]
    record = PupilRecord(1, Enrolment(date(2025, 9, 1)), tuple(SessionMark(d, "AM", "I") for d in days))
    one = book.with_value("trend_weeks", 1)
    [finding] = severe_absence(attendance(record, days[-1], one), one)
    assert finding.reason.endswith(
        "; in the last 1 school week 1 of 1 (100.0 per cent), before them 1 of 1 (100.0 per cent): level.")
