"""Overall, persistent and severe absence: the share of the pupil's own possible sessions that were missed.

Sessions missed with permission count too. The comparison is made in whole numbers, so that 38 of 380 is 10 per cent and 37 is
not; persistent absence includes severe absence. No possible session, no rate.
Source: Department for Education, Pupil absence in schools in England: methodology.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from cme.rules.book import Number, RuleBook
from cme.rules.finding import Finding
from cme.rules.marks import Category, CodeTable, SessionMark
from cme.rules.possible_sessions import Attendance, PossibleDay
from cme.rules.wording import on, tally

PERSISTENT, SEVERE = "persistent_absence", "severe_absence"


@dataclass(frozen=True)
class Rates:
    """Sessions of a pupil, in whole numbers: ``possible`` = ``attended`` + ``authorised`` + ``unauthorised``."""

    possible: int
    attended: int
    authorised: int
    unauthorised: int

    @property
    def absent(self) -> int:
        return self.authorised + self.unauthorised

    def reaches(self, percent: int) -> bool:
        """Whether at least ``percent`` of the possible sessions were missed; False without a possible session."""
        return self.possible > 0 and 100 * self.absent >= percent * self.possible

    def least(self, percent: int) -> int:
        """The smallest number of missed sessions that reaches ``percent`` of the possible ones."""
        return -(-percent * self.possible // 100)

    @property
    def tenths(self) -> str:
        """The absence rate in per cent with one decimal, cut off and not rounded, so that 9.97 never reads as 10.0."""
        if not self.possible:
            return "none"
        tenths = 1000 * self.absent // self.possible
        return f"{tenths // 10}.{tenths % 10}"


def rates(days: Iterable[PossibleDay], codes: CodeTable) -> Rates:
    """The sessions of ``days`` by what they count as."""
    attended = authorised = unauthorised = 0
    for day in days:
        for mark in day.sessions:
            category = codes.category(mark.code, mark.day)
            attended += category.attended
            authorised += category is Category.AUTHORISED
            unauthorised += category is Category.UNAUTHORISED
    return Rates(attended + authorised + unauthorised, attended, authorised, unauthorised)


def persistent_absence(pupil: Attendance, book: RuleBook) -> tuple[Finding, ...]:
    """At most one finding: 10 per cent or more of the possible sessions of the school year so far were missed."""
    return _finding(pupil, book, PERSISTENT)


def severe_absence(pupil: Attendance, book: RuleBook) -> tuple[Finding, ...]:
    """At most one finding: 50 per cent or more were missed. The pupil is persistently absent as well."""
    return _finding(pupil, book, SEVERE)


def _finding(pupil: Attendance, book: RuleBook, rule: str) -> tuple[Finding, ...]:
    number = book.number(rule, pupil.as_of)
    year = pupil.this_year
    total = rates(year, book.codes)
    if number is None or not total.reaches(number.value):
        return ()
    absent = tuple(m for day in year for m in day.sessions if book.codes.category(m.code, m.day).absent)
    possible, percent = total.possible, number.value
    reason = (
        f"{total.absent} of {possible} possible sessions missed ({total.tenths} per cent: {tally(absent)}; "
        f"{total.authorised} with and {total.unauthorised} without permission) from {on(pupil.year_start)} to {on(pupil.as_of)}: "
        f"100 x {total.absent} = {100 * total.absent} >= {percent} x {possible} = {percent * possible}."
    )
    return (
        Finding(
            rule=rule,
            rule_version=number.version,
            as_of=pupil.as_of,
            reached_on=_since(year, absent, number),
            episode_start=pupil.year_start,
            count=total.absent,
            threshold=total.least(percent),
            unit="sessions",
            reason=reason,
            source=number.source,
            marks=absent,
            opens_case=False,
        ),
    )


def _since(year: tuple[PossibleDay, ...], absent: tuple[SessionMark, ...], number: Number) -> date:
    """The first day of the present stretch of days on which the rate was reached (a rate can fall again)."""
    missed = Counter(mark.day for mark in absent)
    total = possible = 0
    since = absent[0].day
    reached = False
    for day in year:
        total, possible = total + missed[day.day], possible + len(day.sessions)
        before, reached = reached, 100 * total >= number.value * possible > 0
        if reached and not before:
            since = day.day
    return since
