"""The school's days: on which days it has a session, and how to count them.

Everything that counts days (deadlines, "five school days", "the next school day") asks here. The calendar is given as
data; nothing here looks a date up or asks the clock. Days are the school's local days (Europe/London).
Source: Education Act 1996 s.579 (a school day is a day on which the school has a session); SI 2024/208 reg 10.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from cme.errors import BadInput

_DAY = timedelta(days=1)
_FURTHEST = 400  # calendar days to look for a school day: more than a year without one is a broken calendar


class NoSchoolDay(BadInput):
    """The calendar holds no school day within a year of the day asked about."""


@dataclass(frozen=True)
class Term:
    """A term with its first and last school day and its half-term (first and last day without school), if it has one."""

    name: str
    first: date
    last: date
    half_term: tuple[date, date] | None = None

    def holds(self, day: date) -> bool:
        return self.first <= day <= self.last and not (self.half_term and self.half_term[0] <= day <= self.half_term[1])


@dataclass(frozen=True)
class SchoolCalendar:
    """Terms, INSET days, closures and bank holidays of one school, over any number of school years.

    ``no_session`` holds single sessions that do not take place: (day, "AM" or "PM"). ``year_starts`` is (month, day).

    A school year for which no term is given is *unknown*, and every Monday to Friday that is no bank holiday is taken for
    a school day: a deadline that comes too early is safe, one that never comes is not. ``knows`` tells the difference.
    """

    terms: tuple[Term, ...]
    inset: frozenset[date] = frozenset()
    closures: frozenset[date] = frozenset()
    bank_holidays: frozenset[date] = frozenset()
    no_session: frozenset[tuple[date, str]] = frozenset()
    year_starts: tuple[int, int] = (9, 1)

    @cached_property
    def _known_years(self) -> frozenset[date]:
        return frozenset(self.school_year_start(term.first) for term in self.terms)

    def school_year_start(self, day: date) -> date:
        """The first day of the school year in which ``day`` lies (1 September unless the calendar says otherwise)."""
        start = date(day.year, *self.year_starts)
        return start if day >= start else date(day.year - 1, *self.year_starts)

    def knows(self, day: date) -> bool:
        """Whether the calendar holds the terms of the school year in which ``day`` lies."""
        return self.school_year_start(day) in self._known_years

    def term_of(self, day: date) -> Term | None:
        """The term in which ``day`` lies (its half-term included), or None."""
        return next((term for term in self.terms if term.first <= day <= term.last), None)

    # what has been asked before: the calendar never changes, and whole populations ask about the same few hundred days
    @cached_property
    def _moves(self) -> dict[tuple[date, int, timedelta], date]:
        return {}

    @cached_property
    def _answers(self) -> dict[date, bool]:
        return {}

    def is_school_day(self, day: date) -> bool:
        """Whether the school has at least one session on ``day``."""
        if day not in self._answers:
            self._answers[day] = self._is_school_day(day)
        return self._answers[day]

    def _is_school_day(self, day: date) -> bool:
        if day.isoweekday() > 5 or day in self.bank_holidays or day in self.inset or day in self.closures:
            return False
        if {(day, "AM"), (day, "PM")} <= self.no_session:
            return False
        return not self.knows(day) or any(term.holds(day) for term in self.terms)

    def has_session(self, day: date, session: str) -> bool:
        """Whether ``session`` ("AM" or "PM") takes place on ``day``."""
        return self.is_school_day(day) and (day, session) not in self.no_session

    def school_days(self, start: date, end: date) -> Iterator[date]:
        """The school days from ``start`` to ``end``, both included, in order."""
        day = start
        while day <= end:
            if self.is_school_day(day):
                yield day
            day += _DAY

    def count(self, start: date, end: date) -> int:
        """How many school days lie from ``start`` to ``end``, both included."""
        return sum(1 for _ in self.school_days(start, end))

    def next_school_day(self, day: date) -> date:
        """The first school day after ``day``. Raises NoSchoolDay when there is none within 400 days."""
        return self._step(day, _DAY)

    def previous_school_day(self, day: date) -> date:
        """The last school day before ``day``. Raises NoSchoolDay when there is none within 400 days."""
        return self._step(day, -_DAY)

    def _step(self, day: date, by: timedelta) -> date:
        for away in range(1, _FURTHEST + 1):
            candidate = day + by * away
            if self.is_school_day(candidate):
                return candidate
        raise NoSchoolDay(f"the school calendar holds no school day within {_FURTHEST} days of {day:%d %B %Y}: "
                          "check its terms, INSET days and closures in school.yaml")

    def add_school_days(self, day: date, n: int) -> date:
        """The ``n``-th school day after ``day``; ``day`` itself is not counted. ``n`` = 0 gives ``day``.

        So the deadline of a mark of Friday 24 October 2025 that must be settled within five school days, with a half-term
        from 27 to 31 October, is Friday 7 November.
        """
        if n < 0:
            raise BadInput(f"cannot add {n} school days: give a number that is not negative")
        return self._moved(day, n, _DAY)

    def _moved(self, day: date, n: int, step: timedelta) -> date:
        if (day, n, step) not in self._moves:
            end = day
            for _ in range(n):
                end = self._step(end, step)
            self._moves[day, n, step] = end
        return self._moves[day, n, step]

    def school_days_before(self, day: date, n: int) -> date:
        """The ``n``-th school day before ``day``; ``day`` itself is not counted. ``n`` = 0 gives ``day``."""
        if n < 0:
            raise BadInput(f"cannot take {n} school days away: give a number that is not negative")
        return self._moved(day, n, -_DAY)

    def break_after(self, day: date) -> int:
        """How many calendar days without school follow ``day`` before the next school day (2 on an ordinary Friday)."""
        return (self.next_school_day(day) - day).days - 1
