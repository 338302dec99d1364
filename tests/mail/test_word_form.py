"""An authority's own Word form is filled with text, in a sandbox, and with no hole."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from docx import Document
from sample_notification import NOTHING_KNOWN, sample

from cme.mail.word_form import UnusableForm, fill

FORM = (Path(__file__).parents[2] / "config/authorities/forms/birmingham-cme-referral.docx").read_bytes()


def words(form: bytes) -> str:
    document = Document(io.BytesIO(form))
    return "\n".join([*(p.text for p in document.paragraphs),
                      *(cell.text for table in document.tables for row in table.rows for cell in row.cells)])


@pytest.fixture
def form_with() -> Callable[[str], bytes]:
    def make(text: str) -> bytes:
        document, made = Document(), io.BytesIO()
        document.add_paragraph(text)
        document.save(made)
        return made.getvalue()
    return make


def test_every_place_of_the_form_is_filled_and_what_is_not_held_is_said() -> None:
    for notification in (sample(), NOTHING_KNOWN):
        said = words(fill(FORM, notification))
        assert "{" not in said and "not held by the school" in said and "CME-2026-0012" in said
    assert "Testington-\u0141ukasz" in words(fill(FORM, sample())) and "nobody at home" in words(fill(FORM, sample()))


@pytest.mark.parametrize("text", ["A & B < C > D", "{{ 7*7 }} {% for x in y %}", "<w:p/>", "]]>", "\u674e\u5c0f\u9f8d", "\u0645\u062d\u0645\u062f",
                                  "Ng\u1ecdc \U0001f9d2", "/etc/passwd", "W" * 3000])
def test_a_value_is_text_and_arrives_exactly(text: str) -> None:
    assert text in words(fill(FORM, sample(pupil={"surname": text})))


def test_line_breaks_stay_and_what_no_document_can_hold_is_marked() -> None:
    said = words(fill(FORM, sample(pupil={"circumstances": "one\ntwo", "surname": "a\x00b\x0bc\ud800"})))
    assert "one\ntwo" in said and "a\ufffdb\ufffdc\ufffd" in said


def test_a_place_that_we_do_not_know_is_said_by_name_and_no_value(form_with: Callable[[str], bytes]) -> None:
    with pytest.raises(UnusableForm, match="shoe_size") as caught:
        fill(form_with("{{ f.shoe_size }}"), sample())
    assert "Testington" not in str(caught.value)


@pytest.mark.parametrize("place", ["{{ ''.__class__.__mro__ }}", "{{ f.__init__.__globals__ }}", "{{ f.pop('surname') }}", "{% include '/etc/passwd' %}",
                                   "{{ cycler.__init__.__globals__.os.popen('id').read() }}"])
def test_a_form_that_asks_for_more_than_values_gets_nothing(form_with: Callable[[str], bytes], place: str) -> None:
    try:
        said = words(fill(form_with(place), sample()))
    except UnusableForm:
        return
    assert "root:" not in said and "uid=" not in said and "class" not in said


@pytest.mark.parametrize("form", [b"", b"not a document", b"PK\x03\x04 broken", FORM[:5000]])
def test_a_file_that_is_no_form_is_refused_in_one_sentence(form: bytes) -> None:
    with pytest.raises(UnusableForm, match="save it anew"):
        fill(form, sample())
