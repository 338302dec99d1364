"""Why a case was opened, or what the rules make of a pupil on a day: with the marks as they were known then, and as they are now.

Names no child: the pupil's internal number and the case's reference only. Reads, and cannot write.
Marks are bitemporal; dates on roll, expected sessions, codes and numbers are those held now, and a difference is said.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme import clock
from cme.errors import BadInput
from cme.records import cases
from cme.records.flags import flags_held
from cme.records.pupils import enrolment
from cme.records.registers import current_marks
from cme.records.tables import Finding as FindingRow
from cme.records.tables import Pupil
from cme.rules.book import RuleBook
from cme.rules.corrections import retraction
from cme.rules.day_one import RULE as DAY_ONE
from cme.rules.day_one import vulnerable_absence, watched_flags
from cme.rules.finding import Finding, PupilRecord
from cme.rules.judge import OPENS_A_CASE, RULES, judge
from cme.rules.marks import SessionMark
from cme.rules.possible_sessions import Attendance, attendance
from cme.steps.arithmetic import DayLine, Distance, day_lines, not_reached, number_for
from cme.steps.office import Office
from cme.steps.replay import end_of, marks_from, reading

NAMES = (*(rule.__name__ for rule in RULES), DAY_ONE)


@dataclass(frozen=True)
class Explained:
    """One rule: its number, the sentence of its finding ("" when it found nothing), the sum, and whether that still holds."""

    rule: str
    source: str
    version: str
    codes: tuple[str, ...]
    sentence: str
    lines: tuple[DayLine, ...]
    holds: str


@dataclass(frozen=True)
class Changed:
    """A session that reads otherwise now than it was known then; ``then`` or ``now`` is "" where no register was known."""

    day: date
    session: str
    then: str
    now: str


@dataclass(frozen=True)
class Explanation:
    """The judgement of one pupil on ``day`` with the marks known at ``known_at``: rules explained in full, findings that are
    only shown beside, how far the other rules are, and the marks that have changed since."""

    reference: str
    pupil: int
    day: date
    known_at: datetime
    rules: tuple[Explained, ...]
    beside: tuple[Finding, ...]
    distances: tuple[Distance, ...]
    changed: tuple[Changed, ...]


@dataclass(frozen=True)
class _Judged:
    """One pupil judged once: ``pupil`` is the record as the rules count it."""

    pupil: Attendance
    found: tuple[Finding, ...]

    def like(self, rule: str, episode_start: date) -> Finding | None:
        """The finding of the same rule and episode; one made again after a closed case starts later than the rule's own."""
        same = [f for f in self.found if f.rule == rule and f.episode_start <= episode_start]
        return max(same, key=lambda f: f.episode_start, default=None)


def explain_case(office: Office, reference: str, rule: str = "") -> list[Explanation]:
    """Every finding of a case as it was known when it was made: one explanation for each moment at which findings were made.

    ``rule`` asks for the sum of one rule only. Raises BadInput for an unknown case or rule.
    """
    _known(rule)
    with reading(office) as session:
        case = cases.by_reference(session, reference)
        rows = session.scalars(select(FindingRow).where(FindingRow.case_id == case.id)
                               .order_by(FindingRow.found_at, FindingRow.as_of, FindingRow.id)).all()
        if not rows:
            raise BadInput(f"case {case.reference} holds no finding; `cme history {case.reference}` says how it came about")
        pupil = session.get_one(Pupil, case.pupil_id)
        return [_explanation(office, session, pupil, as_of, known_at, case.reference, list(made), rule)
                for (as_of, known_at), made in groupby(rows, key=lambda row: (row.as_of, row.found_at))]


def explain_pupil(office: Office, number: int, day: date | None = None, rule: str = "") -> Explanation:
    """What the rules make of a pupil (internal number) on ``day``, from what was known at the end of that day; today when
    left out.

    Raises BadInput for an unknown pupil or rule, and for a day to come.
    """
    _known(rule)
    day = _past(day)
    with reading(office) as session:
        pupil = session.get(Pupil, number)
        if pupil is None or pupil.school != office.school:
            raise BadInput(f"there is no pupil with the internal number {number}; "
                           "`cme detect --as-of DATE` and `cme explain CASE` show numbers")
        return _explanation(office, session, pupil, day, end_of(day), "", [], rule)


def case_on(office: Office, reference: str, day: date, rule: str = "") -> Explanation:
    """What the rules make of a case's pupil on any day, from what was known at the end of that day."""
    _known(rule)
    day = _past(day)
    with reading(office) as session:
        case = cases.by_reference(session, reference)
        return _explanation(office, session, session.get_one(Pupil, case.pupil_id), day, end_of(day), case.reference, [], rule)


def _known(rule: str) -> None:
    if rule and rule not in NAMES:
        raise BadInput(f"{rule!r} is not a rule; use one of {', '.join(NAMES)}")


