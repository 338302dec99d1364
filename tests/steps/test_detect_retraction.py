"""What a case says when a finding of it falls: the marks that changed, by day and session, and nothing that names the child."""

from collections.abc import Callable
from datetime import date, timedelta

from sqlalchemy import select, update
from tests.steps.school import MONDAY, School, a_pupil

from cme.records.history import events
from cme.records.tables import Finding, Pupil
from cme.steps.detect import detect

FRIDAY = MONDAY - timedelta(days=3)
NAMING = ("Quilla", "Bramblewick", "P001", "P207000016049", "2013", "Made-up")


def said(school: School, reference: str, as_of: date = MONDAY) -> str:
    """The one reason with which every finding of the case was taken back, the same in the history."""
    assert detect(school, as_of, school.stamp()).retracted == 2
    with school.transaction() as session:
        reasons = {finding.retracted_reason for finding in session.scalars(select(Finding))}
        assert reasons == {event.why for event in events(session, reference) if event.what == "finding.retracted"}
    [reason] = reasons
    assert reason is not None and not any(word in reason for word in NAMING)
    return reason


def test_the_changed_marks_are_named_with_the_code_before_and_now(school: School, ten_days_gone: str) -> None:
    school.write(a_pupil(), {FRIDAY: ("I", "N"), MONDAY: ("N", "\\")})
    assert said(school, ten_days_gone) == ("judged again on 23 November 2026, it no longer holds: 2 of its 20 marks changed "
                                           "(20 Nov 2026 AM: N is now I, 23 Nov 2026 PM: N is now \\)")


def test_a_later_check_says_on_which_day_it_judged(school: School, ten_days_gone: str, set_clock: Callable[[str], None]) -> None:
    set_clock("2026-11-25T10:00:00")
    school.write(a_pupil(), {FRIDAY: ("N", "I")})
    school.write(a_pupil(), {FRIDAY: ("L", "\\"), MONDAY + timedelta(days=1): ("/", "\\")})
    reason = said(school, ten_days_gone, MONDAY + timedelta(days=1))
    assert reason == ("judged again on 24 November 2026, it no longer holds: 2 of its 20 marks changed "
                      "(20 Nov 2026 AM: N is now L, 20 Nov 2026 PM: N is now \\)")


def test_a_mark_taken_out_of_the_register_is_a_mark_not_entered(school: School, ten_days_gone: str) -> None:
    days = school.school_days_before(MONDAY, 10)
    school.write(a_pupil(), {days[0]: ("-", "-")})
    assert "2 of its 20 marks changed (10 Nov 2026 AM: N is now -, 10 Nov 2026 PM: N is now -)" in said(school, ten_days_gone)


def test_where_another_group_saw_the_child_the_mark_that_counts_is_named(school: School, ten_days_gone: str) -> None:
    school.write(a_pupil(group="9B"), {FRIDAY: ("/", "\\")})
    assert "(20 Nov 2026 AM: N is now /, 20 Nov 2026 PM: N is now \\)" in said(school, ten_days_gone)


def test_without_a_changed_mark_the_case_says_what_else_may_have_changed(school: School, ten_days_gone: str) -> None:
    with school.transaction() as session:
        session.execute(update(Pupil).values(admitted=MONDAY))
    reason = said(school, ten_days_gone)
    assert reason.startswith("judged again on 23 November 2026, it no longer holds, although none of its marks has changed: ")
    assert "the dates on roll" in reason
