"""UPN, LAESTAB and URN: the published vectors, and every single wrong character."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cme.rules.identifiers import BadIdentifier, is_temporary_upn, laestab, upn, upn_check_letter, urn

LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"


@pytest.mark.parametrize(("rest", "letter"), [
    ("801200005001", "B"), ("207000016049", "P"), ("330417625001", "N"), ("330400119027", "E"), ("330110026001", "C"),
    ("838123424001", "Q"), ("33041762500A", "Z"), ("33041762512Z", "Y")])
def test_the_check_letter_is_the_published_one(rest, letter) -> None:
    assert upn_check_letter(rest) == letter
    assert upn(letter + rest) == letter + rest
    assert is_temporary_upn(letter + rest) is rest[-1].isalpha()


def test_the_widely_copied_worked_example_is_wrong() -> None:
    with pytest.raises(BadIdentifier, match="first letter does not fit"):
        upn("Q207000016049")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("X80120000A001", "is not a letter"),
        ("A801200005001", "does not fit"),
        ("B80120000500", "12 characters"),
        ("B8012000050011", "14 characters"),
        ("", "0 characters"),
        ("I801200005001", "without I, O and S"),
        ("B80120000500O", "without I, O and S"),
        ("B80120000500\u0661", "is not a letter"),
    ],
)
def test_a_bad_upn_gets_one_clear_sentence_that_does_not_quote_it(text, says) -> None:
    with pytest.raises(BadIdentifier, match=says) as refused:
        upn(text)
    assert not text or text not in str(refused.value)


def test_spaces_around_and_small_letters_are_no_fault() -> None:
    assert upn(" b801200005001 ") == "B801200005001"


@given(
    rest=st.text("0123456789", min_size=11, max_size=11),
    last=st.sampled_from("0123456789" + LETTERS),
    place=st.integers(0, 12),
    other=st.sampled_from("0123456789" + LETTERS),
)
def test_any_single_wrong_character_is_noticed(rest, last, place, other) -> None:
    valid = upn_check_letter(rest + last) + rest + last
    wrong = valid[:place] + other + valid[place + 1:]
    assert upn(valid) == valid
    # in a temporary UPN a letter may have a digit's weight: those few pairs look alike to the check letter
    alike = place == 12 and {str(LETTERS.index(c)) if c in LETTERS else c for c in (valid[12], other)}
    if wrong != valid and not (alike and len(alike) == 1):
        with pytest.raises(BadIdentifier):
            upn(wrong)


@pytest.mark.parametrize("text", ["330/1999", "3301999", "330 1999", " 330/1999 "])
def test_a_laestab_is_read_in_its_usual_forms(text) -> None:
    assert laestab(text) == "330/1999"


@pytest.mark.parametrize("text", ["330-1999", "33/01999", "330199", "33019990", "", "000/1999", "３３０/1999"])
def test_a_bad_laestab_is_refused_with_what_to_do(text) -> None:
    with pytest.raises(BadIdentifier, match="write three digits|correct the first three"):
        laestab(text)


def test_a_urn_has_six_digits_and_no_leading_nought() -> None:
    assert urn(" 103999 ") == "103999"
    for text in ("10399", "1039999", "003999", "10399a", ""):
        with pytest.raises(BadIdentifier, match="six digits"):
            urn(text)
