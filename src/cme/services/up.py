"""The house: database, migrations, Prefect's server, then what the caller adds; up in that order, down in reverse."""

import fcntl
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from cme.errors import Misconfigured, Transient
from cme.records import prefect_role
from cme.records.database import DATABASE, Records, engine, open_records
from cme.services import ports
from cme.services.prefect_server import address, prefect_environment, prefect_server, without_prefect
from cme.services.processes import ProcessSpec, Supervisor, undisturbed

PREFECT_DATABASE = prefect_role.DATABASE


class House:
    """Everything that runs for one installation, held by one process. Use it with ``with``.

    ``data_dir`` holds the private database, Prefect's files and the logs; ``database_url`` names a server instead of the private
    database; ``prefect_database_url`` (default: beside ours, called prefect) is Prefect's; ``progress`` is told each step.
    Prefect's server listens on ``host``, on ``ui_port`` or, unless ``fixed_port``, on one close by; ``credentials``
    ("admin:<password>") are its sign-in, empty for none; ``user_header`` is the header in which the school's own sign-in names the
    person, empty where none stands in front; ``owner_url`` is the owner of the tables at ``database_url``, who brings them up to date.
    After ``start``: ``records``, ``ui_url``, ``api_url``, and ``environment``, with which every process of the house runs.
    """

    def __init__(self, data_dir: Path, database_url: str | None = None, prefect_database_url: str | None = None,
                 ui_port: int = 4200, progress: Callable[[str], None] = lambda step: None,
                 tick: Callable[[], None] = lambda: None, *, host: str = ports.LOOPBACK, fixed_port: bool = False,
                 credentials: str = "", user_header: str = "", owner_url: str | None = None) -> None:
        self.data_dir = Path(data_dir).absolute()
        self.records: Records
        self.ui_url = self.api_url = ""
        self.environment: dict[str, str] = {}
        self._database_url, self._owner_url = database_url, owner_url
        self._prefect_database_url = prefect_database_url
        self._ui_port = ui_port
        self._host, self._fixed_port, self._credentials, self._user_header = host, fixed_port, credentials, user_header
        self._progress = progress
        self._tick = tick
        self._stack = ExitStack()
        self._supervisor: Supervisor | None = None

    def start(self, extra: Sequence[ProcessSpec] = ()) -> None:
        """Bring everything up and wait until it is ready. If a step fails (CmeError), what was started is stopped again."""
        try:
            lock = self._take_the_folder()
            port = self._port()
            self._progress("Starting the database")
            self.records = self._stack.enter_context(open_records(self._database_url, self.data_dir, migrate=True, owner_url=self._owner_url))
            home = self.records.cluster.home if self.records.cluster else None
            self._supervisor = Supervisor(self.data_dir / "logs", home, held=[lock])
            self._stack.callback(self._supervisor.stop)
            self._progress("Starting Prefect's server")
            prefect_home = self.data_dir / "prefect"
            prefect_home.mkdir(mode=0o700, exist_ok=True)
            self.ui_url = address(self._host, port)
            self.api_url = f"{self.ui_url}/api"
            self.environment = {
                **without_prefect(os.environ), **prefect_environment(self.api_url, prefect_home, credentials=self._credentials),
                "CME_DATA_DIR": str(self.data_dir), "CME_UI_URL": os.environ.get("CME_UI_URL") or self.ui_url,
                "CME_DATABASE_URL": self.records.engine.url.render_as_string(hide_password=False)}
            self._start(prefect_server(port, prefect_home, self._prefect_database(), self._host, self._credentials, self._user_header))
            for spec in extra:
                self.add(spec)
        except BaseException:
            self.stop()
            raise

    def add(self, spec: ProcessSpec) -> None:
        """Start one more process in the house's environment and wait until it is ready."""
        self._progress(f"Starting {spec.title}")
        self._start(spec)

    def _start(self, spec: ProcessSpec) -> None:
        assert self._supervisor is not None
        self._supervisor.start(spec, self.environment, self._tick)

    @property
    def mark(self) -> str:
        """What all processes of the house carry in their environment (``keeper.MARK``)."""
        assert self._supervisor is not None
        return self._supervisor.mark

    def log(self, name: str) -> Path:
        """The log of a process of the house."""
        return self.data_dir / "logs" / f"{name}.log"

    def mend(self) -> list[str]:
        """Start again what was killed, the private database first; the titles of what was started again.

        Raises CmeError when something ends again and again.
        """
        assert self._supervisor is not None
        cluster = self.records.cluster
        mended = ["the database"] if cluster is not None and cluster.ensure() else []
        return mended + self._supervisor.mend()

    def wait(self, seconds: float | None = None) -> None:
        """Keep the house in order until Ctrl-C (KeyboardInterrupt), or for ``seconds``; tells ``progress`` what was mended."""
        until = None if seconds is None else time.monotonic() + seconds
        while until is None or time.monotonic() < until:
            for title in self.mend():
                self._progress(f"{title[:1].upper()}{title[1:]} had ended and was started again")
            time.sleep(0.5)

    def stop(self) -> None:
        """Stop everything in reverse order: added processes, Prefect's server, the database if nobody else uses it.

        A second Ctrl-C does not cut it short.
        """
        with undisturbed():
            self._stack.close()

    def __enter__(self) -> "House":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _take_the_folder(self, patience: float = 20.0) -> int:
        """Lock ``data_dir``: two houses in one folder would run every flow twice. Waits while a killed one is cleaned up."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.data_dir / "house.lock", os.O_RDWR | os.O_CREAT, 0o600)
        self._stack.callback(os.close, lock)
        until = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = os.pread(lock, 20, 0).decode().strip()
                if psutil.pid_exists(int(owner or 0)) and psutil.Process(int(owner)).status() != psutil.STATUS_ZOMBIE:
                    raise Misconfigured(f"the folder {self.data_dir} is in use by a running cme (process {owner}): stop that "
                                        "one, or choose another folder with CME_DATA_DIR") from None
                if time.monotonic() > until:
                    raise Transient(f"what a killed cme left in {self.data_dir} has not ended yet: "
                                    "try again in a moment") from None
                time.sleep(0.2)
                continue
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
            return lock

    def _port(self) -> int:
        port = ports.choose({"prefect": self._ui_port}, self._host)["prefect"]
        if self._fixed_port and port != self._ui_port:
            raise Misconfigured(f"port {self._ui_port} is in use by another program, and CME_UI_URL or the reverse proxy leads there: "
                                "stop that program, or change CME_UI_PORT and what leads to it")
        return port

    def _prefect_database(self) -> str:
        """The address of Prefect's database for asyncpg; the database is created where it is missing."""
        if self._prefect_database_url:
            return self._prefect_database_url
        if self.records.cluster:
            return prefect_role.address(self.records.cluster, DATABASE)
        ours = make_url(self._owner_url) if self._owner_url else self.records.engine.url
        with engine(ours.render_as_string(hide_password=False)).connect().execution_options(
                isolation_level="AUTOCOMMIT") as connection:
            known = connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": PREFECT_DATABASE})
            try:
                if not known:
                    connection.execute(text(f"CREATE DATABASE {PREFECT_DATABASE}"))
            except DBAPIError:
                raise Misconfigured(f"Prefect's server needs a database {PREFECT_DATABASE!r} beside that of the records, and "
                                    f"{ours.username} may not create it: let the database's administrator create it") from None
        return asyncpg_url(ours.set(database=PREFECT_DATABASE).render_as_string(hide_password=False))


def asyncpg_url(url: str) -> str:
    """A psycopg2 address as asyncpg understands it: ``sslmode`` is called ``ssl`` there."""
    address = make_url(url)
    query = {"ssl" if name == "sslmode" else name: value for name, value in address.query.items()}
    return address.set(drivername="postgresql+asyncpg", query=query).render_as_string(hide_password=False)
