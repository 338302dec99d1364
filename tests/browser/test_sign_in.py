"""`cme up` as a school runs it: a password at the door, and the school's own sign-in in front. In this order."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import yaml
from aiosmtpd.controller import Controller
from playwright.sync_api import Page, expect
from sqlalchemy import select
from tests.browser.school_sign_in import HEADER, PERSON, SchoolSignIn
from tests.browser.test_demo import SLOW, press_resume
from tests.flows.conftest import DAY, MailServer
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from cme.config.policies import load
from cme.records.database import engine
from cme.records.tables import Answer
from cme.services import ports
from cme.services.demo import PEOPLE
from cme.services.prefect_api import PrefectApi, wait_for
from cme.sources import demo_school
from cme.steps import contact

PICTURE = Path(__file__).parents[2] / "docs/img/dossier-page.png"


@dataclass
class Up:
    """A running `cme up`: ``direct`` is the server's own address, ``proxied`` the one that staff open."""

    folder: Path
    environment: dict[str, str]
    process: "subprocess.Popen[str]"
    post: MailServer
    direct: str
    proxied: str
    said: list[str] = field(default_factory=list)

    @property
    def password(self) -> str:
        return (self.folder / "data/ui-password").read_text().strip()

    @property
    def api(self) -> PrefectApi:
        return PrefectApi(f"{self.direct}/api", f"admin:{self.password}")

    def listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.append(line)

    def cme(self, *words: str) -> str:
        done = subprocess.run([Path(sys.executable).with_name("cme"), *words], env={**self.environment, "COLUMNS": "250"}, text=True,
                              capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def mail(self, reference: str) -> str:
        """The newest mail to the attendance officer about a case, with its code."""
        return str(wait_for(lambda: next((text for text in reversed(self.post.to(PEOPLE["attendance_officer"]["email"]))
                                          if reference in text and "One-time code" in text), ""), 120, "the mail"))


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    folder = Path(tempfile.mkdtemp(prefix="cme-s-"))
    folder.chmod(0o711)
    chosen = ports.choose({"smtp": 2625, "ui": 4400, "proxy": 4450})
    post = MailServer()
    controller = Controller(post, hostname=ports.LOOPBACK, port=chosen["smtp"])
    controller.start()
    direct, proxied = (f"http://{ports.LOOPBACK}:{chosen[name]}" for name in ("ui", "proxy"))
    proxy = SchoolSignIn(chosen["proxy"], direct.removeprefix("http://"))
    (folder / "people.yaml").write_text(yaml.safe_dump(PEOPLE), encoding="utf-8")
    demo_school.write(folder / "registers", load().calendar, at="09:31")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CME_", "PREFECT_"))} | {
        "CME_ENVIRONMENT": "test", "CME_ENV_FILE": "", "CME_DATA_DIR": str(folder / "data"), "CME_HOUSE": str(folder / "house/house.json"),
        "CME_PEOPLE_FILE": str(folder / "people.yaml"), "CME_REGISTERS_FOLDER": str(folder / "registers"), "CME_SMTP_HOST": ports.LOOPBACK,
        "CME_SMTP_PORT": str(chosen["smtp"]), "CME_SMTP_TLS": "none", "CME_MAIL_SENDER": "attendance@school.example",
        "CME_CLOCK": f"{DAY}T09:32:00@{time.time()}", "CME_UI_PORT": str(chosen["ui"]), "CME_UI_URL": proxied,
        "CME_PROXY_USER_HEADER": HEADER, "TMPDIR": str(folder)}
    process = subprocess.Popen([Path(sys.executable).with_name("cme"), "up"], env=environment, text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True)
    # `cme history` and the rest find the house by its file, not by these
    running = Up(folder, {k: v for k, v in environment.items() if not k.startswith("CME_") or k == "CME_HOUSE"}, process, post, direct, proxied)
    threading.Thread(target=running.listen, daemon=True).start()
    try:
        wait_for(lambda: "Running." in "".join(running.said) or process.poll() is not None, 240, "cme up")
        assert process.poll() is None, "".join(running.said)
        proxy.credentials = f"admin:{running.password}"
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)
        proxy.shutdown()
        proxy.server_close()
        controller.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def waiting(up: Up) -> tuple[str, str]:
    """A case that waits for the attendance officer: its reference and its paused run. The flows run behind the sign-in."""
    assert up.api.finish(up.api.start("check-absence", f"check-absence {DAY}")) == "COMPLETED"
    reference = "CME-2026-0001"
    return reference, str(wait_for(lambda: up.api.paused_run("contact-parents", reference), 120, "the contact step"))


def test_cme_up_says_where_the_password_stands_and_never_prints_it(up: Up) -> None:
    said = "".join(up.said)
    assert up.proxied in said and str(up.folder / "data/ui-password") in said and up.password not in said
    assert (up.folder / "data/ui-password").stat().st_mode & 0o777 == 0o600
    assert up.password not in "".join(path.read_text(errors="replace") for path in (up.folder / "data/logs").iterdir())


def test_without_the_password_the_api_answers_nobody(up: Up) -> None:
    for headers in ({}, {HEADER: PERSON}, {"Authorization": "Basic YWRtaW46Z3Vlc3NlZA=="}):
        for path in ("/api/admin/settings", "/api/flow_runs/00000000-0000-0000-0000-000000000001", "/api/csrf-token?client=a"):
            assert httpx.get(up.direct + path, headers=headers).status_code == 401
        assert httpx.post(f"{up.direct}/api/flow_runs/filter", json={}, headers=headers).status_code in (401, 403)
    with pytest.raises(WebSocketException), connect(f"{up.direct.replace('http', 'ws')}/api/events/out", subprotocols=["prefect"]) as socket:
        socket.send('{"type": "auth", "token": "guessed"}')
        socket.recv(timeout=10)
    assert httpx.get(f"{up.direct}/api/health").json() is True


