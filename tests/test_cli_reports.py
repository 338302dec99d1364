"""``cme report compliance`` on the command line."""

from pathlib import Path

from tests.steps.conftest import before_the_dsl as before_the_dsl, school as school, ten_days_gone as ten_days_gone  # noqa: F401
from tests.test_cli import cme, environment as environment  # noqa: F401


def test_the_report_of_a_term_is_shown_and_written_and_names_no_child(environment: dict[str, str], before_the_dsl: str, tmp_path: Path) -> None:  # noqa: F811
    done = cme(environment, "report", "compliance", "--term", "autumn", "--out", str(tmp_path / "term"))
    assert done.returncode == 0, done.stderr
    assert "The procedure, autumn term 2026" in done.stdout and "Contact with parents begun" in done.stdout and "Quilla" not in done.stdout
    assert sorted(path.name for path in (tmp_path / "term").iterdir()) == [
        "compliance-rows.csv", "compliance-steps.csv", "compliance-weeks.csv", "compliance.pdf"]
    one = cme(environment, "report", "compliance", "--case", before_the_dsl.lower())
    assert one.returncode == 0 and f"case {before_the_dsl}" in one.stdout


def test_what_cannot_be_reported_is_one_sentence(environment: dict[str, str]) -> None:  # noqa: F811
    for words in (("--term", "winter"), ("--case", "CME-1999-0001"), ("--term", "autumn", "--week", "2026-11-23"), ("--until", "2026-11-23"),
                  ("--case", "CME-2026-0001", "--term", "autumn"), ("--week", "2024-07-15", "--out", "there")):
        done = cme(environment, "report", "compliance", *words)
        assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1, words
