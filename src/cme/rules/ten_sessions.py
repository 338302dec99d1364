"""Ten unauthorised sessions within ten school weeks: the national framework's threshold, shown to staff only.

Nothing of it may stand in a message to a parent. A school week is a week with at least one session of the school, so a
half-term takes no place among the ten; the window runs across terms and school years.
Source: National framework for penalty notices (2024).
"""

from datetime import date, timedelta

from cme.rules.book import RuleBook
from cme.rules.finding import Finding
from cme.rules.possible_sessions import Attendance
from cme.rules.wording import on, plural, tally

RULE = "ten_sessions"


def monday(day: date) -> date:
    """The Monday of the week in which ``day`` lies."""
    return day - timedelta(days=day.isoweekday() - 1)


def ten_sessions(pupil: Attendance, book: RuleBook) -> tuple[Finding, ...]:
    """At most one finding: the first window of ten school weeks, ending in this school year, that holds ten such sessions."""
    number = book.number(RULE, pupil.as_of)
    if number is None:
        return ()
    missed = [mark for day in pupil.days for mark in day.sessions if mark.code in number.codes]
    weeks = school_weeks(pupil, book) if missed else {}
    for end, last in enumerate(missed):
        if last.day < pupil.year_start:
            continue
        first_week = weeks[monday(last.day)] - number.window + 1
        window = tuple(mark for mark in missed[:end + 1] if weeks[monday(mark.day)] >= first_week)
        if len(window) >= number.value:
            spanned = weeks[monday(last.day)] - weeks[monday(window[0].day)] + 1
            reason = (
                f"{plural(len(window), 'unauthorised session')} ({tally(window)}) within {plural(spanned, 'school week')}, from "
                f"{on(window[0].day)} to {on(last.day)}: {len(window)} >= {number.value} and {spanned} <= {number.window}; "
                "for staff only, and N must be settled before any action."
            )
            return (
                Finding(
                    rule=RULE,
                    rule_version=number.version,
                    as_of=pupil.as_of,
                    reached_on=last.day,
                    episode_start=window[0].day,
                    count=len(window),
                    threshold=number.value,
                    unit=number.unit,
                    reason=reason,
                    source=number.source,
                    marks=window,
                    opens_case=False,
                ),
            )
    return ()


def school_weeks(pupil: Attendance, book: RuleBook) -> dict[date, int]:
    """The school weeks from that of the pupil's first counted session to that of ``as_of`` by their Mondays, numbered from 0.

    The pupil must have such a session.
    """
    marked = {monday(day.day) for day in pupil.days if day.sessions}
    weeks: dict[date, int] = {}
    week = min(marked)
    while week <= pupil.as_of:
        if week in marked or any(True for _ in book.calendar.school_days(week, week + timedelta(days=4))):
            weeks[week] = len(weeks)
        week += timedelta(days=7)
    return weeks
