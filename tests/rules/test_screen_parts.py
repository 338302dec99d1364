"""The parts of the population screen, each by itself: who may be left out, where pupils stand, who is on roll."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cme.rules import screen as screen_module
from cme.rules.book import RuleBook
from cme.rules.finding import Enrolment
from cme.rules.numbered_marks import Legend, how_many
from cme.rules.on_roll import NOT_KNOWN, OnRoll
from cme.rules.screen import Screening, Standing, screen

AS_OF = date(2026, 11, 23)
SINCE = Enrolment(date(2024, 1, 1))
OUT_OF_REACH = 99


def standing(run: list[int], halves: list[int], reached: list[bool]) -> Standing:
    return Standing(np.array(run, dtype=np.uint16), np.array(halves, dtype=np.uint16), np.array(reached))


def alone(book: RuleBook, name: str) -> RuleBook:
    """The book in which the other of the two rules finds nobody."""
    other = {"continuous_absence": "cumulative_absence", "cumulative_absence": "continuous_absence"}[name]
    return book.with_value(other, OUT_OF_REACH)


def codes(book: RuleBook, days: list[date], *pupils: dict[date, str]) -> np.ndarray:
    """Marks of some pupils: a day's two codes of one letter each; present on all other days."""
    legend = Legend.of(book.codes)
    return np.array([[[legend.number(pupil.get(day, "/\\")[s]) for pupil in pupils] for s in (0, 1)] for day in days],
                    dtype=np.uint8)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 800), st.booleans()), min_size=1, max_size=30), st.integers(1, 40), st.integers(1, 40))
def test_what_is_packed_of_a_standing_decides_as_the_standing_does(book, pupils, in_a_row, together) -> None:
    screening = Screening(book.with_value("continuous_absence", in_a_row).with_value("cumulative_absence", together), AS_OF)
    whole = standing(*([pupil[n] for pupil in pupils] for n in range(3)))
    packed = screening.packed(whole)
    again = screening.unpacked(np.frombuffer(packed.tobytes(), dtype=screening.packed_type))
    certain = screening.certain(whole)
    assert screening.certain(again).tolist() == certain.tolist()
    others = ~certain
    assert again.halves[others].tolist() == whole.halves[others].tolist()
    assert again.run[others].tolist() == np.minimum(whole.run, in_a_row)[others].tolist()


@pytest.mark.parametrize("silent", ["continuous_absence", "cumulative_absence"])
def test_a_standing_is_packed_whole_while_only_one_of_the_two_numbers_is_in_force(book, silent) -> None:
    later = replace(book, numbers=tuple(replace(n, valid_from=date(2027, 1, 1)) if n.name == silent else n for n in book.numbers))
    screening = Screening(later, AS_OF)
    in_a_row = silent == "cumulative_absence"
    whole = standing([4, 9, 0] if in_a_row else [0, 0, 0], [0, 0, 0] if in_a_row else [7, 19, 20], [False, False, in_a_row])
    again = screening.unpacked(screening.packed(whole))
    assert screening.certain(again).tolist() == screening.certain(whole).tolist() == [False, False, True]
    assert (again.run[:2].tolist(), again.halves[:2].tolist()) == (whole.run[:2].tolist(), whole.halves[:2].tolist())


def test_of_ten_days_and_twenty_half_days_a_pupil_s_standing_takes_one_byte(book) -> None:
    assert Screening(book, AS_OF).packed_type == np.uint8


def test_nobody_is_left_out_who_has_just_enough_marks(book) -> None:
    before = standing([0, 0, 4, 4, 0], [0] * 5, [False, False, False, False, True])
    counted = np.array([9, 10, 5, 6, 0], dtype=np.uint16)
    in_a_row = Screening(alone(book, "continuous_absence"), AS_OF)
    assert in_a_row.could_reach(counted, before).tolist() == [False, True, False, True, True]
    before = standing([0] * 5, [0, 0, 7, 7, 0], [False, False, False, False, True])
    counted = np.array([9, 10, 6, 7, 0], dtype=np.uint16)
    together = Screening(alone(book, "cumulative_absence"), AS_OF)
    assert together.could_reach(counted, before).tolist() == [False, True, False, True, True]


@pytest.mark.parametrize("rule", ["continuous_absence", "cumulative_absence"])
def test_ten_single_sessions_are_ten_days_for_a_child_expected_in_the_mornings_only(book, rule) -> None:
    mornings = OnRoll.of_enrolments([Enrolment(date(2024, 1, 1), expected=frozenset((weekday, "AM") for weekday in range(1, 6)))])
    days = list(book.calendar.school_days(date(2026, 11, 10), AS_OF))
    for absent, found in ((days, True), (days[1:], False)):
        marks = codes(book, days, dict.fromkeys(absent, "N-"))
        assert screen(marks, days, mornings, AS_OF, alone(book, rule)).tolist() == [found]


