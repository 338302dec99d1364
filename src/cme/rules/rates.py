"""Overall, persistent and severe absence: the share of the pupil's own possible sessions that were missed.

Sessions missed with permission count too. The comparison is made in whole numbers, so that 38 of 380 is 10 per cent and 37 is
not; persistent absence includes severe absence. No possible session, no rate. In September nearly every absence makes a rate of
10 per cent: such a finding is shown all the same, and its reason says that the sessions are too few to say much. It sets the last
school weeks beside those before them, so that a rate on its way down reads otherwise than one on its way up.
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
from cme.rules.ten_sessions import school_weeks
from cme.rules.wording import on, plural, tally

PERSISTENT, SEVERE = "persistent_absence", "severe_absence"
ENOUGH, WEEKS = "rate_sessions", "trend_weeks"


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

    @property
    def words(self) -> str:
        """ "12 of 40 (30.0 per cent)"."""
        return f"{self.absent} of {self.possible} ({self.tenths} per cent)"


@dataclass(frozen=True)
class Trend:
    """The sessions of a pupil's last school weeks up to the day judged, and those of the school year before them."""

    recent: Rates
    before: Rates

    @property
    def direction(self) -> str:
        """ "rising", "falling" or "level", in whole numbers. Says nothing where one of the two has no possible session."""
        change = self.recent.absent * self.before.possible - self.before.absent * self.recent.possible
        return "rising" if change > 0 else "falling" if change else "level"


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


def trend(pupil: Attendance, book: RuleBook, weeks: int) -> Trend:
    """The last ``weeks`` school weeks up to the day judged beside the school year before them, for a pupil with counted sessions.

    A week without school takes no place; a pupil's weeks begin with the pupil's own first session.
    """
    since = list(school_weeks(pupil, book))[-weeks:][0]
    recent, before = ([day for day in pupil.this_year if (day.day >= since) is late] for late in (True, False))
    return Trend(rates(recent, book.codes), rates(before, book.codes))


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
        f"100 x {total.absent} = {100 * total.absent} >= {percent} x {possible} = {percent * possible}"
        f"{_reading(pupil, total, book)}."
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


def _reading(pupil: Attendance, total: Rates, book: RuleBook) -> str:
    """What a person must know to read the rate: whether its sessions are few, and where it is going."""
    enough, weeks = book.number(ENOUGH, pupil.as_of), book.number(WEEKS, pupil.as_of)
    said = (f"; too few sessions yet to say much ({total.possible} < {enough.value})"
            if enough and total.possible < enough.value else "")
    if weeks is None:
        return said
    seen, last = trend(pupil, book, weeks.value), f"the last {plural(weeks.value, 'school week')}"
    if not seen.recent.possible:
        return f"{said}; none of them in {last}"
    if not seen.before.possible:
        return f"{said}; nothing before {last} to compare them with"
    return f"{said}; in {last} {seen.recent.words}, before them {seen.before.words}: {seen.direction}"


def _since(year: tuple[PossibleDay, ...], absent: tuple[SessionMark, ...], number: Number) -> date:
    """The first day of the present stretch of days on which the rate was reached (a rate can fall again)."""
    missed = Counter(mark.day for mark in absent)
    total = possible = 0
    stretch: list[date] = []
    for day in year:
        total, possible = total + missed[day.day], possible + len(day.sessions)
        if possible and 100 * total >= number.value * possible:
            stretch.append(day.day)
        else:
            stretch.clear()
    return stretch[0]
