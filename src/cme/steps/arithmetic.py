"""The sum behind a finding, school day by school day, so that a person can check it with a pencil.

Nothing is counted here: runs, half days and rates are the rules' own. What each rule says of a day is only written beside it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from cme.rules.book import Number, RuleBook
from cme.rules.continuous_absence import in_question, runs
from cme.rules.finding import Finding
from cme.rules.judge import RULES
from cme.rules.marks import UnknownCode
from cme.rules.possible_sessions import Attendance, PossibleDay, category_of, first_day, last_day
from cme.rules.rates import rates
from cme.rules.sickness import NUMBER as SICKNESS

COUNTS, HALF, NOT, NEITHER, ENDS = "counts", "counts half", "does not count", "neither", "ends the run"
NUMBER_OF = {"sickness_in_a_row": SICKNESS, "sickness_together": SICKNESS}
IN_A_ROW = ("continuous_absence", "referral_days", "sickness_in_a_row")
TOGETHER = ("cumulative_absence", "sickness_together", "rolling_absence")
RATES = ("persistent_absence", "severe_absence")
_FEW = 10      # school days shown of a rule that has found nothing yet


@dataclass(frozen=True)
class Seen:
    """A session's mark and what it is: ``code`` is "" where no register of the session is known."""

    code: str = ""
    meaning: str = "no register known"
    category: str = "no register known"


@dataclass(frozen=True)
class DayLine:
    """A school day: its two marks, what the rule makes of the day, and the running count after it."""

    day: date
    am: Seen
    pm: Seen
    verdict: str
    running: str


@dataclass(frozen=True)
class Distance:
    """How far a rule is from its number: the greatest number that it would have found, and where that stretch lies."""

    rule: str
    count: int
    threshold: int
    unit: str
    first: date | None = None
    last: date | None = None


def number_for(rule: str, pupil: Attendance, book: RuleBook) -> Number | None:
    """The number that a rule is judged by on the day; None when none was in force yet."""
    return book.number(NUMBER_OF.get(rule, rule), pupil.as_of)


def distance(rule: Callable[[Attendance, RuleBook], tuple[Finding, ...]], pupil: Attendance, book: RuleBook) -> Distance | None:
    """How far ``rule`` is from a finding: it is asked itself, with one less each time, until it finds something.

    None when no number was in force yet.
    """
    name = rule.__name__
    number = number_for(name, pupil, book)
    if number is None:
        return None
    for value in range(number.value - 1, 0, -1):
        if found := rule(pupil, book.with_value(number.name, value)):
            last = max((mark.day for mark in found[-1].marks), default=found[-1].reached_on)
            return Distance(name, value, number.value, number.unit, found[-1].episode_start, last)
    return Distance(name, 0, number.value, number.unit)


def not_reached(pupil: Attendance, book: RuleBook, reached: frozenset[str]) -> Iterator[Distance]:
    """Every rule that is not among ``reached``, in the order in which people read them."""
    for rule in RULES:
        if rule.__name__ not in reached and (far := distance(rule, pupil, book)):
            yield far


def day_lines(rule: str, pupil: Attendance, book: RuleBook, finding: Finding | None) -> tuple[DayLine, ...]:
    """The sum of one rule, day by day: around its finding, or (None) the days that lie nearest to one."""
    number = number_for(rule, pupil, book)
    if number is None:
        return ()
    if rule in IN_A_ROW:
        return tuple(_in_a_row(pupil, book, number, finding))
    if rule in TOGETHER:
        return tuple(_together(rule, pupil, book, number, finding))
    if rule in RATES:
        return tuple(_rates(pupil, book))
    return tuple(_marks(pupil, book, finding))


