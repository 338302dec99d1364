"""``python -m cme.services.keeper MARK [DATABASE_HOME]``: ends what is left when the process that started it is killed.

``kill -9`` gives a process no time to clean up. The keeper waits on a pipe that the kernel closes when its owner dies; then
it ends every process that carries the owner's mark in its environment (also those that went into a session of their own,
as Prefect's flow runs may) and stops the private PostgreSQL if nobody else uses it.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import psutil

MARK = "CME_HOUSE_MARK"


def marked(mark: str) -> list[psutil.Process]:
    """The living processes of this machine, other than ourselves, that carry ``mark`` in their environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def end_marked(mark: str, grace: float) -> None:
    """End all that carry ``mark``: asked first, killed after ``grace`` seconds; returns when none is left."""
    order, until = signal.SIGTERM, time.monotonic() + grace
    asked: set[int] = set()
    while processes := marked(mark):
        if time.monotonic() > until:
            order, asked = signal.SIGKILL, set()
        for process in processes:
            if process.pid not in asked:
                asked.add(process.pid)
                with contextlib.suppress(psutil.Error):
                    process.send_signal(order)
        if order == signal.SIGKILL and time.monotonic() > until + 10:
            return                                          # in the kernel's hands (uninterruptible); nothing more can be done
        time.sleep(0.05)


def main() -> None:
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)                 # only the owner's end ends us
    mark, home = sys.argv[1], sys.argv[2:]
    if sys.stdin.buffer.read():                             # the owner said goodbye: it has cleaned up by itself
        return
    end_marked(mark, grace=5.0)
    if home:
        from cme.records.embedded import stop_unused
        stop_unused(Path(home[0]))


if __name__ == "__main__":
    main()
