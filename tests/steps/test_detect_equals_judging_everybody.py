"""The check judges only whom the screen names, and those with a finding: what it writes is what judging everybody would write.

A generated school lives through some weeks twice, each time in a database of its own, with the same pulls, late corrections,
leavers and closed cases: once as it is, once with every pupil judged in full on every check. Findings, cases and the history,
down to its chain of hashes, must be equal.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session
from tests.steps.school import School

from cme.records import cases, database, registers
from cme.records.embedded import Cluster
from cme.records.population import candidates
from cme.records.tables import Case, CaseEvent, Finding
from cme.records.tables import Pupil as PupilRow
from cme.rules.cases import CaseState
from cme.sources.source import Mark, Pulled, Pupil, RegisterDocument, TimeSemantics
from cme.steps.detect import detect

SESSIONS = ("AM", "PM")
GROUPS = ("9A", "9B", "10A")
AWAY = (*("",) * 9, "N", "N", "O", "U", "I", "D", "-")       # what a spell may be; "" is a child who comes
PUPILS = 42


@dataclass
class Life:
    """What happens in the school: the same for the same seed. ``marks`` is the register by day, session and pupil."""

    chance: Random
    people: dict[str, Pupil] = field(default_factory=dict)
    spell: dict[str, str] = field(default_factory=dict)
    marks: dict[tuple[date, str], dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for n in range(PUPILS):
            name = f"P{n:03}"
            self.people[name] = Pupil(
                name, group=self.chance.choice(GROUPS), admitted=self.chance.choice((None, date(2025, 9, 2))),
                expected_pattern=self.chance.choice(("", "", "", "", "MonAM TueAM WedAM ThuAM FriAM")),
                born=self.chance.choice((None, date(2013, 5, 1), date(2010, 9, 1), date(2021, 9, 2))))
            self.spell[name] = self.chance.choice(AWAY)

    def goes_by(self, day: date) -> set[date]:
        """A school day is lived through. Returns the days whose registers it wrote: its own, and those corrected late."""
        for name in self.people:
            if self.chance.random() < 0.07:
                self.spell[name] = self.chance.choice(AWAY)
        for slot, present in zip(SESSIONS, "/\\", strict=True):
            self.marks[day, slot] = {name: self.chance.choice("/N-UI") if self.chance.random() < 0.03 else away or present
                                     for name, away in self.spell.items()}
        return {day, *self._corrections(day)}

    def _corrections(self, day: date) -> Iterator[date]:
        """A few marks of the last weeks read otherwise: a parent answered, a teacher had taken a child for another."""
        days = sorted({known for known, _ in self.marks})[-25:]
        gone = sorted(name for name in self.people if sum(self.marks[d, s][name] in "NOU" for d in days for s in SESSIONS) > 16)
        for _ in range(self.chance.randrange(6)):
            name, last = self.chance.choice((*gone * 6, *self.people)), self.chance.randrange(len(days))
            code = self.chance.choice(("I", "/", "N", "M", "-"))
            for corrected in days[max(0, last - self.chance.choice((1, 1, 3, 12))):last + 1]:
                for slot in SESSIONS if self.chance.random() < 0.7 else SESSIONS[:1]:
                    self.marks[corrected, slot][name] = code
                yield corrected
        name = self.chance.choice(sorted(self.people))
        if self.chance.random() < 0.3:
            left = self.chance.choice((None, day - timedelta(days=self.chance.randrange(40))))
            self.people[name] = replace(self.people[name], left=left)

    def documents(self, days: set[date]) -> tuple[RegisterDocument, ...]:
        """The registers of ``days``, group by group; every eighth pupil stands in the register of a second group as well."""
        return tuple(RegisterDocument(day, "session", slot, group, tuple(
            Mark(name, code if self.people[name].group == group else "-" if int(name[1:]) % 16 else "I")
            for name, code in self.marks[day, slot].items()
            if self.people[name].group == group or (group == GROUPS[0] and int(name[1:]) % 8 == 0)))
            for day in sorted(days) for slot in SESSIONS for group in GROUPS)


def lived_through(school: School, seed: int, first: date, last: date, set_clock: Callable[[str], None]) -> None:
    """Pull, correct, check and close a case now and then, from ``first`` to ``last``; the first pull brings what went before."""
    life = Life(Random(seed))
    days = list(school.policies.calendar.school_days(date(2026, 6, 1), last))
    backlog: set[date] = set()
    for day in days:
        backlog |= life.goes_by(day)
        if day < first:
            continue
        set_clock(f"{day}T10:00:00")
        pulled = Pulled(registers=life.documents(backlog), pupils=tuple(life.people.values()))
        backlog = set()
        with school.transaction() as session:
            registers.store(session, school.school, pulled, source="test", codes=school.policies.codes, stamp=school.stamp(),
                            time_semantics=TimeSemantics.FIRST_COMPLETED)
        detect(school, day, school.stamp())
        if life.chance.random() < 0.2:
            detect(school, days[days.index(day) - 1], school.stamp())       # somebody checks the day before once more
        if life.chance.random() < 0.5:
            close_one(school, life.chance)


def close_one(school: School, chance: Random) -> None:
    with school.transaction() as session:
        if not (standing := cases.all_cases(session, only_open=True)):
            return
        case = chance.choice(standing)
        cases.move(session, case, CaseState.DSL_REVIEW, school.stamp(), why="for the test", due=school.stamp().at, owner="dsl")
        cases.move(session, case, CaseState.CLOSED, school.stamp("dsl"), why="for the test", due=None, decided=True)


def written(school: School) -> dict[str, list[dict[str, object]]]:
    """Every row of findings, cases and the history, by table."""
    with school.transaction() as session:
        return {table.__tablename__: [{column.name: getattr(row, column.name) for column in table.__table__.columns}
                                      for row in session.scalars(select(table).order_by(table.id))]
                for table in (Finding, Case, CaseEvent)}


@pytest.fixture
def other_engine(cluster: Cluster, template: str) -> Iterator[Engine]:
    """A second database, empty like the first."""
    cluster.create_database("everybody_judged", template)
    opened = database.engine(cluster.url("everybody_judged"))
    yield opened
    opened.dispose()
    cluster.drop_database("everybody_judged")


@pytest.mark.parametrize(("seed", "first", "last"), [
    (1, date(2026, 11, 9), date(2026, 11, 20)),
    (6, date(2026, 9, 2), date(2026, 9, 15)),                               # runs that began in the school year before
    (3, date(2026, 10, 15), date(2026, 11, 6))])                            # across half-term and INSET
def test_what_a_check_writes_is_what_judging_everybody_would_write(
        school: School, other_engine: Engine, seed: int, first: date, last: date, set_clock: Callable[[str], None],
        monkeypatch: pytest.MonkeyPatch) -> None:
    named: list[int] = []

    def counted(session: Session, *asked: Any) -> list[int]:
        found = candidates(session, *asked)
        named.append(len(found))
        return found

    def everybody(session: Session, *_: object) -> list[int]:
        return list(session.scalars(select(PupilRow.id)))

    monkeypatch.setattr("cme.steps.detect.candidates", counted)
    lived_through(school, seed, first, last, set_clock)
    monkeypatch.setattr("cme.steps.detect.candidates", everybody)
    other = replace(school, engine=other_engine)
    lived_through(other, seed, first, last, set_clock)

    screened, judged = written(school), written(other)
    for table, rows in judged.items():
        assert screened[table] == rows, table
    # a school in which nothing happened, or in which the screen named everybody, would prove nothing
    said = [event["what"] for event in judged["case_event"]]
    assert said.count("case.opened") >= 6 and said.count("finding.retracted") >= 2 and said.count("case.closed") >= 2
    assert max(named) < PUPILS * 3 // 4
    assert len({row["pupil_id"] for row in judged["case"]}) < len(judged["case"]), "no absence went on after its case was closed"
