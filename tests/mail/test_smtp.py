"""The mail server goes wrong in every way that was observed; each time we know whether the message was taken."""

import base64
import smtplib
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest
import yagmail

from cme.errors import Ambiguous, BadInput, CmeError, Misconfigured, Permanent, Transient
from cme.mail.smtp import SafeMail, outcome_of_refusal, xoauth2

OFFICER = "cme.officer@la.example"
Serve, Mailer = Callable[..., Any], Callable[..., SafeMail]


class Hook:
    """Counts how often the point of no return was passed."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1


def test_a_message_is_taken_once_with_a_receipt_and_a_farewell(serve: Serve, mailer: Mailer, wire: bytes) -> None:
    server, hook = serve(), Hook()
    receipt = mailer(server).hand_over(OFFICER, wire, hook)
    assert receipt == ("<0123456789abcdef@school.example>", 250, "2.0.0 taken as AB12CD")
    assert server.accepted == [(OFFICER, wire)]
    assert hook.calls == 1
    assert server.dialogue[-1] == "QUIT"


def test_lines_that_begin_with_a_dot_arrive_as_they_were(serve: Serve, mailer: Mailer, wire: bytes) -> None:
    server = serve()
    mailer(server).hand_over(OFFICER, wire, Hook())
    assert b"\r\n.a line that begins with a dot\r\n..\r\n" in server.accepted[0][1]


# stage, fault, what it means, copies taken, was the point of no return passed
FAULTS = [
    ("CONNECT", "421 4.3.2 too many connections", Transient, 0, 0),
    ("CONNECT", "554 5.3.2 no service here", Misconfigured, 0, 0),
    ("CONNECT", "drop", Transient, 0, 0),
    ("CONNECT", "silence", Transient, 0, 0),
    ("MAIL", "450 4.2.1 later", Transient, 0, 0),
    ("MAIL", "421 4.3.2 closing", Transient, 0, 0),
    ("MAIL", "550 5.1.8 this sender may not", Misconfigured, 0, 0),
    ("MAIL", "530 5.7.0 sign in first", Misconfigured, 0, 0),
    ("MAIL", "552 5.3.4 too big", Permanent, 0, 0),
    ("MAIL", "drop", Transient, 0, 0),
    ("MAIL", "silence", Transient, 0, 0),
    ("RCPT", "451 4.7.1 greylisted", Transient, 0, 0),
    ("RCPT", "421 4.3.2 closing", Transient, 0, 0),
    ("RCPT", "550 5.1.1 no such person", Permanent, 0, 0),
    ("RCPT", "550 5.7.1 relaying denied", Misconfigured, 0, 0),
    ("RCPT", "drop", Transient, 0, 0),
    ("DATA", "451 4.3.0 later", Transient, 0, 0),
    ("DATA", "554 5.6.0 no", Permanent, 0, 0),
    ("DATA", "drop", Transient, 0, 0),
    ("END", "552 5.3.4 too big", Permanent, 0, 1),
    ("END", "554 5.7.60 send as denied", Misconfigured, 0, 1),
    ("END", "451 4.3.0 later", Transient, 0, 1),
    ("END", "421 4.3.2 closing", Transient, 0, 1),
    ("END", "drop", Ambiguous, 0, 1),
    ("ACCEPTED", "drop", Ambiguous, 1, 1),
    ("ACCEPTED", "silence", Ambiguous, 1, 1),
    ("ACCEPTED", "999 what", Ambiguous, 1, 1),
]


@pytest.mark.parametrize(("stage", "fault", "fate", "copies", "passed"), FAULTS, ids=[f"{row[0]} {row[1]}" for row in FAULTS])
def test_a_fault_has_its_one_meaning(stage: str, fault: str, fate: type[CmeError], copies: int, passed: int,
                                     serve: Serve, mailer: Mailer, wire: bytes) -> None:
    server, hook = serve({stage: fault}), Hook()
    with pytest.raises(fate) as caught:
        mailer(server, timeout=0.5, data_timeout=0.5).hand_over(OFFICER, wire, hook)
    assert type(caught.value) is fate
    assert len(server.accepted) == copies
    assert hook.calls == passed
    assert OFFICER not in str(caught.value)
    assert server.dialogue.count("CONNECT") == 1, "a retry is the outbox's to make"


def test_a_connection_lost_in_the_middle_of_a_long_message_is_not_a_delivery(serve: Serve, mailer: Mailer, wire: bytes) -> None:
    server, hook = serve({"BODY": "drop"}), Hook()
    with pytest.raises(Transient) as caught:
        mailer(server).hand_over(OFFICER, wire + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 200_000, hook)
    assert type(caught.value) is Transient
    assert hook.calls == 0
    assert server.accepted == []


def test_a_refused_connection_is_tried_later(wire: bytes) -> None:
    with socket.socket() as held:                        # bound but not listening: nobody answers there
        held.bind(("127.0.0.1", 0))
        with pytest.raises(Transient) as caught:
            lonely = SafeMail("cme@school.example", "School", "127.0.0.1", held.getsockname()[1], tls="none")
            lonely.hand_over(OFFICER, wire, Hook())
    assert type(caught.value) is Transient


def test_a_slow_reply_after_the_final_dot_is_waited_for(serve: Serve, mailer: Mailer, wire: bytes) -> None:
    server = serve(pause=0.7)
    assert mailer(server, timeout=0.3, data_timeout=5).hand_over(OFFICER, wire, Hook()).code == 250
    assert len(server.accepted) == 1


def test_when_the_point_of_no_return_refuses_nothing_is_sent(serve: Serve, mailer: Mailer, wire: bytes) -> None:
    def refuse() -> None:
        raise RuntimeError("the claim is gone")
    server = serve()
    with pytest.raises(RuntimeError, match="the claim is gone"):
        mailer(server).hand_over(OFFICER, wire, refuse)
    mailer(server).hand_over(OFFICER, wire, Hook())
    assert len(server.accepted) == 1
    assert server.received.lower().count(b"quit\r\n") == 1, "inside a message QUIT would be text"


def test_a_mailer_can_be_used_again_after_each_fault(serve: Serve, mailer: Mailer, wire: bytes) -> None:
    server = serve({"MAIL": ["drop", "450 4.2.1 later"], "ACCEPTED": ["drop"]})
    one = mailer(server)
    for fate in (Transient, Transient, Ambiguous):
        with pytest.raises(fate):
            one.hand_over(OFFICER, wire, Hook())
    assert one.hand_over(OFFICER, wire, Hook()).code == 250
    assert len(server.accepted) == 2


@pytest.mark.parametrize(("reply", "fate"), [("535 5.7.8 wrong password", Misconfigured), ("454 4.7.0 try later", Transient)])
def test_a_refused_sign_in_sends_nothing(reply: str, fate: type[CmeError], serve: Serve, mailer: Mailer, wire: bytes) -> None:
    server = serve({"AUTH": reply}, password=b"right")
    with pytest.raises(fate) as caught:
        mailer(server, login=("user", "not-the-password")).hand_over(OFFICER, wire, Hook())
    assert type(caught.value) is fate
    assert "not-the-password" not in str(caught.value)
    assert server.accepted == []


def test_a_right_password_signs_in(serve: Serve, mailer: Mailer, wire: bytes) -> None:
    server = serve(password=b"right")
    mailer(server, login=("user", "right")).check()
    assert mailer(server, login=("user", "right")).hand_over(OFFICER, wire, Hook()).code == 250


def test_a_password_that_cannot_be_sent_is_for_a_person(serve: Serve, mailer: Mailer) -> None:
    with pytest.raises(Misconfigured):
        mailer(serve(password=b"right"), login=("user", "pässwörd")).check()


def test_a_server_without_sign_in_does_not_get_a_message_from_who_needs_it(serve: Serve, mailer: Mailer, wire: bytes) -> None:
    server = serve()
    with pytest.raises(Misconfigured):
        mailer(server, login=("user", "right")).hand_over(OFFICER, wire, Hook())
    assert server.accepted == []


def test_a_bearer_token_is_offered_as_xoauth2(serve: Serve, mailer: Mailer, wire: bytes) -> None:
    server = serve(password=b"unused")
    mailer(server, login=xoauth2("cme@school.example", lambda: "token-1")).hand_over(OFFICER, wire, Hook())
    assert base64.b64decode(server.sign_ins[0]) == b"user=cme@school.example\1auth=Bearer token-1\1\1"


# --- certificates -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("mode", ["ssl", "starttls"])
def test_a_certificate_of_the_trusted_authority_is_accepted(mode: str, serve: Serve, mailer: Mailer, authority: Any,
                                                            wire: bytes) -> None:
    context = authority.server()
    server = serve(tls=context) if mode == "ssl" else serve(starttls=context)
    assert mailer(server, tls=mode, ca=authority.trust).hand_over(OFFICER, wire, Hook()).code == 250


@pytest.mark.parametrize("mode", ["ssl", "starttls"])
@pytest.mark.parametrize("fault", [{"self_signed": True}, {"days": -1}, {"host": "elsewhere.example"}],
                         ids=["self-signed", "expired", "other host"])
def test_a_bad_certificate_gets_no_message_and_no_password(mode: str, fault: dict[str, Any], serve: Serve, mailer: Mailer,
                                                           authority: Any, wire: bytes) -> None:
    context = authority.server(**fault)
    server = serve(tls=context, password=b"p") if mode == "ssl" else serve(starttls=context, password=b"p")
    with pytest.raises(Misconfigured, match="SSLCertVerificationError"):
        mailer(server, tls=mode, ca=authority.trust, login=("user", "p")).hand_over(OFFICER, wire, Hook())
    assert (server.accepted, server.sign_ins) == ([], [])


def test_an_authority_that_was_not_named_is_not_trusted(serve: Serve, mailer: Mailer, authority: Any) -> None:
    with pytest.raises(Misconfigured):
        mailer(serve(tls=authority.server()), tls="ssl").check()


def test_a_server_that_offers_no_starttls_gets_nothing_in_the_clear(serve: Serve, mailer: Mailer, wire: bytes) -> None:
    server = serve(password=b"p")
    with pytest.raises(Misconfigured):
        mailer(server, tls="starttls", login=("user", "p")).hand_over(OFFICER, wire, Hook())
    assert (server.accepted, server.sign_ins) == ([], [])


def test_a_server_without_a_name_is_refused_when_it_is_set() -> None:
    for host in ("", None):
        with pytest.raises(BadInput):
            SafeMail("cme@school.example", "School", host, 465)  # type: ignore[arg-type]


def test_without_tls_only_this_machine_is_spoken_to() -> None:
    with pytest.raises(BadInput, match="127.0.0.1"):
        SafeMail("cme@school.example", "School", "mail.school.example", 25, tls="none")


def test_a_missing_file_of_the_authority_is_said_at_once() -> None:
    with pytest.raises(Misconfigured, match="nowhere.pem"):
        SafeMail("cme@school.example", "School", "127.0.0.1", 25, tls="ssl", ca="/nowhere.pem")


# --- recipients ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("recipient", ["", None, [], ["a@la.example"], "officer", "a@la.example,b@la.example", "a@la.example\n", "Officer <a@la.example>",
                                       "ä@la.example", ".a@la.example", "a..b@la.example", "a@intranet"])
def test_what_is_not_one_address_is_refused_before_connecting(recipient: str, serve: Serve, mailer: Mailer, wire: bytes) -> None:
    server = serve()
    with pytest.raises(Permanent):
        mailer(server).hand_over(recipient, wire, Hook())
    assert server.dialogue == []


@pytest.mark.parametrize(("allowed", "passes"), [
    (None, True), (["la.example"], True), (["*.example"], True), (["CME.Officer@LA.example"], True), ([], False),
    (["other.example"], False), (["*.la.example"], False), (["a.example"], False), (["officer@la.example"], False)])
def test_mail_goes_only_to_the_allow_list(allowed: list[str] | None, passes: bool, serve: Serve, mailer: Mailer,
                                          wire: bytes) -> None:
    server = serve()
    if passes:
        assert mailer(server, allowed=allowed).hand_over(OFFICER, wire, Hook()).code == 250
    else:
        with pytest.raises(Misconfigured, match="allow-list"):
            mailer(server, allowed=allowed).hand_over(OFFICER, wire, Hook())
        assert server.dialogue == []


# --- what we build on ---------------------------------------------------------------------------------------------

def test_yagmails_own_send_takes_ready_bytes_only(serve: Serve, mailer: Mailer, wire: bytes) -> None:
    one = mailer(serve())
    good = {"to": OFFICER, "contents": wire}
    for change in ({"contents": "/etc/passwd"}, {"to": None}, {"to": [OFFICER]}, {"bcc": "b@la.example"},
                   {"attachments": ["/etc/passwd"]}):
        with pytest.raises(BadInput):
            one.send(**{**good, **change})
        one.close()


def test_yagmail_still_calls_the_methods_that_are_replaced() -> None:
    assert yagmail.__name__ == "yagmail"
    called = yagmail.SMTP.send.__code__.co_names
    assert {"login", "prepare_send", "_attempt_send"} <= set(called)
    for name in ("login", "prepare_send", "_attempt_send", "close", "set_logging"):
        assert getattr(SafeMail, name) is not getattr(yagmail.SMTP, name)
    assert issubclass(smtplib.SMTPException, OSError), "outcomes rest on every error of the connection being an OSError"
    assert issubclass(ssl.SSLError, OSError)


def test_a_reply_that_quotes_the_address_does_not_reach_the_message() -> None:
    said = str(outcome_of_refusal("RCPT", 550, b"5.1.1 <parent.of.a.child@home.example> is unknown"))
    assert "parent" not in said
    assert "550" in said


def test_bytes_that_could_be_read_as_two_messages_are_refused(serve: Serve, mailer: Mailer, wire: bytes) -> None:
    server = serve()
    second = b"\n.\nMAIL FROM:<x@y.example>\r\n"
    for smuggled in (wire + second, wire + b"\r.\r\r\n", wire[:-2], wire + b"\xff\r\n", wire + b"\0\r\n"):
        with pytest.raises(BadInput):
            mailer(server).hand_over(OFFICER, smuggled, Hook())
    assert server.dialogue == []