def _past(day: date | None) -> date:
    today = clock.today()
    if day and day > today:
        raise BadInput(f"{day} is still to come; give a day up to today, {today}")
    return day or today


def _explanation(office: Office, session: Session, pupil: Pupil, day: date, known_at: datetime, reference: str,
                 made: list[FindingRow], only: str) -> Explanation:
    book = office.policies.rule_book()
    then = _judged(office, session, pupil, day, book, known_at)
    now = _judged(office, session, pupil, day, book, None)
    if only:
        explained = tuple(_of_day(only, then, now, book))
    elif made:
        explained = tuple(_of_row(row, then, now, book) for row in made)
    else:
        reached = dict.fromkeys(f.rule for f in then.found if f.opens_case)
        # a pupil with no finding is asked about just because of that: the sums of the rules that would open a case are shown
        explained = tuple(e for rule in reached or OPENS_A_CASE for e in _of_day(rule, then, now, book))
    return Explanation(
        reference=reference, pupil=pupil.id, day=day, known_at=min(known_at, clock.now()), rules=explained,
        beside=() if only else tuple(f for f in then.found if f.rule not in {e.rule for e in explained}),
        distances=() if only else tuple(not_reached(then.pupil, book, frozenset(f.rule for f in then.found))),
        changed=tuple(_changed(then.pupil.marks, now.pupil.marks)))


def _judged(office: Office, session: Session, pupil: Pupil, day: date, book: RuleBook, known_at: datetime | None) -> _Judged:
    start = marks_from(book.calendar, day)
    marks = current_marks(session, office.school, start, day, known_at, pupils=[pupil.id]).get(pupil.id, ())
    record = PupilRecord(pupil.id, enrolment(pupil, marks[0].day if marks else start), marks)
    counted = attendance(record, day, book)
    held = flags_held(session, office.school, clock.wall(day, "00:00"), known_at or clock.now(), [pupil.id]).get(pupil.id, ())
    watched = watched_flags(held, office.policies.school.day_one_flags)
    return _Judged(counted, (*judge(record, day, book), *vulnerable_absence(counted, watched, book)))


def _of_row(row: FindingRow, then: _Judged, now: _Judged, book: RuleBook) -> Explained:
    """A finding that the records hold, with the sum of the replay; where the two differ, it says so."""
    replayed, present = then.like(row.rule, row.episode_start), now.like(row.rule, row.episode_start)
    kept = tuple(SessionMark(date.fromisoformat(day), session, code) for day, session, code in row.marks)
    said = []
    if replayed is None or replayed.marks != kept or replayed.rule_version != row.rule_version:
        said.append("The replay with the codes, numbers and dates on roll held now does not give this finding as it was made: "
                    "one of them has been changed since.")
    if row.retracted_at:
        said.append(f"Retracted on {clock.local(row.retracted_at):%-d %B %Y, %H:%M}: {row.retracted_reason}.")
    said.append(_holds(present, kept, now))
    number = number_for(row.rule, then.pupil, book)
    return Explained(row.rule, row.source, row.rule_version, tuple(sorted(number.codes if number else ())), row.reason,
                     day_lines(row.rule, then.pupil, book, replayed), " ".join(said))


def _of_day(rule: str, then: _Judged, now: _Judged, book: RuleBook) -> Iterable[Explained]:
    """What one rule makes of the day: each of its findings, or, without one, the sum that comes nearest."""
    number = number_for(rule, then.pupil, book)
    if number is None:
        return
    codes = tuple(sorted(number.codes))
    found = [f for f in then.found if f.rule == rule]
    for f in found:
        yield Explained(rule, f.source, f.rule_version, codes, f.reason, day_lines(rule, then.pupil, book, f),
                        _holds(now.like(rule, f.episode_start), f.marks, now))
    if not found:
        late = any(f.rule == rule for f in now.found)
        yield Explained(rule, number.source, number.version, codes, "", day_lines(rule, then.pupil, book, None),
                        "With what is known now, the number was reached." if late else "")


def _holds(present: Finding | None, marks: tuple[SessionMark, ...], now: _Judged) -> str:
    if present is None:
        return f"With what is known now, it {retraction(marks, now.pupil.marks)}."
    if present.marks == marks:
        return "It still holds with what is known now, mark for mark."
    return f"It still holds with what is known now, with other marks: {present.reason}"


def _changed(then: tuple[SessionMark, ...], now: tuple[SessionMark, ...]) -> Iterable[Changed]:
    before, after = ({(mark.day, mark.session): mark.code for mark in marks} for marks in (then, now))
    for day, session in sorted(before.keys() | after.keys()):
        if (was := before.get((day, session), "")) != (code := after.get((day, session), "")):
            yield Changed(day, session, was, code)
