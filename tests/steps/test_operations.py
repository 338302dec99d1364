"""What operations staff see: right numbers, and nothing about any child."""

import json
import threading
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from prefect.client.schemas.objects import ArtifactCollection
from prefect.events.schemas.automations import AutomationCore
from prefect.types._datetime import now
from sqlalchemy import select, text
from tests.steps.school import MONDAY, School, a_pupil

from cme import clock
from cme.records import registers
from cme.records.alarms import raise_alarm
from cme.records.history import record
from cme.records.tables import CaseEvent
from cme.services.metrics import serve
from cme.sources.source import ExpectedRegister, Mark, Pulled, RegisterDocument, TimeSemantics
from cme.steps import operations, told_events
from cme.steps.figures import figures
from cme.steps.view import WORDS
from cme.tasks import operations as shown

ROOT = Path(__file__).parent.parent.parent
NAMES = ("Quilla", "Bramblewick", "P207000016049", "2013-02-03", "Made-up", "aoife", "900101")


@pytest.fixture
def a_morning(school: School, before_the_dsl: str, set_clock: Callable[[str], None]) -> str:
    """A case before the DSL whose question is late, and a morning of four registers: one taken in time, one late, one missing, one off."""
    set_clock("2026-11-25T09:30:00")
    day = MONDAY.replace(day=25)
    starts = [clock.wall(day, "08:50")] * 4
    expected = tuple(ExpectedRegister(day, "session", "AM", group, start, clock.wall(day, "12:00"), required=group != "9D")
                     for group, start in zip(("9A", "9B", "9C", "9D"), starts, strict=True))
    taken = tuple(RegisterDocument(day, "session", "AM", group, (Mark(f"P-{group}", "/"),), taken_at=clock.wall(day, at))
                  for group, at in (("9A", "08:55"), ("9B", "09:20")))
    with school.transaction() as session:
        registers.store(session, school.school, Pulled(registers=taken, expected=expected, pupils=(a_pupil(), a_pupil(mis_id="P-9A"), a_pupil(mis_id="P-9B"))), source="test",
                        codes=school.policies.codes, stamp=school.stamp(), time_semantics=TimeSemantics.FIRST_COMPLETED)
    return before_the_dsl


def test_the_tables_say_how_the_registers_the_cases_the_questions_and_the_outbox_stand(school: School, a_morning: str) -> None:
    now = clock.now()
    rows, taken = operations.registers_today(school, now)
    [row] = rows
    assert (row["starts"], row["register"], row["on time"], row["late"], row["not required"]) == ("08:50", "session AM", "1", "1", "1") and taken == 66.7
    assert operations.cases_by_state(school, now) == [
        {"state": "DSL review", "open": "1", "overdue": "1", "oldest opened": "2 days", "longest in this state": "2 days"}]
    [late] = operations.overdue_questions(school, now)
    assert (late["case"], late["question"], late["asked now"]) == (a_morning, "the DSL's decision", "dsl") and late["late by"].endswith(" h")
    assert {"parent contact", "review call"} & {row["kind"] for row in operations.outbox_by_age(school, now)}


def test_a_quiet_house_says_so(school: School) -> None:
    now = clock.now()
    assert operations.registers_today(school, now) == ([{"register": "none expected today"}], 100.0)
    assert operations.cases_by_state(school, now) == [{"state": "no case is open"}]
    assert operations.overdue_questions(school, now) == [{"case": "no question is overdue"}] and operations.outbox_by_age(school, now) == [{"kind": "none"}]


def test_the_figures_are_those_of_the_rows_and_of_no_child(school: School, a_morning: str) -> None:
    told_events.swept(school, clock.now())
    found = {(figure.name, *figure.labels.values()): figure.value for figure in figures(school, clock.now())}
    assert found["questions_open", "safeguarding"] == found["questions_overdue", "safeguarding"] == found["cases_open", "DSL review"] == 1
    assert found["question_oldest_seconds", "safeguarding"] == 2 * 86400 and found["sweep_age_seconds",] < 2
    assert (found["registers_today", "on time"], found["registers_today", "late"]) == (1, 1)
    with school.transaction() as session:
        queued = session.scalar(text("SELECT count(*) FROM outbox WHERE state = 'queued'"))
    assert found["outbox_messages", "queued"] == queued > 0


