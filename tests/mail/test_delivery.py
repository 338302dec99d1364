"""Workers are killed while they hand messages over: no second copy, none lost."""

import multiprocessing
import os
import random
import re
import signal
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest
import worker
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from cme.mail.message import compose, message_id_for
from cme.mail.smtp import SafeMail
from cme.records import outbox
from cme.records.alarms import open_alarms
from cme.records.history import Stamp, verify
from cme.records.sealing import Sealer
from cme.records.tables import Outbox

AT = datetime(2026, 11, 23, 9, 30, tzinfo=timezone.utc)
OFFICER = "cme.officer@la.example"
SEALER = Sealer(worker.SECRET)
Serve = Callable[..., Any]

# forked from a small process that has imported the product once: pytest's own, with its threads, is not safe to fork
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["worker"])
with pytest.MonkeyPatch.context() as environment:            # Python 3.11's own way to tell it where modules lie does not work
    environment.setenv("PYTHONPATH", str(Path(__file__).parent))
    forkserver.ensure_running()


def put(engine: Engine, number: int = 1) -> str:
    row_id = outbox.new_row_id()
    message_id = message_id_for(row_id, "school.example")
    wire = compose("cme@school.example", "School", OFFICER, "Case CME-2026-0012", f"Letter {number}.", message_id, AT)
    with Session(engine) as session, session.begin():
        return outbox.queue(session, sealer=SEALER, dedupe_key=f"letter:{number}", kind="la_cme_referral",
                            subject_of="CME-2026-0012", recipient=OFFICER, mail_subject="Case CME-2026-0012",
                            message_id=message_id, wire=wire, row_id=row_id, stamp=Stamp("machine", AT))


def start(engine: Engine, server: Any, name: str, at: datetime = AT, die: str = "", seed: int | None = None) -> Any:
    url = engine.url.render_as_string(hide_password=False)
    process = processes.Process(target=worker.work, args=(url, server.port, name, at.isoformat(), die, seed))
    process.start()
    return process


def run(*started: Any) -> None:
    for process in started:
        process.join(30)
        assert process.exitcode in (0, -signal.SIGKILL)


def states(engine: Engine) -> dict[str, str]:
    with Session(engine) as session:
        return dict(session.execute(select(Outbox.id, Outbox.state)).all())


def letters(server: Any) -> Counter[str]:
    return Counter(re.search(rb"Letter \d+", wire)[0].decode() for _, wire in server.accepted)


@pytest.mark.parametrize(("boundary", "left", "copies", "then"), [
    ("after the claim", "sending", 0, "sent"),
    ("after the sign-in", "sending", 0, "sent"),
    ("before the mark", "sending", 0, "sent"),
    ("before the dot", "handing_over", 0, "ambiguous"),
    ("accepted, before the reply", "handing_over", 1, "ambiguous"),
    ("after the reply", "handing_over", 1, "ambiguous")])
def test_a_killed_worker_sends_no_second_copy_and_loses_none(boundary: str, left: str, copies: int, then: str, engine: Engine,
                                                             serve: Serve) -> None:
    row_id, server = put(engine), serve(pause=5 if "before the reply" in boundary else 0)
    killed: list[Any] = []
    server.on_accept = lambda: [os.kill(process.pid, signal.SIGKILL) for process in killed]
    killed.append(start(engine, server, "one", die=boundary))
    if "before the reply" not in boundary:
        server.on_accept = lambda: None
    run(*killed)
    assert killed[0].exitcode == -signal.SIGKILL
    assert (states(engine), len(server.accepted)) == ({row_id: left}, copies)
    later, server.pause, server.on_accept = AT + timedelta(minutes=16), 0, lambda: None
    run(start(engine, server, "two", at=later))
    assert states(engine) == {row_id: left}, "a lease that has ended is taken back by recover, not by whoever comes"
    outbox.recover(engine, now=later)
    run(start(engine, server, "three", at=later))
    assert states(engine) == {row_id: then}
    assert len(server.accepted) == (1 if then == "sent" else copies)
    with Session(engine) as session:
        assert [alarm.key for alarm in open_alarms(session)] == ([f"outbox:{row_id}"] if then == "ambiguous" else [])


