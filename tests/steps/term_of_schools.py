"""A made-up autumn term of many schools: when each register was really taken, and what each school's source shows of it at any moment.

The same seed gives the same term. Sources differ: some give the first completion, some only what we see, some the last save, some are too
stale to say; readings fail, sources lag, teachers save half a register first, the office enters marks, classes are empty, days are cut
short in the timetable, and marks are corrected later.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from random import Random

from sqlalchemy import func, select
from tests.steps.school import School

from cme import clock
from cme.records import registers
from cme.records.sealing import Sealer
from cme.records.tables import Outbox, RegisterVerdict
from cme.sources.source import ExpectedRegister, Mark, Pulled, RegisterDocument, Staff, TimeSemantics
from cme.steps import overdue

FIRST, SAVED, SEEN, STALE = (TimeSemantics.FIRST_COMPLETED, TimeSemantics.LAST_SAVED, TimeSemantics.OBSERVED, TimeSemantics.NONE)
LESSONS = (("session", "AM", "08:50"), ("lesson", "P2", "10:05"), ("lesson", "P3", "10:55"), ("session", "PM", "12:45"))   # P2, P3: a double
READINGS = ("08:55", "09:00", "09:05", "10:15", "10:20", "11:05", "11:10", "12:50", "12:55", "13:00", "15:00")
LIMIT = timedelta(minutes=10)
POLL = timedelta(minutes=5)
Key = tuple[str, date, str, str, str]


@dataclass
class Truth:
    """One register as it really was. ``taken`` None: never."""

    expected: ExpectedRegister
    taken: datetime | None
    shown: datetime | None                  # from when on the source shows it
    half: datetime | None = None            # from when on half of its marks are there
    office: bool = False                    # the office entered all marks early
    corrected: datetime | None = None

    @property
    def late(self) -> bool:
        return self.expected.required and (self.taken is None or self.taken > self.expected.starts_at + LIMIT)

    def seen(self, at: datetime, semantics: TimeSemantics) -> RegisterDocument:
        e, done = self.expected, self.shown is not None and self.shown <= at
        codes = ["/", "N", "/", "L"] if done or self.office and semantics == FIRST else ["/", "N", "-", "-"] if self.half and self.half <= at else ["-"] * 4
        if done and self.corrected and self.corrected <= at:
            codes[1] = "I"
        moment = None
        if done and semantics in (FIRST, SAVED):
            moment = self.corrected if semantics == SAVED and self.corrected and self.corrected <= at else self.taken
        return RegisterDocument(e.local_date, e.kind, e.slot, e.group, tuple(Mark(f"{e.group}-{n}", code) for n, code in enumerate(codes)),
                                moment, "T" if done else "", taken=done if semantics == FIRST else None)


@dataclass
class Term:
    """The schools, and what happens in them."""

    schools: Sequence[School]
    chance: Random
    semantics: dict[str, TimeSemantics] = field(default_factory=dict)
    truth: dict[Key, Truth] = field(default_factory=dict)
    of_day: dict[tuple[str, date], list[Truth]] = field(default_factory=dict)
    down: dict[tuple[str, date], tuple[datetime, datetime]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for n, school in enumerate(self.schools):
            self.semantics[school.school] = (FIRST, SEEN, SAVED, STALE, FIRST, FIRST, SEEN, FIRST, FIRST, FIRST)[n % 10]

    def day(self, school: School, day: date) -> Iterator[Truth]:
        number = school.school[-3:]
        if self.chance.random() < 0.03:
            begins = clock.wall(day, "08:50") + timedelta(minutes=self.chance.randrange(240))
            self.down[school.school, day] = begins, begins + timedelta(minutes=self.chance.randrange(10, 60))
        for kind, slot, starts in LESSONS:
            for group in range(8 if kind == "session" else 4):
                at, due = clock.wall(day, starts), clock.wall(day, starts) + LIMIT
                luck = self.chance.random()
                taken = (due - timedelta(seconds=self.chance.randrange(1, 540)) if luck < 0.93 else None if luck < 0.94
                         else due + timedelta(seconds=self.chance.randrange(1, 2700)))
                lag = timedelta(seconds=self.chance.randrange(1, 90) if self.chance.random() < 0.01 else 0)
                required = self.chance.random() > 0.02
                yield Truth(ExpectedRegister(day, kind, slot, f"{number}-{group}", at, at + timedelta(minutes=50), ("T",), required,
                                             "" if required else "the class has no pupils"),
                            taken if required else None, taken + lag if taken and required else None,
                            taken - timedelta(seconds=60) if taken and self.chance.random() < 0.05 else None, self.chance.random() < 0.01,
                            taken + timedelta(minutes=self.chance.randrange(5, 300)) if taken and self.chance.random() < 0.1 else None)

    def live(self, days: Sequence[date], set_clock: object) -> None:
        """Live through ``days``: every school is read at its readings, some seconds after the minute, and reports after each."""
        for before, day in zip([None, *days], days):
            for school in self.schools:
                self.of_day[school.school, day] = list(self.day(school, day))
                for one in self.of_day[school.school, day]:
                    e = one.expected
                    self.truth[school.school, day, e.kind, e.slot, e.group] = one
            for number, minute in enumerate(READINGS):
                at = clock.wall(day, minute) + timedelta(seconds=self.chance.randrange(2, 20))
                set_clock(at.isoformat())       # type: ignore[operator]
                self.read([s for s in self.schools if not self.is_down(s, at)], at, [day] if number or before is None else [before, day])

    def is_down(self, school: School, at: datetime) -> bool:
        begins, ends = self.down.get((school.school, clock.local(at).date()), (at, at))
        return begins <= at < ends

    def read(self, schools: Sequence[School], at: datetime, days: Sequence[date]) -> None:
        """One round of watch-registers in ``schools``: read, look, read those again that look overdue, report."""
        self._store(schools, at, days)
        again = [s for s in schools if overdue.candidates(s, at)]
        self._store(again, at + timedelta(seconds=10), days)
        for school in schools:
            overdue.report(school, at, replace(school.stamp(), at=at + timedelta(seconds=12)))

    def _store(self, schools: Sequence[School], at: datetime, days: Sequence[date]) -> None:
        for semantics in TimeSemantics:
            own = [s for s in schools if self.semantics[s.school] == semantics]
            if not own:
                continue
            told = {s.school: self._pulled(s, at, days, semantics) for s in own}
            with own[0].transaction() as session:
                registers.store_all(session, told, source="mis", codes=own[0].policies.codes, stamp=replace(own[0].stamp(), at=at), time_semantics=semantics)

    def _pulled(self, school: School, at: datetime, days: Sequence[date], semantics: TimeSemantics) -> Pulled:
        held = [one for day in days for one in self.of_day[school.school, day]]
        return Pulled(tuple(one.seen(at, semantics) for one in held), tuple(one.expected for one in held),
                      staff=(Staff("T", "A. Teacher", f"t{school.school[-3:]}@school.example"),),
                      whole=frozenset((day, kind) for day in days for kind in ("session", "lesson")), expected_whole=frozenset(days))


@dataclass
class Figures:
    """What came of a term, by what the source can say."""

    late: Counter[str] = field(default_factory=Counter)             # registers really late or never taken
    found: Counter[str] = field(default_factory=Counter)            # of those, said to be late or overdue
    said: Counter[str] = field(default_factory=Counter)             # said to be late or overdue at all
    alerts: Counter[str] = field(default_factory=Counter)           # of those, reported to people
    false_alerts: Counter[str] = field(default_factory=Counter)
    on_time_wrong: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    registers: Counter[str] = field(default_factory=Counter)
    slowest: timedelta = timedelta()                                # from the due time to the report, where the source could be read

    def of(self, semantics: TimeSemantics, name: str) -> int:
        return int(getattr(self, name)[semantics.value])


def figures(term: Term) -> Figures:
    """Compare what was said with what was."""
    with term.schools[0].transaction() as session:
        v = RegisterVerdict
        said = {(row.school, row.local_date, row.kind, row.slot, row.group_key): row for row in session.scalars(select(v))}
        assert session.scalar(select(func.count()).select_from(Outbox).where(Outbox.kind == "register_overdue_officer")) == sum(
            row.verdict == "overdue" and clock.local(row.decided_at).date() == row.local_date for row in said.values())
    result = Figures()
    for key, one in term.truth.items():
        if not one.expected.required:
            assert key not in said, "what is not required is never judged"
            continue
        kind, row = term.semantics[key[0]].value, said.get(key)
        word = row.verdict if row else ""
        result.registers[kind] += 1
        result.late[kind] += one.late
        result.unknown[kind] += row is None
        if word in ("late", "overdue"):
            result.said[kind] += 1
            result.found[kind] += one.late
        result.on_time_wrong[kind] += word == "on time" and one.late
        if row is not None and word == "overdue" and clock.local(row.decided_at).date() == key[1]:
            result.alerts[kind] += 1
            result.false_alerts[kind] += not one.late
            if (key[0], key[1]) not in term.down:
                result.slowest = max(result.slowest, row.decided_at - row.due_at)
    return result


def some_schools(school: School, number: int) -> list[School]:
    """``number`` schools in the database of ``school``, each with an office of its own."""
    found = []
    for n in range(number):
        policies = replace(school.policies, school=replace(school.policies.school, laestab=f"330/{1000 + n}"))
        office = School(school.engine, school.settings, policies, Sealer("a secret for tests only"))
        office.post = school.post
        found.append(office)
    return found
