"""The private PostgreSQL: started on demand, shared by the processes that use it, stopped when the last one leaves.

It listens on a Unix socket in a closed folder only, asks for a random password (scram-sha-256) and is durable. Whether it
lives is asked by a connection, never read from a pid file; starting and stopping are serialised by a lock; each user
holds a locked file, which the kernel lets go of when the user is killed. So ``kill -9`` of anything loses no commit,
and the next start works.

A folder ``home`` holds it all: ``lock``, ``users/``, ``password``, and ``server/`` with the data, the log and the socket. Where
root starts it and ``home`` is closed to the server's user, ``server/`` lies elsewhere and ``home/place`` says where.
"""

import atexit
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from psycopg2 import sql

from cme.errors import Misconfigured
from cme.records.postgres_binaries import server_user
from cme.records.postgres_server import OWNER, Server, write_private


class Cluster:
    """One user's hold on the private PostgreSQL. Get it from ``Cluster.start``; give it back with ``stop`` (or use ``with``)."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.server: Server
        self._user = server_user()
        self._hold: int | None = None
        self._pid = os.getpid()
        self._hold_file = home / "users" / f"{self._pid}-{secrets.token_hex(4)}"

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
                cluster.server = Server(cluster._find_place(), cluster.home / "password", cluster._user)
                try:
                    cluster.server.bring_up(timeout)
                    cluster._take_hold()
                except BaseException:                    # also Ctrl-C: nobody must be left alone with a server
                    cluster._shut_down_if_last()
                    raise
        except PermissionError as error:
            raise Misconfigured(f"the folder {cluster.home} of the database belongs to another user of this machine "
                                f"({error.strerror}): start as that user, or choose another data folder") from error
        atexit.register(cluster.stop)
        return cluster

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def url(self, database: str, role: str = OWNER) -> str:
        """SQLAlchemy's address of ``database`` (psycopg2, over the socket), as its owner or as another ``role``. It holds the
        password: never log it."""
        return self._address("postgresql+psycopg2", database, role)

    def asyncpg_url(self, database: str, role: str) -> str:
        """The address of ``database`` for Prefect's server (asyncpg, over the socket). It holds the password: never log it."""
        return self._address("postgresql+asyncpg", database, role)

    def password(self, role: str) -> str:
        """The password of a role beside the owner, made once; whoever makes the role gives it to it."""
        file = self.home / f"password.{role}"
        with self._locked():
            if not file.exists():
                write_private(file, secrets.token_urlsafe(32))
        return file.read_text().strip()

    def _address(self, driver: str, database: str, role: str) -> str:
        folder = quote(str(self.server.socket_folder), safe="")
        password = self.server.password() if role == OWNER else self.password(role)
        return f"{driver}://{role}:{password}@/{quote(database)}?host={folder}"

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create the database ``name``, as a copy of ``template`` where given. One that exists is left as it is."""
        with self.server.connection() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            if cursor.fetchone() is None:
                cursor.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(template or "template1")))

    def drop_database(self, name: str) -> None:
        """Drop the database ``name`` with all that is in it; whoever is connected to it is disconnected."""
        with self.server.connection() as connection, connection.cursor() as cursor:
            cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def ensure(self) -> bool:
        """Start the server again if it was killed under us; True if that was needed. The addresses stay the same."""
        if self.server.state() == "up":
            return False
        with self._locked():
            self.server.bring_up(60.0)
        return True

    def stop(self) -> None:
        """Leave. The last user to leave stops the server (open transactions are rolled back)."""
        if self._hold is None or self._pid != os.getpid():   # a forked child leaves its parent's hold alone
            return
        atexit.unregister(self.stop)
        if not self.home.is_dir():                       # deleted under us: the server notices by itself within a minute
            os.close(self._hold)
            self._hold = None
            return
        with self._locked():
            self._hold_file.unlink(missing_ok=True)
            os.close(self._hold)
            self._hold = None
            self._shut_down_if_last()
        self.server.reap()

    def remove(self) -> None:
        """Leave, and delete the cluster with all its data. Refused (Misconfigured) while somebody else uses it."""
        self.stop()
        with self._locked():
            if self._others():
                raise Misconfigured("the database is still in use by another process: stop it first")
            for folder in (self.server.socket_folder, self.server.place, self.home):
                shutil.rmtree(folder, ignore_errors=True)

    def _prepare_home(self) -> None:
        if not self.home.is_dir():
            self.home.mkdir(parents=True)
            self.home.chmod(0o711 if self._user.lent else 0o700)   # lent: the server's user must get through to server/
        (self.home / "users").mkdir(mode=0o700, exist_ok=True)

    def _find_place(self) -> Path:
        """The server's own folder, made where missing: in ``home``, or where its user can get to if ``home`` is closed to it."""
        told = self.home / "place"
        place = Path(told.read_text().strip()) if told.exists() else self.home / "server"
        if not place.is_dir():
            if told.exists():
                raise Misconfigured(f"the folder {place}, in which the database of {self.home} lives, is gone: put it back from "
                                    f"the backup, or delete {told} to begin anew")
            place.mkdir(mode=0o700)
            self._user.own(place, 0o700)
        if told.exists() or self._user.can_enter(place):
            return place
        place.rmdir()
        temporary = tempfile.gettempdir()
        passing = self.home.resolve().is_relative_to(Path(temporary).resolve())
        for parent in (temporary, "/tmp", "/var/tmp") if passing else ("/var/lib", "/var/tmp"):  # nosec B108 # looked for, made private
            if os.access(parent, os.W_OK) and self._user.can_enter(Path(parent)):
                place = Path(tempfile.mkdtemp(prefix="cme-flows-", dir=parent))
                self._user.own(place, 0o700)
                told.write_text(f"{place}\n")
                return place
        raise Misconfigured(f"PostgreSQL does not run as root, and the user it runs as cannot enter {self.home}: "
                            "choose a data folder that others may pass through with CME_DATA_DIR")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self.home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _take_hold(self) -> None:
        self._hold = os.open(self._hold_file, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._hold, fcntl.LOCK_EX)

    def _shut_down_if_last(self) -> None:
        if not self._others():
            self.server.shut_down()

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


def stop_unused(home: Path) -> None:
    """Stop the PostgreSQL of ``home`` if it runs and nobody uses it any more (its users were killed)."""
    cluster = Cluster(Path(home).absolute())
    if (cluster.home / "users").is_dir():
        with cluster._locked():
            cluster.server = Server(cluster._find_place(), cluster.home / "password", cluster._user)
            cluster._shut_down_if_last()
