"""Five hundred suspended reviews, and how long an answer takes from Resume to the mail accepted by a mail server.

    python benchmarks/gate.py --reviews 500 --answers 50
    python benchmarks/gate.py --reviews 50 --answers 50 --only-answers       # from Resume to the mail alone

A whole house (records, Prefect's server, the runner, a mail server that accepts everything) with made-up cases before the DSL. First every
question gets its suspended run by the ordinary sweep; then the runner, Prefect's server and the database are killed, one after the
other, and the same runs must still wait; then answers that refer a case are given through Prefect's API, as its page does, one at
a time while the sweep goes on, and the authority's mail is awaited. Beside it, in the same run: an empty Python process and one that
only imports Prefect, which says how quick the machine was. Exits with 1 where a review was lost, a process was held or a
figure is above its goal.
"""

import argparse
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import psutil
import yaml
from aiosmtpd.controller import Controller
from sqlalchemy import func, insert, select

from cme import clock
from cme.records import cases, reviews
from cme.records.tables import Case, Decision, Outbox, Pupil, Review
from cme.services import ports
from cme.services.demo import PEOPLE
from cme.services.prefect_api import PrefectApi, wait_for
from cme.services.runner import runner
from cme.services.up import House
from cme.steps import contact, decisions
from cme.steps.office import Office, open_office

CODE = re.compile(r"One-time code:\s+(\d{6})")
MEDIAN, WORST = 5.0, 15.0            # seconds: the goals
ANSWER = {"decision": decisions.REFER, "actions": [decisions.HOME_VISIT], "reason": "An answer of a benchmark.", "agencies": decisions.UNKNOWN,
          **dict.fromkeys(decisions.REASONS, decisions.UNKNOWN)}


@dataclass
class Post:
    """A mail server that accepts everything and notes when."""

    codes: dict[str, str] = field(default_factory=dict)
    accepted: dict[str, float] = field(default_factory=dict)
    authority: str = ""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        moment = time.perf_counter()
        mail = message_from_bytes(envelope.content, policy=policy.default)
        [reference] = re.findall(r"CME-\d{4}-\d+", str(mail["subject"]))[:1] or [""]
        if envelope.rcpt_tos == [self.authority]:
            self.accepted.setdefault(reference, moment)
        elif found := CODE.search(mail.get_body(("plain",)).get_content()):       # type: ignore[attr-defined]
            self.codes[reference] = found[1]
        return "250 taken"


@dataclass
class Gate:
    """The house under measurement."""

    house: House
    api: PrefectApi
    post: Post
    office: Office
    faults: list[str] = field(default_factory=list)

    def ask(self, count: int) -> None:
        """Open the cases, each before the DSL; no run rings for them yet."""
        stamp = self.office.stamp()
        with self.office.transaction() as session:
            pupils = session.scalars(insert(Pupil).returning(Pupil.id), [
                {"school": self.office.school, "mis_id": f"S{n}", "first_seen": stamp.at, "last_seen": stamp.at} for n in range(count)]).all()
            for pupil in pupils:
                case = cases.open_case(session, school=self.office.school, pupil_id=pupil, episode_start=clock.local(stamp.at).date(),
                                       due=stamp.at + timedelta(hours=1), stamp=stamp, owner="attendance_officer", why="ten school days",
                                       data={"rule": "continuous_absence", "reached_on": clock.local(stamp.at).date().isoformat()})
                contact.to_dsl(self.office, session, case, stamp, "a case of a benchmark")

    def waiting(self) -> dict[str, str]:
        """The paused run of every case."""
        found: dict[str, str] = {}
        while True:
            rows = self.api._ask("POST", "/flow_runs/filter", {
                "flows": {"name": {"any_": ["review-case"]}}, "flow_runs": {"state": {"type": {"any_": ["PAUSED"]}}},
                "limit": 200, "offset": len(found), "sort": "START_TIME_ASC"})
            found |= {row["parameters"]["case"]: row["id"] for row in rows}
            if len(rows) < 200:
                return found

    def open_questions(self) -> dict[str, str]:
        """Case and run of every open question, as our rows have it."""
        with self.office.transaction() as session:
            return {reference: run or "" for reference, run in session.execute(
                select(Case.reference, Review.flow_run_id).join(Review).where(Review.state == "open", Review.kind == reviews.SAFEGUARDING))}

    def runner(self) -> psutil.Process:
        [found] = [process for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"]
                   and process.info["cmdline"][-1] == "cme.flows.serve"
                   and process.environ().get("CME_DATA_DIR") == str(self.house.data_dir)]
        return found

    def held(self) -> int:
        """How many processes of runs there are: the children of the process from which the runner forks them (flows/serve.py)."""
        return sum(len(process.children()) for process in self.runner().children())

    def memory(self) -> int:
        """Bytes that the runner and the process it forks from hold, without the runs."""
        runner = self.runner()
        return sum(process.memory_info().rss for process in [runner, *runner.children()])

    def sweep(self) -> float:
        """Seconds that a whole round of the sweep took, without the start of its process."""
        while True:
            run = self.api.start("oversee", "oversee by the benchmark")
            self.api.finish(run, 300)
            if "another sweep" not in self.api.log(run):
                return float(self.api._ask("GET", f"/flow_runs/{run}")["total_run_time"])

    def expect(self, holds: bool, fault: str) -> None:
        if not holds:
            self.faults.append(fault)
            print(f"FAULT: {fault}", flush=True)


