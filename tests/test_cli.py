"""The command line: reads well, fails in one sentence with a non-zero exit status, says all faults at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Engine

from cme.services.demo import PEOPLE, last_day

CME = Path(sys.executable).with_name("cme")


@pytest.fixture
def environment(engine: Engine, tmp_path: Path) -> dict[str, str]:
    """The settings of a small complete installation, for tests."""
    (tmp_path / "people.yaml").write_text(yaml.safe_dump(PEOPLE), encoding="utf-8")
    (tmp_path / "registers").mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CME_")}
    return kept | {
        "CME_ENVIRONMENT": "test", "CME_DATABASE_URL": engine.url.render_as_string(hide_password=False), "CME_DATA_DIR": str(tmp_path),
        "CME_PEOPLE_FILE": str(tmp_path / "people.yaml"), "CME_REGISTERS_FOLDER": str(tmp_path / "registers"), "CME_SMTP_HOST": "127.0.0.1",
        "CME_MAIL_SENDER": "attendance@school.example", "CME_CLOCK": "2026-11-23T09:30:00", "CME_HOUSE": str(tmp_path / "no-house.json"),
        "CME_SECRET_KEY": "a secret for tests only",
        "COLUMNS": "200", "NO_COLOR": "1"}


def cme(environment: dict[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([CME, *words], env=environment, text=True, capture_output=True, timeout=60, cwd=environment["CME_DATA_DIR"])


def test_help_names_every_command_in_one_line_each(environment: dict[str, str]) -> None:
    shown = cme(environment, "--help").stdout
    for command in ("demo", "up", "check-config", "pull", "detect", "cases", "show", "history", "inbox", "acknowledge", "outbox", "verify"):
        assert f" {command} " in shown, command


def test_a_case_that_is_not_there_is_one_sentence_and_a_non_zero_exit_status(environment: dict[str, str]) -> None:
    for command in ("show", "history"):
        done = cme(environment, command, "CME-1999-0001")
        assert done.returncode == 1 and done.stdout == ""
        assert done.stderr == "cme: there is no case 'CME-1999-0001'; `cme cases` lists the references\n"


def test_all_faults_of_the_settings_are_said_at_once_by_name(environment: dict[str, str]) -> None:
    for name in ("CME_PEOPLE_FILE", "CME_REGISTERS_FOLDER", "CME_SMTP_HOST", "CME_MAIL_SENDER"):
        del environment[name]
    done = cme(environment, "check-config")
    assert done.returncode == 1
    for name in ("CME_PEOPLE_FILE", "CME_REGISTERS_FOLDER", "CME_SMTP_HOST", "CME_MAIL_SENDER"):
        assert f"- {name}: " in done.stderr


def test_production_refuses_unconfirmed_values_and_says_which(environment: dict[str, str]) -> None:
    del environment["CME_CLOCK"]
    for command in ("check-config", "up"):
        done = cme(environment | {"CME_ENVIRONMENT": "production"}, command)
        assert done.returncode == 1 and "school.yaml: laestab: not confirmed" in done.stderr
        assert "authorities/birmingham.yaml: mailbox: not confirmed" in done.stderr


def test_a_moved_clock_is_refused_in_production(environment: dict[str, str]) -> None:
    done = cme(environment | {"CME_ENVIRONMENT": "production"}, "check-config")
    assert done.returncode == 1 and "CME_CLOCK" in done.stderr


@pytest.mark.parametrize(("name", "value", "words"), [
    ("CME_CLOCK", "tomorrow", "CME_CLOCK"), ("CME_DATABASE_URL", "sqlite:///x.db", "CME_DATABASE_URL"), ("CME_SMTP_PORT", "many", "CME_SMTP_PORT"),
    ("CME_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing", "database")])
def test_a_broken_setting_is_named_and_is_never_a_traceback(environment: dict[str, str], name: str, value: str, words: str) -> None:
    done = cme(environment | {name: value}, "cases")
    assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr


def test_a_complete_installation_for_tests_says_so_and_lists_what_is_unconfirmed(environment: dict[str, str]) -> None:
    done = cme(environment, "check-config")
    assert done.returncode == 0 and "The configuration is complete." in done.stdout and "not confirmed" in done.stdout


def test_pull_detect_and_cases_work_without_prefect(environment: dict[str, str]) -> None:
    example = Path(__file__).parent.parent / "src/cme/sources/examples/registers.csv"
    target = Path(environment["CME_REGISTERS_FOLDER"]) / "registers.csv"
    target.write_bytes(example.read_bytes())
    os.utime(target, (1_700_000_000, 1_700_000_000))
    last = last_day(example)
    environment["CME_CLOCK"] = f"{last.isoformat()}T12:00:00"
    assert "new registers" in cme(environment, "pull").stdout
    assert "0 new registers, 0 changed" in cme(environment, "pull").stdout
    assert "cases opened: CME-" in cme(environment, "detect").stdout
    assert "parent contact" in cme(environment, "cases").stdout
    assert "threshold crossed" in cme(environment, "history", f"CME-{last.year}-0001").stdout
    assert "The history is whole" in cme(environment, "verify").stdout


def test_a_day_that_is_no_date_is_refused_by_the_command_line(environment: dict[str, str]) -> None:
    assert cme(environment, "detect", "--as-of", "yesterday").returncode != 0


def test_the_inbox_without_a_demo_is_one_sentence(environment: dict[str, str]) -> None:
    done = cme(environment, "inbox")
    assert done.returncode == 1 and "belongs to `cme demo`" in done.stderr


def test_an_unknown_role_may_settle_nothing(environment: dict[str, str]) -> None:
    done = cme(environment, "outbox", "x", "--confirm", "because", "--by", "the cat")
    assert done.returncode == 1 and "'the cat' is not a role" in done.stderr
