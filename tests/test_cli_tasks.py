"""``cme tasks``, ``cme done`` and the cover calendar in ``cme check-config``, as people type them."""

from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Engine, insert, select
from sqlalchemy.orm import Session
from tests.test_cli import cme, environment  # noqa: F401

from cme import clock
from cme.records import cases
from cme.records.actions import set_task
from cme.records.history import Stamp
from cme.records.tables import Action, Case, Pupil
from cme.services.demo import PEOPLE
from cme.steps.dossier import HOME_VISIT

CASE = "CME-2026-0001"


@pytest.fixture
def overdue(engine: Engine) -> str:
    """A case with a home visit that was due an hour ago, by a child whose name may appear nowhere."""
    now, stamp = clock.now(), Stamp("machine", clock.now())
    with Session(engine) as session, session.begin():
        pupil = session.scalar(insert(Pupil).values(school="3301999", mis_id="P1", surname="Bramblewick", first_seen=now, last_seen=now)
                               .returning(Pupil.id))
        case = cases.open_case(session, school="3301999", pupil_id=pupil or 0, episode_start=now.date(), due=now, owner="attendance_officer", stamp=stamp,
                               why="ten school days", data={"rule": "continuous_absence", "reached_on": "2026-11-23"})
        set_task(session, case, HOME_VISIT, owner="attendance_officer", due=now - timedelta(hours=1), stamp=stamp)
    return CASE


def test_tasks_are_listed_by_reference_with_owner_and_time(environment: dict[str, str], overdue: str) -> None:  # noqa: F811
    shown = cme(environment, "tasks").stdout
    assert all(word in shown for word in (CASE, "Home visit", "attendance officer", "Mon 23 Nov 2026 08:30", "OVERDUE"))
    assert "Bramblewick" not in shown


def test_a_task_is_recorded_with_result_and_evidence_and_leaves_the_list(environment: dict[str, str], overdue: str, engine: Engine) -> None:  # noqa: F811
    done = cme(environment, "done", CASE, "1", "--by", "attendance_officer", "--outcome", "Nobody opened", "--result", "no entry",
               "--evidence", "visit log 12")
    assert done.returncode == 0 and f"{CASE}: task 1 is recorded as no entry." in done.stdout, done.stderr
    with Session(engine) as session:
        visit, raised = session.scalars(select(Action).order_by(Action.id)).all()
        assert (visit.done_by, visit.result, visit.evidence) == ("attendance_officer", "no entry", "visit log 12")
        assert session.scalars(select(Case.urgency)).one() == "day_one"
    assert raised.kind[:6] in cme(environment, "tasks").stdout and HOME_VISIT not in cme(environment, "tasks").stdout
    assert HOME_VISIT in cme(environment, "tasks", "--all").stdout


@pytest.mark.parametrize(("words", "sentence"), [
    (("1", "--by", "the cat", "--outcome", "Nobody opened"), "'the cat' is not a role"),
    (("9", "--by", "dsl", "--outcome", "Nobody opened"), f"case {CASE} has no action 9"),
    (("1", "--by", "dsl", "--outcome", "Nobody opened", "--result", "perhaps"), "'perhaps' is no result of an action")])
def test_what_cannot_be_recorded_is_one_sentence(environment: dict[str, str], overdue: str, words: tuple[str, ...], sentence: str) -> None:  # noqa: F811
    done = cme(environment, "done", CASE, *words)
    assert done.returncode == 1 and sentence in done.stderr and "Traceback" not in done.stderr


def test_without_any_task_the_list_says_so(environment: dict[str, str]) -> None:  # noqa: F811
    assert "There is no open task." in cme(environment, "tasks").stdout


def test_the_check_tells_when_nobody_will_be_on_duty_and_is_complete_all_the_same(environment: dict[str, str]) -> None:  # noqa: F811
    away = [{"person": who, "from": "2026-12-24", "until": "2026-12-26"} for who in ("dsl", "deputy_dsl", "head")]
    Path(environment["CME_PEOPLE_FILE"]).write_text(yaml.safe_dump({**PEOPLE, "away": away}), encoding="utf-8")
    checked = cme(environment, "check-config")
    assert checked.returncode == 0 and "The configuration is complete." in checked.stdout
    assert "from Thursday 24 December 2026, 00:00 until Sunday 27 December 2026, 00:00 nobody who may decide is on duty" in checked.stdout


def test_the_check_refuses_an_absence_of_nobody_known(environment: dict[str, str]) -> None:  # noqa: F811
    away = [{"person": "deputy_2", "from": "2026-12-24", "until": "2026-12-26"}]
    Path(environment["CME_PEOPLE_FILE"]).write_text(yaml.safe_dump({**PEOPLE, "away": away}), encoding="utf-8")
    checked = cme(environment, "check-config")
    assert checked.returncode == 1 and "away, entry 1: 'deputy_2' is nobody in this file" in checked.stderr


def test_messages_that_need_a_person_can_be_listed(environment: dict[str, str]) -> None:  # noqa: F811
    listed = cme(environment, "outbox")
    assert listed.returncode == 0 and "No message needs a person." in listed.stdout
