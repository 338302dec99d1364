"""``cme demo``: one school day, on this machine only, from the registers to the local authority's inbox.

Nothing is acted except one person: the attendance officer, who records "no answer" so that the day reaches the DSL at once.
"""

import contextlib
import email
import email.policy
import json
import os
import re
import shutil
import sys
import tempfile
import time
import webbrowser
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import yaml
from rich.console import Console

from cme.config.policies import load
from cme.errors import BadInput, Permanent
from cme.mail import fake_phones
from cme.services import demo_reason, ports
from cme.services.house_file import announce
from cme.services.pages import fetch
from cme.services.prefect_api import PrefectApi, wait_for
from cme.services.prefect_server import answers
from cme.services.processes import ProcessSpec, stop_on_signals
from cme.services.runner import runner
from cme.services.up import House
from cme.sources import demo_school
from cme.sources.files import CsvFile
from cme.steps.contact import NO_ANSWER

DAY = date(2026, 11, 23)
MORNING = "09:32:00"
PEOPLE = {
    "dsl": {"name": "Imogen Thistlewick", "email": "dsl@larkspur-bridge.example", "telephone": "0121 496 0101"},
    "deputy_dsl": {"name": "Barnaby Quillstone", "email": "deputy-dsl@larkspur-bridge.example", "telephone": "0121 496 0102"},
    "head": {"name": "Philippa Marrowdale", "email": "head@larkspur-bridge.example", "telephone": "0121 496 0103"},
    "attendance_officer": {"name": "Cuthbert Featherlow", "email": "attendance@larkspur-bridge.example", "telephone": "0121 496 0104"},
    "operations": {"name": "Winifred Cobblestane", "email": "operations@larkspur-bridge.example", "telephone": "0121 496 0105"},
}


