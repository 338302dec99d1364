"""The whole way with programs of the field: our outbox, Debian's Exim by STARTTLS with a private authority, Debian's Dovecot for what comes back."""

import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from real_servers import house as house
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from token_server import CLIENT, SECRET

from cme.errors import Misconfigured, Permanent, Transient
from cme.mail.incoming import BOUNCED, read_mail
from cme.mail.mailbox import Found, Mailbox
from cme.mail.message import compose, message_id_for
from cme.mail.smtp import SafeMail
from cme.mail.tokens import AccessToken
from cme.records import outbox
from cme.records.history import Stamp
from cme.records.sealing import Sealer
from cme.records.tables import Outbox

AT, SEALER = datetime(2026, 11, 23, 9, 30, tzinfo=timezone.utc), Sealer("a secret of the tests, long enough")
HOSTILE = ".a dot\n..\n.\nMAIL FROM:<x@y.example>\n/etc/passwd\n<script>alert(1)</script> & </pre>\nFrom here on\n" + "Ng\u1ecdc \u0645\u062d\u0645\u062f " * 400


def mailer(house: Any, **changes: Any) -> SafeMail:
    return SafeMail("cme@school.example", "School", "127.0.0.1", house.port,
                    **{"tls": "starttls", "ca": house.trust, "login": ("cme", "right-password"), **changes})


def mailbox(house: Any, **changes: Any) -> Mailbox:
    return Mailbox("127.0.0.1", house.dovecot.port, **{"tls": "ssl", "user": "cme", "sign_in": "right-password", "ca": house.trust, **changes})


def put(engine: Engine, recipient: str, text: str, attachments: Any = ()) -> tuple[str, bytes]:
    row_id = outbox.new_row_id()
    message_id = message_id_for(row_id, "school.example")
    wire = compose("cme@school.example", "School", recipient, "CME referral CME-2026-0012", text, message_id, AT, attachments)
    with Session(engine) as session, session.begin():
        return outbox.queue(session, sealer=SEALER, dedupe_key=f"letter:{row_id}", kind="la_cme_referral", subject_of="CME-2026-0012", recipient=recipient,
                            mail_subject="CME referral CME-2026-0012", message_id=message_id, wire=wire, row_id=row_id, stamp=Stamp("machine", AT)), wire


def soon(question: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 20
    while not (found := question()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_a_message_passes_a_real_server_and_arrives_byte_for_byte(house: Any, engine: Engine) -> None:
    row_id, wire = put(engine, "cme.officer@la.example", HOSTILE, [("CME-2026-0012.pdf", "application/pdf", bytes(range(256)) * 200)])
    [done] = outbox.deliver(engine, SEALER, mailer(house).hand_over, clock=lambda: AT, worker="one")
    assert done.state == "sent"
    with Session(engine) as session:
        assert "OK id=" in (session.get_one(Outbox, row_id).server_reply or ""), "its queue id is the evidence"
    [file] = soon(lambda: list((house.mail / "cme.officer" / "new").glob("*")))
    arrived = file.read_bytes()
    assert arrived.endswith(wire.replace(b"\r\n", b"\n")), "headers of the way stand before it, and it is whole"
    assert b"ESMTPSA" in arrived.upper(), "by TLS, signed in"


def test_a_message_that_comes_back_is_found_in_the_mailbox_and_names_its_row(house: Any, engine: Engine) -> None:
    row_id, _ = put(engine, "gone@la.example", "Text.")
    [done] = outbox.deliver(engine, SEALER, mailer(house).hand_over, clock=lambda: AT, worker="one")
    assert done.state == "sent", "the server took it, and only then found that nobody is there"
    seen: set[str] = set()

    def ours() -> Found | None:
        for found in mailbox(house).read(lambda places: set(places) - seen):
            seen.add(found.place)
            if f"<{row_id}@school.example>" in read_mail(found.content).ids:
                return found
        return None
    bounce = read_mail(soon(ours).content)
    assert bounce.kind == BOUNCED and bounce.said.startswith("5.") and "@" not in bounce.said
    assert list(mailbox(house).read(lambda places: set(places) - seen)) == [], "what was read is not read again"
    assert all(path.parent.name in ("new", "cur") and not path.name.endswith("S") for path in (house.mail / "cme").rglob("*,*")), "and not marked as seen"


def test_a_real_server_refuses_what_it_should_and_we_know_why(house: Any) -> None:
    wire = compose("cme@school.example", "School", "cme.officer@la.example", "Case CME-2026-0012", "Text.", "<r1@school.example>", AT)
    for changes, words in (({"login": ("cme", "wrong-password")}, "535"), ({"login": None}, "sign in first"), ({"ca": None}, "SSLCertVerificationError")):
        with pytest.raises(Misconfigured, match=words):
            mailer(house, **changes).hand_over("cme.officer@la.example", wire, lambda: None)
    with pytest.raises(Permanent, match="no such person"):
        mailer(house).hand_over("refused@la.example", wire, lambda: None)


def test_a_mailbox_opens_with_a_password_or_a_token_and_says_why_not(house: Any) -> None:
    assert mailbox(house).check() >= 0
    token = AccessToken(house.tokens.url, CLIENT, SECRET, "s", sleep=lambda _: None)
    assert mailbox(house, sign_in=token).check() >= 0
    house.tokens.given += 1                                  # the endpoint has given a newer one: ours is known no more
    with pytest.raises(Misconfigured):
        mailbox(house, sign_in=token).check()
    assert mailbox(house, sign_in=token).check() >= 0, "a refused one is forgotten"
    for changes in ({"sign_in": "wrong-password"}, {"ca": None}, {"folder": "Nowhere"}, {"ca": "/nowhere.pem"}):
        with pytest.raises(Misconfigured) as caught:
            mailbox(house, **changes).check()
        assert "password" not in str(caught.value).replace("its name, password", "")
    with pytest.raises(Transient) as unreached:
        Mailbox("127.0.0.1", 1, tls="ssl", user="cme", sign_in="x").check()
    assert not isinstance(unreached.value, Misconfigured)
