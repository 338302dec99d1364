"""The demo's inbox keeps every message, shows it as it is, and runs nothing that is in it."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from cme.mail.inbox import read_message
from cme.mail.message import compose
from cme.mail.sink import Sink, Store, main
from cme.mail.smtp import SafeMail

AT = datetime(2026, 11, 23, 9, 30, tzinfo=timezone.utc)
PDF = b"%PDF-1.7 a short one"


def message(number: int = 1, to: str = "dsl@school.example", text: str = "Text.", files: tuple[Any, ...] = ()) -> bytes:
    return compose("cme@school.example", "School", to, f"Case CME-2026-{number:04}", text, f"<row{number}@school.example>", AT,
                   files)


def send(port: int, wire: bytes, to: str = "dsl@school.example") -> str:
    return SafeMail("cme@school.example", "School", "127.0.0.1", port, tls="none").hand_over(to, wire, lambda: None).text


def get(port: int, path: str, host: str | None = None) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": host} if host else {})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with Sink(tmp_path) as running:
        yield running


def test_a_message_is_kept_byte_for_byte_and_listed_newest_first(sink: Sink) -> None:
    first, second = message(1), message(2, "cme@la.example")
    assert send(sink.smtp_port, first) == "2.0.0 kept as 000001"
    send(sink.smtp_port, second, "cme@la.example")
    listed = json.loads(get(sink.web_port, "/api/messages")[2])
    assert [(each["id"], each["to"], each["subject"], each["at"], each["sender"]) for each in listed] == [
        ("000002", "cme@la.example", "Case CME-2026-0002", "2026-11-23T09:30:00+00:00", "School <cme@school.example>"),
        ("000001", "dsl@school.example", "Case CME-2026-0001", "2026-11-23T09:30:00+00:00", "School <cme@school.example>")]
    assert (listed[0]["from"], listed[0]["date"]) == ("School <cme@school.example>", "Mon 23 Nov, 09:30")
    assert get(sink.web_port, "/api/messages/000001.eml")[2] == first
    assert json.loads(get(sink.web_port, "/api/messages/000002")[2])["text"] == "Text.\n"
    assert [each["id"] for each in json.loads(get(sink.web_port, "/api/messages?to=cme@la.example")[2])] == ["000002"]


def test_a_message_sent_twice_is_shown_twice(sink: Sink) -> None:
    for _ in range(2):
        send(sink.smtp_port, message())
    assert len(json.loads(get(sink.web_port, "/api/messages")[2])) == 2


def test_what_was_kept_is_there_after_a_restart_and_numbers_go_on(tmp_path: Path) -> None:
    for number in (1, 2):
        with Sink(tmp_path) as running:
            assert send(running.smtp_port, message(number)).endswith(f"{number:06d}")
            assert len(json.loads(get(running.web_port, "/api/messages")[2])) == number


def test_the_list_shows_who_what_and_when_on_the_schools_clock(sink: Sink) -> None:
    send(sink.smtp_port, message(files=(("CME-2026-0001.pdf", "application/pdf", PDF),)))
    page = get(sink.web_port, "/")[2].decode()
    for expected in ("Case CME-2026-0001", "dsl@school.example", "School &lt;cme@school.example&gt;", "Mon 23 Nov, 09:30", "PDF"):
        assert expected in page


def test_an_empty_inbox_says_so(sink: Sink) -> None:
    assert b"No message yet" in get(sink.web_port, "/")[2]


def test_only_links_to_this_machine_can_be_clicked(sink: Sink) -> None:
    send(sink.smtp_port, message(text=(
        "See http://127.0.0.1:4200/runs/flow-run/1?a=1&b=2. Or (http://localhost:8025/x), not http://evil.example/ nor\n"
        "http://127.0.0.1.evil.example/ nor https://la.example nor javascript:alert(1) nor http://127.0.0.1\"onclick=\"x")))
    page = get(sink.web_port, "/messages/000001")[2].decode()
    text = page[page.index("<pre>"):page.index("</pre>")]
    links = [piece.split('"')[1] for piece in text.split("<a ")[1:]]
    assert links[:2] == ["http://127.0.0.1:4200/runs/flow-run/1?a=1&amp;b=2", "http://localhost:8025/x"]
    assert set(links[2:]) <= {"http://127.0.0.1"}
    assert "evil.example/</a>" not in text and 'onclick="' not in text


def test_markup_in_a_message_is_shown_and_not_run(sink: Sink) -> None:
    send(sink.smtp_port, message(text="</pre><script>alert(1)</script><img src=x onerror=alert(2)>"))
    status, headers, body = get(sink.web_port, "/messages/000001")
    assert status == 200 and b"<script>alert" not in body and b"<img" not in body and b"&lt;script&gt;" in body
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy and "sha256-" in policy
    assert headers["x-content-type-options"] == "nosniff"


def test_a_pdf_opens_in_the_browser_and_everything_else_is_downloaded(sink: Sink) -> None:
    send(sink.smtp_port, message(files=(("CME-1.pdf", "application/pdf", PDF), ("form.docx", "application/vnd.x", b"PK"),
                                        ("fake.pdf", "application/pdf", b"<html><script>alert(1)</script>"))))
    status, headers, body = get(sink.web_port, "/messages/000001/files/0")
    assert (status, headers["content-type"], headers["content-disposition"], body) == (
        200, "application/pdf", 'inline; filename="CME-1.pdf"', PDF)
    for path, content in (("0?download", PDF), ("1", b"PK"), ("2", b"<html><script>alert(1)</script>")):
        _, headers, body = get(sink.web_port, f"/messages/000001/files/{path}")
        assert (headers["content-type"], headers["content-disposition"].split(";")[0], body) == (
            "application/octet-stream", "attachment", content)
    assert json.loads(get(sink.web_port, "/api/messages")[2])[0]["attachments"][0] == {
        "name": "CME-1.pdf", "media_type": "application/pdf", "size": len(PDF), "url": "/messages/000001/files/0"}


@pytest.mark.parametrize("path", ["/messages/000009", "/messages/..%2f..%2fetc%2fpasswd", "/messages/../../etc/passwd",
                                  "/api/messages/x", "/messages/000001/files/7", "/messages/000001/files/-1", "/nothing",
                                  "/messages/%00"])
def test_what_is_not_there_is_not_found(path: str, sink: Sink) -> None:
    send(sink.smtp_port, message())
    status, _, body = get(sink.web_port, path)
    assert status == 404 and b"root:" not in body


def test_another_sites_name_for_this_machine_is_refused(sink: Sink) -> None:
    send(sink.smtp_port, message())
    assert get(sink.web_port, "/api/messages", host="evil.example")[0] == 421
    assert get(sink.web_port, "/api/messages", host=f"localhost:{sink.web_port}")[0] == 200


@pytest.mark.parametrize("wire", [
    b"", b"no headers at all", b"Subject: =?utf-8?q?broken\r\n\r\nx", b"Date: yesterday\r\nSubject: x\r\n\r\ny",
    b"Content-Type: text/plain; charset=klingon\r\n\r\n\xff\xfe", b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n",
    b"Content-Type: text/html\r\n\r\n<script>alert(1)</script>", b"From: \xff\xff\r\nTo: <<>>\r\n\r\n\x00",
    b"Content-Type: application/pdf; name=\"../../x y.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!"])
def test_a_broken_message_is_still_shown(wire: bytes, sink: Sink) -> None:
    sink.store.keep(wire)
    assert get(sink.web_port, "/")[0] == 200
    status, _, body = get(sink.web_port, "/messages/000001")
    assert status == (200 if wire else 404) and b"<script>alert" not in body
    assert all("/" not in each.name and " " not in each.name for each in read_message("1", wire).attachments)


def test_two_writers_never_overwrite_each_other(tmp_path: Path) -> None:
    first, second = Store(tmp_path), Store(tmp_path)
    names = {store.keep(message(number)) for number in range(5) for store in (first, second)}
    assert len(names) == 10 == len(first.names())


def _started(folder: Path) -> tuple[subprocess.Popen[str], int, int]:
    command = [sys.executable, "-m", "cme.mail.sink", "--smtp-port", "0", "--web-port", "0", "--folder", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    words = process.stdout.readline().split()
    return process, int(words[4].strip(";").rpartition(":")[2]), int(words[-1].strip("/").rpartition(":")[2])


def test_as_a_process_it_says_where_it_is_loses_nothing_when_killed_and_stops_when_told(tmp_path: Path) -> None:
    process, smtp_port, _ = _started(tmp_path)
    send(smtp_port, message())
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=10)
    process, _, web_port = _started(tmp_path)
    assert len(json.loads(get(web_port, "/api/messages")[2])) == 1
    process.send_signal(signal.SIGTERM)
    _, complaints = process.communicate(timeout=10)
    assert (process.returncode, complaints) == (0, "")


def test_a_port_in_use_is_said_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for arguments in (["--smtp-port", port, "--web-port", "0"], ["--smtp-port", "0", "--web-port", port]):
            assert main([*arguments, "--folder", str(tmp_path)]) == 1
            assert capsys.readouterr().err.startswith("the mail sink cannot start (Address already in use): choose other ports")
    signal.signal(signal.SIGTERM, handlers[0])
    signal.signal(signal.SIGINT, handlers[1])


def test_in_a_browser_the_list_renews_itself_and_nothing_of_a_message_runs(sink: Sink) -> None:
    from playwright.sync_api import sync_playwright
    hostile = ("<script>document.title='run'</script><img src=x onerror=\"document.title='run'\"> "
               "http://127.0.0.1:4200/runs/flow-run/1")
    send(sink.smtp_port, message(1, text=hostile))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=[
            "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
            "--disable-component-update"])
        page = browser.new_page(viewport={"width": 390, "height": 780})
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text))
        page.goto(sink.url)
        send(sink.smtp_port, message(2))
        page.get_by_text("Case CME-2026-0002").wait_for(timeout=10_000)
        page.get_by_text("Case CME-2026-0001").click()
        link = page.get_by_role("link", name="http://127.0.0.1:4200/runs/flow-run/1")
        assert link.get_attribute("href") == "http://127.0.0.1:4200/runs/flow-run/1"
        assert page.title() == "Case CME-2026-0001 \u00b7 Demo inbox"
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, "a phone shows it without scrolling sideways"
        assert complaints == []
        browser.close()