def _in_a_row(pupil: Attendance, book: RuleBook, number: Number, finding: Finding | None) -> Iterator[DayLine]:
    """From the last day that was no part of the run to the day that ended it, or the day judged."""
    found = in_question(runs(pupil.days, number.codes), pupil)
    start = finding.episode_start if finding else found[-1].days[0].day if found else None
    run = next((run for run in found if run.days[0].day == start), None)
    end = run.ended_by.day if run and run.ended_by else pupil.as_of
    before = [day.day for day in pupil.days if day.sessions and (start is None or day.day < start)]
    first = before[-1] if before and start else (start or book.calendar.school_days_before(pupil.as_of, _FEW - 1))
    place = {day.day: n for run in found for n, day in enumerate(run.days, 1)}
    standing = 0
    for day, known in _days(pupil, book, first, end):
        verdict, standing = ((COUNTS, place[day]) if day in place else
                             (ENDS if standing else NOT, 0) if known and known.sessions else (NEITHER, standing))
        yield _line(pupil, book, day, verdict, str(standing))


def _together(rule: str, pupil: Attendance, book: RuleBook, number: Number, finding: Finding | None) -> Iterator[DayLine]:
    """From the start of the school year, or of the rolling window, to the day judged."""
    first, last, total = pupil.year_start, pupil.as_of, 0
    if rule == "rolling_absence":
        first, last = ((finding.episode_start, finding.reached_on) if finding else
                       (book.calendar.school_days_before(last, number.window - 1), last))
    for day, known in _days(pupil, book, first, last):
        half = known.halves(number.codes) if known else 0
        total += half
        verdict = {2: COUNTS, 1: HALF}.get(half, NOT if known and known.sessions else NEITHER)
        yield _line(pupil, book, day, verdict, f"{total // 2 or ''}½" if total % 2 else str(total // 2))


def _rates(pupil: Attendance, book: RuleBook) -> Iterator[DayLine]:
    """Of every day of the school year: the sessions missed of those possible, and both together so far."""
    absent = possible = 0
    for day, known in _days(pupil, book, pupil.year_start, pupil.as_of):
        own = rates([known] if known else [], book.codes)
        absent, possible = absent + own.absent, possible + own.possible
        yield _line(pupil, book, day, f"{own.absent} of {own.possible}" if own.possible else NEITHER, f"{absent} of {possible}")


def _marks(pupil: Attendance, book: RuleBook, finding: Finding | None) -> Iterator[DayLine]:
    """The days whose marks caused a finding of any other rule, with the sessions counted so far."""
    total = 0
    for day, marks in groupby(finding.marks if finding else (), key=lambda mark: mark.day):
        total += (own := len(list(marks)))
        yield _line(pupil, book, day, f"{own} session{'s' * (own > 1)}", str(total))


def _days(pupil: Attendance, book: RuleBook, first: date, last: date) -> Iterator[tuple[date, PossibleDay | None]]:
    """Every school day and every day with a mark from ``first`` to ``last``, with what counts of it."""
    counted = {day.day: day for day in pupil.days}
    marked = {mark.day for mark in pupil.marks if first <= mark.day <= last}
    for day in sorted(marked.union(book.calendar.school_days(first, last))):
        yield day, counted.get(day)


def _line(pupil: Attendance, book: RuleBook, day: date, verdict: str, running: str) -> DayLine:
    return DayLine(day, _seen(pupil, book, day, "AM"), _seen(pupil, book, day, "PM"), verdict, running)


def _seen(pupil: Attendance, book: RuleBook, day: date, session: str) -> Seen:
    mark = next((mark for mark in pupil.marks if (mark.day, mark.session) == (day, session)), None)
    enrolment = pupil.record.enrolment
    if mark is None:
        on_roll = enrolment.admitted <= day <= (enrolment.left or day)
        return Seen() if on_roll else Seen("", "not on roll", "not on roll")
    category = category_of(mark, book.codes).value
    try:
        meaning = book.codes.lookup(mark.code, day).meaning
    except UnknownCode:
        meaning = "no mark entered"
    if not first_day(enrolment) <= day <= last_day(enrolment):
        return Seen(mark.code, meaning, "outside compulsory school age")
    held = next((d for d in pupil.days if d.day == day), None)
    if held is None or mark not in (*held.sessions, *held.not_possible, *held.unmarked):
        category = "not expected then"
    return Seen(mark.code, meaning, category)
