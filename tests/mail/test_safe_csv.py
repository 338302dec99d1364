"""A cell is text to every spreadsheet, whatever was typed; and nothing of it is lost."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cme.mail.safe_csv import csv_bytes, safe_cell


@pytest.mark.parametrize("typed", ["=1+1", "+44 7700 900101", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =HYPERLINK(\"http://x.example\")", "\u00a0=1", "\uff1d1"])
def test_what_could_begin_a_formula_gets_an_apostrophe_before_it(typed: str) -> None:
    assert safe_cell(typed) == "'" + typed


def test_ordinary_words_and_numbers_of_ours_stay_as_they_are() -> None:
    assert [safe_cell(value) for value in ("Quilla", "a=b", 3, -3, None, "", "/", "\\")] == ["Quilla", "a=b", "3", "-3", "", "", "/", "\\"]


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\x00")), min_size=1, max_size=5))
def test_a_row_reads_back_as_it_was_but_for_the_apostrophe(cells: list[str]) -> None:
    made = csv_bytes(["head"] * len(cells), [cells]).decode("utf-8-sig")
    [_, read] = csv.reader(io.StringIO(made, newline=""))
    assert [one if one == other else one.removeprefix("'") for one, other in zip(read, cells, strict=True)] == cells
    assert not any(cell.lstrip(" \u00a0")[:1] in set("=+-@") - {""} for cell in read if cell.strip())
