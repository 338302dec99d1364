"""The server processes of the private PostgreSQL: made, started, found again after a kill, and stopped.

Nothing here counts users or takes locks: ``cme.records.embedded`` does, and calls this with its lock held.
"""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import psutil
import psycopg2

from cme.errors import Misconfigured, Transient
from cme.records.postgres_binaries import ServerUser, choose, major_version, reachable

OWNER = "app"
_SOCKET_NAME = ".s.PGSQL.5432"
_SOCKET_PATH_LIMIT = 100   # bytes; Linux allows 107, macOS 103
_SETTINGS = {
    "listen_addresses": "", "unix_socket_permissions": "0700", "max_connections": "100", "shared_buffers": "128MB",
    "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "timezone": "UTC", "log_timezone": "UTC",
    "logging_collector": "off", "log_destination": "stderr",
    # what a statement holds may identify a child: neither statements nor values reach the log
    "log_statement": "none", "log_min_error_statement": "panic", "log_error_verbosity": "terse",
    "log_parameter_max_length": "0", "log_parameter_max_length_on_error": "0",
}


class Server:
    """The PostgreSQL of one folder ``place`` (data, log, socket), whose password stands in the file ``password``."""

    def __init__(self, place: Path, password: Path, user: ServerUser) -> None:
        self.place = place
        self.data = place / "data"
        self.log = place / "server.log"                  # holds neither statements nor values
        self._password = password
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def socket_folder(self) -> Path:
        """The closed folder of the Unix socket: in ``place``, or elsewhere where that path would be too long."""
        told = self.place / "socket"
        return Path(told.read_text().strip()) if told.exists() else self.place / "s"

    def password(self) -> str:
        """The password of the database's owner."""
        return self._password.read_text().strip()

    @contextmanager
    def connection(self, database: str = "postgres", seconds: int = 60) -> Iterator["psycopg2.extensions.connection"]:
        """An autocommitting connection, closed at the end of the block."""
        connection = psycopg2.connect(host=str(self.socket_folder), user=OWNER, password=self.password(), dbname=database,
                                      connect_timeout=seconds)
        try:
            connection.autocommit = True
            yield connection
        finally:
            connection.close()

    def state(self) -> Literal["up", "busy", "away"]:
        """Asked by a connection, since a pid may be a zombie's or a stranger's. Busy: it answers that it is not ready yet."""
        try:
            with self.connection(seconds=5) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT 1")
                return "up"
        except OSError:                                  # no password yet: never started
            return "away"
        except psycopg2.Error as error:
            said = str(error)
            if "too many clients" in said or "connection slots" in said:
                return "up"
            if "password authentication failed" in said:
                raise Misconfigured(f"the password in {self._password} is not that of the database in {self.place}: "
                                    "put the right file back from the backup") from None
            return "busy" if "the database system is" in said or "recovery" in said else "away"

    def bring_up(self, timeout: float) -> None:
        """Start the server unless it runs. Raises Misconfigured or Transient, in one sentence."""
        made = self.data / "PG_VERSION"
        wanted = int(made.read_text().split(".")[0]) if made.exists() else None
        if wanted is not None:
            if not self._password.exists():
                raise Misconfigured(f"the file {self._password} is missing, without which the database in {self.place} "
                                    "cannot be opened: put it back from the backup")
            if self.state() == "up" or self._await_restart(timeout):
                return
        self._prepare_socket_folder()
        programs = reachable(choose(wanted), self._user, self.place)
        if wanted is None:
            self._initialise(programs)
        self._clear_remains()
        self._launch(programs, timeout)

    def shut_down(self) -> None:
        """Stop the server: fast (open transactions roll back), else at once (the next start recovers). No commit is lost."""
        for order, patience in ((signal.SIGINT, 20.0), (signal.SIGQUIT, 10.0)):
            postmaster = self.postmaster()
            if postmaster is None:
                break
            with suppress(psutil.Error):
                postmaster.send_signal(order)
            _await_end([postmaster], patience)
        _see_out(self.processes(), patience=2.0)
        self.reap()

    def reap(self) -> None:
        """Let the kernel forget a server that this process started and that has ended."""
        if self._process is not None:
            self._process.poll()

    def processes(self) -> list[psutil.Process]:
        """The living processes of this server: PostgreSQL's, working in our data folder."""
        found = []
        data = str(self.data.resolve())
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.name().startswith("postgres") and _runs(process) and process.cwd() == data:
                    found.append(process)
        return found

    def postmaster(self) -> psutil.Process | None:
        """The first of the server's processes, if it lives."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n")[0])
        except (OSError, ValueError):
            return None
        return next((process for process in self.processes() if process.pid == pid), None)

    def _await_restart(self, timeout: float) -> bool:
        """True if a server that was on its way up answers now. One that cannot be reached (its socket was deleted) is stopped."""
        until, away_since = time.monotonic() + timeout, time.monotonic()
        while self.postmaster() is not None:
            state = self.state()
            if state == "up":
                return True
            if state == "busy":
                away_since = time.monotonic()
            if time.monotonic() - away_since > 3:
                self.shut_down()
            if time.monotonic() > until:
                raise Transient(f"PostgreSQL is still recovering after {timeout:.0f} seconds; its log: {self.log}")
            time.sleep(0.1)
        return False

    def _prepare_socket_folder(self) -> None:
        folder = self.socket_folder
        if self._user.keeps_to_itself(folder):
            return
        folder = self.place / "s"
        if len(os.fsencode(folder / _SOCKET_NAME)) > _SOCKET_PATH_LIMIT:
            folder = Path(tempfile.mkdtemp(prefix="cme-"))
            (self.place / "socket").write_text(f"{folder}\n")
        folder.mkdir(mode=0o700, exist_ok=True)
        self._user.own(folder, 0o700)

    def _initialise(self, programs: Path) -> None:
        unfinished = self.place / "data.unfinished"      # renamed when whole, so that a kill leaves nothing half-made
        shutil.rmtree(unfinished, ignore_errors=True)
        password = secrets.token_urlsafe(32)
        lent = self.place / "password.lent"              # the server's user cannot read ours
        write_private(self._password, password)
        write_private(lent, password)
        self._user.own(lent, 0o600)
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if major_version(programs) >= 17 else []
        made = subprocess.run(
            [str(programs / "initdb"), "-D", str(unfinished), "-U", OWNER, f"--pwfile={lent}", "--auth=scram-sha-256",
             "--encoding=UTF8", "--no-locale", *locale, "--data-checksums", "--no-instructions"],
            cwd="/", env=_environment(), capture_output=True, text=True, check=False, **self._user.start_options())
        lent.unlink()
        if made.returncode != 0:
            raise Misconfigured(f"PostgreSQL could not make its data folder in {self.place}: {_last_line(made.stderr)}")
        unfinished.rename(self.data)

    def _clear_remains(self) -> None:
        """End what a kill left running, and remove the files by which PostgreSQL would take a zombie's pid for a server."""
        _see_out(self.processes(), patience=5.0)         # backends whose postmaster was killed leave by themselves
        socket = self.socket_folder / _SOCKET_NAME
        for stale in (self.data / "postmaster.pid", socket, socket.with_name(socket.name + ".lock")):
            stale.unlink(missing_ok=True)

    def _launch(self, programs: Path, timeout: float) -> None:
        settings = {**_SETTINGS, "unix_socket_directories": str(self.socket_folder)}
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with open(self.log, "ab") as log:
            # a session of its own: Ctrl-C at the terminal must not stop the database under those who still use it
            self._process = subprocess.Popen(
                [str(programs / "postgres"), "-D", str(self.data), *arguments], cwd="/", env=_environment(),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **self._user.start_options())
        until = time.monotonic() + timeout
        while self.state() != "up":
            if self._process.poll() is not None:
                reason = _last_line(self.log.read_text(errors="replace"))
                raise Misconfigured(f"PostgreSQL did not start ({reason}); its log: {self.log}")
            if time.monotonic() > until:
                raise Transient(f"PostgreSQL did not answer within {timeout:.0f} seconds; its log: {self.log}")
            time.sleep(0.03)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE   # a zombie stays until its parent asks
    except psutil.Error:
        return False


def _await_end(processes: list[psutil.Process], patience: float) -> list[psutil.Process]:
    """Those of ``processes`` that still run after ``patience`` seconds."""
    until = time.monotonic() + patience
    while (alive := [process for process in processes if _runs(process)]) and time.monotonic() < until:
        time.sleep(0.02)
    return alive


def _see_out(processes: list[psutil.Process], patience: float) -> None:
    """Wait until ``processes`` are gone; end those that are not after ``patience`` seconds (crash recovery sees to the rest)."""
    for process in (alive := _await_end(processes, patience)):
        with suppress(psutil.Error):
            process.kill()
    _await_end(alive, 5.0)


def write_private(path: Path, content: str) -> None:
    """Write a new file that only this user can read."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
