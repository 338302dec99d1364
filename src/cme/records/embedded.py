"""The private PostgreSQL: started on demand, shared by the processes that use it, stopped when the last one leaves.

It listens on a Unix socket in a closed folder only, asks for a random password (scram-sha-256) and is durable. Whether it lives
is asked by a connection, never read from a pid file; starting and stopping are serialised by a lock; each user holds a
locked file, which the kernel lets go of when the user is killed. So ``kill -9`` of anything loses no commit, and the
next start works.

A folder ``home`` holds it all: ``lock``, ``users/``, ``password``, and ``server/`` with the data, the log and the socket. Where root
starts it and ``home`` is closed to the server's user, ``server/`` lies elsewhere and ``home/place`` says where.
"""

import atexit
import fcntl
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
from urllib.parse import quote

import psutil
import psycopg2
from psycopg2 import sql

from cme.errors import Misconfigured, Transient
from cme.records.postgres_binaries import ServerUser, choose, reachable, server_user

_OWNER = "app"
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


class Cluster:
    """One user's hold on the private PostgreSQL. Get it from ``Cluster.start``; give it back with ``stop`` (or use ``with``)."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._user = server_user()
        self._hold: int | None = None
        self._hold_file: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(cls, data_dir: Path, timeout: float = 60.0) -> "Cluster":
        """Start the PostgreSQL that lives in ``data_dir`` (made where missing), or join it where it runs already.

        Raises Misconfigured where there is no PostgreSQL for it, its major version does not fit or the folder is not ours;
        Transient where it did not answer within ``timeout`` seconds.
        """
        cluster = cls(Path(data_dir).absolute())
        try:
            cluster._prepare_home()
            with cluster._locked():
                cluster._bring_up(timeout)
                cluster._take_hold()
        except PermissionError as error:
            raise Misconfigured(f"the folder {cluster.home} of the database belongs to another user of this machine "
                                f"({error.strerror}): start as that user, or choose another data folder") from error
        atexit.register(cluster.stop)
        return cluster

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- addresses ------------------------------------------------------------------------------------------------

    def url(self, database: str) -> str:
        """SQLAlchemy's address of ``database`` (psycopg2, over the socket). It holds the password: never log it."""
        return self._address("postgresql+psycopg2", database)

    def asyncpg_url(self, database: str) -> str:
        """The address of ``database`` for Prefect's server (asyncpg, over the socket). It holds the password: never log it."""
        return self._address("postgresql+asyncpg", database)

    def _address(self, driver: str, database: str) -> str:
        return f"{driver}://{_OWNER}:{self._password()}@/{quote(database)}?host={quote(str(self.socket_folder), safe='')}"

    # --- databases ------------------------------------------------------------------------------------------------

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create the database ``name``, as a copy of ``template`` where given. One that exists is left as it is."""
        with self._connection("postgres") as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            if cursor.fetchone() is None:
                cursor.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(template or "template1")))

    def drop_database(self, name: str) -> None:
        """Drop the database ``name`` with all that is in it; whoever is connected to it is disconnected."""
        with self._connection("postgres") as connection, connection.cursor() as cursor:
            cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    # --- leaving --------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Leave. The last user to leave stops the server (fast shutdown: open transactions are rolled back)."""
        if self._hold is None or self._hold_file is None:
            return
        atexit.unregister(self.stop)
        with self._locked():
            self._hold_file.unlink(missing_ok=True)
            os.close(self._hold)
            self._hold = None
            if not self._others():
                self._shut_down()
        if self._process is not None:
            self._process.poll()

    def remove(self) -> None:
        """Leave, and delete the cluster with all its data. Refused (Misconfigured) while somebody else uses it."""
        self.stop()
        with self._locked():
            if self._others():
                raise Misconfigured("the database is still in use by another process: stop it first")
            shutil.rmtree(self._place, ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)

    # --- the folder -----------------------------------------------------------------------------------------------

    def _prepare_home(self) -> None:
        if not self.home.is_dir():
            self.home.mkdir(parents=True)
            self.home.chmod(0o711 if self._user.lent else 0o700)
        (self.home / "users").mkdir(mode=0o700, exist_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self.home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _take_hold(self) -> None:
        self._hold_file = self.home / "users" / f"{os.getpid()}-{secrets.token_hex(4)}"
        self._hold = os.open(self._hold_file, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._hold, fcntl.LOCK_EX)

    def _others(self) -> bool:
        """True if a living process holds a user file. Files of the dead are cleared away."""
        held = False
        for file in (self.home / "users").iterdir():
            descriptor = os.open(file, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                file.unlink(missing_ok=True)
            except BlockingIOError:
                held = True
            finally:
                os.close(descriptor)
        return held

    def _password(self) -> str:
        return (self.home / "password").read_text().strip()

    @property
    def _place(self) -> Path:
        told = self.home / "place"
        return Path(told.read_text().strip()) if told.exists() else self.home / "server"

    @property
    def _data(self) -> Path:
        return self._place / "data"

    @property
    def socket_folder(self) -> Path:
        """The closed folder of the server's Unix socket."""
        told = self._place / "socket"
        return Path(told.read_text().strip()) if told.exists() else self._place / "s"

    @property
    def log(self) -> Path:
        """The server's log: it holds neither statements nor values."""
        return self._place / "server.log"

    def _prepare_place(self) -> None:
        if not self._place.is_dir():
            self._place.mkdir(mode=0o700)
            self._user.own(self._place, 0o700)
            if not self._user.can_enter(self._place):
                self._place.rmdir()
                in_temp = self.home.resolve().is_relative_to(Path(tempfile.gettempdir()).resolve())
                parent = Path(tempfile.gettempdir()) if in_temp or not os.access("/var/lib", os.W_OK) else Path("/var/lib")
                place = Path(tempfile.mkdtemp(prefix="cme-flows-", dir=parent))
                self._user.own(place, 0o700)
                (self.home / "place").write_text(f"{place}\n")
        folder = self.socket_folder
        if not _is_private(folder, self._user):
            folder = self._place / "s"
            if len(os.fsencode(folder / _SOCKET_NAME)) > _SOCKET_PATH_LIMIT:
                folder = Path(tempfile.mkdtemp(prefix="cme-"))
                (self._place / "socket").write_text(f"{folder}\n")
            folder.mkdir(mode=0o700, exist_ok=True)
            self._user.own(folder, 0o700)

    # --- the server -----------------------------------------------------------------------------------------------

    def _bring_up(self, timeout: float) -> None:
        data = self._data
        if (data / "PG_VERSION").exists() and self._answers():
            return
        self._prepare_place()
        data = self._data
        wanted = int((data / "PG_VERSION").read_text().split(".")[0]) if (data / "PG_VERSION").exists() else None
        programs = reachable(choose(wanted), self._user, self._place)
        if wanted is None:
            self._initialise(programs)
        elif self._clear_the_way(timeout):
            return
        self._launch(programs, timeout)

    def _initialise(self, programs: Path) -> None:
        unfinished = self._place / "data.unfinished"      # renamed when whole, so that a kill leaves nothing half-made
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(self._data, ignore_errors=True)
        password = secrets.token_urlsafe(32)
        _write_private(self.home / "password", password)
        lent = self._place / "password.lent"
        _write_private(lent, password)
        self._user.own(lent, 0o600)
        from cme.records.postgres_binaries import major_version
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if major_version(programs) >= 17 else []
        made = subprocess.run(
            [str(programs / "initdb"), "-D", str(unfinished), "-U", _OWNER, f"--pwfile={lent}", "--auth=scram-sha-256",
             "--encoding=UTF8", "--no-locale", *locale, "--data-checksums", "--no-instructions"],
            cwd="/", env=_environment(), capture_output=True, text=True, check=False, **self._user.start_options())
        lent.unlink()
        if made.returncode != 0:
            raise Misconfigured(f"PostgreSQL could not make its data folder in {self._place}: {_last_line(made.stderr)}")
        unfinished.rename(self._data)

    def _launch(self, programs: Path, timeout: float) -> None:
        settings = {**_SETTINGS, "unix_socket_directories": str(self.socket_folder)}
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with open(self.log, "ab") as log:
            # a session of its own: Ctrl-C at the terminal must not stop the database under those who still use it
            self._process = subprocess.Popen(
                [str(programs / "postgres"), "-D", str(self._data), *arguments], cwd="/", env=_environment(), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, **self._user.start_options())
        until = time.monotonic() + timeout
        while not self._answers():
            if self._process.poll() is not None:
                raise Misconfigured(f"PostgreSQL did not start ({_last_line(self.log.read_text(errors='replace'))}); its log: {self.log}")
            if time.monotonic() > until:
                self._shut_down()
                raise Transient(f"PostgreSQL did not answer within {timeout:.0f} seconds; its log: {self.log}")
            time.sleep(0.03)

    def _answers(self) -> bool:
        """Ask by a connection. Only an answer counts: a pid may be a zombie's or a stranger's."""
        try:
            with self._connection("postgres", seconds=5) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT 1")
                return True
        except (psycopg2.Error, OSError):
            return False

    @contextmanager
    def _connection(self, database: str, seconds: int = 60) -> Iterator["psycopg2.extensions.connection"]:
        connection = psycopg2.connect(host=str(self.socket_folder), user=_OWNER, password=self._password(), dbname=database,
                                      connect_timeout=seconds)
        try:
            connection.autocommit = True
            yield connection
        finally:
            connection.close()

    def _clear_the_way(self, timeout: float) -> bool:
        """See to what a kill left behind. True if the server turned out to be on its way up and answers now."""
        until = time.monotonic() + timeout
        while (postmaster := self._postmaster()) is not None and time.monotonic() < until:
            if self._answers():
                return True
            time.sleep(0.1)
        if postmaster is not None:
            self._shut_down()                            # it runs and cannot be reached (its socket was deleted)
        _outlive(self._processes(), patience=5.0)        # backends whose postmaster was killed go by themselves, or are ended
        for stale in (self._data / "postmaster.pid", self.socket_folder / _SOCKET_NAME, self.socket_folder / f"{_SOCKET_NAME}.lock"):
            stale.unlink(missing_ok=True)                # may name a zombie's or a reused pid, which PostgreSQL would believe
        return False

    def _processes(self) -> list[psutil.Process]:
        """The living processes of this server: PostgreSQL's, working in our data folder."""
        found = []
        data = str(self._data.resolve())
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.name().startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE and process.cwd() == data:
                    found.append(process)
        return found

    def _postmaster(self) -> psutil.Process | None:
        try:
            pid = int((self._data / "postmaster.pid").read_text().split("\n")[0])
        except (OSError, ValueError):
            return None
        return next((process for process in self._processes() if process.pid == pid), None)

    def _shut_down(self) -> None:
        for order, patience in ((signal.SIGINT, 20.0), (signal.SIGQUIT, 10.0)):
            postmaster = self._postmaster()
            if postmaster is None:
                break
            with suppress(psutil.Error):
                postmaster.send_signal(order)
                postmaster.wait(patience)
        _outlive(self._processes(), patience=2.0)


def _outlive(processes: list[psutil.Process], patience: float) -> None:
    """Wait until ``processes`` are gone; end those that are not after ``patience`` seconds (crash recovery sees to the rest)."""
    _, alive = psutil.wait_procs(processes, timeout=patience)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=5.0)


def _is_private(folder: Path, user: ServerUser) -> bool:
    try:
        status = folder.lstat()
    except OSError:
        return False
    return status.st_uid == user.uid and (status.st_mode & 0o170777) == 0o040700


def _write_private(path: Path, content: str) -> None:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
