"""Day one on the command line: find a child, settle a report, record a child as found, make the police pack."""

import stat
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.steps.conftest import school as school  # noqa: F401
from tests.steps.school import MONDAY, School, a_pupil
from tests.test_cli import cme, environment as environment  # noqa: F401

from cme.steps import missing_report

CHILD = {"child": "P-1", "seen_on": "Today", "seen_at": "09:00", "where": "At home", "seen_by": "A parent or carer", "reported_by": "TQA",
         "concern": "No: I know of nothing that makes me worry"}


@pytest.fixture(autouse=True)
def reported(school: School, engine: Engine) -> None:  # noqa: F811
    school.write(a_pupil(), {MONDAY: ("/", "-")})
    missing_report.receive(school, CHILD, "run-1", school.stamp())
    missing_report.receive(school, {**CHILD, "child": "P-77"}, "run-2", school.stamp())


def test_a_child_is_found_by_part_of_its_name(environment: dict[str, str]) -> None:  # noqa: F811
    done = cme(environment, "pupil", "bramble")
    assert done.returncode == 0 and all(word in done.stdout for word in ("P-1", "Quilla Bramblewick", "9A"))
    assert "No pupil has that in the name" in cme(environment, "pupil", "nobody").stdout
    assert cme(environment, "pupil", "x").stderr == "cme: give at least two letters of the child's name\n"


def test_a_report_that_names_no_known_child_is_listed_and_settled(environment: dict[str, str]) -> None:  # noqa: F811
    listed = cme(environment, "reports").stdout
    assert "no pupil has the reference P-77" in listed and '"TQA"' in listed
    assert cme(environment, "reports", "1").returncode == 1
    done = cme(environment, "reports", "1", "--by", "attendance_officer", "--reason", "Spoke to the teacher: it was P-1")
    assert done.returncode == 0 and "has been settled" in done.stdout


def test_a_child_is_recorded_as_found_and_the_case_stays_with_the_dsl(environment: dict[str, str]) -> None:  # noqa: F811
    done = cme(environment, "found", "cme-2026-0001", "--where", "At the bus stop, seen by a teacher", "--by", "attendance_officer")
    assert done.returncode == 0 and "CME-2026-0001: recorded as found. The DSL decides" in done.stdout
    assert "DSL review" in cme(environment, "cases").stdout
    assert "no report of a child who is still missing" in cme(environment, "found", "CME-2026-0001", "--where", "There", "--by", "dsl").stderr


def test_the_police_pack_is_written_for_its_maker_alone_with_the_numbers_on_the_screen(environment: dict[str, str], tmp_path: Path) -> None:  # noqa: F811
    done = cme(environment, "police-pack", "CME-2026-0001")
    assert done.returncode == 0 and "Ring now: police 999" in done.stdout and "Quilla" not in done.stdout
    pack = Path(environment["CME_DATA_DIR"]) / "CME-2026-0001.pdf"
    assert stat.S_IMODE(pack.stat().st_mode) == 0o600 and pack.read_bytes()[:5] == b"%PDF-"
    other = cme(environment, "police-pack", "CME-2026-0001", "--out", str(tmp_path / "pack.pdf"), "--by", "head")
    assert other.returncode == 0 and (tmp_path / "pack.pdf").exists()
    assert "head" in cme(environment, "history", "CME-2026-0001").stdout.lower()


def test_what_cannot_be_is_one_sentence(environment: dict[str, str]) -> None:  # noqa: F811
    for words in (("police-pack", "CME-1999-0001"), ("police-pack", "CME-2026-0001", "--by", "nobody"), ("found", "CME-1999-0001", "--where", "x", "--by", "dsl")):
        done = cme(environment, *words)
        assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1, words
