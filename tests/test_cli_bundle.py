"""``cme bundle`` on the command line."""

from pathlib import Path

from tests.steps.conftest import before_the_dsl as before_the_dsl, school as school, ten_days_gone as ten_days_gone  # noqa: F401
from tests.test_cli import cme, environment as environment  # noqa: F401


def test_a_bundle_is_made_and_the_screen_names_no_child(environment: dict[str, str], before_the_dsl: str, tmp_path: Path) -> None:  # noqa: F811
    environment["CME_SECRET_KEY"] = "a secret for tests only"
    done = cme(environment, "bundle", "P-1", "--for", "Local Authority", "--out", str(tmp_path / "out"), "--by", "dsl")
    assert done.returncode == 0, done.stderr
    assert "readable by you alone" in done.stdout and "read it before it leaves" in done.stdout and "Quilla" not in done.stdout
    assert (tmp_path / "out" / "chronology.pdf").read_bytes()[:5] == b"%PDF-" and (tmp_path / "out" / "attachments").is_dir()
    again = cme(environment, "bundle", "P-1", "--for", "court", "--out", str(tmp_path / "out"), "--by", "dsl")
    assert again.returncode == 1 and "is there already" in again.stderr and len(again.stderr.strip().splitlines()) == 1


def test_in_production_nothing_leaves_by_a_choice_that_nobody_has_confirmed(environment: dict[str, str], before_the_dsl: str, tmp_path: Path) -> None:  # noqa: F811
    del environment["CME_CLOCK"]
    done = cme(environment | {"CME_ENVIRONMENT": "production"}, "bundle", "P-1", "--for", "court", "--out", str(tmp_path / "out"), "--by", "dsl")
    assert done.returncode == 1 and "disclosure.yaml: what is shown to 'court' is not confirmed" in done.stderr and not (tmp_path / "out").exists()
    (tmp_path / "disclosure.yaml").write_text("recipients:\n  court: {contacts: everything, staff: names, safeguarding: shown, source: x, confirmed: yes}\n")
    broken = cme(environment | {"CME_CONFIG_DIR": str(tmp_path)}, "bundle", "P-1", "--for", "court", "--out", str(tmp_path / "out"), "--by", "dsl")
    assert broken.returncode == 1 and "Traceback" not in broken.stderr


def test_a_concern_is_written_for_upload_by_hand(environment: dict[str, str], before_the_dsl: str, tmp_path: Path) -> None:  # noqa: F811
    done = cme(environment, "export", "concern", before_the_dsl, "--out", str(tmp_path / "out"), "--by", "attendance_officer")
    assert done.returncode == 0 and "Upload them by hand" in done.stdout and "Quilla" not in done.stdout, done.stderr
    assert len(list((tmp_path / "out").iterdir())) == 3
    again = cme(environment, "export", "concern", before_the_dsl, "--out", str(tmp_path / "out"), "--by", "attendance_officer")
    assert again.returncode == 1 and len(again.stderr.strip().splitlines()) == 1
