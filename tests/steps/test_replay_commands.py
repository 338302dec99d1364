"""`cme explain` and `cme simulate` as a person types them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from sqlalchemy import select
from tests.steps.school import School

from cme.records.tables import Pupil
from cme.services.demo import PEOPLE

CME = Path(sys.executable).with_name("cme")


@pytest.fixture
def environment(school: School, ten_days_gone: str, tmp_path: Path) -> dict[str, str]:
    """The settings of an installation on the database of the test."""
    (tmp_path / "people.yaml").write_text(yaml.safe_dump(PEOPLE), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CME_")}
    return kept | {
        "CME_ENVIRONMENT": "test", "CME_DATABASE_URL": school.engine.url.render_as_string(hide_password=False),
        "CME_DATA_DIR": str(tmp_path), "CME_PEOPLE_FILE": str(tmp_path / "people.yaml"), "CME_CLOCK": "2026-11-23T09:30:00",
        "CME_HOUSE": str(tmp_path / "no-house.json"), "CME_SECRET_KEY": "a secret for tests only", "COLUMNS": "120", "NO_COLOR": "1"}


def cme(environment: dict[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([CME, *words], env=environment, text=True, capture_output=True, timeout=60,
                          cwd=environment["CME_DATA_DIR"])


def test_a_case_and_its_pupil_are_explained_without_a_name(
        school: School, environment: dict[str, str], ten_days_gone: str) -> None:
    with school.transaction() as session:
        number = session.scalars(select(Pupil.id)).one()
    by_case = cme(environment, "explain", ten_days_gone)
    by_pupil = cme(environment, "explain", "--pupil", str(number), "--day", "2026-11-23")
    assert (by_case.returncode, by_case.stderr, by_pupil.returncode, by_pupil.stderr) == (0, "", 0, "")
    assert by_case.stdout.startswith(f"Case {ten_days_gone}, pupil {number}") and by_pupil.stdout.startswith(f"Pupil {number} (")
    for shown in (by_case.stdout, by_pupil.stdout):
        assert "Mon 23 Nov 2026   N    N    unauthorised absence   counts     10" in shown
        assert "Bramblewick" not in shown and "Quilla" not in shown
    one = cme(environment, "explain", ten_days_gone, "--day", "2026-11-20", "--rule", "continuous_absence")
    assert "finding: none, the number was not reached." in one.stdout and "Cumulative absence" not in one.stdout


def test_a_changed_threshold_is_shown_beside_todays(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "changed.yaml").write_text("continuous_absence: 8\n", encoding="utf-8")
    done = cme(environment, "simulate", "--since", "2026-09-01", "--policy", "changed.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["16", "Nov", "2026", *"01010101"] in rows
    assert ["23", "Nov", "2026", *"21101010"] in rows


def test_what_cannot_be_replayed_is_one_sentence_and_a_non_zero_exit_status(environment: dict[str, str],
                                                                            ten_days_gone: str) -> None:
    for words, sentence in ((("explain",), "cme: say what to explain: a case"),
                            (("explain", ten_days_gone, "--pupil", "1"), "cme: say what to explain: a case"),
                            (("explain", "--pupil", "99"), "cme: there is no pupil with the internal number 99"),
                            (("simulate", "--since", "2026-09-01", "--policy", "none.yaml"), "cme: none.yaml: there is no such")):
        done = cme(environment, *words)
        assert done.returncode == 1 and done.stdout == "" and done.stderr.startswith(sentence) and done.stderr.count("\n") == 1
