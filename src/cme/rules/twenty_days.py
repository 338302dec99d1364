"""The twenty-day evidence page: what the marks show about one of several tests of reg 9(1)(i). Never a recommendation.

A name is never deleted, and deletion never recommended, by a count. Here every session of the days counted must bear G, N or O:
any other code (U, an authorised absence, and also D, Q or Y1-Y7) ends it; # and Z are no sessions. A mark not entered
proves nothing either way and is listed.
Source: SI 2024/208 reg 9(1)(i).
"""

from dataclasses import dataclass
from datetime import date, timedelta

from cme.rules.book import RuleBook
from cme.rules.continuous_absence import Run, runs
from cme.rules.finding import Finding
from cme.rules.marks import Category, SessionMark
from cme.rules.possible_sessions import Attendance, PossibleDay, category_of
from cme.rules.wording import on, plural, tally, unmarked

RULE = "twenty_day_evidence"
OTHER_TESTS = (
    "no reasonable grounds to believe that the pupil is ill or unavoidably prevented from attending",
    "the school and the local authority have together made reasonable efforts to find out where the pupil is and why",
    "those efforts have failed, or both agree that there are no reasonable grounds to think the pupil will attend again",
)


@dataclass(frozen=True)
class TwentyDayEvidence:
    """``run``: the days in a row that still stand on the day judged, None if the last session ended them. ``earliest``: the day
    on which the count could reach its number, if every session to come bears such a mark too. ``outstanding``: tests that no
    count can meet.
    """

    run: Run | None
    needed: int
    earliest: date | None
    outstanding: tuple[str, ...] = OTHER_TESTS


def twenty_days(pupil: Attendance, book: RuleBook) -> TwentyDayEvidence | None:
    """The evidence as of the day judged; None when the number was not in force yet."""
    number = book.number(RULE, pupil.as_of)
    if number is None:
        return None
    days = [
        PossibleDay(
            day.day, tuple(sorted((*day.sessions, *(m for m in day.not_possible if _is_session(m, book))))), (), day.unmarked
        )
        for day in pupil.days
    ]
    run = next((run for run in runs(days, number.codes) if run.ended_by is None), None)
    if run is None:
        return TwentyDayEvidence(None, number.value, None)
    missing = number.value - len(run.days)
    counted_to = max(run.days[-1].day, pupil.as_of - timedelta(days=1))
    earliest = book.calendar.add_school_days(counted_to, missing) if missing > 0 else run.days[number.value - 1].day
    return TwentyDayEvidence(run, number.value, earliest)


def _is_session(mark: SessionMark, book: RuleBook) -> bool:
    return category_of(mark, book.codes) is not Category.ADMINISTRATIVE


def twenty_day_evidence(pupil: Attendance, book: RuleBook) -> tuple[Finding, ...]:
    """At most one finding: twenty or more such days stand on the day judged."""
    number, shown = book.number(RULE, pupil.as_of), twenty_days(pupil, book)
    if number is None or shown is None or shown.run is None or len(shown.run.days) < number.value:
        return ()
    run = shown.run
    reason = (
        f"Evidence, not a recommendation: {plural(len(run.days), 'school day')} in a row "
        f"from {on(run.days[0].day)} to {on(run.days[-1].day)} "
        f"with every session marked {tally(run.marks)}, {len(run.days)} >= {number.value}{unmarked(run.unmarked)}; "
        f"not shown by any count: {'; '.join(shown.outstanding)}."
    )
    return (Finding(rule=RULE, rule_version=number.version, as_of=pupil.as_of, reached_on=run.days[number.value - 1].day,
                    episode_start=run.days[0].day, count=len(run.days), threshold=number.value, unit=number.unit, reason=reason,
                    source=number.source, marks=run.marks, opens_case=False),)