def test_four_processes_send_sixty_messages_once_each(engine: Engine, serve: Serve) -> None:
    for number in range(60):
        put(engine, number)
    server = serve()
    run(*[start(engine, server, name) for name in ("one", "two", "three", "four")])
    assert set(states(engine).values()) == {"sent"}
    assert letters(server) == Counter(f"Letter {number}" for number in range(60))
    with Session(engine) as session:
        assert len(set(session.scalars(select(Outbox.worker)))) > 1, "more than one process worked"
        assert verify(session) == []


SEEDS = range(int(os.environ.get("CME_CHAOS_SEEDS", "1")))


@pytest.mark.parametrize("seed", SEEDS)
def test_whoever_is_killed_and_whatever_the_server_does_nothing_is_lost_or_doubled(seed: int, engine: Engine,
                                                                                   serve: Serve) -> None:
    chance, rows = random.Random(seed), [put(engine, number) for number in range(12)]
    faults = ["drop", "451 4.3.0 later", "421 4.3.2 closing", None, None, None, None, None]
    planned = {stage: [chance.choice(faults) for _ in range(12)] for stage in ("CONNECT", "MAIL", "RCPT", "DATA", "END")}
    server = serve({**planned, "ACCEPTED": [chance.choice(["drop", None, None, None]) for _ in range(12)]})
    at = AT
    for life in range(3):
        names = [f"{life}-{name}" for name in range(4)]
        run(*[start(engine, server, name, at=at, seed=chance.randrange(10**9)) for name in names])
        with_a_person_in_time(engine, at + timedelta(minutes=1), names)
        at += timedelta(minutes=31)
    for later in range(20):                                  # the server has so many faults in store; then it takes everything
        if "queued" not in states(engine).values():
            break
        run(start(engine, server, f"later-{later}", at=at))
        with_a_person_in_time(engine, at + timedelta(minutes=1), [f"later-{later}"])
        at += timedelta(minutes=31)
    found = states(engine)
    assert set(found) == set(rows)
    assert set(found.values()) <= {"sent", "ambiguous"}
    assert max(letters(server).values(), default=0) <= 1
    taken = {re.search(rb"(?i)Message-ID: <(\w+)@", wire)[1].decode() for _, wire in server.accepted}
    assert {row_id for row_id, state in found.items() if state == "sent"} <= taken
    with Session(engine) as session:
        assert verify(session) == []
    for row_id in [row_id for row_id, state in found.items() if state == "ambiguous"]:      # a person sends them again: now everything has arrived
        with Session(engine) as session, session.begin():
            outbox.resend(session, row_id, Stamp("dsl", at), "the officer has not had it")
    server.faults.clear()
    mailer = SafeMail("cme@school.example", "School", "127.0.0.1", server.port, tls="none")
    outbox.deliver(engine, SEALER, mailer.hand_over, clock=lambda: at, worker="after the person")
    assert set(states(engine).values()) == {"sent"}
    copies: dict[str, set[bytes]] = {}
    for _, wire in server.accepted:
        copies.setdefault(re.search(rb"Letter \d+", wire)[0].decode(), set()).add(wire)
    assert len(copies) == 12
    assert all(len(versions) == 1 for versions in copies.values()), "a second copy is the same bytes under the same Message-ID"
    assert len({re.search(rb"(?i)Message-ID: <(\w+)@", wire)[1] for _, wire in server.accepted}) == 12, "two letters never share one"


def with_a_person_in_time(engine: Engine, now: datetime, dead: list[str]) -> None:
    """What the sweep does a minute after the workers died: nothing is left with them, and every uncertain message is with a person."""
    outbox.recover(engine, now=now, dead=dead)
    found = states(engine)
    assert not {"sending", "handing_over"} & set(found.values())
    with Session(engine) as session:
        assert {alarm.key.removeprefix("outbox:") for alarm in open_alarms(session)} == {row for row, state in found.items() if state == "ambiguous"}
