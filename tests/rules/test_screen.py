"""The population screen names exactly the pupils in whom the readable rules find something that opens a case."""

import os
from datetime import date, timedelta

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cme.rules.finding import Enrolment, PupilRecord
from cme.rules.judge import judge
from cme.rules.marks import SessionMark
from cme.rules.numbered_marks import Legend
from cme.rules.on_roll import OnRoll
from cme.rules.screen import SESSIONS
from cme.rules.screen import screen as screen_of

MANY = settings(
    max_examples=int(os.environ.get("CME_HISTORIES", "300")) // 3, deadline=None, suppress_health_check=list(HealthCheck)
)
ENROLMENTS = (Enrolment(date(2024, 1, 1)), Enrolment(date(2024, 1, 1), left=date(2026, 6, 30)), Enrolment(date(2026, 6, 10)),
              Enrolment(date(2024, 1, 1), born=date(2010, 5, 1)), Enrolment(date(2024, 1, 1), born=date(2021, 6, 1)),
              Enrolment(date(2024, 1, 1), left=date(2026, 9, 1)), Enrolment(date(2024, 1, 1), left=date(2026, 8, 31)),
              Enrolment(date(2024, 1, 1), expected=frozenset((weekday, "AM") for weekday in range(1, 6))))


def screen(marks, days, enrolments, as_of, book):
    return screen_of(marks, days, OnRoll.of_enrolments(enrolments), as_of, book)


EDGES = (date(2024, 8, 19), date(2026, 9, 1))           # where codes begin and end, and where a school year does


@st.composite
def populations(draw):
    """A block of days around an edge, all kinds of enrolment, chance for the marks, the day judged, and the two numbers."""
    edge, back = draw(st.sampled_from(EDGES)), draw(st.integers(0, 40))
    days = [edge + timedelta(days=n - back) for n in range(draw(st.integers(5, 60)))]
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    few = st.integers(1, 12)
    # often one of the two numbers is out of reach, so that the other alone decides
    numbers = draw(st.tuples(few, st.just(99)) | st.tuples(st.just(99), few) | st.tuples(few, few))
    enrolments = draw(st.lists(st.sampled_from(ENROLMENTS), min_size=1, max_size=12))
    return days, enrolments, chance, draw(st.sampled_from([*days, days[-1] + timedelta(days=30)])), numbers


@MANY
@given(populations())
def test_the_screen_names_exactly_the_pupils_whom_the_rules_find(book, population) -> None:
    days, enrolments, chance, as_of, (continuous, cumulative) = population
    book = book.with_value("continuous_absence", continuous).with_value("cumulative_absence", cumulative)
    legend, pupils = Legend.of(book.codes), len(enrolments)
    common = [legend.number(code) for code in ("N", "N", "O", "U", "G", "/", "I", "D", "-", "Y", "C2")]
    marks = np.zeros((len(days), 2, pupils), dtype=np.uint8)
    row, often = 0, chance.choice([0.4, 0.85])
    while row < len(days):                              # spells: the same pair for some days, pupil by pupil
        length = int(chance.integers(1, 14))
        absent = chance.random((2, pupils)) < often
        marks[row:row + length] = np.where(absent, legend.number("N"), chance.choice(common, (2, pupils)))
        row += length
    noise = chance.random(marks.shape) < chance.choice([0.0, 0.02, 0.2])
    marks[noise] = chance.integers(0, len(legend.codes), int(noise.sum()))
    named = screen(marks, days, enrolments, as_of, book)
    for pupil, enrolment in enumerate(enrolments):
        record = PupilRecord(pupil, enrolment, tuple(SessionMark(day, session, legend.codes[marks[r, s, pupil]])
                                                     for r, day in enumerate(days) for s, session in enumerate(SESSIONS)))
        assert named[pupil] == any(f.opens_case for f in judge(record, as_of, book)), (pupil, enrolment, as_of)


