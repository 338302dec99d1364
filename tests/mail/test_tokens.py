"""A server that takes no password is signed in to with a token, which is kept until near its end and shown nowhere."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from token_server import CLIENT, SECRET, TokenServer

from cme.errors import CmeError, Misconfigured, Transient
from cme.mail.smtp import SafeMail, xoauth2
from cme.mail.tokens import AccessToken, TokenFile

OFFICER, USER, SCOPE = "cme.officer@la.example", "cme@school.example", "https://outlook.office365.com/.default"
Serve, Mailer = Callable[..., Any], Callable[..., SafeMail]


@pytest.fixture
def endpoint() -> Iterator[TokenServer]:
    with TokenServer() as running:
        yield running


def token(endpoint: TokenServer, secret: str = SECRET) -> AccessToken:
    return AccessToken(endpoint.url, CLIENT, secret, SCOPE, sleep=lambda _: None)


def offered(server: Any) -> list[str]:
    return [base64.b64decode(each).decode() for each in server.sign_ins]


def test_a_message_is_sent_with_a_token_of_the_endpoint(endpoint: TokenServer, serve: Serve, mailer: Mailer, wire: bytes) -> None:
    server = serve(token="token-1", password=b"none is taken")
    one = mailer(server, login=xoauth2(USER, token(endpoint)))
    assert one.hand_over(OFFICER, wire, lambda: None).code == 250
    assert offered(server) == [f"user={USER}\1auth=Bearer token-1\1\1"]
    assert endpoint.asked == [{"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": SECRET, "scope": SCOPE}]


def test_a_token_is_kept_until_five_minutes_before_its_end(endpoint: TokenServer, set_clock: Callable[[str], None]) -> None:
    kept = token(endpoint)
    assert [kept(), kept()] == ["token-1", "token-1"]
    set_clock("2026-11-23T10:24:00")
    assert kept() == "token-1"
    set_clock("2026-11-23T10:25:00")
    assert kept() == "token-2"
    endpoint.lasts = 60
    kept.forget()
    assert [kept(), kept()] == ["token-3", "token-3"], "a short one is kept for half its time"
    set_clock("2026-11-23T10:25:31")
    assert kept() == "token-4"


def test_a_token_that_the_server_refuses_is_a_matter_for_a_person_and_the_next_try_brings_another(
        endpoint: TokenServer, serve: Serve, mailer: Mailer, wire: bytes) -> None:
    server = serve(token="token-2", password=b"none is taken")
    one = mailer(server, login=xoauth2(USER, token(endpoint)))
    with pytest.raises(Misconfigured, match="535") as caught:
        one.hand_over(OFFICER, wire, lambda: None)
    assert "token-1" not in str(caught.value) and server.accepted == []
    assert one.hand_over(OFFICER, wire, lambda: None).code == 250, "revoked, then renewed"
    assert len(server.accepted) == 1


def test_a_token_never_goes_over_a_line_without_tls(endpoint: TokenServer, serve: Serve, mailer: Mailer, wire: bytes) -> None:
    server = serve(password=b"p")
    with pytest.raises(Misconfigured):
        mailer(server, tls="starttls", login=xoauth2(USER, token(endpoint))).hand_over(OFFICER, wire, lambda: None)
    assert (server.sign_ins, b"token-1" in bytes(server.received)) == ([], False)


@pytest.mark.parametrize(("plan", "fate", "asked"), [
    ([(503, "busy")] * 3, Transient, 3), ([(429, {})] * 3, Transient, 3),
    ([(400, {"error": "invalid_scope", "error_description": "AADSTS70011 for hush-hush-secret"})], Misconfigured, 1),
    ([(401, "<html>")], Misconfigured, 1), ([(302, "")], Misconfigured, 1),
    ([(200, {"access_token": "two words"})], Misconfigured, 1), ([(200, ["token"])], Misconfigured, 1), ([(200, {"expires_in": 5})], Misconfigured, 1)])
def test_an_endpoint_that_gives_no_token_sends_nothing_and_says_no_secret(
        plan: list[Any], fate: type[CmeError], asked: int, endpoint: TokenServer, serve: Serve, mailer: Mailer, wire: bytes) -> None:
    server, endpoint.plan = serve(password=b"p"), plan
    with pytest.raises(fate) as caught:
        mailer(server, login=xoauth2(USER, token(endpoint))).hand_over(OFFICER, wire, lambda: None)
    assert issubclass(type(caught.value), fate) and (fate is Misconfigured) == isinstance(caught.value, Misconfigured)
    assert "hush" not in str(caught.value) + repr(caught.value.__context__) and len(endpoint.asked) == asked
    assert (server.accepted, server.sign_ins) == ([], [])


def test_a_passing_fault_of_the_endpoint_is_asked_again_at_once(endpoint: TokenServer) -> None:
    endpoint.plan = [(500, ""), (503, "")]
    assert token(endpoint)() == "token-1"


def test_a_wrong_secret_is_said_by_its_code_alone(endpoint: TokenServer) -> None:
    with pytest.raises(Misconfigured, match=r"HTTP 401, invalid_client") as caught:
        token(endpoint, "hush-hush-wrong")()
    assert "hush" not in str(caught.value) and "AADSTS" not in str(caught.value)


def test_an_endpoint_that_is_not_there_is_tried_later() -> None:
    with pytest.raises(Transient) as caught:
        AccessToken("http://127.0.0.1:1/token", CLIENT, SECRET, SCOPE, sleep=lambda _: None)()
    assert not isinstance(caught.value, Misconfigured)


def test_a_token_file_is_read_each_time(tmp_path: Path) -> None:
    file = tmp_path / "token"
    read = TokenFile(file)
    with pytest.raises(Misconfigured, match="FileNotFoundError"):
        read()
    for text in ("token-one-1", "token-two-2"):
        file.write_text(f"{text}\n")
        assert read() == text
    for text in ("", "two words here", "\u00e4" * 20):
        file.write_text(text)
        with pytest.raises(Misconfigured):
            read()