class Demo:
    """The demo while it runs: the house, the inbox and the story so far."""

    def __init__(self, out: Console, folder: Path, registers: Path | None) -> None:
        self.out, self.folder, self.registers = out, folder, registers
        self.began = time.monotonic()
        self.status = out.status("Making a school ...")
        self.house = House(folder / "data", progress=self.doing)
        self.inbox = self.phones = ""

    def doing(self, step: str) -> None:
        """What is being done now."""
        self.status.update(f"{step} ...")
        if not self.out.is_terminal:
            self.out.print(f"  {step} ...", style="dim")

    def done(self, sentence: str) -> None:
        """What has been done."""
        self.out.print(f"[green]✓[/] {sentence} [dim]({time.monotonic() - self.began:.0f} s)[/]")

    def settings(self) -> date:
        """Write the school and its settings into the environment; returns the school's day."""
        os.environ.update({"CME_ENVIRONMENT": "demo", "CME_ENV_FILE": "", "CME_SMTP_HOST": ports.LOOPBACK, "CME_SMTP_TLS": "none",
                           "CME_MAIL_SENDER": "attendance@larkspur-bridge.example", "CME_PEOPLE_FILE": str(self.folder / "people.yaml")})
        (self.folder / "people.yaml").write_text(yaml.safe_dump(PEOPLE, allow_unicode=True), encoding="utf-8")
        if self.registers:
            day = last_day(self.registers)
            os.environ["CME_REGISTERS_FILE"] = str(self.registers.absolute())
            self.done(f"Your registers: {self.registers.name}, up to {day:%A %-d %B %Y}")
        else:
            day = DAY
            facts = demo_school.write(self.folder / "registers", load().calendar, day=day, at="09:31")
            os.environ["CME_REGISTERS_FOLDER"] = str(self.folder / "registers")
            self.done(f"A made-up Alternative Provision school: {facts.pupils} pupils, three terms of marks")
        # the school's clock shows the morning of that day, and runs on from there
        os.environ["CME_CLOCK"] = f"{day.isoformat()}T{MORNING}@{time.time()}"
        return day

    def start(self) -> None:
        """Bring the house up, with the mail sink, the text service and the runner."""
        chosen = ports.choose({"smtp": 1025, "inbox": 8025, "phones": 8026})
        self.inbox, self.phones = (f"http://{ports.LOOPBACK}:{chosen[name]}" for name in ("inbox", "phones"))
        os.environ.update({"CME_SMTP_PORT": str(chosen["smtp"]), "CME_INBOX_URL": self.inbox, "CME_NOTIFY_URL": self.phones,
                           "CME_NOTIFY_KEY": fake_phones.KEY, "CME_NOTIFY_TEMPLATE": fake_phones.TEMPLATE})
        sink = ProcessSpec(name="mail-sink", title="the mail sink", ready=lambda: answers(f"{self.inbox}/api/messages"), command=[
            sys.executable, "-m", "cme.mail.sink", "--smtp-port", str(chosen["smtp"]), "--web-port", str(chosen["inbox"]),
            "--folder", str(self.folder / "mail")])
        texts = ProcessSpec(name="text-service", title="the text service", ready=lambda: answers(f"{self.phones}/api/texts"), command=[
            sys.executable, "-m", "cme.mail.phone", "--port", str(chosen["phones"])])
        self.house.start([sink, texts])
        self.api = PrefectApi(self.house.api_url)
        self.house.add(runner(self.api, self.house.data_dir))
        self.done("The database, Prefect, the flows' runner, the mail sink and the text service are up")

    def live_the_day(self, day: date) -> tuple[str, str] | None:
        """Run the day's flows; returns (reference, run id) of the DSL's paused run, or None when no threshold is crossed."""
        self.doing("Pulling the registers")
        self._finish("watch-registers", f"watch-registers {day} 09:32")
        overdue = [m for m in self.mails() if "register" in m["subject"].lower()]
        self.done(f"Registers pulled; {len(overdue)} mail(s) about a register that is overdue" if overdue else "Registers pulled; none is overdue")
        written = sum(m["subject"] == "Please contact the school today" for m in self.mails())
        texted = len(json.loads(fetch(f"{self.phones}/api/texts")))
        self.done(f"Absences nobody can explain: the attendance officer told, {texted} texts and {written} mails to parents (`cme today` lists them)")
        self.doing("Judging absence")
        self._finish("check-absence", f"check-absence {day}")
        cases = sorted(self.api.runs("contact-parents"))
        if not cases:
            return None
        name = cases[0]          # the child who has been gone longest
        wait_for(lambda: self.api.paused("contact-parents").get(name), 180, "the contact step")
        reference = name.removeprefix("contact ")
        self.done(f"A child has crossed a threshold: case {reference}; a parent or carer has been written to")
        self.doing("The attendance officer records the outcome of the contact (played by the demo)")
        wait_for(lambda: self._answer(name, reference), 180, "the attendance officer's answer to be taken")
        review = wait_for(lambda: self.api.paused("review-case").get(f"review {reference}"), 180, "the DSL's review")
        wait_for(lambda: self.code("dsl", reference), 90, "the DSL's mail")
        self.done("The attendance officer (played by the demo) recorded: no answer; the DSL has been written to")
        self.doing("A parent answers a text, and the attendance officer records the reason (played by the demo)")
        if played := demo_reason.play(self.house.environment, self.api, self.phones, self.code):
            self.done(played)
        return reference, review

    def _answer(self, name: str, reference: str) -> bool:
        """Answer the contact's question as the attendance officer. False: not yet, as where a sweep on a busy machine asks it anew."""
        run, code = self.api.paused("contact-parents").get(name), self.code("attendance_officer", reference)
        if not (run and code):
            return False
        try:
            self.api.resume(run, {"outcome": NO_ANSWER, "note": "Rang twice as well.", "code": code})
        except Permanent:
            return False
        return True

    def _finish(self, flow: str, name: str) -> None:
        state = self.api.finish(self.api.start(flow, name))
        if state != "COMPLETED":
            raise BadInput(f"the run {name!r} ended as {state}; its page in Prefect says why: {self.house.ui_url}")

    def mails(self) -> list[dict[str, str]]:
        """The mails in the inbox, newest first."""
        found: list[dict[str, str]] = json.loads(fetch(f"{self.inbox}/api/messages"))
        return found

    def code(self, role: str, reference: str) -> str:
        """The one-time code in the newest mail to a role about a case; empty when there is none yet."""
        for mail in self.mails():
            if mail["to"] == PEOPLE[role]["email"] and reference in mail["subject"]:
                message = email.message_from_bytes(fetch(f"{self.inbox}/api/messages/{mail['id']}.eml"), policy=email.policy.default)
                body = message.get_body(("plain",))
                if body and (found := re.search(r"^\s*(\d{6})\s*$|code\D{0,40}(\d{6})\b", body.get_content(), re.MULTILINE | re.IGNORECASE)):
                    return found[1] or found[2]
        return ""

    def addresses(self, paused: tuple[str, str] | None) -> str:
        """The addresses to open, as the demo prints them. Returns the paused run's page, or the UI's."""
        ui = self.house.ui_url
        page = f"{ui}/v2/runs/flow-run/{paused[1]}" if paused else ui
        cme = Path(sys.executable).with_name("cme")
        lines = ["", f"[bold]Ready after {time.monotonic() - self.began:.0f} s.[/]", "", f"  Prefect UI       {ui}",
                 f"  The paused run   {page}" if paused else "  No child crosses a threshold on that day.", f"  The inbox        {self.inbox}",
                 f"  The telephones   {self.phones}", ""]
        if paused:
            lines += [f"You are the DSL. Open the inbox, read the mail about {paused[0]}, follow its link, press the three dots at the",
                      "top right and Resume, decide, and enter the code. The local authority's mail then arrives in the same inbox.", "",
                      f"In another terminal:  {cme} show {paused[0]}   or   history {paused[0]}, cases, --help", ""]
        lines += ["Nobody has to sign in here: the demo can be reached from this machine only, and all its children are made up."
                  if not self.registers else "Nobody has to sign in here: the demo can be reached from this machine only.",
                  "`cme up` asks for a password, or for the school's own sign-in.",
                  f"{len(load().unconfirmed())} of its values are examples that no school has confirmed; in production they are refused "
                  "(`cme check-config` names them).", "",
                  "Ctrl-C stops everything and leaves nothing behind."]
        self.out.print("\n".join(lines))
        return page

    def watch(self) -> None:
        """Keep the house in order until Ctrl-C, and say when the authority's mail arrives."""
        authority, seen = load(authority=os.environ.get("CME_AUTHORITY")).authority.mailbox, 0
        while True:
            self.house.wait(2)
            arrived = sum(mail["to"] == authority for mail in self.mails())
            if arrived > seen:
                seen = arrived
                self.done(f"The local authority's mail has arrived: {self.inbox}")


