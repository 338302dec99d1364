"""Handing a text over: an answer's type is its fate, and a lost answer is never taken for a refusal."""

import json
import socket
from collections.abc import Callable

import pytest

from cme.errors import Ambiguous, BadInput, CmeError, Misconfigured, Permanent, Transient
from cme.mail.fake_notify import FakeNotify
from cme.mail.fake_phones import KEPT_500, KEY, LOST, NO_JSON, NOTIFY_NUMBER, TEMPLATE, Phones
from cme.mail.numbers import number_of, textable
from cme.mail.texts import LONGEST, SafeTexts, text_wire

NUMBER = "07700 900101"
WIRE = text_wire("Please ring us today. \u0141\u00f3d\u017a", "row1")
PLAIN = text_wire("Please ring us today.", "row1")


@pytest.fixture
def texts(service: FakeNotify) -> SafeTexts:
    return SafeTexts(KEY, TEMPLATE, url=service.url, timeout=2)


def never() -> None:
    raise AssertionError("nothing may go out")


def go() -> None:
    pass


def test_a_text_arrives_word_for_word_under_the_rows_reference(texts: SafeTexts, phones: Phones) -> None:
    said = texts.hand_over(NUMBER, WIRE, go)
    [text] = phones.texts
    assert (text.id, text.to, text.reference, text.body) == (said.text, "+447700900101", "row1", "Please ring us today. \u0141\u00f3d\u017a")


def test_the_point_of_no_return_is_called_before_anything_leaves_and_stops_it(texts: SafeTexts, phones: Phones) -> None:
    seen: list[int] = []
    texts.hand_over(NUMBER, WIRE, lambda: seen.append(len(phones.texts)))
    assert seen == [0]

    def stop() -> None:
        raise KeyError("lost claim")
    with pytest.raises(KeyError):
        texts.hand_over(NUMBER, WIRE, stop)
    assert len(phones.texts) == 1


def test_letters_that_the_service_cannot_write_are_found_out_before_anything_is_sent(texts: SafeTexts, phones: Phones) -> None:
    phones.latin_only = True
    with pytest.raises(Permanent, match="letters of this language"):
        texts.hand_over(NUMBER, text_wire("\u064a\u064f\u0631\u062c\u0649?", "row1"), never)
    assert texts.hand_over(NUMBER, text_wire("Why? \u0141\u00f3d\u017a", "row2"), go) and len(phones.texts) == 1


@pytest.mark.parametrize(("fault", "fate", "kept"), [
    (LOST, Ambiguous, 1), (KEPT_500, Ambiguous, 1), (NO_JSON, Ambiguous, 1), ("500", Ambiguous, 0), ("429", Transient, 0),
    ("403", Misconfigured, 0), ("trial mode", Misconfigured, 0)])
def test_each_fault_has_its_fate(texts: SafeTexts, phones: Phones, fault: str, fate: type[CmeError], kept: int) -> None:
    phones.faults.append(fault)
    with pytest.raises(CmeError) as raised:
        texts.hand_over(NUMBER, PLAIN, go)
    assert type(raised.value) is fate and len(phones.texts) == kept
    assert len(texts.find("row1")) == kept                                 # the oracle knows which of the two it was


def test_an_answer_that_does_not_come_in_time_is_ambiguous() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        texts = SafeTexts(KEY, TEMPLATE, url=f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2)
        with pytest.raises(Ambiguous):
            texts.hand_over(NUMBER, PLAIN, go)


def test_where_no_connection_is_made_nothing_was_accepted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(CmeError) as raised:
        SafeTexts(KEY, TEMPLATE, url=f"http://127.0.0.1:{port}", timeout=2).hand_over(NUMBER, WIRE, go)
    assert type(raised.value) is Transient


@pytest.mark.parametrize("change", [{"template": "11111111-2222-3333-4444-555555555555"}, {"key": KEY[:-1] + "0"}])
def test_a_wrong_template_or_key_is_for_a_person_to_mend_and_the_text_waits(service: FakeNotify, change: dict[str, str]) -> None:
    wanted = {"key": KEY, "template": TEMPLATE, **change}
    with pytest.raises(Misconfigured):
        SafeTexts(wanted["key"], wanted["template"], url=service.url).hand_over(NUMBER, WIRE, go)


