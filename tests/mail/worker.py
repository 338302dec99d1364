"""A process that delivers the outbox, and may be killed at a chosen moment: BOUNDARIES lists them."""

import os
import random
import signal
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import configure_mappers

from cme.mail.smtp import Receipt, SafeMail
from cme.records import database, outbox
from cme.records.sealed_columns import keep_keys
from cme.records.sealing import Sealer

BOUNDARIES = ("after the claim", "after the sign-in", "before the mark", "before the dot", "after the dot", "after the reply")
SECRET = "a secret of the tests, long enough"
configure_mappers()                    # once, before the processes are forked


class _Mortal(SafeMail):
    """A mailer that tells when it has signed in, and when the dot has gone out and no reply was read."""

    def watch(self, perhaps_die: Callable[[str], None]) -> None:
        self._perhaps_die, self.beyond = perhaps_die, False

    def login(self) -> None:
        super().login()
        self._perhaps_die("after the sign-in")
        read = self.smtp.getreply

        def getreply() -> object:
            if self.beyond:
                self._perhaps_die("after the dot")
            return read()
        self.smtp.getreply = getreply


def work(url: str, port: int, name: str, at: str, die: str = "", seed: int | None = None, lease: float = 900) -> None:
    """Deliver what is due, and die by SIGKILL at the boundary ``die``; with a seed, at any boundary now and then."""
    engine, mailer = database.engine(url), _Mortal("cme@school.example", "School", "127.0.0.1", port, tls="none", data_timeout=1)
    keep_keys(engine, Sealer("a secret for tests only"))       # as the engine of tests/conftest.py
    chance = random.Random(seed)

    def perhaps_die(boundary: str) -> None:
        if die == boundary or seed is not None and chance.random() < 0.04:
            os.kill(os.getpid(), signal.SIGKILL)

    def hand_over(recipient: str, wire: bytes, point_of_no_return: Callable[[], None]) -> Receipt:
        def mark() -> None:
            perhaps_die("before the mark")
            point_of_no_return()
            perhaps_die("before the dot")
            mailer.beyond = True
        mailer.beyond = False
        perhaps_die("after the claim")
        receipt = mailer.hand_over(recipient, wire, mark)
        perhaps_die("after the reply")
        return receipt

    mailer.watch(perhaps_die)
    outbox.deliver(engine, Sealer(SECRET), hand_over, clock=lambda: datetime.fromisoformat(at), worker=name, limit=500)
    engine.dispose()
