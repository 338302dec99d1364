"""`cme verify`, `cme anchor`, `cme rotate-key`, `cme database roles` and `cme history`, as a person types them."""

from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import text

import cme.cli as cli
from cme import cli_record
from cme.errors import BadInput, Permanent
from cme.records import database
from cme.records.roles import READER
from cme.records.tables import PrefectRecord, PrefectRun
from tests.records.test_verifying import owner
from tests.steps.school import School


@pytest.fixture
def typed(school: School, monkeypatch: pytest.MonkeyPatch) -> Console:
    """What the command prints, on the school's records."""
    console = Console(record=True, width=200, soft_wrap=True, highlight=False)
    monkeypatch.setattr(school, "close", lambda: None)
    for module in (cli, cli_record):
        monkeypatch.setattr(module, "out", console)
        monkeypatch.setattr(module, "_office", lambda **_: school)
    secrets = school.settings.secrets
    school.sealer.__init__(*secrets(), again=secrets)  # type: ignore[misc]
    return console


def test_verify_says_that_it_is_whole_and_whether_it_was_compared_with_anything(typed: Console, school: School, ten_days_gone: str) -> None:
    cli_record.verify()
    assert "The history is whole. There is no anchor to compare it with" in typed.export_text()
    cli_record.anchor()
    line = typed.export_text()
    assert str(school.settings.anchors) in line and "on its way to the head" in line
    cli_record.verify(anchor=line.split()[0])
    assert "It fits 2 anchor(s)" in typed.export_text()


@pytest.mark.usefixtures("as_owner")
def test_verify_names_every_place_and_fails(typed: Console, school: School, ten_days_gone: str) -> None:
    with owner(school.engine, "case_event") as connection:
        connection.execute(text("UPDATE case_event SET who = 'head' WHERE id = 2"))
    with pytest.raises(Permanent, match=r"the record is not whole:\n  - event 2 \(\S+ of \S+\) was changed after it was written"):
        cli_record.verify()


def test_rotate_key_says_what_it_did_and_where_the_key_stands_and_never_the_key(typed: Console, school: School, ten_days_gone: str) -> None:
    before = school.settings.secrets()
    cli_record.rotate_key()
    said = typed.export_text()
    assert "contact.email: 2 rows" in said and str(school.settings.secret_keys.place) in said and "Older backups need the key of before" in said
    assert len(school.settings.secrets()) == 2 and not [secret for secret in school.settings.secrets() if secret in said]
    cli_record.rotate_key(forget_former=True)
    assert "Forgotten: " in typed.export_text() and before[0] not in school.settings.secrets()


def test_history_shows_both_clocks_and_the_runs_from_our_copy(typed: Console, school: School, ten_days_gone: str) -> None:
    cli.history(ten_days_gone, utc=True)
    assert "UTC" in typed.export_text()
    cli.history(ten_days_gone, runs=True)
    assert "Nothing is copied of a run of this case" in typed.export_text()
    with school.transaction() as session:
        at = school.stamp().at
        session.add(PrefectRun(flow_run_id="a" * 36, event_id=1))
        session.add(PrefectRecord(flow_run_id="a" * 36, kind="flow run", key="k", at=at, copied_at=at,
                                  content={"said": "review CME: Completed", "tags": [ten_days_gone]}))
    cli.history(ten_days_gone, runs=True)
    assert "review CME: Completed" in typed.export_text()


@pytest.mark.usefixtures("as_owner")
def test_database_roles_makes_them_or_prints_the_statements(school: School, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                                            capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CME_ENVIRONMENT", "test")
    monkeypatch.setenv("CME_DATABASE_OWNER_URL", school.engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("CME_ENV_FILE", "")
    cli_record.roles(sql=True)
    statements = capsys.readouterr().out
    assert 'GRANT INSERT ON "case_event" TO cme_app;' in statements and "CREATE POLICY own_school" in statements
    cli_record.roles()
    assert database.check(school.engine) == ""
    with school.engine.connect() as connection:
        assert connection.scalar(text(f"SELECT has_table_privilege('{READER}', 'pupil', 'SELECT')"))
    monkeypatch.delenv("CME_DATABASE_OWNER_URL")
    with pytest.raises(BadInput, match="has its roles already"):
        cli_record.roles()
