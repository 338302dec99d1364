"""Which sessions count for a pupil: on roll, of compulsory school age, expected, and possible by its code.

A session is possible for a pupil when the pupil was on roll that day, of compulsory school age, expected by the pupil's own
pattern, and its mark counts as a possible session. The register decides whether a session took place; D, X, Q, Y1-Y7, Z and #
leave the count, and a mark not entered is neither absence nor presence.
Source: SI 2024/208 regs 9, 10, 13; Education Act 1996 s.8; Department for Education, absence statistics: methodology.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from cme.rules.book import RuleBook
from cme.rules.finding import Enrolment, PupilRecord
from cme.rules.marks import MISSING, Category, CodeTable, SessionMark, UnknownCode
from cme.rules.retention import years_later

_PRESCRIBED = ((3, 31), (8, 31), (12, 31))
_PREFERRED = (Category.PRESENT, Category.APPROVED, Category.UNAUTHORISED, Category.AUTHORISED, Category.NOT_POSSIBLE,
              Category.ADMINISTRATIVE, Category.MISSING)


def compulsory_from(born: date) -> date:
    """The prescribed day (31 March, 31 August, 31 December) on or after the fifth birthday, when compulsory age begins."""
    fifth = years_later(born, 5)
    return next(day for day in (date(fifth.year, *prescribed) for prescribed in _PRESCRIBED) if day >= fifth)


def compulsory_until(born: date) -> date:
    """The last day of compulsory school age: the last Friday in June of the school year of the sixteenth birthday."""
    sixteenth = years_later(born, 16)
    year = sixteenth.year if sixteenth < date(sixteenth.year, 9, 1) else sixteenth.year + 1
    last = date(year, 6, 30)
    return last - timedelta(days=(last.isoweekday() - 5) % 7)


def first_day(enrolment: Enrolment) -> date:
    """The first day whose sessions count for the pupil: on roll and of compulsory school age."""
    return max(enrolment.admitted, compulsory_from(enrolment.born)) if enrolment.born else enrolment.admitted


def last_day(enrolment: Enrolment) -> date:
    """The last day whose sessions count for the pupil, included."""
    left = enrolment.left or date.max
    return min(left, compulsory_until(enrolment.born)) if enrolment.born else left


def expected(enrolment: Enrolment, day: date, session: str) -> bool:
    """Whether the pupil's own pattern expects the pupil in that session; without a pattern, always."""
    return enrolment.expected is None or (day.isoweekday(), session) in enrolment.expected


@dataclass(frozen=True)
class PossibleDay:
    """One pupil's day: its ``sessions`` that were possible, those ``not_possible``, and those ``unmarked``."""

    day: date
    sessions: tuple[SessionMark, ...]
    not_possible: tuple[SessionMark, ...] = ()
    unmarked: tuple[SessionMark, ...] = ()

    def missed(self, codes: frozenset[str]) -> bool:
        """Whether at least one session was possible and every possible one bears one of ``codes``."""
        return bool(self.sessions) and all(mark.code in codes for mark in self.sessions)

    def halves(self, codes: frozenset[str]) -> int:
        """Half days missed: 2 for a day on which every possible session bears one of ``codes``, else 1 a session that does."""
        return 2 if self.missed(codes) else sum(mark.code in codes for mark in self.sessions)


@dataclass(frozen=True)
class Attendance:
    """A pupil's record as the rules count it on ``as_of``: one mark a session, on roll, up to and including that day.

    ``marks`` are all marks while on roll, whatever the age; ``days`` hold only what counts (see the module's text), and
    days without any mark at all do not occur. ``year_start`` is the first day of the school year of ``as_of``.
    """

    record: PupilRecord
    as_of: date
    year_start: date
    marks: tuple[SessionMark, ...]
    days: tuple[PossibleDay, ...]

    @property
    def this_year(self) -> tuple[PossibleDay, ...]:
        return tuple(day for day in self.days if day.day >= self.year_start)


def attendance(record: PupilRecord, as_of: date, book: RuleBook) -> Attendance:
    """The pupil's marks sorted into days and counted sessions, up to and including ``as_of``."""
    enrolment = record.enrolment
    end = min(as_of, enrolment.left or as_of)
    on_roll = [mark for mark in record.marks if enrolment.admitted <= mark.day <= end]
    marks = tuple(one_mark_a_session(on_roll, book.codes))
    first, last = first_day(enrolment), last_day(enrolment)
    days = tuple(_day(day, tuple(group), enrolment, book.codes)
                 for day, group in groupby((m for m in marks if first <= m.day <= last), key=lambda mark: mark.day))
    return Attendance(record, as_of, book.calendar.school_year_start(as_of), marks, days)


def _day(day: date, marks: tuple[SessionMark, ...], enrolment: Enrolment, codes: CodeTable) -> PossibleDay:
    sessions, not_possible, unmarked = [], [], []
    for mark in marks:
        category = category_of(mark, codes)
        # a child who came when not expected was there all the same; nothing else outside the pattern counts
        if not category.attended and not expected(enrolment, day, mark.session):
            continue
        (sessions if category.possible else unmarked if category is Category.MISSING else not_possible).append(mark)
    return PossibleDay(day, tuple(sessions), tuple(not_possible), tuple(unmarked))


def category_of(mark: SessionMark, codes: CodeTable) -> Category:
    """What the mark counts as; a code that could not be entered on that day is never guessed and counts as no mark."""
    try:
        return codes.category(mark.code, mark.day)
    except UnknownCode:
        return Category.MISSING


def one_mark_a_session(marks: list[SessionMark], codes: CodeTable) -> Iterator[SessionMark]:
    """The marks in order, one for each session.

    Where a pupil stands in two registers of one session (a group changed), an entered mark beats one not entered, and a
    register that saw the child beats one that did not; otherwise an absence beats a code that leaves the count, and
    then the first in order of the codes, so that the order in which registers arrive decides nothing.
    """
    for (day, session), group in groupby(sorted(marks), key=lambda mark: (mark.day, mark.session)):
        best, *others = group
        if others:
            best = min((best, *others), key=lambda mark: (_PREFERRED.index(category_of(mark, codes)), mark.code))
        yield best if best.code else SessionMark(day, session, MISSING)
