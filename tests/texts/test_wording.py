"""What is written to parents says what it must and nothing it must not, in every language; a translation nobody confirmed is not used."""

import re
from dataclasses import replace
from datetime import datetime, timezone
from importlib.resources import files
from typing import Any

import pytest
from sqlalchemy import select
from tests.steps.school import School

from cme.config.policies import load
from cme.errors import BadInput
from cme.mail.message import compose
from cme.mail.render import letter, text_message
from cme.mail.texts import LONGEST
from cme.records.history import events
from cme.records.tables import Outbox
from cme.rules.languages import NAMES, language_of
from cme.steps.view import WORDS
from cme.steps.wording import language_for

FOLDER = files("cme.mail") / "letters"
FILES = sorted(path.name.removesuffix(".txt").partition(".")[::2] for path in (files("cme.mail") / "letters").iterdir() if "_text." in path.name)
VALUES: dict[str, dict[str, Any]] = {
    "parent_contact_text": {"date": "Monday 23 November 2026", "telephone": "0121 496 0123", "school": "Larkspur Bridge School"}}


@pytest.mark.parametrize(("name", "language"), FILES)
def test_a_text_is_short_on_one_line_and_holds_no_hole(name: str, language: str) -> None:
    text = text_message(name, language, **VALUES[name])
    assert 40 < len(text) < LONGEST / 2 and not re.search(r"None|Undefined|[{}]|  |\n\n", text)
    shown = VALUES[name] if language == "en" else {**VALUES[name], "date": "23/11/2026"}
    assert all(value in text for value in shown.values())


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


TRANSLATED = ("parent_contact", "parent_contact_text")
OTHERS = [language for language in NAMES if language != "en"]


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("name", TRANSLATED)
def test_a_translation_has_the_same_fields_as_the_english_and_says_that_nobody_confirmed_it(name: str, language: str) -> None:
    def fields(of: str) -> list[str]:
        text = (FOLDER / f"{name}.{of}.txt").read_text(encoding="utf-8")
        return sorted(re.findall(r"{[{%].*?[}%]}", text.replace(" | numeric", "")))

    text = (FOLDER / f"{name}.{language}.txt").read_text(encoding="utf-8")
    assert fields(language) == fields("en") and text.startswith("{# translation not confirmed #}\n")
    paragraphs = [len((FOLDER / f"{name}.{each}.txt").read_text(encoding="utf-8").strip().split("\n\n")) for each in ("en", language)]
    assert paragraphs[0] == paragraphs[1], "a paragraph was left out, or added"


@pytest.mark.parametrize("language", OTHERS)
def test_a_translated_letter_can_be_sent_as_mail(language: str) -> None:
    subject, text = letter("parent_contact", language, **VALUES["parent_contact_text"])
    assert subject.startswith("Please contact the school today (") and "23/11/2026" in text and "Monday" not in text
    assert compose("a@school.example", "School", "b@home.example", subject, text, "<r@school.example>", datetime(2026, 11, 23, tzinfo=timezone.utc))
    assert letter("parent_contact", language, telephone="0121 496 0123", school="Larkspur").text.count("23/11") == 0


@pytest.mark.parametrize(("held", "language"), [
    ("", "en"), ("en", "en"), ("English", "en"), ("pl", "pl"), ("Polish", "pl"), ("pl-PL", "pl"), ("POL", "pl"), ("Urdu", "ur"), ("ar_SY", "ar"),
    ("Arabic (Iraq)", "ar"), (" som ", "so"), ("ron", "ro"), ("Klingon", None), ("zh", None)])
def test_a_language_is_read_however_a_school_holds_it(held: str, language: str | None) -> None:
    assert language_of(held) == language


@pytest.mark.parametrize(("held", "confirmed", "production", "used", "why"), [
    ("Polish", (), False, "pl", ""), ("Polish", (), True, "en", "the translation into Polish is not confirmed"), ("Polish", ("pl",), True, "pl", ""),
    ("en", (), True, "en", ""), ("Klingon", ("pl",), False, "en", "there are no letters in the language that is held")])
def test_in_production_only_a_confirmed_translation_is_used(held: str, confirmed: tuple[str, ...], production: bool, used: str, why: str) -> None:
    policies = load()
    policies = replace(policies, school=replace(policies.school, confirmed_translations=frozenset(confirmed)))
    assert language_for(policies, "parent_contact_text", held, production=production) == (used, why)
    assert language_for(policies, "register_overdue_teacher", "pl", production=False)[0] == "en"


def test_who_is_written_to_in_english_instead_of_their_language_stands_in_the_history_once(school: School) -> None:
    for _ in range(2):
        with school.transaction() as session:
            for held in ("pl", "zh"):
                common: dict[str, Any] = {"subject_of": "R-1", "stamp": school.stamp(), "language": held, "date": "Monday 23 November 2026",
                                          "telephone": "0121 496 0104"}
                school.queue_text(session, "parent_contact_text", to="07700 900101", dedupe_key=f"t{held}", **common)
                school.queue_letter(session, "parent_contact", to="a@home.example", dedupe_key=f"m{held}", **common)
    with school.transaction() as session:
        said = [event for event in events(session, "R-1") if event.what == "message.in_english"]
        sealed = {row.dedupe_key: school.sealer.open(row.sealed).decode() for row in session.scalars(select(Outbox))}
    assert [event.data["kind"] for event in said] == ["parent_contact_text", "parent_contact"] and said[0].what in WORDS
    assert "Prosimy" in sealed["tpl"] and "Please ring us" in sealed["tzh"]