def test_what_the_service_cannot_read_as_a_number_is_permanent_and_says_no_number(texts: SafeTexts, phones: Phones,
                                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cme.mail.texts.number_of", lambda _: "+447700900")
    monkeypatch.setattr("cme.mail.texts.is_nobodys", lambda _: True)
    with pytest.raises(Permanent) as raised:
        texts.hand_over("", WIRE, go)
    assert type(raised.value) is Permanent and "7700" not in str(raised.value)


def test_a_key_without_the_form_of_one_is_said_before_anything_is_sent() -> None:
    with pytest.raises(Misconfigured, match="CME_NOTIFY_KEY"):
        SafeTexts("secret", TEMPLATE)


def test_outside_of_production_only_numbers_that_are_nobodys_get_a_text(texts: SafeTexts) -> None:
    with pytest.raises(Misconfigured, match="outside of production"):
        texts.hand_over("07911 123456", WIRE, never)


@pytest.mark.parametrize(("held", "number"), [
    ("07700 900101", "+447700900101"), ("+44 7700 900101", "+447700900101"), ("(07911) 123456", "+447911123456"),
    ("0044 7911 123456", "+447911123456"), ("+48 601 123 456", "+48601123456"), (" 07911-123456 ", "+447911123456")])
def test_a_number_is_read_however_a_school_writes_it(held: str, number: str) -> None:
    assert number_of(held) == number and textable(held)


@pytest.mark.parametrize("held", ["", "none", "0121 496 0101", "07911 12345", "07911 1234567", "07911123456 / 07911123457", "07911 123456 x12"])
def test_a_number_that_no_text_can_go_to_is_refused_in_a_sentence_without_it(held: str, texts: SafeTexts) -> None:
    with pytest.raises(BadInput) as raised:
        texts.hand_over(held, WIRE, never)
    assert not any(part.isdigit() for part in str(raised.value)) and not textable(held)


@pytest.mark.parametrize("words", ["", " ", "x" * (LONGEST + 1)])
def test_a_text_without_words_or_with_too_many_is_refused(words: str) -> None:
    with pytest.raises(BadInput, match="characters"):
        text_wire(words, "row1")


def test_the_stored_bytes_say_the_words_the_setting_of_the_template_and_the_row() -> None:
    assert json.loads(text_wire("Ring us.", "row1")) == {"text": "Ring us.", "template": "notify_template", "reference": "row1"}


def test_all_pages_of_texts_and_of_replies_are_read(texts: SafeTexts, phones: Phones) -> None:
    phones.page = 2
    for n in range(5):
        texts.hand_over(NUMBER, text_wire("Ring us.", f"row{n}"), go)
        phones.receive(f"+44770090010{n}", f"answer {n}")
    assert [each.reference for each in texts.statuses()] == [f"row{n}" for n in (4, 3, 2, 1, 0)]
    assert [(each.sender, each.text) for page in texts.received_pages() for each in page] == [(f"+44770090010{n}", f"answer {n}") for n in (4, 3, 2, 1, 0)]


def test_a_service_without_replies_has_none(texts: SafeTexts) -> None:
    assert list(texts.received_pages()) == [] and list(texts.statuses()) == []


@pytest.mark.parametrize(("fault", "fate"), [("500", Transient), (LOST, Transient), (NO_JSON, Transient), ("429", Transient), ("403", Misconfigured)])
@pytest.mark.parametrize("ask", [lambda texts: texts.find("row1"), lambda texts: list(texts.received_pages()), lambda texts: texts.check()])
def test_a_question_without_an_answer_can_be_asked_again(texts: SafeTexts, phones: Phones, fault: str, fate: type[CmeError],
                                                        ask: Callable[[SafeTexts], object]) -> None:
    phones.faults.append(fault)
    with pytest.raises(CmeError) as raised:
        ask(texts)
    assert type(raised.value) is fate
    ask(texts)


def test_a_template_with_other_placeholders_is_found_out(texts: SafeTexts, monkeypatch: pytest.MonkeyPatch) -> None:
    texts.check()
    monkeypatch.setattr("cme.mail.fake_notify.PLACEHOLDER", "name")
    with pytest.raises(Misconfigured, match="CME_NOTIFY_TEMPLATE"):
        texts.check()


def test_a_sender_from_abroad_or_a_short_code_is_kept_as_it_came(texts: SafeTexts, phones: Phones) -> None:
    for sender in ("48601123456", "86286", NOTIFY_NUMBER):
        phones.receive(sender, "x")
    assert [each.sender for page in texts.received_pages() for each in page] == ["+447700900999", "86286", "+48601123456"]
