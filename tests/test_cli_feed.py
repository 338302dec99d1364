"""``cme quarantine``: what could not be read, in one list, and how a row leaves it."""

import os
from pathlib import Path

from tests.test_cli import cme, environment

__all__ = ["environment"]

GOOD = "2026-11-23,AM,9A,P1,/\n"


def export(environment: dict[str, str], *rows: str) -> None:
    path = Path(environment["CME_REGISTERS_FOLDER"]) / "registers.csv"
    path.write_text("date,session,group,pupil_id,mark\n" + "".join(rows))
    os.utime(path, (1_000_000_000, 1_000_000_000))


def test_a_bad_row_is_listed_with_its_place_and_leaves_when_the_export_is_corrected(environment: dict[str, str]) -> None:
    export(environment, GOOD, "2026-11-23,noon,9A,P2,/\n", "31/02/2026,AM,9A,P3,/\n")
    assert "2 rows in quarantine" in cme(environment, "pull").stdout
    shown = cme(environment, "quarantine").stdout
    assert "registers.csv" in shown and "neither AM nor PM" in shown and "no day of the calendar" in shown and "P2" not in shown
    export(environment, GOOD, "2026-11-23,AM,9A,P2,/\n", "31/02/2026,AM,9A,P3,/\n")
    again = cme(environment, "quarantine", "--retry").stdout
    assert "1 rows mended" in again and "no day of the calendar" in again and "neither AM nor PM" not in again
    refused = cme(environment, "quarantine", "2", "--by", "operations")
    assert refused.returncode == 1 and "only with a reason" in refused.stderr
    assert "no row 77 waits" in cme(environment, "quarantine", "77", "--by", "operations", "--reason", "x").stderr
    assert cme(environment, "quarantine", "2", "--by", "operations", "--reason", "a test").stdout == "Nothing is in quarantine.\n"