def test_prometheus_reads_them_on_loopback_and_hears_when_they_cannot_be_had(school: School, a_morning: str) -> None:
    def fails() -> list[object]:
        raise RuntimeError("Bramblewick is in this sentence")

    for ask, expected in ((lambda: figures(school, clock.now()), 'cme_questions_overdue{kind="safeguarding"} 1.0'), (fails, "cme_up 0.0")):
        stop = serve(ask, 0)  # type: ignore[arg-type]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{stop.port}/metrics") as reply:  # type: ignore[attr-defined]
                page = reply.read().decode()
        finally:
            stop()
        assert expected in page and not [name for name in NAMES if name in page] and a_morning not in page


def test_nothing_of_a_child_stands_in_what_prefect_is_shown(school: School, a_morning: str) -> None:
    now = clock.now()
    shown = json.dumps([operations.registers_today(school, now), operations.cases_by_state(school, now), operations.overdue_questions(school, now),
                        operations.outbox_by_age(school, now)])
    assert not [name for name in NAMES if name in shown]


def test_each_escalation_is_told_once_from_now_on_and_again_only_after_a_crash(school: School, a_morning: str) -> None:
    assert told_events.untold(school) == []                    # what was before is history
    with school.transaction() as session:
        record(session, a_morning, "review.handed_over", school.stamp(), "nobody answered", {"to": "deputy_dsl"})
        record(session, a_morning, "review.answered", school.stamp(), "the question was answered")
    for _ in range(2):                                         # the second time: as if it had crashed before it could remember
        [told] = told_events.untold(school)
        assert (told.what, told.about) == ("review.handed_over", a_morning)
    told_events.told(school, told.number)
    assert told_events.untold(school) == []
    told_events.told(school, 1)                                # never back
    with school.transaction() as session:
        assert told_events.untold(school) == [] and session.scalars(select(CaseEvent.id)).all()
    assert set(told_events.ESCALATIONS) <= set(WORDS)


def test_the_example_of_an_automation_is_one_that_prefect_takes(school: School) -> None:
    automation = AutomationCore.model_validate(yaml.safe_load((ROOT / "deployments/automations.yaml").read_text()))
    assert automation.enabled is False
    assert {name.removeprefix("cme.") for name in automation.trigger.expect} <= set(told_events.ESCALATIONS)  # type: ignore[union-attr]


def test_only_what_has_changed_is_published_and_all_of_it_once_an_hour(school: School, a_morning: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, ArtifactCollection] = {}

    def keep(key: str, description: str, **content: object) -> None:
        [said] = content.values()
        kept[key] = ArtifactCollection(key=key, latest_id=uuid4(), updated=now("UTC"), description=description,
                                       data=json.dumps(said) if isinstance(said, list) else said)

    class Client:
        def __enter__(self) -> "Client":
            return self

        def __exit__(self, *_: object) -> None: ...

        def read_latest_artifacts(self, **_: object) -> list[ArtifactCollection]:
            return list(kept.values())

    for kind in ("table", "markdown", "progress"):
        monkeypatch.setattr(shown, f"create_{kind}_artifact", keep)
    monkeypatch.setattr(shown, "office", lambda: school)
    monkeypatch.setattr(shown, "get_client", lambda **_: Client())
    assert shown.publish_operations.fn() == [each.key for each in shown.VIEW]
    assert shown.publish_operations.fn() == []
    with school.transaction() as session:
        raise_alarm(session, "feed:silent", "school", "The registers have not been read", school.stamp())
    assert shown.publish_operations.fn() == ["needs-a-person", "register-sources", "alarms"]
    kept["open-cases"].updated = now("UTC") - timedelta(minutes=61)
    del kept["outbox"]                                      # as after Prefect has lost its database
    assert shown.publish_operations.fn() == ["open-cases", "outbox"]
