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
