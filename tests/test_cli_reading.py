"""Commands that show what is written about a child record who read it, and `cme retention`, `hold` and `rights` as people type them."""

import getpass
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session
from tests.test_cli import environment  # noqa: F401
from tests.test_cli_tasks import CASE, overdue  # noqa: F401

import cme.cli
from cme.config.policies import load
from cme.errors import BadInput
from cme.records.history import verify
from cme.records.tables import CaseEvent


@pytest.fixture
def typed(environment: dict[str, str], engine: Engine, overdue: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]  # noqa: F811
    """Type a command, in this process; gives what it printed."""
    with engine.begin() as connection:
        for table in ("pupil", '"case"'):
            connection.execute(text(f"UPDATE {table} SET school = :own"), {"own": load().school.laestab})
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CME_ENV_FILE", "")
    import cme.cli_day_one, cme.cli_messages, cme.cli_reading, cme.cli_replay, cme.cli_replies, cme.cli_rights  # noqa: E401, F401

    def run(*words: str) -> str:
        cme.cli.app(list(words), result_action="return_value")
        return capsys.readouterr().out

    monkeypatch.setattr(cme.cli.out, "width", 250)
    return run


READING = [("show", CASE), ("history", CASE), ("explain", "--pupil", "1", "--day", "2026-11-23"), ("pupil", "Bramble"), ("reports",),
           ("home-schools",), ("replies",)]


def reads(engine: Engine) -> list[tuple[str, str, str]]:
    with Session(engine) as session:
        assert verify(session) == []
        return [(event.subject, event.who, event.why) for event in session.scalars(select(CaseEvent).where(CaseEvent.what == "record.read"))]


def test_every_reading_is_recorded_with_who_read_what(typed, engine: Engine) -> None:  # type: ignore[no-untyped-def]
    for words in READING:
        typed(*words)
        typed(*words, "--by", "dsl")
    found = reads(engine)
    assert [who for _, who, _ in found] == [f"user {getpass.getuser()}", "dsl"] * len(READING)
    assert {what.partition(":")[0] for _, _, what in found} == {f"cme {words[0]}" for words in READING}
    assert [subject for subject, _, _ in found][::2] == [CASE, CASE, "P-1", "school", "school", "school", "school"]
    assert "Bramble" not in str(found)                   # what was typed to find a child is not kept


def test_a_reading_under_a_role_that_nobody_holds_shows_nothing(typed, engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    for words in READING:
        with pytest.raises(BadInput, match="not a role"):
            typed(*words, "--by", "the cat")
        assert "Bramblewick" not in capsys.readouterr().out
    assert reads(engine) == []


def test_holds_requests_and_the_list_of_retention_read_well(typed, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert "No hold stands." in typed("hold")
    assert "Hold 1 stands until a person lifts it." in typed("hold", CASE, "--reason", "letter of [/]the solicitors", "--by", "dsl")
    shown = typed("retention")
    assert "Nothing is due to be erased." in shown and "cases: an open case" in shown and "Bramblewick" not in shown
    said = typed("rights-request", "P-1", "correction", "--asker", "A. Example", "--asked", "the address is [old]", "--received", "2026-11-20", "--by", "dsl")
    reference = said.split(":")[0]
    assert "Monday 21 December 2026" in said and "the address is [old]" in typed("rights")
    assert "No request is open." in typed("rights", reference, "--decision", "refused", "--reason", "it is right as it stands", "--by", "head")
    assert "refused: it is right" in typed("rights", "--all")
    assert "READ-ME-FIRST.txt" in typed("subject-access", "P-1", "--out", str(tmp_path / "out"), "--request", reference, "--by", "dsl")
    with pytest.raises(BadInput, match="--decision"):
        typed("rights", reference)
