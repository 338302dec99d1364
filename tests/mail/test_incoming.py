"""What comes in is told apart: came back, held up, delivered, answered by a machine, written by somebody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import OFFICER, OURS, dsn, exchange, old_delay, qmail, written

from cme.mail.incoming import AUTOMATIC, BOUNCED, DELAYED, DELIVERED, WRITTEN, read_mail


@pytest.mark.parametrize(("raw", "kind"), [
    (dsn(), BOUNCED), (dsn(headers_only=False), BOUNCED), (exchange(), BOUNCED), (qmail(), BOUNCED),
    (dsn("delayed", "4.4.1", "smtp; connection timed out"), DELAYED), (old_delay(), DELAYED),
    (dsn("delivered", "2.0.0", "smtp; 250 ok"), DELIVERED), (dsn("relayed", "2.0.0", "smtp; 250 ok"), DELIVERED),
    (written(), WRITTEN), (written(more="Auto-Submitted: no\r\n"), WRITTEN),
    (written(more="Auto-Submitted: auto-replied\r\n"), AUTOMATIC), (written(more="X-Autoreply: yes\r\n"), AUTOMATIC),
    (written(more="Precedence: bulk\r\n"), AUTOMATIC), (written(subject="Automatic reply: CME referral CME-2026-0001"), AUTOMATIC),
    (written(subject="Out of office: RE: CME referral"), AUTOMATIC),
    (written(more="Return-Path: <>\r\nAuto-Submitted: auto-replied (vacation)\r\n", text="I could not be delivered from work"), AUTOMATIC)],
    ids=lambda value: value if isinstance(value, str) else "")
def test_a_mail_is_what_it_is_and_names_the_message_it_is_about(raw: bytes, kind: str) -> None:
    mail = read_mail(raw)
    assert mail.kind == kind and OURS in mail.ids


def test_of_several_recipients_the_worst_counts() -> None:
    group = f"Final-Recipient: rfc822; b@la.example\r\nAction: delayed\r\nStatus: 4.0.0\r\n\r\nFinal-Recipient: rfc822; {OFFICER}\r\nAction: failed"
    raw = dsn("delivered", "2.0.0", "x").replace(b"Action: delivered", group.encode())
    assert read_mail(raw).kind == BOUNCED


def test_the_servers_words_are_kept_without_an_address() -> None:
    assert read_mail(dsn()).said == "5.1.1 550 5.1.1 (address) no such person"
    assert read_mail(qmail()).said == "5.1.1"
    assert "@" not in read_mail(exchange()).said


def test_a_report_about_a_message_without_its_headers_is_matched_by_its_text() -> None:
    raw = dsn(original="<other@school.example>").replace(b"This is the mail system.", b"About <id " + OURS.encode() + b">.")
    cut = raw[:raw.index(b"--=b\r\nContent-Type: text/rfc822-headers")] + b"--=b--\r\n"
    assert OURS in read_mail(cut).ids


def test_a_reference_in_the_subject_is_found_however_it_is_encoded() -> None:
    for subject in ("AW: [EXT] CME referral CME-2026-0001", "=?utf-8?b?UmU6IENNRSByZWZlcnJhbCBDTUUtMjAyNi0wMDAx?=", "re: cme-2026-0001 received"):
        assert read_mail(written(subject=subject, answers="")).references == ("CME-2026-0001",)
    assert read_mail(written(subject="Roll-change return ROLL-2026-3FA9C2", answers="")).references == ("ROLL-2026-3FA9C2",)
    assert read_mail(written(subject="Your order", answers="")).references == ()


def test_the_senders_address_is_plain() -> None:
    assert read_mail(written(sender="Officer@LA.example")).sender == "officer@la.example"


@pytest.mark.parametrize("raw", [
    b"", b"\0\xff\xfe", b"From\r\n\r\n", b"Subject: =?klingon?b?!!!?=\r\nFrom: <<>>\r\n\r\nx", b"Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\n",
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\n\xff\r\n--x--",
    b"Content-Type: message/delivery-status\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!", b"Message-ID: \r\nIn-Reply-To: <a b>\r\n\r\n"])
def test_a_broken_mail_is_one_that_a_person_must_read(raw: bytes) -> None:
    mail = read_mail(raw)
    assert mail.kind == WRITTEN and mail.ids == ()


@given(st.binary(max_size=400), st.sampled_from([dsn(), exchange(), written(), b""]), st.integers(0, 900))
def test_no_bytes_stop_the_reader(noise: bytes, base: bytes, at: int) -> None:
    mail = read_mail(base[:at] + noise + base[at:])
    assert mail.kind in (BOUNCED, DELAYED, DELIVERED, AUTOMATIC, WRITTEN) and len(mail.digest) == 64
