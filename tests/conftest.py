"""What every test may ask for: a database of its own, and a clock that stands still."""

import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cme.records import database, postgres_server, roles
from cme.records.embedded import Cluster
from cme.records.sealed_columns import keep_keys
from cme.records.sealing import Sealer

_numbers = count(1)
HOUSES = ("tests/browser/", "tests/flows/")
SECRET = "a secret for tests only"
PASSWORD = "of the tests"       # of the role as which the product connects
# nothing in the tests' own database outlives them: a commit takes 0.1 ms, where one that is on the disk takes 4
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """One file after the other in each process, and a folder of ``HOUSES``, which runs Prefect's server, in one of them: two such at
    a time are as much as two processors carry, and while they wait a third process does the rest."""
    from xdist.scheduler import LoadFileScheduling

    class HousesApart(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((folder for folder in HOUSES if nodeid.startswith(folder)), None) or super()._split_scope(nodeid)

    return HousesApart(config, log)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A private PostgreSQL for this test session; the session fails where it cannot be started."""
    home = Path(tempfile.mkdtemp(prefix="cme-t-"))
    home.chmod(0o711)   # root lends the server to another user, who must be able to enter
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(postgres_server, "_SETTINGS", postgres_server._SETTINGS | NOT_DURABLE)
        started = Cluster.start(home)
    yield started
    started.remove()


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> str:
    """The name of a database that holds the tables and no rows; copied for each test."""
    cluster.create_database("migrated")
    migrated = database.engine(cluster.url("migrated"))
    database.upgrade(migrated)
    roles.grant(migrated, PASSWORD)
    migrated.dispose()
    return "migrated"


@pytest.fixture
def engine(cluster: Cluster, template: str) -> Iterator[Engine]:
    """The engine of a database that only this test uses."""
    name = f"test_{next(_numbers)}"
    cluster.create_database(name, template)
    opened = database.engine(cluster.url(name))
    keep_keys(opened, Sealer(SECRET))
    yield opened
    opened.dispose()
    cluster.drop_database(name)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session on the test's own database. What is to be seen by others must be committed."""
    with database.sessions(engine)() as opened:
        yield opened


@pytest.fixture(autouse=True)
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """The school's clock stands still at 09:30 on Monday 23 November 2026; ``set_clock("2026-11-24T10:00")`` moves it."""

    def move(moment: str) -> None:
        monkeypatch.setenv("CME_CLOCK", moment)

    move("2026-11-23T09:30:00")
    return move