def suspend(gate: Gate, count: int) -> None:
    """Let the sweep ring for every question; watch the runner meanwhile."""
    empty, begun, seen, most = gate.memory(), time.perf_counter(), 0, 0
    gate.ask(count)
    while len(gate.waiting()) < count:
        gate.house.mend()
        most = max(most, gate.held())
        if (now := len(gate.waiting())) >= seen + max(count // 5, 1):
            seen = now
            print(f"{now:>5} suspended after {time.perf_counter() - begun:>5.0f} s; runner {_mb(gate.memory())}, "
                  f"load {os.getloadavg()[0]:.1f}", flush=True)
        time.sleep(2)
    wait_for(lambda: gate.held() == 0, 120, "the last run to leave its process")
    full = gate.memory()
    gate.expect(most > 0, "no process of a run was ever seen, so that none is held says nothing")
    print(f"{count} suspended after {time.perf_counter() - begun:.0f} s; processes held by them: {gate.held()}; runner {_mb(full)} "
          f"({_mb(full - empty)} more than before the first)", flush=True)
    gate.expect(full - empty < 64e6, "the runner grows with what waits")


def survive(gate: Gate) -> None:
    """Kill the runner, Prefect's server and the database; the same runs must wait for the same questions afterwards."""
    before = gate.waiting()
    server = next(each.process.pid for each in gate.house._supervisor._running if each.spec.name == "prefect")  # type: ignore[union-attr]
    cluster = gate.house.records.cluster
    assert cluster is not None and (postmaster := cluster.server.postmaster()) is not None
    killed = [("the runner", [gate.runner(), *gate.runner().children(recursive=True)]), ("Prefect's server", [psutil.Process(server)]),
              ("the database", [postmaster])]
    for what, processes in killed:
        begun = time.perf_counter()
        for process in processes:
            process.send_signal(signal.SIGKILL)
        psutil.wait_procs(processes, 10)
        wait_for(gate.house.mend, 60, f"{what} to be started again")
        wait_for(lambda: _try(gate.waiting), 60, "Prefect's server to answer")
        print(f"{what} killed: all answers again after {time.perf_counter() - begun:.1f} s", flush=True)
    gate.sweep()
    gate.expect(gate.waiting() == before, "other runs wait than before the three were killed")
    gate.expect(gate.open_questions() == before, "a question is not asked by the run that waits for it")
    print(f"after killing runner, server and database: {len(gate.waiting())} of {len(before)} reviews wait as before", flush=True)


def answer(gate: Gate, count: int) -> list[float]:
    """Answer the oldest questions, one at a time; seconds from Resume to the authority's mail."""
    taken = []
    for reference, run in list(sorted(gate.waiting().items()))[:count]:
        begun = time.perf_counter()
        gate.api.resume(run, {**ANSWER, "code": gate.post.codes[reference]})
        while reference not in gate.post.accepted and time.perf_counter() - begun < 120:
            time.sleep(0.02)
        gate.expect(reference in gate.post.accepted, f"{reference}: no mail within two minutes")
        taken.append(gate.post.accepted.get(reference, time.perf_counter()) - begun)
        time.sleep(1)
    return taken


def _mb(size: float) -> str:
    return f"{size / 1e6:.0f} MB"


def _try(look: Callable[[], Any]) -> Any:
    try:
        return look()
    except Exception:
        return None


def _peer(code: str) -> float:
    """Median seconds of a Python process that does ``code``."""
    def once() -> float:
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        return time.perf_counter() - begun
    return statistics.median(once() for _ in range(5))


def measure(gate: Gate, count: int, answers: int, wait: bool, only_answers: bool) -> None:
    if only_answers:
        suspend(gate, count)
    else:
        print(f"a sweep with nothing asked: {gate.sweep():.1f} s", flush=True)
        suspend(gate, count)
        print(f"a sweep with {count} waiting: {gate.sweep():.1f} s", flush=True)
        survive(gate)
    if wait:
        input("quieten the machine, then press Enter ")
    print(f"load {os.getloadavg()[0]:.1f}", flush=True)
    taken = answer(gate, answers)
    with gate.office.transaction() as session:
        decided = session.scalar(select(func.count()).select_from(Decision))
        sent = session.scalar(select(func.count()).select_from(Outbox).where(Outbox.kind == "la_cme_referral", Outbox.state == "sent"))
    gate.expect(decided == sent == answers, f"{answers} answers gave {decided} decisions and {sent} notifications sent")
    median, worst = statistics.median(taken), max(taken)
    python, prefect = _peer("pass"), _peer("import prefect.flow_engine, prefect.runner")
    print(f"{answers} answers, Resume to mail accepted: median {median:.1f} s, nine of ten {sorted(taken)[len(taken) * 9 // 10 - 1]:.1f} s, "
          f"worst {worst:.1f} s; load {os.getloadavg()[0]:.1f}")
    print(f"beside it: an empty Python {python:.2f} s, import of Prefect {prefect:.2f} s: the median is {median / prefect:.1f} imports", flush=True)
    gate.expect(median <= MEDIAN, f"the median is above {MEDIAN:.0f} s")
    gate.expect(worst <= WORST, f"the worst is above {WORST:.0f} s")


def main() -> int:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--reviews", type=int, default=500)
    arguments.add_argument("--answers", type=int, default=50)
    arguments.add_argument("--only-answers", action="store_true", help="kill nothing and time no sweep: 50 of 50 take six minutes")
    arguments.add_argument("--wait", action="store_true", help="wait for Enter before the answers are timed")
    asked = arguments.parse_args()
    folder, post = Path(tempfile.mkdtemp(prefix="cme-gate-")), Post()
    folder.chmod(0o711)
    port = ports.choose({"smtp": 2725})["smtp"]
    controller = Controller(post, hostname=ports.LOOPBACK, port=port)
    controller.start()
    (folder / "people.yaml").write_text(yaml.safe_dump(PEOPLE), encoding="utf-8")
    os.environ.update({
        "CME_ENVIRONMENT": "test", "CME_PEOPLE_FILE": str(folder / "people.yaml"), "CME_SMTP_HOST": ports.LOOPBACK, "CME_SMTP_PORT": str(port),
        "CME_SMTP_TLS": "none", "CME_MAIL_SENDER": "attendance@school.example", "CME_CLOCK": f"2026-11-23T09:32:00@{time.time()}"})
    house = House(folder / "data", ui_port=4700)
    try:
        house.start()
        api = PrefectApi(house.api_url)
        house.add(runner(api, house.data_dir))
        for name in ("CME_DATA_DIR", "CME_DATABASE_URL", "CME_UI_URL"):
            os.environ[name] = house.environment[name]
        with open_office() as office:
            post.authority = office.policies.authority.mailbox
            gate = Gate(house, api, post, office)
            measure(gate, asked.reviews, asked.answers, asked.wait, asked.only_answers)
            return 1 if gate.faults else 0
    finally:
        house.stop()
        controller.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
