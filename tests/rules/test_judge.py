"""The judge as a whole: order, purity, corrections, and findings that are past rather than wrong."""

from dataclasses import replace
from datetime import date
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cme.errors import BadInput
from cme.rules.book import Number
from cme.rules.finding import Enrolment, PupilRecord
from cme.rules.judge import OPENS_A_CASE, contradicted, judge
from cme.rules.last_seen import holiday_sweep, last_seen
from cme.rules.marks import SessionMark
from cme.rules.possible_sessions import attendance
from cme.rules.sickness import by_forecast
from cme.rules.ten_sessions import monday, school_weeks
from cme.rules.twenty_days import OTHER_TESTS, twenty_days
from cme.rules.unresolved_marks import due

AS_OF = date(2025, 11, 28)


def pupil(codes: dict[date, str] | None = None, first: date = date(2025, 11, 17), last: date = AS_OF, book=None) -> PupilRecord:
    days = book.calendar.school_days(first, last)
    return PupilRecord(
        3, Enrolment(date(2025, 9, 1)), tuple(SessionMark(d, s, (codes or {}).get(d, "N")) for d in days for s in ("AM", "PM"))
    )


def test_only_continuous_and_cumulative_absence_open_a_case(book) -> None:
    found = judge(pupil(book=book, first=date(2025, 10, 6)), AS_OF, book)
    assert tuple(f.rule for f in found if f.opens_case) == OPENS_A_CASE == ("continuous_absence", "cumulative_absence")
    assert [f.rule for f in found] == [
        "continuous_absence",
        "cumulative_absence",
        "referral_days",
        "rolling_absence",
        "unresolved_n",
        "not_seen",
        "severe_absence",
        "persistent_absence",
        "ten_sessions",
        "twenty_day_evidence",
    ]


def test_the_order_in_which_marks_arrive_changes_nothing(book) -> None:
    marks = pupil(book=book, first=date(2025, 11, 25)).marks
    small = book.with_value("continuous_absence", 3)
    expected = judge(PupilRecord(3, Enrolment(date(2025, 9, 1)), marks), AS_OF, small)
    assert expected[0].rule == "continuous_absence"
    for order in list(permutations(marks))[::997]:
        assert judge(PupilRecord(3, Enrolment(date(2025, 9, 1)), order), AS_OF, small) == expected


def test_what_was_known_on_a_past_day_is_judged_the_same_whatever_came_after(book) -> None:
    whole = pupil(book=book, first=date(2025, 10, 6), last=date(2025, 12, 19))
    for as_of in (date(2025, 11, 10), date(2025, 11, 28), date(2025, 12, 5)):
        known = PupilRecord(3, whole.enrolment, tuple(m for m in whole.marks if m.day <= as_of))
        assert judge(whole, as_of, book) == judge(known, as_of, book)


@given(day=st.integers(0, 9), code=st.sampled_from(["/", "I", "L", "C", "B"]))
def test_one_corrected_mark_among_ten_days_takes_the_finding_back(book, day, code) -> None:
    record = pupil(book=book)
    changed = list(record.marks)
    changed[2 * day] = SessionMark(changed[2 * day].day, "AM", code)
    assert judge(record, AS_OF, book)[0].rule == "continuous_absence"
    after = judge(PupilRecord(3, record.enrolment, tuple(changed)), AS_OF, book)
    assert not [f for f in after if f.opens_case]


def test_a_finding_of_this_year_that_is_gone_is_contradicted_and_one_of_last_year_is_past(book) -> None:
    assert contradicted(date(2025, 11, 28), date(2025, 12, 1), book)
    assert contradicted(date(2025, 9, 1), date(2025, 9, 1), book)
    assert not contradicted(date(2026, 7, 17), date(2026, 9, 2), book)
    assert not contradicted(date(2025, 11, 28), date(2025, 11, 27), book)      # a day of the past replayed before it


def test_no_marks_no_finding(book) -> None:
    assert judge(PupilRecord(1, Enrolment(date(2025, 9, 1)), ()), AS_OF, book) == ()


def test_a_number_counts_from_its_day_and_a_rule_is_silent_before(book) -> None:
    record = PupilRecord(1, Enrolment(date(2024, 1, 1)), tuple(SessionMark(date(2024, 6, d), "AM", "N") for d in range(3, 29)))
    assert "continuous_absence" not in {f.rule for f in judge(record, date(2024, 6, 28), book)}
    number = book.number("continuous_absence", date(2024, 8, 19))
    assert number.value == 10 and book.number("continuous_absence", date(2024, 8, 18)) is None
    later = Number("continuous_absence", 7, "school days", date(2027, 1, 1), "a later law", number.codes)
    changed = type(book)(book.codes, book.calendar, (*book.numbers, later))
    assert changed.number("continuous_absence", date(2026, 12, 31)).value == 10
    assert changed.number("continuous_absence", date(2027, 1, 1)).value == 7


def test_a_number_that_does_not_exist_is_an_error_and_never_silence(book) -> None:
    with pytest.raises(BadInput, match="no number called 'continous'"):
        book.number("continous", AS_OF)
    for name in ("continous", "weeks"):       # before and after all others in the alphabet
        with pytest.raises(BadInput, match=f"no number called '{name}'"):
            book.with_value(name, 5)


def test_one_number_is_changed_and_no_other(book) -> None:
    changed = book.with_value("cumulative_absence", 3)
    assert {n.name for n, was in zip(changed.numbers, book.numbers) if n != was} == {"cumulative_absence"}
    assert changed.number("cumulative_absence", AS_OF).value == 3


