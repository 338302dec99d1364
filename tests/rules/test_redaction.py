"""Third parties in what people typed are replaced, the child's own are not, and nothing of ours is taken for a telephone number."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cme.rules.redaction import CHILD, DETAIL, PERSON, Redaction


@pytest.fixture
def redaction() -> Redaction:
    return Redaction({"Tamsin Okafor": CHILD, "Okafor Tamsin": CHILD, "Mary Jane O'Dowd": CHILD, "Z123456789012": CHILD, "Ada Okafor": PERSON},
                     forenames=("Tamsin", "May", "Al"), allowed=("07700 900101", "aoife@home.example"), own=("P-1", "CME-2026-0001"))


@pytest.mark.parametrize(("said", "left"), [
    ("seen with Tamsin Okafor today", f"seen with {CHILD} today"), ("OKAFOR, Tamsin rang", f"{CHILD} rang"), ("tamsin okafor", CHILD),
    ("Mary-Jane O'Dowd's mother", f"{CHILD}'s mother"), ("asked Tamsin's brother", f"asked {CHILD}'s brother"), ("UPN Z123456789012.", f"UPN {CHILD}."),
    ("spoke to Ada Okafor", f"spoke to {PERSON}"), ("in may she came; May did not", f"in may she came; {CHILD} did not"),
    ("rang 07700 900199, then (0121) 496-0199", f"rang {DETAIL}, then {DETAIL}"), ("rang +44 7700 900199", f"rang {DETAIL}"),
    ("wrote to other@home.example", f"wrote to {DETAIL}"), ("see P-2 and CME-2026-0009", f"see {CHILD} and {CHILD}")])
def test_a_third_party_is_replaced_however_it_is_written(redaction: Redaction, said: str, left: str) -> None:
    assert redaction.text(said) == left and redaction.counts.total() == left.count("[")


@pytest.mark.parametrize("said", [
    "rang +44 7700 900101 at 09:30:05 on 2026-11-23", "wrote to AOIFE@home.example", "P-1, CME-2026-0001", "Okafor Road", "Tamsington", "Allow Al",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "all 20 sessions, 10 >= 10", "2026-11-23T09:30:00+00:00"])
def test_what_is_the_child_s_own_or_ours_stays(redaction: Redaction, said: str) -> None:
    assert redaction.text(said) == said and not redaction.counts


@pytest.mark.parametrize(("said", "left"), [
    ("asked Tamsin", f"asked {CHILD}"), ("Tamsin Okafor Tamsin Okafor", f"{CHILD} {CHILD}"), ("May May", f"{CHILD} {CHILD}"),
    ("upn z123456789012", f"upn {CHILD}"), ("Okafor; Tamsin", f"Okafor; {CHILD}"), ("Ada (Okafor)", "Ada (Okafor)"), ("Okafor Walk", "Okafor Walk"),
    ("Mary Poppins", "Mary Poppins"), ("Ada \t\r\n\u00a0,.-'\u2019\u2010\u2011Okafor", PERSON), ("...", "..."), ("", "")])
def test_a_name_is_found_wherever_it_stands_and_only_in_one_piece(redaction: Redaction, said: str, left: str) -> None:
    assert redaction.text(said) == left


@pytest.mark.parametrize("held", ["Mary-Jane", "mary-jane", "Mary Jane", "MARY-JANE"])
def test_a_forename_of_two_words_is_found_alone_however_it_is_held(held: str) -> None:
    assert Redaction(forenames=(held,)).text("asked Mary-Jane, then Mary and Jane") == f"asked {CHILD}, then Mary and Jane"


@pytest.mark.parametrize("held", ["jay", "JAY", "Jay"])
def test_a_forename_that_is_held_in_small_letters_is_found_with_a_capital(held: str) -> None:
    assert Redaction(forenames=(held, "X", "Bo", "--", "---")).text("Jay rang about a jay; X, Bo") == f"{CHILD} rang about a jay; X, Bo"


def test_of_two_names_that_begin_alike_the_longer_one_is_replaced() -> None:
    assert Redaction({"Ada": PERSON, "Ada Okafor": CHILD}).text("Ada Okafor and Ada") == f"{CHILD} and {PERSON}"
    assert Redaction({"Ada": CHILD, "Ada Okafor": PERSON}, forenames=("Ada",)).text("Ada Okafor and Ada; ada") == f"{PERSON} and {CHILD}; ada"


def test_a_name_that_is_held_twice_is_replaced_once_and_counted_once() -> None:
    redaction = Redaction({"Tamsin": PERSON}, forenames=("Tamsin",))
    assert redaction.text("rang Tamsin, P-7") == f"rang {PERSON}, {CHILD}" and redaction.counts == {PERSON: 1, CHILD: 1}


def test_texts_inside_lists_and_dicts_are_replaced_and_numbers_are_not_touched(redaction: Redaction) -> None:
    assert redaction.all({"note": ["Tamsin Okafor", 5, None, {"a": "P-2"}]}) == {"note": [CHILD, 5, None, {"a": CHILD}]}


def test_thousands_of_names_in_a_long_text_take_no_time(redaction: Redaction) -> None:
    many = Redaction({f"Quince{n} Marlowe{n}": CHILD for n in range(4000)})
    begun = time.process_time()
    assert many.text("Rang twice about Quince7 Marlowe7 and nobody else. " * 4000).count(CHILD) == 4000
    assert time.process_time() - begun < 5


@given(st.text(alphabet="TamsinOkfr ,\n\u00e9.;:[]", max_size=120))
def test_nothing_else_of_a_text_is_lost(said: str) -> None:
    redaction = Redaction({"Tamsin Okafor": CHILD})
    left = redaction.text(f"{said} | Tamsin Okafor | {said}")
    assert left.startswith(redaction.text(said + " |")[:-1]) and CHILD in left
    if "tamsin" not in said.casefold():
        assert left == f"{said} | {CHILD} | {said}"
