"""The check judges only whom the screen names, and those with a finding: what it writes is what judging everybody would write.

A generated school lives through some weeks twice, each time in a database of its own, with the same pulls, late corrections,
leavers and closed cases: once as it is, once with every pupil judged in full on every check. Findings, cases and the history,
down to its chain of hashes, must be equal.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session
from tests.steps.generated_school import PUPILS, Life
from tests.steps.school import School

from cme.records import cases, database
from cme.records.embedded import Cluster
from cme.records.population import candidates
from cme.records.tables import Case, CaseEvent, Finding
from cme.records.tables import Pupil as PupilRow
from cme.rules.cases import CaseState
from cme.steps.detect import detect

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
        life.pulled_into(school, backlog)
        backlog = set()
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
