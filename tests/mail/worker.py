"""A process that delivers the outbox, and may be killed at a chosen moment."""

import os
import random
import signal
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import configure_mappers

from cme.mail.smtp import Receipt, SafeMail
from cme.records import database, outbox
from cme.records.sealing import Sealer

SECRET = "a secret of the tests, long enough"
configure_mappers()                    # once, before the processes are forked


def work(url: str, port: int, name: str, at: str, die: str = "", seed: int | None = None, lease: float = 900) -> None:
    """Deliver what is due, and die by SIGKILL at the boundary ``die``; with a seed, at any boundary now and then."""
    engine, mailer = database.engine(url), SafeMail("cme@school.example", "School", "127.0.0.1", port, tls="none", data_timeout=1)
    chance = random.Random(seed)

    def perhaps_die(boundary: str) -> None:
        if die == boundary or seed is not None and chance.random() < 0.04:
            os.kill(os.getpid(), signal.SIGKILL)

    def hand_over(recipient: str, wire: bytes, point_of_no_return: Callable[[], None]) -> Receipt:
        def mark() -> None:
            perhaps_die("before the mark")
            point_of_no_return()
            perhaps_die("before the dot")
        perhaps_die("after the claim")
        receipt = mailer.hand_over(recipient, wire, mark)
        perhaps_die("after the reply")
        return receipt

    outbox.deliver(engine, Sealer(SECRET), hand_over, clock=lambda: datetime.fromisoformat(at), worker=name, limit=500)
    engine.dispose()
