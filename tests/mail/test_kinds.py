"""Whatever a child is called and whatever people write: in each of the five messages exactly that arrives, and nothing else happens."""

import re
from datetime import datetime, timezone
from email import message_from_bytes, policy

import pypdfium2
import pytest
from sample_notification import sample
from tests.mail.pdf_text import opened, text_of

from cme.mail.kinds import NOT_HELD, OPENING, PARTS, READER, SECTIONS
from cme.mail.message import compose
from cme.mail.notification import Notification
from cme.mail.pdf import encrypt, notification_pdf
from cme.mail.render import notification_letter
from cme.rules.message_fields import FIELDS, TOGETHER, lacking
from cme.rules.messages import CME_REFERRAL, MESSAGES

AT = datetime(2026, 11, 23, 15, 10, tzinfo=timezone.utc)
HOSTILE = ["/etc/passwd", "No", "<script>alert(1)</script>", "3<5 & dad <unknown> said", "<!-- hidden", "x\r\nBcc: evil@x.example\r\n\r\nbody",
           "{{ 7*7 }}", "#panic()", "Wolfe" * 600, "\u674e\u5c0f\u9f8d", "\u0645\u062d\u0645\u062f \u0623\u062d\u0645\u062f", "Nguy\u1ec5n Th\u1ecb", "O\u2019Neill", ".",
           "From the mother", "\U0001f9d2", "=?utf-8?q?x?=", "a\u200bb"]


def sent(notification: Notification) -> tuple[dict[str, str], str]:
    """The headers and the text as they arrive."""
    letter = notification_letter(notification)
    wire = compose("school@school.example", "School", "la@la.example", letter.subject, letter.text, "<a@school.example>", AT)
    message = message_from_bytes(wire, policy=policy.default)
    return dict(message.items()), message.get_content()


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_value_arrives_exactly_and_makes_no_header_no_section_and_no_file(kind: str) -> None:
    plain_headers, _ = sent(sample(kind))
    for value in HOSTILE:
        headers, text = sent(sample(kind, pupil={"surname": value, "last_known_address": value}))
        assert " ".join(value.split()) in " ".join(text.split()), value
        assert {name: headers[name] for name in headers if name not in ("Content-Transfer-Encoding", "Content-Type")} == {
            name: plain_headers[name] for name in plain_headers if name not in ("Content-Transfer-Encoding", "Content-Type")}
        assert headers["Content-Type"].startswith("text/plain") and "CME-2026-0012" in headers["Subject"]
        assert value not in headers["Subject"] or value in ("No", ".")


@pytest.mark.parametrize("kind", MESSAGES)
def test_the_page_says_what_the_letter_says_whatever_people_write(kind: str) -> None:
    values = [value for value in HOSTILE if "\U0001f9d2" not in value and "\u674e" not in value and len(value) < 100]
    notification = sample(kind, pupil={"surname": " | ".join(values)}, lacks=("home_visits",))
    pdf = notification_pdf(notification, AT)
    said = text_of(opened(pdf))
    for value in ("/etc/passwd", "<script>alert(1)</script>", "3<5 & dad <unknown> said", "{{ 7*7 }}", "#panic()", "Nguy\u1ec5n", "home visit not recorded"):
        assert value in said, value
    assert " ".join(OPENING[kind].split()) in said
    read = pypdfium2.PdfDocument(encrypt(pdf, "three plain words here"), password="three plain words here")
    assert "CME-2026-0012" in read[0].get_textpage().get_text_bounded()


@pytest.mark.parametrize("kind", MESSAGES)
def test_empty_values_are_said_in_words_and_leave_no_hole(kind: str) -> None:
    empty = sample(kind, pupil=dict.fromkeys(FIELDS, " "), contacts=[], attempts=[], findings=[], decision=None, actions=[], history=[], codes={})
    _, text = sent(empty)
    assert text.count(NOT_HELD) >= sum(map(len, SECTIONS[kind].values()))
    assert not re.search(r"None|Undefined|: *\n\n\n", text) and "\n\n\n" not in text
    assert NOT_HELD in text_of(opened(notification_pdf(empty, AT)))
    assert set(empty.missing_fields(TOGETHER)) == set(TOGETHER) - {"school"}


def test_only_a_referral_speaks_of_missing_education_and_each_has_its_own_words() -> None:
    assert len(set(OPENING.values())) == 5 and set(OPENING) == set(READER) == set(PARTS) == set(SECTIONS) == set(MESSAGES)
    for kind in set(MESSAGES) - {CME_REFERRAL}:
        letter = notification_letter(sample(kind))
        said = (letter.subject + letter.text).replace("CME-2026-0012", "").lower()
        assert "cme" not in said and "missing" not in said and "referral" not in said, kind


def test_a_sickness_return_holds_no_more_than_it_needs() -> None:
    text = notification_letter(sample("sickness_return")).text
    for word in ("Marta", "nobody at home", "Neglect", "Known formerly", "decided: refer", "No contact since", "female"):
        assert word not in text, word


def test_what_is_lacking_has_words_for_every_field_that_can_be_asked_for() -> None:
    for name in (*FIELDS, *TOGETHER):
        assert lacking(name).endswith(("not held", "not recorded")) and "_" not in lacking(name)
    assert (lacking("home_visits"), lacking("sex")) == ("home visit not recorded", "sex not held")
    for message in MESSAGES.values():
        assert set(message.required) <= {*FIELDS, *TOGETHER}


def test_a_message_passed_on_to_the_school_of_registration_says_whose_it_is() -> None:
    text = " ".join(notification_letter(sample(passed_on=True, authority="Tansy Hill Academy (invented)")).text.split())
    assert "stands on your roll" in text and "attendance and safeguarding leads of Tansy Hill" in text and "We refer to you" not in text
