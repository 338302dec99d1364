"""What a changed threshold would have meant: the stored registers replayed with today's policy and with another. Writes nothing.

Every pupil is judged on the last day of each stretch in which a number and the school year stay the same, not on every day:
a finding says itself on which day its number was reached. Marks, dates on roll and sessions are taken as they are known now.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

from pydantic import ConfigDict

from cme import clock
from cme.config.policies import load
from cme.config.reading import read
from cme.config.shapes import Count, Shape
from cme.errors import BadInput
from cme.records.registers import pupil_records
from cme.rules.book import RuleBook
from cme.rules.continuous_absence import RULE as CONTINUOUS
from cme.rules.finding import PupilRecord
from cme.rules.judge import OPENS_A_CASE, RULES
from cme.rules.possible_sessions import attendance
from cme.rules.ten_sessions import monday
from cme.steps.office import Office
from cme.steps.replay import marks_from, reading

_OPENING = tuple(rule for rule in RULES if rule.__name__ in OPENS_A_CASE)
_DAY = timedelta(days=1)


class ChangedNumbers(Shape):
    """The file of `--policy`: numbers of the rule book by name, each with another value (a whole number of at least 1)."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Count] = {}


@dataclass(frozen=True)
class Reached:
    """A finding that opens a case, in a replay: the first school day on which it was found, and the days of its absence.

    ``first`` and ``last`` are those of the run; cumulative absence lasts only on the day itself, for its episode is the year.
    """

    pupil: int
    rule: str
    episode_start: date
    found_on: date
    first: date
    last: date


@dataclass(frozen=True)
class Week:
    """A school week by its Monday: findings that open cases, and cases. Each case asks the DSL for one review."""

    monday: date
    findings: int
    cases: int


@dataclass(frozen=True)
class Simulation:
    """Both replays over the same weeks. ``changes`` say in words what was changed, ``remarks`` what to keep in mind."""

    since: date
    until: date
    pupils: int
    changes: tuple[str, ...]
    remarks: tuple[str, ...]
    today: tuple[Week, ...]
    changed: tuple[Week, ...]


@dataclass
class _Case:
    findings: list[Reached] = field(default_factory=list)

    def holds(self, finding: Reached) -> bool:
        """Whether the finding is of the same absence: it was reached while an earlier one's lasted, or the other way round."""
        return any(f.first <= finding.last and finding.first <= f.last for f in self.findings)


def simulate(office: Office, since: date, until: date | None, policy: Path) -> Simulation:
    """Replay ``since`` to ``until`` (today when left out), both included, with today's policy and with that of ``policy``.

    Raises BadInput with one sentence for days the wrong way round, a file that cannot be read, and a number nobody knows.
    """
    today = clock.today()
    until = until or today
    if until > today:
        raise BadInput(f"--until {until} is still to come; give a day up to today, {today}")
    if since > until:
        raise BadInput(f"--since {since} lies after the last day replayed, {until}; give an earlier day")
    present = office.policies.rule_book()
    other, changes, remarks = changed_book(office, present, policy)
    with reading(office) as session:
        start = min(marks_from(book.calendar, since - _DAY) for book in (present, other))
        records = pupil_records(session, office.school, until, start)
    if not any(since <= mark.day for record in records for mark in record.marks):
        raise BadInput(f"no register is stored from {since} to {until}; `cme pull --everything` reads all the source has")
    mondays = sorted({monday(day) for day in present.calendar.school_days(since, until)}
                     | {monday(mark.day) for record in records for mark in record.marks if since <= mark.day})
    weeks = [by_week(replay(records, since, until, book), since, mondays) for book in (present, other)]
    return Simulation(since, until, len(records), changes, remarks, *weeks)


