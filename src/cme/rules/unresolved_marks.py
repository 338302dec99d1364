"""Marks N (reason not yet established) that must become another code within five *school* days of the session, else O.

The count starts on the school day after the session and runs by the school's own calendar: N on Friday 24 October before a
half-term is due on Friday 7 November, not on Friday 31 October.
Source: SI 2024/208 reg 10(7)-(9); Working together to improve school attendance (2026) paras 407-409.
"""

from datetime import date, timedelta

from cme.rules.book import RuleBook
from cme.rules.finding import Finding
from cme.rules.marks import SessionMark
from cme.rules.possible_sessions import Attendance
from cme.rules.wording import on, plural, short

RULE = "unresolved_n"


def due(pupil: Attendance, book: RuleBook) -> list[tuple[date, SessionMark]]:
    """Every N of the pupil that is still open, with the last day on which it may still be N, the most urgent first."""
    number = book.number(RULE, pupil.as_of)
    if number is None:
        return []
    return sorted(
        (book.calendar.add_school_days(mark.day, number.value), mark) for mark in pupil.marks if mark.code in number.codes
    )


def unresolved_n(pupil: Attendance, book: RuleBook) -> tuple[Finding, ...]:
    """At most one finding: marks N whose deadline has passed (from the day after it). Its episode starts with the oldest."""
    number = book.number(RULE, pupil.as_of)
    late = [(day, mark) for day, mark in due(pupil, book) if day < pupil.as_of]
    if number is None or not late:
        return ()
    last_day, oldest = late[0]
    marks = tuple(sorted(mark for _, mark in late))
    passed = book.calendar.count(oldest.day + timedelta(days=1), pupil.as_of)
    reason = (
        f"{plural(len(marks), 'session')} still marked N after {plural(number.value, 'school day')}: "
        f"the oldest, {short(oldest)}, was to be settled by {on(last_day)} "
        f"({passed} school days later on {on(pupil.as_of)}, {passed} >= {number.value}); if the reason stays "
        "unknown, it must become O."
    )
    return (Finding(rule=RULE, rule_version=number.version, as_of=pupil.as_of, reached_on=last_day + timedelta(days=1),
                    episode_start=oldest.day, count=len(marks), threshold=1, unit="sessions", reason=reason, source=number.source,
                    marks=marks, opens_case=False),)