def test_the_finding_says_by_which_number_and_source_it_was_made(book) -> None:
    finding = judge(pupil(book=book), AS_OF, book)[0]
    assert finding.rule_version == "10 school days from 2024-08-19"
    assert finding.source.startswith("SI 2024/208 reg 13")
    assert len(finding.marks) == 20 and finding.unit == "school days"
    rolling = next(f for f in judge(pupil(book=book), AS_OF, book) if f.rule == "rolling_absence")
    assert rolling.rule_version == "10 school days in 60 school days from 2020-09-01"


def test_an_expected_long_illness_is_a_proposal_on_its_first_day(book) -> None:
    proposal = by_forecast(date(2025, 11, 10), date(2025, 11, 28), date(2025, 11, 10), book)
    assert (proposal.rule, proposal.count, proposal.opens_case, proposal.marks) == ("sickness_forecast", 15, False, ())
    assert by_forecast(date(2025, 11, 10), date(2025, 12, 1), date(2025, 11, 10), book).count == 16
    assert by_forecast(date(2025, 11, 10), date(2025, 11, 27), date(2025, 11, 10), book) is None
    assert by_forecast(date(2023, 11, 6), date(2023, 12, 22), date(2023, 11, 6), book) is None


def test_the_evidence_page_names_the_earliest_day_and_what_no_count_can_show(book) -> None:
    record = pupil(book=book, codes={date(2025, 11, 17): "/"})
    shown = twenty_days(attendance(record, AS_OF, book), book)
    assert len(shown.run.days) == 9 and shown.earliest == date(2025, 12, 15) and shown.outstanding == OTHER_TESTS
    came_back = twenty_days(attendance(pupil(book=book, codes={AS_OF: "/"}), AS_OF, book), book)
    assert came_back.run is None and came_back.earliest is None
    reached = twenty_days(attendance(pupil(book=book, first=date(2025, 10, 6)), AS_OF, book), book)
    assert reached.earliest == date(2025, 11, 10)      # six weeks less half-term and INSET
    assert twenty_days(attendance(record, date(2023, 11, 28), book), book) is None
    waiting = twenty_days(attendance(pupil(book=book, last=date(2025, 11, 27)), date(2025, 12, 2), book), book)
    assert waiting.earliest == date(2025, 12, 16)      # eleven more, the day judged the first of them


def test_with_exactly_twenty_days_the_earliest_day_is_the_twentieth_however_much_later_it_is_asked(book) -> None:
    record = pupil(book=book, first=date(2025, 11, 3))                  # INSET, so that the twentieth is the Monday after
    marks = (*record.marks, *(SessionMark(date(2025, 12, 1), s, "O") for s in ("AM", "PM")))
    for as_of in (date(2025, 12, 1), date(2025, 12, 3)):
        shown = twenty_days(attendance(PupilRecord(3, record.enrolment, marks), as_of, book), book)
        assert (len(shown.run.days), shown.earliest) == (20, date(2025, 12, 1))


def test_a_holiday_of_exactly_the_number_of_days_calls_for_the_sweep(book) -> None:
    record = pupil(book=book, first=date(2026, 5, 22), last=date(2026, 5, 22))     # nine days to Monday 1 June
    for days, found in ((9, True), (10, False)):
        changed = book.with_value("holiday_sweep", days)
        assert bool(holiday_sweep(attendance(record, date(2026, 5, 22), changed), changed)) is found


def test_days_since_a_child_was_seen_begin_at_nought_and_never_below(book) -> None:
    seen = attendance(pupil(book=book, codes={AS_OF: "/"}), AS_OF, book)
    assert last_seen(seen, book).days == 0
    assert last_seen(attendance(pupil(book=book, codes={AS_OF: "/"}), date(2025, 11, 29), book), book).days == 1
    to_come = PupilRecord(3, Enrolment(date(2025, 12, 1)), ())
    assert last_seen(attendance(to_come, AS_OF, book), book).days == 0


def test_a_week_with_school_on_its_friday_only_is_a_school_week_and_begins_on_its_monday(book) -> None:
    assert [monday(date(2025, 11, day)) for day in (16, 17, 21, 23)] == [date(2025, 11, day) for day in (10, 17, 17, 17)]
    closed = frozenset(date(2025, 11, day) for day in range(17, 21))
    shut = replace(book, calendar=replace(book.calendar, closures=closed))
    record = pupil(book=book, first=date(2025, 11, 10), last=date(2025, 11, 10))
    weeks = school_weeks(attendance(record, date(2025, 11, 24), shut), shut)
    assert weeks == {date(2025, 11, 10): 0, date(2025, 11, 17): 1, date(2025, 11, 24): 2}
    gone = replace(shut, calendar=replace(shut.calendar, closures=closed | {date(2025, 11, 21)}))
    assert date(2025, 11, 17) not in school_weeks(attendance(record, date(2025, 11, 24), gone), gone)


def test_open_marks_n_come_with_their_deadline_the_most_urgent_first(book) -> None:
    record = pupil(book=book, first=date(2025, 11, 27), codes={date(2025, 11, 28): "O"})
    assert due(attendance(record, AS_OF, book), book) == [
        (date(2025, 12, 4), SessionMark(date(2025, 11, 27), s, "N")) for s in ("AM", "PM")
    ]


def test_reasons_name_no_pupil(book) -> None:
    for finding in judge(pupil(book=book, first=date(2025, 10, 6)), AS_OF, book):
        assert "3" not in finding.rule and "pupil 3" not in finding.reason
