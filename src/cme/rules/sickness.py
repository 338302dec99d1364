"""Sickness: fifteen school days of illness, in a row or together. Counting proposes a return; a person confirms it.

The law asks for a forecast: that the school has reasonable grounds to believe the pupil *will* miss fifteen days. A known stay
in hospital of four weeks is a return on its first day (``by_forecast``); fifteen scattered coughs may be none.
Source: SI 2024/208 reg 13; Working together to improve school attendance (2026): sickness return.
"""

from datetime import date

from cme.rules.book import RuleBook
from cme.rules.continuous_absence import in_question, runs
from cme.rules.finding import Finding
from cme.rules.possible_sessions import Attendance
from cme.rules.wording import halves, on, plural, unmarked

NUMBER = "sickness_return"
IN_A_ROW, TOGETHER, FORECAST = "sickness_in_a_row", "sickness_together", "sickness_forecast"
PROPOSED = "proposed, a person confirms"


def sickness_in_a_row(pupil: Attendance, book: RuleBook) -> tuple[Finding, ...]:
    """One finding for each run of 15 or more school days on which every possible session is marked I."""
    number = book.number(NUMBER, pupil.as_of)
    if number is None:
        return ()
    return tuple(
        Finding(
            rule=IN_A_ROW,
            rule_version=number.version,
            as_of=pupil.as_of,
            reached_on=run.days[number.value - 1].day,
            episode_start=run.days[0].day,
            count=len(run.days),
            threshold=number.value,
            unit=number.unit,
            reason=f"Sickness return {PROPOSED}: {len(run.days)} school days of illness in a row from {on(run.days[0].day)} to "
            f"{on(run.days[-1].day)} ({plural(len(run.marks), 'session')} marked I), "
            f"{len(run.days)} >= {number.value}{unmarked(run.unmarked)}.",
            source=number.source,
            marks=run.marks,
            opens_case=False,
        )
        for run in in_question(runs(pupil.days, number.codes), pupil)
        if len(run.days) >= number.value
    )


def sickness_together(pupil: Attendance, book: RuleBook) -> tuple[Finding, ...]:
    """At most one finding: 15 or more school days of illness in the school year so far; two half days make one day."""
    number = book.number(NUMBER, pupil.as_of)
    if number is None:
        return ()
    total, reached = 0, None
    for day in pupil.this_year:
        total += day.halves(number.codes)
        if reached is None and total >= 2 * number.value:
            reached = day.day
    if reached is None:
        return ()
    marks = tuple(m for day in pupil.this_year for m in day.sessions if m.code in number.codes)
    reason = (
        f"Sickness return {PROPOSED}: {halves(total)} school days of illness together "
        f"from {on(pupil.year_start)} to {on(pupil.as_of)} "
        f"({plural(len(marks), 'session')} marked I), {halves(total)} >= {number.value}."
    )
    return (
        Finding(
            rule=TOGETHER,
            rule_version=number.version,
            as_of=pupil.as_of,
            reached_on=reached,
            episode_start=pupil.year_start,
            count=total // 2,
            threshold=number.value,
            unit=number.unit,
            reason=reason,
            source=number.source,
            marks=marks,
            opens_case=False,
        ),
    )


def by_forecast(first: date, until: date, as_of: date, book: RuleBook) -> Finding | None:
    """A proposal from what a person recorded: an illness from ``first`` expected to last until ``until``, both included.

    None when fewer than 15 school days lie between them, or when the number was not yet in force.
    """
    number = book.number(NUMBER, as_of)
    expected = book.calendar.count(first, until)
    if number is None or expected < number.value:
        return None
    reason = (
        f"Sickness return {PROPOSED}: an illness from {on(first)}, expected to last until {on(until)}, "
        f"covers {expected} school days, "
        f"{expected} >= {number.value}."
    )
    return Finding(rule=FORECAST, rule_version=number.version, as_of=as_of, reached_on=as_of, episode_start=first, count=expected,
                   threshold=number.value, unit=number.unit, reason=reason, source=number.source, marks=(), opens_case=False)
