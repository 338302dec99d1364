"""Continuous absence: whole school days in a row missed without permission.

A day counts when every session that was possible for the pupil bears one of the number's codes (G, N, O and U for the
attendance return: N and O are one run, because N must become O). A day with none possible (weekend, holiday, INSET, D, Q,
Y1-Y7, #) or without a mark neither counts nor ends the run. Any other day ends it: one attended session, or one with
permission. A day with one mark not entered goes by the other: on the tenth morning the finding is made before the afternoon
register is taken, and taken back if the child comes.
Source: SI 2024/208 reg 13; Working together to improve school attendance (2026): attendance return.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from cme.rules.book import Number, RuleBook
from cme.rules.finding import Finding
from cme.rules.marks import SessionMark
from cme.rules.possible_sessions import Attendance, PossibleDay
from cme.rules.wording import on, plural, tally, unmarked

RULE = "continuous_absence"
REFERRAL = "referral_days"


@dataclass(frozen=True)
class Run:
    """Days in a row that count. ``sessions`` is the longer count: sessions in a row up to the last day of the run, those at
    the end of the part-attended day before it included. ``ended_by`` is the first mark that ended it, None while it goes on."""

    days: tuple[PossibleDay, ...]
    sessions: int
    unmarked: tuple[SessionMark, ...]
    ended_by: SessionMark | None

    @property
    def marks(self) -> tuple[SessionMark, ...]:
        return tuple(mark for day in self.days for mark in day.sessions)


def runs(days: Iterable[PossibleDay], codes: frozenset[str]) -> list[Run]:
    """All runs, oldest first, of days on which every possible session bears one of ``codes``."""
    found: list[Run] = []
    counted: list[PossibleDay] = []
    gaps: list[SessionMark] = []          # marks not entered since the run began
    in_a_row = 0

    def close(ended_by: SessionMark | None) -> None:
        if counted:
            last = counted[-1].day
            found.append(Run(tuple(counted), in_a_row, tuple(m for m in gaps if ended_by is None or m.day <= last), ended_by))

    for day in days:
        if day.missed(codes):
            if not counted:
                gaps = []
            counted.append(day)
            in_a_row += len(day.sessions)
        elif day.sessions:
            close(next(mark for mark in day.sessions if mark.code not in codes))
            counted = []
            for mark in day.sessions:
                in_a_row = in_a_row + 1 if mark.code in codes else 0
        gaps.extend(day.unmarked)
    close(None)
    return found


def in_question(found: Iterable[Run], pupil: Attendance) -> list[Run]:
    """The runs that concern the school year of ``as_of``: with a day in it, or still going on. A leaver's end with the roll."""
    left = pupil.record.enrolment.left
    return [run for run in found if run.days[-1].day >= pupil.year_start
            or (run.ended_by is None and (left is None or left >= pupil.year_start))]


def continuous_absence(pupil: Attendance, book: RuleBook) -> tuple[Finding, ...]:
    """One finding for each run that reached the attendance return's number of school days (10)."""
    return _findings(pupil, book.number(RULE, pupil.as_of), RULE, opens_case=True)


def referral_days(pupil: Attendance, book: RuleBook) -> tuple[Finding, ...]:
    """One finding for each run that reached the authority's number of days for a CME referral.

    Only days count: whether the child's whereabouts are unknown is for people to say, so this opens no case.
    """
    return _findings(pupil, book.number(REFERRAL, pupil.as_of), REFERRAL, opens_case=False)


def _findings(pupil: Attendance, number: Number | None, rule: str, *, opens_case: bool) -> tuple[Finding, ...]:
    if number is None:
        return ()
    return tuple(
        Finding(rule=rule, rule_version=number.version, as_of=pupil.as_of, reached_on=run.days[number.value - 1].day,
                episode_start=run.days[0].day, count=len(run.days), threshold=number.value, unit=number.unit,
                reason=_reason(run, number, pupil.as_of), source=number.source, marks=run.marks, opens_case=opens_case)
        for run in in_question(runs(pupil.days, number.codes), pupil) if len(run.days) >= number.value)


def _reason(run: Run, number: Number, as_of: date) -> str:
    last = run.days[-1].day
    end = (f"ended by {run.ended_by.code} on {on(run.ended_by.day)} {run.ended_by.session}" if run.ended_by
           else f"not ended by {on(as_of)}")
    return (
        f"{plural(len(run.days), 'school day')} in a row missed without permission, "
        f"from {on(run.days[0].day)} to {on(last)}, {end}: "
        f"all {plural(len(run.marks), 'possible session')} marked {tally(run.marks)}, "
        f"{plural(run.sessions, 'session')} in a row; "
        f"{len(run.days)} >= {number.value}{unmarked(run.unmarked)}."
    )
