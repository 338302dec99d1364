"""Cumulative absence: school days missed without permission, together, in the school year so far and in a rolling window.

A day on which every possible session was missed without permission (G, N, O, U) is one day; a day on which one of two was is
half a day, so that 20 sessions are 10 days. A day with one possible session (a half-day pattern, or D in the other) is one day,
and so is a day whose only mark entered is such an absence: a mark not entered is neither absence nor presence.
Source: the school's Children Missing in Education Procedure (10 school days or more missed without permission).
"""

from datetime import date

from cme.rules.book import Number, RuleBook
from cme.rules.finding import Finding
from cme.rules.marks import SessionMark
from cme.rules.possible_sessions import Attendance, PossibleDay
from cme.rules.wording import halves, on, plural, tally, unmarked

RULE = "cumulative_absence"
ROLLING = "rolling_absence"


def cumulative_absence(pupil: Attendance, book: RuleBook) -> tuple[Finding, ...]:
    """At most one finding: the days of the school year so far have reached the number (10). Its episode is the year."""
    number = book.number(RULE, pupil.as_of)
    if number is None:
        return ()
    total, reached, counted = 0, None, []
    for day in pupil.this_year:
        half = day.halves(number.codes)
        total += half
        if half:
            counted.append(day)
        if reached is None and total >= 2 * number.value:
            reached = day.day
    if reached is None:
        return ()
    gaps = tuple(mark for day in pupil.this_year for mark in day.unmarked)
    return (_finding(RULE, pupil, number, counted, reached, pupil.year_start, total,
                     f"in the school year from {on(pupil.year_start)} to {on(pupil.as_of)}", gaps, opens_case=True),)


def rolling_absence(pupil: Attendance, book: RuleBook) -> tuple[Finding, ...]:
    """At most one finding: the first window of so many school days, ending in this school year, that reached the number.

    The window runs across holidays and across two school years; days without school take no place in it.
    """
    number = book.number(ROLLING, pupil.as_of)
    if number is None:
        return ()
    missed = [day for day in pupil.days if day.halves(number.codes)]
    for end, last in enumerate(missed):
        if last.day < pupil.year_start:
            continue
        first = book.calendar.school_days_before(last.day, number.window - 1)
        window = [day for day in missed[:end + 1] if day.day >= first]
        total = sum(day.halves(number.codes) for day in window)
        if total >= 2 * number.value:
            return (_finding(ROLLING, pupil, number, window, last.day, window[0].day, total,
                             f"within {plural(number.window, 'school day')} from {on(window[0].day)} to {on(last.day)}", (),
                             opens_case=False),)
    return ()


def _finding(rule: str, pupil: Attendance, number: Number, counted: list[PossibleDay], reached: date, start: date, total: int,
             where: str, gaps: tuple[SessionMark, ...], *, opens_case: bool) -> Finding:
    marks = tuple(mark for day in counted for mark in day.sessions if mark.code in number.codes)
    whole = sum(day.missed(number.codes) for day in counted)
    half = sum(day.halves(number.codes) for day in counted if not day.missed(number.codes))
    reason = (
        f"{halves(total)} school days missed without permission {where}: "
        f"{plural(whole, 'whole day')} and {plural(half, 'half day')} "
        f"({plural(len(marks), 'session')}: {tally(marks)}), {whole} + {half}/2 >= {number.value}{unmarked(gaps)}."
    )
    return Finding(rule=rule, rule_version=number.version, as_of=pupil.as_of, reached_on=reached, episode_start=start,
                   count=total // 2, threshold=number.value, unit=number.unit, reason=reason, source=number.source, marks=marks,
                   opens_case=opens_case)