def changed_book(office: Office, present: RuleBook, policy: Path) -> tuple[RuleBook, tuple[str, ...], tuple[str, ...]]:
    """The rule book of a policy file or folder, what differs from the present one, and what to keep in mind."""
    if not policy.exists():
        raise BadInput(f"{policy}: there is no such file or folder; "
                       "name a YAML file of changed numbers, or a folder like config/")
    if policy.is_dir():
        other = load(policy, office.settings.authority).rule_book()
        return other, tuple(_differences(present, other)) or ("no number differs",), ()
    faults: list[str] = []
    given = read(policy, ChangedNumbers, faults, policy.name)
    if given is None or faults:
        raise BadInput("; ".join(faults))
    changes, book, known = given.__pydantic_extra__ or {}, present, sorted({n.name for n in present.numbers})
    for name, value in changes.items():
        if name not in known:
            raise BadInput(f"{policy.name}: {name}: there is no number of this name; use one of {', '.join(known)}")
        book = book.with_value(name, value)
    if not changes:
        raise BadInput(f"{policy.name}: no number is changed; write one a line, as in `cumulative_absence: 12`")
    remarks = [f"{name} opens no case: changing it changes nothing below" for name in changes if name not in OPENS_A_CASE]
    remarks += [f"{n.name}: {changes[n.name]} is more than the law's {n.value} ({n.source}): it can be asked about, not used"
                for name in changes for n in office.policies.statutory.get(name, ())[-1:] if changes[name] > n.value]
    return book, tuple(_differences(present, book)) or ("no number differs",), tuple(remarks)


def _differences(present: RuleBook, other: RuleBook) -> Iterable[str]:
    for name in dict.fromkeys(n.name for n in (*present.numbers, *other.numbers)):
        before, after = ("; ".join(n.version for n in book.numbers if n.name == name) or "none" for book in (present, other))
        if before != after:
            yield f"{name}: {before} becomes {after}"
    if present.codes != other.codes or {n.name: n.codes for n in present.numbers} != {n.name: n.codes for n in other.numbers}:
        yield "the codes differ"
    if present.calendar != other.calendar:
        yield "the calendar differs"


def replay(records: Sequence[PupilRecord], since: date, until: date, book: RuleBook) -> list[Reached]:
    """Every finding that opens a case and would have been found by ``until``, those of the day before ``since`` included.

    The day before tells what had been found already, with the same numbers: a changed number is taken as if it had always held.
    """
    found: dict[tuple[int, str, date], Reached] = {}
    for start, end in _stretches(since, until, book):
        begin = marks_from(book.calendar, end)
        for record in records:
            own = replace(record, marks=tuple(mark for mark in record.marks if begin <= mark.day <= end))
            if not own.marks:
                continue
            pupil = attendance(own, end, book)
            for f in (finding for rule in _OPENING for finding in rule(pupil, book)):
                key = (record.pupil_id, f.rule, f.episode_start)
                seen = found.get(key)
                on = seen.found_on if seen else _checked(max(f.reached_on, start), book)
                run = f.rule == CONTINUOUS
                found[key] = Reached(record.pupil_id, f.rule, f.episode_start, on, f.episode_start if run else on,
                                     f.marks[-1].day if run else on)
    return [f for f in found.values() if f.found_on <= until]


def _checked(day: date, book: RuleBook) -> date:
    """The first school day on or after ``day``: the check runs on school days."""
    return day if book.calendar.is_school_day(day) else book.calendar.next_school_day(day)


def _stretches(since: date, until: date, book: RuleBook) -> list[tuple[date, date]]:
    """The day before ``since``, then the days to ``until`` cut where a school year begins or a number comes into force."""
    cuts = {n.valid_from for n in book.numbers if n.name in OPENS_A_CASE}
    cuts |= {book.calendar.school_year_start(since + timedelta(days=n)) for n in range((until - since).days + 1)}
    starts = [since, *sorted(cut for cut in cuts if since < cut <= until)]
    return [(date.min, since - _DAY), *zip(starts, [*(cut - _DAY for cut in starts[1:]), until], strict=True)]


def by_week(found: Iterable[Reached], since: date, mondays: Iterable[date]) -> tuple[Week, ...]:
    """The findings from ``since`` on, and the cases that they open, by week. Findings of one absence of a pupil are one case."""
    findings: Counter[date] = Counter()
    opened: Counter[date] = Counter()
    cases: dict[int, list[_Case]] = {}
    for f in sorted(found, key=lambda f: (f.found_on, f.pupil, OPENS_A_CASE.index(f.rule))):
        own = cases.setdefault(f.pupil, [])
        case = next((case for case in own if case.holds(f)), None)
        if case is None:
            case = _Case()
            own.append(case)
            opened[monday(f.found_on)] += f.found_on >= since
        findings[monday(f.found_on)] += f.found_on >= since
        case.findings.append(f)
    return tuple(Week(week, findings[week], opened[week]) for week in mondays)
