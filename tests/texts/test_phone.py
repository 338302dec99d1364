"""The page of the demo's telephones: what was texted stands there as text, and an answer comes back as from the parent."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from cme.mail.fake_notify import FakeNotify
from cme.mail.fake_phones import KEY, TEMPLATE
from cme.mail.phone import Page, main
from cme.mail.texts import SafeTexts, text_wire

MOTHER, FATHER = "+447700900101", "+447700900102"


@pytest.fixture
def shown() -> Iterator[FakeNotify]:
    with FakeNotify(handler=Page) as server:
        yield server


def send(server: FakeNotify, text: str, to: str = MOTHER) -> None:
    SafeTexts(KEY, TEMPLATE, url=server.url).hand_over(to, text_wire(text, "row1"), lambda: None)


def ask(server: FakeNotify, path: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
    try:
        body = None if form is None else urlencode(form)
        connection.request("GET" if form is None else "POST", path, body, {"Content-Type": "application/x-www-form-urlencoded", **headers})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
    finally:
        connection.close()


def test_an_empty_page_says_so(shown: FakeNotify) -> None:
    status, headers, page = ask(shown, "/")
    assert status == 200 and "No text message yet" in page and headers["content-type"].startswith("text/html")


def test_each_telephone_shows_its_own_texts_with_what_the_network_says(shown: FakeNotify) -> None:
    shown.phones.delay = timedelta(minutes=1)
    send(shown, "Please ring us.")
    send(shown, "Please ring the school.", FATHER)
    assert "Please ring the school." in ask(shown, "/")[2] and "Please ring us." not in ask(shown, "/")[2]
    page = ask(shown, f"/?{urlencode({'number': MOTHER})}")[2]
    assert "Please ring us." in page and "sending" in page and MOTHER in page
    shown.phones.texts[0].status = "permanent-failure"
    assert "permanent failure" in ask(shown, "/")[2]


def test_the_texts_are_listed_for_programs(shown: FakeNotify) -> None:
    send(shown, "Please ring us.")
    [text] = json.loads(ask(shown, "/api/texts")[2])
    assert {**text, "at": ""} == {"to": MOTHER, "text": "Please ring us.", "status": "delivered", "at": "", "reference": "row1"}


def test_an_answer_comes_back_as_from_the_parent_and_stands_in_the_conversation(shown: FakeNotify) -> None:
    send(shown, "Please ring us.")
    status, headers, _ = ask(shown, "/reply", {"number": MOTHER, "text": "She is ill."})
    assert status == 303 and "She is ill." in ask(shown, headers["location"])[2]
    [page] = SafeTexts(KEY, TEMPLATE, url=shown.url).received_pages()
    assert [(each.sender, each.text) for each in page] == [(MOTHER, "She is ill.")]


@pytest.mark.parametrize(("path", "form", "headers", "status"), [
    ("/reply", {"number": "+447700900555", "text": "x"}, {}, 400), ("/reply", {"number": MOTHER, "text": " "}, {}, 400),
    ("/reply", {"number": MOTHER, "text": "x" * 919}, {}, 400), ("/elsewhere", {"number": MOTHER, "text": "x"}, {}, 400),
    ("/reply", {"number": MOTHER, "text": "x"}, {"Origin": "http://evil.example"}, 403),
    ("/reply", {"number": MOTHER, "text": "x"}, {"Host": "evil.example"}, 421), ("/", None, {"Host": "evil.example"}, 421), ("/nothing", None, {}, 404)])
def test_only_an_answer_of_this_page_to_a_text_is_taken(shown: FakeNotify, path: str, form: Any, headers: dict[str, str], status: int) -> None:
    send(shown, "Please ring us.")
    assert ask(shown, path, form, **headers)[0] == status and shown.phones.replies == []


def test_what_is_written_is_text_and_nothing_of_it_runs(shown: FakeNotify) -> None:
    send(shown, "<script>alert(1)</script> & <b>us</b>")
    _, headers, page = ask(shown, "/")
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "form-action 'self'" in policy


def test_the_service_runs_by_itself_until_it_is_told_to_end() -> None:
    process = subprocess.Popen([sys.executable, "-m", "cme.mail.phone", "--port", "0"], stdout=subprocess.PIPE, text=True, env=os.environ)
    assert process.stdout and "texts are taken and shown at http://127.0.0.1:" in process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_a_port_in_use_is_one_sentence(shown: FakeNotify, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", str(shown.server_address[1])]) == 1
    assert "choose another port" in capsys.readouterr().err
