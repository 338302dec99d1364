"""The span of time that somebody asks a report for: a term with the holidays after it, a week, or any days; and the span before it."""

from dataclasses import dataclass
from datetime import date, timedelta

from cme.errors import BadInput
from cme.rules.compliance import week_of
from cme.rules.school_days import SchoolCalendar, Term

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """A named span of days, both ends included, and what it is compared with (None: nothing is known before)."""

    title: str
    first: date
    last: date
    before: "Period | None" = None


def period(calendar: SchoolCalendar, today: date, *, term: str = "", week: date | None = None, since: date | None = None,
           until: date | None = None) -> Period:
    """The period asked for; nothing said: the present term. Raises BadInput for two at once, an unknown term, and days out of order.

    A term runs to the day before the next one begins, because no deadline pauses in the holidays.
    """
    if sum((bool(term), week is not None, since is not None or until is not None)) > 1:
        raise BadInput("give one of --term, --week, or --since with --until")
    if week is not None:
        monday = week_of(week)
        return _week(monday, _week(monday - 7 * _DAY))
    if since is not None or until is not None:
        if since is None:
            raise BadInput("--until needs --since, the first day of the report")
        last = until or today
        if last < since:
            raise BadInput(f"--until {last} lies before --since {since}")
        days = (last - since) + _DAY
        return _days(since, last, _days(since - days, since - _DAY))
    return _term(calendar, today, term)


def _week(monday: date, before: Period | None = None) -> Period:
    return Period(f"week of {monday:%A %-d %B %Y}", monday, monday + 6 * _DAY, before)


def _days(first: date, last: date, before: Period | None = None) -> Period:
    return Period(f"{first:%-d %B %Y} to {last:%-d %B %Y}", first, last, before)


def _term(calendar: SchoolCalendar, today: date, name: str) -> Period:
    terms = sorted(calendar.terms, key=lambda term: term.first)
    begun = [n for n, term in enumerate(terms) if term.first <= today]
    wanted = [n for n in begun if not name or _is(terms[n], name)]
    if not wanted:
        known = ", ".join(dict.fromkeys(term.name for term in terms))
        raise BadInput(f"no term {name!r} of the school's calendar has begun; its terms are {known}" if name else
                       "no term of the school's calendar has begun; give --since")
    at = wanted[-1]
    before = _of(calendar, terms, at - 1) if at else None
    whole = _of(calendar, terms, at)
    return Period(whole.title, whole.first, whole.last, before)


def _is(term: Term, name: str) -> bool:
    """Whether ``name`` means this term: "autumn", or "autumn 2026" by the year in which it begins."""
    return " ".join(name.casefold().split()) in (term.name.casefold(), f"{term.name.casefold()} {term.first.year}")


def _of(calendar: SchoolCalendar, terms: list[Term], at: int) -> Period:
    term = terms[at]
    end = calendar.school_year_start(term.first).replace(year=calendar.school_year_start(term.first).year + 1) - _DAY
    last = min(terms[at + 1].first - _DAY, end) if at + 1 < len(terms) else end
    return Period(f"{term.name} term {term.first.year}", term.first, last)