def test_the_bytes_of_a_register_become_numbers_and_unknown_ones_no_mark(book) -> None:
    legend = Legend.of(book.codes)
    tokens = ["/", "\\", "C1", "C", "-", "Y7", "#", "??", "  "]
    numbers = legend.numbers("".join(token.ljust(2) for token in tokens).encode())
    assert [legend.codes[n] for n in numbers] == ["/", "\\", "C1", "C", "-", "Y7", "#", "-", "-"]
    assert list(legend.numbers(b"\xff\xffN \xa3 ")) == [0, legend.number("N"), 0]
    assert legend.number("nonsense") == 0 and len(set(legend.codes)) == len(legend.codes) < 256


def test_a_school_without_pupils_or_days_has_no_candidates(book) -> None:
    assert screen(
        np.zeros((3, 2, 0), dtype=np.uint8), [date(2026, 11, d) for d in (2, 3, 4)], [], date(2026, 11, 4), book
    ).shape == (0,)
    assert not screen(np.zeros((0, 2, 2), dtype=np.uint8), [], [Enrolment(date(2026, 9, 1))] * 2, date(2026, 11, 4), book).any()


def test_before_its_number_is_in_force_a_rule_names_nobody(book) -> None:
    marks = np.full((30, 2, 1), Legend.of(book.codes).number("O"), dtype=np.uint8)
    days = [date(2019, 9, 2) + timedelta(days=n) for n in range(30)]
    assert not screen(marks, days, [Enrolment(date(2019, 9, 1))], days[-1], book).any()


def test_only_a_pattern_keeps_the_afternoons_of_a_pupil_expected_in_the_mornings_out(book) -> None:
    legend = Legend.of(book.codes)
    days = [day for day in book.calendar.school_days(date(2025, 11, 17), date(2025, 11, 28))]
    marks = np.empty((len(days), 2, 2), dtype=np.uint8)
    marks[:, 0], marks[:, 1] = legend.number("D"), legend.number("N")
    mornings = frozenset((weekday, "AM") for weekday in range(1, 6))
    everyone = [Enrolment(date(2025, 9, 1), expected=mornings), Enrolment(date(2025, 9, 1))]
    assert screen(marks, days, everyone, days[-1], book).tolist() == [False, True]
    assert screen(marks[:, :, :1], days, everyone[:1], days[-1], book).tolist() == [False]


def test_exactly_ten_days_are_enough_whether_the_run_ended_or_began_last_year(book) -> None:
    legend, alone = Legend.of(book.codes), book.with_value("cumulative_absence", 99)
    for first, as_of, ends in ((date(2025, 11, 17), date(2025, 12, 1), True), (date(2026, 7, 6), date(2026, 9, 1), False)):
        days = list(book.calendar.school_days(first, as_of))
        marks = np.zeros((len(days), 2, 2), dtype=np.uint8)
        marks[:10], marks[1, :, 1] = legend.number("N"), legend.number("/")
        if ends:
            marks[10:] = legend.number("/")
        assert screen(marks, days, [Enrolment(date(2025, 9, 1))] * 2, as_of, alone).tolist() == [True, False]


def test_the_first_of_september_belongs_to_the_new_year_for_absence_and_for_leavers(book) -> None:
    legend, september = Legend.of(book.codes), date(2026, 9, 1)
    marks = np.full((1, 2, 1), legend.number("N"), dtype=np.uint8)
    alone = book.with_value("continuous_absence", 99).with_value("cumulative_absence", 1)
    assert screen(marks, [september], [Enrolment(date(2025, 9, 1))], september, alone).tolist() == [True]
    days = list(book.calendar.school_days(date(2026, 7, 6), date(2026, 7, 17)))
    marks = np.full((10, 2, 2), legend.number("N"), dtype=np.uint8)
    leavers = [Enrolment(date(2025, 9, 1), left=left) for left in (september, date(2026, 8, 31))]
    assert screen(marks, days, leavers, date(2026, 9, 4), book.with_value("cumulative_absence", 99)).tolist() == [True, False]