def last_day(registers: Path) -> date:
    """The last day of a register export; raises BadInput when the file holds no register that can be read."""
    pulled = CsvFile(registers).pull(None)
    if not pulled.registers:
        first = pulled.bad_rows[0].reason if pulled.bad_rows else "; ".join((*pulled.gaps, *pulled.notes)) or "it is empty"
        raise BadInput(f"{registers.name} holds no register that can be read: {first}; docs/registers-csv.md has the columns")
    return max(register.local_date for register in pulled.registers)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder for everything the demo makes, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="cme-demo-"))
    folder.chmod(0o711)          # PostgreSQL refuses root and runs as another user, who must be able to reach its own folder
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(registers: Path | None, out: Console, *, open_browser: bool = False) -> None:
    """Run the demo until Ctrl-C. Raises CmeError, in one sentence, when something cannot be started."""
    if registers and not registers.is_file():
        raise BadInput(f"there is no file {registers}; give the path of a register export (docs/registers-csv.md)")
    for name in [name for name in os.environ if name.startswith("CME_") and name != "CME_HOUSE"]:
        del os.environ[name]     # the demo is a world of its own: it must never reach a real mail server or database
    with _folder() as folder, stop_on_signals():
        demo = Demo(out, folder, registers)
        try:
            with demo.house, demo.status:
                day = demo.settings()
                demo.start()
                with announce(demo.house.environment | {k: v for k, v in os.environ.items() if k.startswith("CME_")}):
                    paused = demo.live_the_day(day)
                    demo.status.stop()
                    page = demo.addresses(paused)
                    if open_browser:
                        webbrowser.open(page)
                    demo.watch()
        except KeyboardInterrupt:
            out.print("Stopped; nothing is left behind.")
