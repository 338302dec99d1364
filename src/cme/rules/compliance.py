"""Whether what the procedure required was done, and when: pure, from due and actual times.

A step that is past its due time and not done is late, never left out; one that cannot be judged is unknown, counted and shown. A rate is
cut off, not rounded, so that 99.97 never reads as 100.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar

from cme.rules.procedure import STEPS

_Key = TypeVar("_Key", date, str)

ON_TIME, LATE, UNKNOWN, WITHDRAWN, NOT_DUE = "on time", "late", "unknown", "withdrawn", "not due yet"
VERDICTS = (ON_TIME, LATE, UNKNOWN, WITHDRAWN, NOT_DUE)


@dataclass(frozen=True)
class Required:
    """One thing that the procedure required once.

    ``step`` is a key of ``procedure.STEPS``; ``day`` the school's day on which it was due; ``reference`` the case, notice or register it
    belongs to; ``pupil`` the child's reference or ""; ``held_by`` a person's key or a role; ``evidence`` the rows that say so.
    ``ended``: from then on it was asked no more (a question withdrawn). ``known``: False where nobody can say when it was done.
    """

    step: str
    reference: str
    pupil: str
    due: datetime
    day: date
    actual: datetime | None
    held_by: str
    evidence: str
    ended: datetime | None = None
    known: bool = True

    def verdict(self, now: datetime) -> str:
        """One of VERDICTS, as things stand at ``now``."""
        if not self.known:
            return UNKNOWN if self.due <= now else NOT_DUE
        if self.actual is not None:
            return ON_TIME if self.actual <= self.due else LATE
        if self.ended is not None and self.ended <= self.due:
            return WITHDRAWN
        return LATE if self.due <= now else NOT_DUE

    def is_open(self) -> bool:
        """Whether it was never done, nor withdrawn."""
        return self.known and self.actual is None and self.ended is None

    def lateness(self, now: datetime) -> timedelta:
        """How long after its due time it was done, or has not been done by ``now``; nothing where it is not late."""
        return (self.actual or self.ended or now) - self.due if self.verdict(now) == LATE else timedelta()


@dataclass(frozen=True)
class Tally:
    """How many of a step were due, by verdict. ``waiting`` counts those of ``late`` that nobody has done yet."""

    on_time: int = 0
    late: int = 0
    unknown: int = 0
    withdrawn: int = 0
    not_due: int = 0
    waiting: int = 0

    @property
    def judged(self) -> int:
        return self.on_time + self.late

    @property
    def tenths(self) -> int | None:
        """On time, in tenths of a per cent of those judged, cut off; None where none was judged."""
        return 1000 * self.on_time // self.judged if self.judged else None


def tally(rows: Iterable[Required], now: datetime) -> Tally:
    """The verdicts of ``rows``, counted."""
    count: Counter[str] = Counter()
    waiting = 0
    for row in rows:
        verdict = row.verdict(now)
        count[verdict] += 1
        waiting += verdict == LATE and row.is_open()
    return Tally(count[ON_TIME], count[LATE], count[UNKNOWN], count[WITHDRAWN], count[NOT_DUE], waiting)


def by_step(rows: Sequence[Required], now: datetime) -> dict[str, Tally]:
    """A tally for every step of the procedure, in its order, also where nothing was due."""
    return {step.key: tally((row for row in rows if row.step == step.key), now) for step in STEPS}


def week_of(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def by_week(rows: Sequence[Required], now: datetime) -> dict[date, dict[str, Tally]]:
    """For every week in which anything was due, its tallies by step."""
    return {week: by_step(own, now) for week, own in _grouped(rows, lambda row: week_of(row.day)).items()}


def by_child(rows: Sequence[Required]) -> dict[str, list[Required]]:
    """What was required about each child, by its reference, in order of due times; nothing of it is about a register."""
    return {pupil: sorted(own, key=lambda row: (row.due, row.step, row.evidence))
            for pupil, own in _grouped([row for row in rows if row.pupil], lambda row: row.pupil).items()}


def percent(tenths: int | None) -> str:
    """ "98.4", or "" where nothing was judged."""
    return "" if tenths is None else f"{tenths // 10}.{tenths % 10}"


def _grouped(rows: Iterable[Required], of: Callable[[Required], _Key]) -> dict[_Key, list[Required]]:
    found: dict[_Key, list[Required]] = {}
    for row in rows:
        found.setdefault(of(row), []).append(row)
    return dict(sorted(found.items()))
