"""The approved texts to parents say what they must and nothing they must not, in every language."""

import re
from importlib.resources import files
from typing import Any

import pytest

from cme.errors import BadInput
from cme.mail.render import text_message
from cme.mail.texts import LONGEST

FILES = sorted(path.name.removesuffix(".txt").partition(".")[::2] for path in (files("cme.mail") / "letters").iterdir() if "_text." in path.name)
VALUES: dict[str, dict[str, Any]] = {
    "parent_contact_text": {"date": "Monday 23 November 2026", "telephone": "0121 496 0123", "school": "Larkspur Bridge School"}}


@pytest.mark.parametrize(("name", "language"), FILES)
def test_a_text_is_short_on_one_line_and_holds_no_hole(name: str, language: str) -> None:
    text = text_message(name, language, **VALUES[name])
    assert 40 < len(text) < LONGEST / 2 and not re.search(r"None|Undefined|[{}]|  |\n\n", text)
    assert all(value in text for value in VALUES[name].values())


@pytest.mark.parametrize("name", VALUES)
def test_a_text_with_an_empty_or_missing_value_is_refused(name: str) -> None:
    for field in VALUES[name]:
        with pytest.raises(BadInput, match=name):
            text_message(name, **{**VALUES[name], field: " "})
        with pytest.raises(BadInput, match=name):
            text_message(name, **{key: value for key, value in VALUES[name].items() if key != field})


@pytest.mark.parametrize("name", VALUES)
def test_a_text_to_a_parent_holds_no_child_no_reason_no_fine_and_nothing_about_safeguarding(name: str) -> None:
    text = text_message(name, **VALUES[name]).lower()
    for word in ("fine", "penalty", "safeguard", "social", "police", "prosecut", "missing", "truant", "court", "law", "cme"):
        assert word not in text, word