def test_a_post_from_another_sites_page_is_refused_even_by_who_has_signed_in(up: Up, waiting: tuple[str, str]) -> None:
    _, run = waiting
    path, body = f"/api/flow_runs/{run}/resume", {"run_input": {"outcome": contact.NO_ANSWER, "code": "000000"}}
    for base, auth in ((up.direct, ("admin", up.password)), (up.proxied, None)):
        with httpx.Client(base_url=base, auth=auth) as client:
            assert "CSRF" in client.post(path, json=body).text
            token = client.get("/api/csrf-token", params={"client": "evil"}).json()["token"]
            proof = {"Prefect-Csrf-Client": "evil", "Prefect-Csrf-Token": token}
            for evil in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}):
                assert client.post(path, json=body, headers={**proof, **evil}).status_code == 403
    assert up.api.state(run) == "PAUSED"


def test_the_sign_in_box_opens_with_the_password_and_keeps_the_address_of_the_mail(up: Up, waiting: tuple[str, str], page: Page) -> None:
    reference, run = waiting
    page.goto(f"{up.direct}/v2/runs/flow-run/{run}")
    box = page.locator("input[type=password]")
    box.fill("admin:guessed it wrongly", timeout=SLOW)
    page.keyboard.press("Enter")
    page.wait_for_timeout(1000)
    assert "/login" in page.url and page.get_by_text(f"contact {reference}").count() == 0
    box.fill(f"admin:{up.password}")
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"contact {reference}").first).to_be_visible(timeout=SLOW)
    assert run in page.url and page.url.startswith(up.direct)


def test_who_has_signed_in_at_the_school_reads_the_dossier_from_the_mail_without_another_password(
        up: Up, waiting: tuple[str, str], page: Page) -> None:
    reference, run = waiting
    found = re.search(rf"{re.escape(up.proxied)}/cme/dossier/\S+", up.mail(reference))
    assert found
    faults: list[str] = []
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    page.goto(found[0])
    expect(page.get_by_role("heading", name="Whom to ring")).to_be_visible(timeout=SLOW)
    assert page.title() == reference and PERSON in page.content() and not [fault for fault in faults if "Security" in fault]
    assert page.evaluate("getComputedStyle(document.querySelector('.ring')).backgroundColor") == "rgb(163, 22, 13)"     # the style is allowed
    assert page.get_by_role("link", name="Open the form").get_attribute("href") == f"{up.proxied}/v2/runs/flow-run/{run}"
    if os.environ.get("CME_SCREENSHOTS"):
        PICTURE.parent.mkdir(exist_ok=True)
        page.set_viewport_size({"width": 1100, "height": 1260})
        page.screenshot(path=PICTURE)
        page.set_viewport_size({"width": 1280, "height": 900})
    history = up.cme("history", reference)
    assert re.search(rf"attendance officer.*dossier read.*signed in as {re.escape(PERSON)}", history)
    assert httpx.get(found[0].replace(up.proxied, up.direct), headers={HEADER: PERSON}).status_code == 401
    assert httpx.get(found[0].replace(up.proxied, up.direct), auth=("admin", up.password)).status_code == 403    # nobody is named


def test_the_answer_is_given_in_the_form_behind_csrf_and_sign_in_and_the_proxys_name_stands_beside_it(
        up: Up, waiting: tuple[str, str], page: Page) -> None:
    reference, run = waiting
    code = re.search(r"One-time code:\s+(\d{6})", up.mail(reference))
    assert code
    page.set_extra_http_headers({HEADER: "forged@evil.example"})
    page.goto(f"{up.proxied}/v2/runs/flow-run/{run}")
    page.locator("button[aria-haspopup=menu]").first.click(timeout=SLOW)
    page.get_by_role("menuitem", name="Resume").click()
    form = page.get_by_role("dialog")
    form.get_by_text("Select", exact=True).first.click(timeout=SLOW)
    page.get_by_role("option", name=contact.NO_ANSWER, exact=True).click()
    form.locator("textarea").nth(1).fill(code[1])
    press_resume(page)
    records = engine(json.loads(Path(up.environment["CME_HOUSE"]).read_text())["environment"]["CME_DATABASE_URL"], load().school.laestab)

    def answers() -> list[tuple[str, bool, str]]:
        with records.connect() as connection:
            return [tuple(row) for row in connection.execute(select(Answer.person, Answer.accepted, Answer.signed_in_as))]

    assert wait_for(answers, 120, "the answer to be read") == [("attendance_officer", True, PERSON)]
    records.dispose()
    history = up.cme("history", reference)
    assert re.search(rf"the software.*Resume pressed.*signed in as {re.escape(PERSON)}", history) and "forged" not in history
    assert re.search(r"Cuthbert Featherlow \(attendance officer\).*question answered", history)


def test_the_timetable_runs_behind_the_sign_in(up: Up, waiting: tuple[str, str]) -> None:
    wait_for(lambda: up.api.scheduled_and_done("oversee"), 180, "a sweep that the timetable has started")
    for name in ("prefect", "runner"):
        log = (up.folder / f"data/logs/{name}.log").read_text(errors="replace")
        assert not {word for word in ("Unauthorized", "CSRF", "403 Forbidden") if word in log} and up.password not in log, name
    assert "Traceback" not in (up.folder / "data/logs/prefect.log").read_text(errors="replace")
