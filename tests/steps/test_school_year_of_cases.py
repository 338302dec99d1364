"""Simulated cases over the end of a term and the Christmas holidays, by the product's own steps, with people as people are.

The whole of it, 10,000 cases over a school year, is one command: ``python benchmarks/year_of_cases.py``.
"""

from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.steps.school import School

from cme import clock
from cme.records.history import verify
from cme.records.reviews import SAFEGUARDING
from cme.records.tables import Action, Case, Review
from cme.rules.cases import CaseState

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"


@pytest.fixture
def life(school: School, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A made-up school's cases from 14 December to 5 January: holidays, a DSL on leave, a deputy who never answers."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setenv("CME_CLOCK", "2026-12-14T00:00:00")
    from life_of_cases import Life

    assert school.settings.people_file
    return Life(school, school.settings.people_file, 50, date(2026, 12, 14), date(2027, 1, 5), seed=3, step=timedelta(hours=3))


def test_no_case_is_past_its_deadline_with_nobody_on_duty_asked_and_time_closes_none(school: School, life: Any) -> None:
    from watched_cases import bypassed

    life.live()
    assert life.found == []
    assert bypassed(school) == []
    said = life.said
    # it was no quiet month: what the year is about has happened
    for what in ("looks at a question past its time", "looks at a task past its time", "steps with nobody at all on duty",
                 "answers not accepted, asked again", "tasks ended by a person", "staff reports"):
        assert said[what] > 0, what
    assert said["cases"] == 50 and said["answers accepted"] > 100 and said["sweeps"] == 23 * 8
    with school.transaction() as session:
        assert verify(session) == []
        states = Counter(session.scalars(select(Case.state)))
    assert states[CaseState.CLOSED] > 20


def test_the_watch_sees_a_question_that_waits_in_silence(school: School, before_the_dsl: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from watched_cases import bypassed, faults

    now, hour = clock.now(), timedelta(hours=1)
    assert list(faults(school, now, hour, Counter())) == [] and bypassed(school) == []
    with school.transaction() as session:
        session.execute(update(Review).where(Review.kind == SAFEGUARDING).values(assigned_to="operations", due_at=now - 2 * hour))
        case = session.scalars(select(Case)).one()
        session.add(Action(case_id=case.id, kind="Home visit", owner="dsl", created_by="dsl", created_at=now, due_at=now - hour, done_at=now,
                           done_by="machine", outcome="time is up"))
        session.add(Action(case_id=case.id, kind="Home visit", owner="dsl", created_by="dsl", created_at=now, due_at=now - hour))
    told = " ".join(faults(school, now, hour, Counter()))
    for word in ("who is not on duty", "who holds no code", "nobody was brought to it since None", "nobody was told since None", "told nobody"):
        assert word in told, word
    assert bypassed(school) == ["task 1 ended without a person"]
    with school.transaction() as session:
        session.execute(update(Case).values(state=CaseState.CLOSED, closed_at=now, next_step_due=None))
    assert f"{before_the_dsl}: closed without two people's word" in bypassed(school)
