"""How long something is kept, and by when a person who asks must be answered. Pure: days in, a day and the reason out.

The rules only ever say from which day on something *may* go. An open case, a legal hold, an open request of the family and a child
protection record whose age cannot be computed are kept with no end.
"""

import calendar
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

OPEN, HELD, ASKED, UNFINISHED = "an open case", "a legal hold", "an open request about the child's records", "something unfinished in the case"
PROTECTED, NO_BIRTH = "the child protection record", "child protection, and no date of birth is held"
ORDINARY = "closed cases"


@dataclass(frozen=True)
class Kept:
    """``until`` is the first day on which it may go; None: kept with no end. ``why`` is the rule that decides."""

    until: date | None
    why: str

    def may_go(self, day: date) -> bool:
        """Whether it may go on ``day``."""
        return self.until is not None and self.until <= day


def years_later(day: date, years: int) -> date:
    """The same date so many years later; of 29 February the day after, never the day before."""
    if (day.month, day.day) == (2, 29) and not calendar.isleap(day.year + years):
        return date(day.year + years, 3, 1)
    return day.replace(year=day.year + years)


def years_before(day: date, years: int) -> date:
    """The latest date whose ``years_later`` is not after ``day``: what was made on it or before may go."""
    found = date(day.year - years, day.month, 1)
    while years_later(found + timedelta(days=1), years) <= day:
        found += timedelta(days=1)
    return found


def months_later(day: date, months: int) -> date:
    """The same date so many months later, or the last day of that month where it has no such date."""
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def answer_due(received: date, months: int, is_working_day: Callable[[date], bool]) -> date:
    """The last day on which a request received on that day is answered in time: the corresponding date, or the next working day."""
    due = months_later(received, months)
    while not is_working_day(due):
        due += timedelta(days=1)
    return due


def keep_case(closed_on: date | None, born: date | None, *, protection: bool, unfinished: bool, held: bool, asked: bool,
              case_years: int, protection_years: int) -> Kept:
    """How long a case is kept. Of several rules the longest wins."""
    for applies, why in ((closed_on is None, OPEN), (held, HELD), (asked, ASKED), (unfinished, UNFINISHED), (protection and born is None, NO_BIRTH)):
        if applies:
            return Kept(None, why)
    assert closed_on is not None
    ordinary = Kept(years_later(closed_on, case_years), ORDINARY)
    if not protection or born is None:
        return ordinary
    return max(ordinary, Kept(years_later(born, protection_years), PROTECTED), key=lambda kept: kept.until or date.max)
