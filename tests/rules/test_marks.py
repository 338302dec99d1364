"""The code table: every statutory code, by day, and the school's own codes."""

from datetime import date
from itertools import product

import pytest

from cme.rules.marks import AttendanceCode, Category, CodeTable, LocalCode, UnknownCode

TODAY = date(2026, 11, 23)
CATEGORIES = {
    Category.PRESENT: "/ \\ L", Category.APPROVED: "K V P W B", Category.AUTHORISED: "C C1 C2 J1 S T R E I M",
    Category.UNAUTHORISED: "G N O U", Category.NOT_POSSIBLE: "D X Q Y1 Y2 Y3 Y4 Y5 Y6 Y7", Category.ADMINISTRATIVE: "Z #"}


def test_the_table_holds_exactly_the_statutory_codes_each_in_its_category(book) -> None:
    today = {code.code: code.category for code in book.codes.codes if code.valid_from <= TODAY <= code.valid_to}
    assert today == {code: category for category, codes in CATEGORIES.items() for code in codes.split()}


def test_codes_that_leave_the_count_are_never_authorised_absence(book) -> None:
    for code in "D X Q Y1 Y2 Y3 Y4 Y5 Y6 Y7 Z #".split():
        category = book.codes.category(code, TODAY)
        assert not category.possible and not category.absent and not category.attended


@pytest.mark.parametrize(
    ("code", "category"), [("H", Category.AUTHORISED), ("J", Category.APPROVED), ("Y", Category.NOT_POSSIBLE)]
)
def test_withdrawn_codes_are_read_until_18_august_2024_and_not_after(book, code, category) -> None:
    assert book.codes.category(code, date(2024, 8, 18)) is category
    with pytest.raises(UnknownCode, match="only until 18 August 2024, not on 19 August 2024"):
        book.codes.category(code, date(2024, 8, 19))


def test_new_codes_begin_on_19_august_2024(book) -> None:
    assert book.codes.category("C2", date(2024, 8, 19)) is Category.AUTHORISED
    with pytest.raises(UnknownCode, match="only from 19 August 2024, not on 18 August 2024"):
        book.codes.category("C2", date(2024, 8, 18))


def test_a_missing_mark_is_neither_absence_nor_presence(book) -> None:
    for token in ("", "-"):
        category = book.codes.category(token, TODAY)
        assert category is Category.MISSING
        assert not (category.possible or category.absent or category.attended)


@pytest.mark.parametrize("code", ["n", "NN", "Y8", "C3", "/\\", "0", "No", "?", "\N{CYRILLIC CAPITAL LETTER EN}"])
def test_an_unknown_code_is_refused_and_never_guessed(book, code) -> None:
    with pytest.raises(UnknownCode, match="is not in the attendance code table; if it is the school's own code, add it"):
        book.codes.statutory(code, TODAY)


def test_whole_tokens_are_read_never_first_letters(book) -> None:
    assert [book.codes.statutory(f" {code} ", TODAY) for code in ("C", "C1", "C2", "J1", "Y1")] == ["C", "C1", "C2", "J1", "Y1"]
    assert book.codes.statutory("  ", TODAY) == book.codes.statutory("-", TODAY) == "-"


def test_a_schools_own_code_stands_for_a_statutory_one_while_it_is_valid(book) -> None:
    table = CodeTable(
        book.codes.codes, (LocalCode("A1", "B", date(2025, 9, 1), date(2026, 8, 31)), LocalCode("A1", "K", date(2026, 9, 1)))
    )
    assert table.statutory("A1", date(2026, 8, 31)) == "B"
    assert table.statutory("A1", date(2026, 9, 1)) == "K"
    with pytest.raises(UnknownCode, match="'A1'"):
        table.statutory("A1", date(2025, 8, 31))


def test_a_schools_own_use_of_a_withdrawn_code_goes_by_date(book) -> None:
    table = CodeTable(book.codes.codes, (LocalCode("H", "G", date(2024, 9, 1)),))
    assert table.statutory("H", date(2024, 8, 1)) == "H"
    assert table.statutory("H", date(2024, 9, 2)) == "G"


def test_a_local_code_cannot_bring_back_a_withdrawn_statutory_one(book) -> None:
    table = CodeTable(book.codes.codes, (LocalCode("A1", "Y"),))
    with pytest.raises(UnknownCode, match="only until 18 August 2024"):
        table.statutory("A1", TODAY)


def test_the_published_identities_hold_for_every_pair_of_codes(book) -> None:
    codes = [c.code for c in book.codes.codes if c.valid_from <= TODAY <= c.valid_to]
    for am, pm in product(codes, codes):
        both = [book.codes.category(code, TODAY) for code in (am, pm)]
        assert sum(c.possible for c in both) == sum(c.attended for c in both) + sum(c.absent for c in both)


def test_a_code_with_two_validities_is_found_by_day() -> None:
    table = CodeTable((AttendanceCode("X", "first", Category.AUTHORISED, valid_to=date(2020, 1, 1)),
                       AttendanceCode("X", "second", Category.NOT_POSSIBLE, valid_from=date(2022, 1, 1))))
    assert table.lookup("X", date(2020, 1, 1)).meaning == "first"
    assert table.lookup("X", date(2022, 1, 1)).meaning == "second"
    with pytest.raises(UnknownCode, match="only until 01 January 2020"):
        table.lookup("X", date(2021, 1, 1))