def test_a_run_that_went_past_its_number_before_september_still_stands_then(book) -> None:
    days = list(book.calendar.school_days(date(2026, 6, 1), date(2026, 9, 3)))
    july = [day for day in days if day >= date(2026, 7, 2) and day.month == 7]
    september = dict.fromkeys(july, "NN") | {date(2026, 9, 2): "NN"}
    assert len(july) == 12
    marks = codes(book, days, dict.fromkeys(july, "NN"), september, dict.fromkeys(july, "NN") | dict.fromkeys(days[-2:], "--"))
    on_roll = OnRoll.of_enrolments([SINCE] * 3)
    # ended last year; ended after its first day of this year; not ended: no mark since
    assert screen(marks, days, on_roll, date(2026, 9, 3), alone(book, "continuous_absence")).tolist() == [False, True, True]


def test_every_pupil_is_screened_however_many_are_looked_at_together(book, monkeypatch) -> None:
    monkeypatch.setattr(screen_module, "_TOGETHER", 3)
    days = list(book.calendar.school_days(date(2026, 11, 10), AS_OF))
    gone = dict.fromkeys(days, "NN")
    marks = codes(book, days, *[gone if n % 3 else {} for n in range(8)])
    assert screen(marks, days, OnRoll.of_enrolments([SINCE] * 8), AS_OF, book).tolist() == [bool(n % 3) for n in range(8)]


@pytest.mark.parametrize(("one", "other", "worst"), [
    ("N", "/", ""), ("I", "N", ""), ("U", "D", ""), ("N", "O", ""),          # absence that counts: the number of "either"
    ("/", "I", "I"), ("L", "D", "D"), ("I", "D", "D"), ("M", "#", "#"), ("/", "-", "-")])
def test_of_two_different_marks_the_one_with_which_more_is_found_is_kept(book, one, other, worst) -> None:
    screening, legend = Screening(book, AS_OF), Legend.of(book.codes)
    first, second = (np.array([legend.number(code)], dtype=np.uint8) for code in (one, other))
    kept = legend.number(worst) if worst else legend.either
    assert screening.worst(first, second, AS_OF).tolist() == screening.worst(second, first, AS_OF).tolist() == [kept]


def test_a_mark_that_may_be_either_counts_for_both_rules(book) -> None:
    legend, on_roll = Legend.of(book.codes), OnRoll.of_enrolments([SINCE])
    days = list(book.calendar.school_days(date(2026, 11, 10), AS_OF))
    marks = np.full((len(days), 2, 1), legend.either, dtype=np.uint8)
    for rule in ("continuous_absence", "cumulative_absence"):
        assert screen(marks, days, on_roll, AS_OF, alone(book, rule)).tolist() == [True]


def test_absence_without_permission_has_the_last_numbers_side_by_side(book) -> None:
    assert Legend.of(book.codes).codes[-4:] == ("G", "N", "O", "U")


@settings(deadline=None)
@given(marks=st.lists(st.lists(st.integers(0, 12), min_size=3, max_size=3), max_size=8),
       wanted=st.sets(st.integers(0, 12), max_size=8))
def test_marks_are_counted_whether_or_not_their_numbers_lie_side_by_side(marks, wanted) -> None:
    laid = np.array(marks, dtype=np.uint8).reshape(-1, 3)
    assert how_many(laid, sorted(wanted, reverse=True)).tolist() == np.isin(laid, list(wanted)).sum(axis=0).tolist()


def test_the_first_and_the_last_day_on_roll_count_and_no_other_beside(book) -> None:
    days = [date(2026, 11, 16) + timedelta(days=n) for n in range(5)]
    on_roll = OnRoll.of_enrolments([SINCE, Enrolment(days[1]), Enrolment(days[0], left=days[3])])
    assert on_roll.on(days).T.tolist() == [[True] * 5, [False, True, True, True, True], [True, True, True, True, False]]
    assert not on_roll.throughout(days) and on_roll.throughout(days[1:4])
    assert not on_roll.of(np.array([1])).throughout(days) and not on_roll.of(np.array([2])).throughout(days)
    assert on_roll.of(np.array([0])).throughout(days) and on_roll.throughout([])
    assert on_roll.throughout(days[2:3]) and on_roll.on([]).shape == (0, 3)
    assert on_roll.has_patterns is False
    assert OnRoll.of_enrolments([SINCE, Enrolment(days[0], expected=frozenset({(1, "AM")}))]).has_patterns is True


def test_who_has_no_known_day_of_birth_admission_or_leaving_is_on_roll_for_ever_and_of_age() -> None:
    known = [date(2020, 6, 1).toordinal(), date(2026, 11, 20).toordinal(), date(2010, 5, 1).toordinal()]
    admitted, left, born = (np.array([0, day, 0], dtype=np.int32) for day in known)
    on_roll = OnRoll.of_days(admitted, left, born, np.zeros(3, dtype=np.intp), (None,))
    days = [date(1, 1, 1), date(2020, 6, 1), date(2026, 6, 26), date(2026, 6, 27), date(9999, 12, 31)]
    assert on_roll.on(days).T.tolist() == [[True] * 5, [False, True, True, False, False], [True] * 5]
    assert on_roll.left.tolist() == [date.max.toordinal(), known[1], date.max.toordinal()] and NOT_KNOWN == 0
