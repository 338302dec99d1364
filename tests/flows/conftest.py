"""A whole house for the tests of this folder: database, Prefect's server, the runner, and a mail server of the test's own."""

import asyncio
import os
import re
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from aiosmtpd.controller import Controller
from sqlalchemy import select

from cme.config.policies import load
from cme.services import ports
from cme.services.demo import PEOPLE
from cme.services.prefect_api import PrefectApi, wait_for
from cme.services.runner import runner
from cme.services.up import House
from cme.sources import demo_school
from cme.steps.office import Office, open_office

DAY = "2026-11-23"


@dataclass
class MailServer:
    """Accepts every mail. ``hold`` keeps the reply to mail for one address back, after the mail was taken, until ``release``."""

    mails: list[tuple[str, bytes]] = field(default_factory=list)
    hold: str = ""
    holding: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        [recipient] = envelope.rcpt_tos
        self.mails.append((recipient, envelope.content))
        if recipient == self.hold:
            self.holding.set()
            while not self.release.is_set():
                await asyncio.sleep(0.05)
        return "250 taken"

    def to(self, address: str) -> list[str]:
        found = []
        for recipient, wire in self.mails:
            if recipient == address:
                body = message_from_bytes(wire, policy=policy.default).get_body(("plain",))  # type: ignore[attr-defined]
                found.append(body.get_content())
        return found


@dataclass
class RunningHouse:
    """What the tests do with the house."""

    house: House
    api: PrefectApi
    post: MailServer
    office: Office
    killed: set[str] = field(default_factory=set)      # the runs whose process was killed: some of them Prefect shows as running for ever

    @property
    def authority(self) -> str:
        return self.office.policies.authority.mailbox

    def code(self, role: str, reference: str, after: int = 0) -> str:
        """The code in the newest mail to a role about a case; waits for more than ``after`` such mails."""
        def newest() -> str:
            texts = [t for t in self.post.to(PEOPLE[role]["email"]) if reference in t and "One-time code" in t]
            found = re.search(r"One-time code:\s+(\d{6})", texts[-1]) if len(texts) > after else None
            return found[1] if found else ""
        return str(wait_for(newest, 180, f"a code for {role}"))

    def calls(self, role: str, reference: str) -> int:
        return sum(reference in t and "One-time code" in t for t in self.post.to(PEOPLE[role]["email"]))

    def paused(self, flow: str, reference: str, other_than: str = "", tick: Callable[[], None] = lambda: None) -> str:
        """The id of the paused run of a flow for a case; waits for it, and for another one than ``other_than``; does ``tick`` meanwhile."""
        def look() -> str:
            run = self.api.paused_run(flow, reference)
            return run if run and run != other_than else ""
        return str(wait_for(look, 240, f"a paused run of {flow} for {reference}", tick))

    def sweep(self) -> None:
        """A whole round of the sweep, now: not one that found another at work, and not one that found no slot."""
        def round_done() -> bool:
            run = self.api.start("oversee", "oversee by a test")
            if self.api.finish(run) != "COMPLETED":
                return False
            # what a run has done and logged reaches the server some moments after its end
            wait_for(lambda: self.api.task_names(run) or "another sweep" in self.api.log(run), 60, "what the sweep did")
            return bool(self.api.task_names(run))
        wait_for(round_done, 240, "a round of the sweep")

    def runner(self) -> psutil.Process:
        [found] = [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] and p.info["cmdline"][-1] == "cme.flows.serve"
                   and str(self.house.data_dir) in p.environ().get("CME_DATA_DIR", "")]
        return found

    def kill_runner(self) -> None:
        """kill -9 of the runner and of every flow run it has started; then the house starts it again."""
        process = self.runner()
        going = self.api._ask("POST", "/flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["RUNNING", "PENDING"]}}}})
        self.killed |= {run["id"] for run in going}
        for each in [process, *process.children(recursive=True)]:
            each.send_signal(signal.SIGKILL)
        # as the house does all the time: a killed process with threads may take a moment to be gone
        wait_for(lambda: "the flows' runner" in self.house.mend(), 60, "the house to start the runner again")

    def surnames(self) -> list[str]:
        from cme.records.tables import Pupil

        with self.office.transaction() as session:
            return [name for name in session.scalars(select(Pupil.surname).distinct()) if name]

    def state(self, reference: str) -> str:
        from cme.records import cases

        with self.office.transaction() as session:
            return cases.by_reference(session, reference).state


@pytest.fixture(scope="module")
def house() -> Iterator[RunningHouse]:
    folder = Path(tempfile.mkdtemp(prefix="cme-f-"))
    folder.chmod(0o711)
    post, before = MailServer(), dict(os.environ)
    port = ports.choose({"smtp": 2525})["smtp"]
    controller = Controller(post, hostname=ports.LOOPBACK, port=port)
    controller.start()
    (folder / "people.yaml").write_text(yaml.safe_dump(PEOPLE), encoding="utf-8")
    demo_school.write(folder / "registers", load().calendar, at="09:31")
    os.environ.update({
        "CME_ENVIRONMENT": "test", "CME_PEOPLE_FILE": str(folder / "people.yaml"), "CME_REGISTERS_FOLDER": str(folder / "registers"),
        "CME_SMTP_HOST": ports.LOOPBACK, "CME_SMTP_PORT": str(port), "CME_SMTP_TLS": "none", "CME_MAIL_SENDER": "attendance@school.example",
        "CME_CLOCK": f"{DAY}T09:32:00@{time.time()}"})
    running = House(folder / "data", ui_port=4300)
    try:
        running.start()
        api = PrefectApi(running.api_url)
        running.add(runner(api, running.data_dir))
        for name in ("CME_DATA_DIR", "CME_DATABASE_URL", "CME_UI_URL"):
            os.environ[name] = running.environment[name]
        office = open_office()
        yield RunningHouse(running, api, post, office)
        office.close()
    finally:
        running.stop()
        post.release.set()
        controller.stop()
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def set_clock() -> Callable[[], None]:
    """In this folder the school's clock runs on from 09:32, in this process and in the flows alike."""
    return lambda: None


@pytest.fixture(scope="module")
def two_cases(house: RunningHouse) -> list[str]:
    """The two cases of the demo's day, both waiting for the attendance officer."""
    assert house.api.finish(house.api.start("check-absence", f"check-absence {DAY}")) == "COMPLETED"
    references = ["CME-2026-0001", "CME-2026-0002"]
    wait_for(lambda: all(house.api.paused_run("contact-parents", reference) for reference in references), 240, "both contact steps")
    return references
