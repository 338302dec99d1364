"""Child processes: started in order, waited for, mended, and stopped in reverse so that nothing is left behind.

Every process gets a session of its own (Ctrl-C at the terminal reaches only us, and we stop them in order) and our mark in
its environment, by which its descendants are found again, whatever session they are in.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from cme.errors import Transient
from cme.services.keeper import MARK, end_marked

_LOG_LIMIT = 20_000_000                                     # bytes; one older log is kept


@dataclass(frozen=True)
class ProcessSpec:
    """A process to run. ``title`` is how people are told of it; ``name`` names its log. ``ready`` is asked until it says yes."""

    name: str
    title: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] = lambda: True
    timeout: float = 60.0                                   # seconds to become ready
    grace: float = 10.0                                     # seconds to end when asked


@dataclass
class _Running:
    spec: ProcessSpec
    environment: dict[str, str]
    process: "subprocess.Popen[bytes]"
    restarts: list[float] = field(default_factory=list)


class Supervisor:
    """The processes of one house. ``logs`` is their folder; ``database_home`` the private PostgreSQL to stop if we are killed.

    ``held`` are open files (locks) that stay open until a killed house's processes have been ended.
    """

    def __init__(self, logs: Path, database_home: Path | None = None, held: Sequence[int] = ()) -> None:
        self.logs = logs
        self.mark = secrets.token_hex(8)
        self._running: list[_Running] = []
        logs.mkdir(parents=True, exist_ok=True)
        home = [str(database_home)] if database_home else []
        self._keeper = subprocess.Popen(
            [sys.executable, "-m", "cme.services.keeper", self.mark, *home], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True, pass_fds=held)

    def start(self, spec: ProcessSpec, environment: Mapping[str, str], tick: Callable[[], None] = lambda: None) -> None:
        """Start a process and wait until it is ready; ``tick`` is called while waiting.

        Raises Transient, in one sentence with the end of its log, when it ends early or is not ready in time.
        """
        full = {"PYTHONUNBUFFERED": "1", **environment, **spec.environment, MARK: self.mark}
        running = _Running(spec, full, self._launch(spec, full))
        self._running.append(running)
        self._await_ready(running, tick)

    def log(self, name: str) -> Path:
        """The log of the process ``name``."""
        return self.logs / f"{name}.log"

    def mend(self, limit: int = 5, within: float = 600.0) -> list[str]:
        """Start again what has ended by itself; the titles of what was started again.

        Raises Transient for one that ended more than ``limit`` times within ``within`` seconds.
        """
        mended = []
        for running in self._running:
            status = running.process.poll()
            if status is None:
                continue
            now = time.monotonic()
            running.restarts = [moment for moment in running.restarts if moment > now - within] + [now]
            if len(running.restarts) > limit:
                spec = running.spec
                raise Transient(f"{spec.title} ended again and again ({_ended(status)}): {self._last_words(spec)}")
            running.process = self._launch(running.spec, running.environment)
            self._await_ready(running, lambda: None)
            mended.append(running.spec.title)
        return mended

    def stop(self) -> None:
        """Stop everything in reverse order: asked, then killed; and all they ever started. Ctrl-C does not cut this short."""
        with undisturbed():
            while self._running:
                running = self._running.pop()
                if running.process.poll() is None:
                    _end_children(running.process.pid, running.spec.grace)
                    running.process.terminate()
                    try:
                        running.process.wait(running.spec.grace)
                    except subprocess.TimeoutExpired:
                        with contextlib.suppress(ProcessLookupError):
                            os.killpg(running.process.pid, signal.SIGKILL)
                        running.process.wait()
            end_marked(self.mark, grace=5.0)
            if self._keeper.poll() is None:
                with contextlib.suppress(BrokenPipeError):
                    self._keeper.communicate(b"bye")

    def _launch(self, spec: ProcessSpec, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        path = self.log(spec.name)
        if path.exists() and path.stat().st_size > _LOG_LIMIT:
            path.replace(path.with_suffix(".log.1"))
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
            return subprocess.Popen(list(spec.command), env=dict(environment), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                    start_new_session=True)

    def _await_ready(self, running: _Running, tick: Callable[[], None]) -> None:
        spec, until = running.spec, time.monotonic() + running.spec.timeout
        while True:
            ready, status = spec.ready(), running.process.poll()   # in this order: a stranger may have answered for it
            if ready and status is None:
                return
            if status is not None:
                raise Transient(f"{spec.title} ended before it was ready ({_ended(status)}): {self._last_words(spec)}")
            if time.monotonic() > until:
                raise Transient(f"{spec.title} was not ready within {spec.timeout:.0f} seconds: {self._last_words(spec)}")
            tick()
            time.sleep(0.1)

    def _last_words(self, spec: ProcessSpec) -> str:
        lines = [line.strip() for line in self.log(spec.name).read_text(errors="replace").splitlines() if line.strip()]
        return f"{lines[-1] if lines else 'it said nothing'} (log: {self.log(spec.name)})"


def _end_children(pid: int, grace: float) -> None:
    """Ask what a process started to end, before the process itself: so it can still report on them, as Prefect's runner does."""
    with contextlib.suppress(psutil.Error):
        children = [child for child in psutil.Process(pid).children(recursive=True) if not _ends_with(pid, child)]
        for child in children:
            with contextlib.suppress(psutil.Error):
                child.terminate()
        psutil.wait_procs(children, timeout=grace)


def _ends_with(pid: int, child: psutil.Process) -> bool:
    """Whether a child is a helper of Python's multiprocessing: by one the parent hears how its forks have ended, the other is deaf to a
    request; both end when the parent does."""
    try:
        return child.ppid() == pid and any("multiprocessing." in word for word in child.cmdline())
    except psutil.Error:
        return True


def _ended(status: int) -> str:
    return f"killed by signal {-status}" if status < 0 else f"exit status {status}"


@contextlib.contextmanager
def stop_on_signals() -> Iterator[None]:
    """Within the block Ctrl-C, SIGTERM and SIGHUP stop the program, by KeyboardInterrupt. Main thread only.

    Ctrl-C too is set: a program started in the background by a shell is told to ignore it, and would pass that on.
    """

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = {name: signal.signal(name, interrupt) for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for name, action in before.items():
            signal.signal(name, action)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Within the block Ctrl-C, SIGTERM and SIGHUP do nothing."""
    try:
        before = {name: signal.signal(name, signal.SIG_IGN) for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    except ValueError:                                      # not the main thread: signals do not arrive here anyway
        yield
        return
    try:
        yield
    finally:
        for name, action in before.items():
            signal.signal(name, action)
