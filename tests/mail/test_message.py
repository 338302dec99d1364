"""What is written is what arrives: exactly, and nothing else."""

import email
from datetime import datetime, timezone
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cme.errors import BadInput
from cme.mail.message import compose, message_id_for

ROW = "<0123456789abcdef@school.example>"
AT = datetime(2026, 11, 23, 9, 30, tzinfo=timezone.utc)


def made(text: str = "Text.", **changes: Any) -> bytes:
    fields = {"sender": "cme@school.example", "sender_name": "Canal Bridge School", "recipient": "cme.officer@la.example",
              "subject": "Case CME-2026-0012", "text": text, "message_id": ROW, "date": AT, **changes}
    return compose(**fields)


def read(wire: bytes) -> EmailMessage:
    return email.message_from_bytes(wire, policy=default)


def text_of(wire: bytes) -> str:
    """The text as a mail program shows it; on the wire its lines end in CR LF."""
    return read(wire).get_body(("plain",)).get_content().replace("\r\n", "\n")


def test_the_headers_stand_once_and_in_full() -> None:
    headers = [(name, str(value)) for name, value in read(made(reply_to="dsl@school.example")).items()]
    assert headers[:7] == [
        ("From", "Canal Bridge School <cme@school.example>"), ("To", "cme.officer@la.example"),
        ("Reply-To", "dsl@school.example"),
        ("Subject", "Case CME-2026-0012"), ("Message-ID", ROW), ("Date", "Mon, 23 Nov 2026 09:30:00 +0000"),
        ("Auto-Submitted", "auto-generated")]
    assert len({name for name, _ in headers}) == len(headers)


def test_a_message_that_follows_another_up_names_it_and_answers_go_to_all_who_wait() -> None:
    message = read(made(reply_to=("dsl@school.example", "cme@school.example"), answers="<fedcba9876543210@school.example>"))
    assert message["Reply-To"] == "dsl@school.example, cme@school.example"
    assert message["In-Reply-To"] == message["References"] == "<fedcba9876543210@school.example>"
    assert "In-Reply-To" not in read(made()) and message["Message-ID"] == ROW


def test_the_same_message_is_the_same_bytes() -> None:
    assert made() == made()


@pytest.mark.parametrize("text", [
    "/etc/passwd", "pyproject.toml", "http://127.0.0.1/page", "<link rel=stylesheet href=http://127.0.0.1/x.css>",
    "3<5 & dad <unknown> said <!-- and more", "<script>alert(1)</script>", "Bcc: someone@else.example\n\nnot a header",
    ".\nMAIL FROM:<x@y.example>\n.", "From here on\nFrom there", "=3D=20 not quoted-printable", "x" * 5000, "No",
    "Ng\u1ecdc Tr\u1ea7n-\u0141ukasz Ap\u0302 Zo\u00eb \u0645\u062d\u0645\u062f \u674e\u5c0f\u9f8d \U0001f642"])
def test_a_text_is_text_and_arrives_exactly(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "No").write_text("a file with the name of the text")
    wire = made(text)
    assert text_of(wire) == text + "\n"
    assert wire.isascii() and max(map(len, wire.split(b"\r\n"))) <= 998
    assert [part.get_content_type() for part in read(wire).walk()] == ["text/plain"]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), min_size=1).filter(str.strip))
def test_any_text_arrives_exactly(text: str) -> None:
    assert text_of(made(text)) == (text if text.endswith("\n") else text + "\n")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_no_sender_name_makes_a_second_header(name: str) -> None:
    message = read(made(sender_name=name))
    assert message["From"].addresses[0].addr_spec == "cme@school.example"
    assert len(message["From"].addresses) == 1
    assert message["Subject"] == "Case CME-2026-0012"
    assert "Bcc" not in message


def test_carriage_returns_of_a_form_become_line_ends_and_control_characters_are_marked() -> None:
    assert text_of(made("one\r\ntwo\rthree\0four\x1bfive")) == "one\ntwo\nthree\ufffdfour\ufffdfive\n"


@pytest.mark.parametrize("changes", [
    {"subject": "two\nlines"}, {"subject": "two\r\nBcc: x@y.example"}, {"subject": ""}, {"subject": "Zo\u00eb"},
    {"subject": "x" * 151}, {"subject": "tab\there"}, {"text": ""}, {"text": " \n"}, {"text": None}, {"text": "half \ud83d"},
    {"sender": "dsl"},
    {"recipient": "a@b.example,c@d.example"}, {"recipient": "a@b.example\n"}, {"recipient": ""}, {"recipient": None},
    {"reply_to": "nobody"}, {"reply_to": ("dsl@school.example", "a@b.example\r\nBcc: x@y.example")}, {"answers": "<a b@school.example>"},
    {"answers": "<a@school.example>\r\nBcc: x@y.example"}, {"message_id": "no-brackets@school.example"}, {"message_id": "<a b@school.example>"},
    {"message_id": f"<{'x' * 60}@{'y' * 20}.example>"}, {"date": datetime(2026, 11, 23, 9, 30)},
    {"attachments": [("a b.pdf", "application/pdf", b"x")]}, {"attachments": [("a.pdf", "none", b"x")]},
    {"attachments": [("a.pdf", "application/pdf", b"")]}, {"attachments": [("../a.pdf", "application/pdf", b"x")]},
    {"attachments": [("a.html", "text/html", b"x")]}],
    ids=lambda changes: f"{next(iter(changes))} {str(next(iter(changes.values())))[:24]!a}")
def test_what_cannot_be_sent_is_refused_without_quoting_it(changes: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as caught:
        made(**changes)
    for value in changes.values():
        if isinstance(value, str) and len(value) > 4:
            assert value not in str(caught.value)


def test_an_attached_file_arrives_byte_for_byte() -> None:
    content = bytes(range(256)) * 50
    wire = made(attachments=[("CME-2026-0012.pdf", "application/pdf", content)])
    [part] = read(wire).iter_attachments()
    assert (part.get_filename(), part.get_content_type(), part.get_content()) == ("CME-2026-0012.pdf", "application/pdf", content)
    assert part.get_content_disposition() == "attachment"
    assert text_of(wire) == "Text.\n"


def test_a_message_id_is_short_and_its_own() -> None:
    assert message_id_for("ab12", "school.example") == "<ab12@school.example>"
    assert message_id_for("ab12", "school.example") != message_id_for("ab13", "school.example")
    assert len(message_id_for("0" * 24, "a-school-with-a-long-name.birmingham.sch.uk")) <= 76
    for domain in ("", "a b", "x" * 60 + ".example", "school.example>\r\nBcc: x@y.example"):
        with pytest.raises(BadInput):
            message_id_for("0" * 24, domain)
