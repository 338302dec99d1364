"""The records' database: its engine, its migrations, and where it runs (the private PostgreSQL, or a server by URL)."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session, sessionmaker

from cme.errors import Misconfigured

if TYPE_CHECKING:
    from alembic.config import Config

    from cme.records.embedded import Cluster

VERSION_TABLE = "cme_version"       # not Alembic's own name: Prefect's server uses that one
DATABASE = "cme"
APP = "cme_app"                     # the role as which the product connects
_MIGRATION_LOCK = 0x434D4530
_NO_SUCH_TABLE = "42P01"
_CHAIN = re.compile(r'^(revision|down_revision) = "(\w+)"$', re.MULTILINE)


def engine(url: str, school: str = "") -> Engine:
    """An engine on PostgreSQL at ``url`` (``postgresql://user:password@host/database``; the driver is psycopg2), for the rows of one
    ``school`` where the role sees no more (``cme.records.roles``).

    What its errors say holds no values of a row: they reach logs. Raises Misconfigured for any other database.
    """
    try:
        address = make_url(url)
    except ArgumentError:
        raise Misconfigured("the address of the database cannot be read: it must look like "
                            "postgresql://user:password@host:5432/database") from None
    dialect, _, driver = address.drivername.partition("+")
    if dialect not in ("postgresql", "postgres") or driver not in ("", "psycopg2"):
        raise Misconfigured(f"the records are kept in PostgreSQL through psycopg2, not in {address.drivername}: set the address "
                            "to postgresql://user:password@host:5432/database, or leave it out for the embedded one")
    made = create_engine(address.set(drivername="postgresql+psycopg2"), pool_pre_ping=True, hide_parameters=True,
                         connect_args={"application_name": "cme", "options": "-c timezone=UTC" + (f" -c cme.school={school}" if school else "")})
    event.listen(made, "handle_error", _keep_values_out)
    return made


def _keep_values_out(context: ExceptionContext) -> None:
    """PostgreSQL's DETAIL, HINT and CONTEXT lines quote the row ("Failing row contains ..."): keep the first line only."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None and error.args and isinstance(error.args[0], str):
            error.args = (error.args[0].split("\n", 1)[0], *error.args[1:])


def sessions(records: Engine) -> sessionmaker[Session]:
    """The maker of sessions; ``with sessions(engine).begin() as session`` is one transaction."""
    return sessionmaker(records, expire_on_commit=False)


def _config(connection: Connection | None = None) -> "Config":
    from alembic.config import Config      # a run that only looks whether the tables are ours needs nothing of Alembic

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(files("cme.records.migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(records: Engine) -> None:
    """Bring the tables up to this version of the product, in one transaction; two at once wait for each other."""
    from alembic import command

    with records.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        command.upgrade(_config(connection), "head")


def check(records: Engine) -> str:
    """Empty if the tables are those of this version of the product, else one sentence that says what to do."""
    try:
        current = _version(records)
    except OperationalError as error:
        said = str(error.orig).strip()
        return f"the database of the records cannot be reached ({said}): is it running, and is its address right?"
    head = newest_migration()
    if current == head:
        return ""
    if current is None:
        return "the database of the records is empty: run `cme up` once, which makes its tables"
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_config())
    if current not in {script.revision for script in scripts.walk_revisions()}:
        return (f"the tables of the records (version {current}) are newer than this program (version {head}): "
                "install the newer program")
    return (f"the tables of the records are at version {current}, this program needs {head}: "
            "run `cme up` once, which brings them up to date")


def _version(records: Engine) -> str | None:
    """Which migration the tables are at; None: there are no tables."""
    try:
        with records.connect() as connection:
            return connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # nosec B608 # a constant of ours
    except ProgrammingError as error:
        if getattr(error.orig, "pgcode", "") != _NO_SUCH_TABLE:
            raise
        return None


def newest_migration() -> str:
    """The migration that no other follows, as their files say; Alembic, which would say the same, takes a tenth of a second to load."""
    said = [each.read_text(encoding="utf-8") for each in files("cme.records.migrations.versions").iterdir() if each.name.endswith(".py")]
    chain = [dict(_CHAIN.findall(text)) for text in said]
    [head] = {link["revision"] for link in chain if link} - {link.get("down_revision") for link in chain}
    return head


def _bring_up_to_date(owner_url: str, password: str | None = None, roles_too: bool = True) -> None:
    """Migrations, and then the roles and their rights, where anything of either has changed."""
    owner = engine(owner_url)
    try:
        if check(owner):
            upgrade(owner)
        if roles_too:
            from cme.records import roles
            roles.grant_where_changed(owner, password)
    finally:
        owner.dispose()


@dataclass
class Records:
    """The open records: ``engine``, a maker of sessions, and the private cluster where there is one."""

    engine: Engine
    cluster: "Cluster | None"
    sessions: sessionmaker[Session] = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = sessions(self.engine)


@contextmanager
def open_records(database_url: str | None, data_dir: Path, migrate: bool = False, *, school: str = "",
                 owner_url: str | None = None) -> Iterator[Records]:
    """Open the records at ``database_url``, or (None) in the private PostgreSQL below ``data_dir``, while the block lasts.

    The private one is brought up to date by itself, and opened as the product's own role, which cannot change history; a server only with
    ``migrate``, by ``owner_url`` where that is given, else Misconfigured says what is needed. ``school``: whose rows.
    """
    cluster = None
    if not database_url:
        if sys.platform == "win32":
            raise Misconfigured("the embedded PostgreSQL does not run on Windows: set CME_DATABASE_URL to a server")
        from cme.records.embedded import Cluster
        cluster = Cluster.start(data_dir / "postgresql")
    try:
        if cluster is not None:
            cluster.create_database(DATABASE)
            _bring_up_to_date(cluster.url(DATABASE), cluster.password(APP))
            database_url = cluster.url(DATABASE, APP)
        elif migrate:
            _bring_up_to_date(owner_url or str(database_url), roles_too=bool(owner_url))
        opened = engine(str(database_url), school)
        try:
            if fault := check(opened):
                raise Misconfigured(fault)
            yield Records(opened, cluster)
        finally:
            opened.dispose()
    finally:
        if cluster is not None:
            cluster.stop()
