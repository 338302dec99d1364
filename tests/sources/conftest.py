"""A MariaDB for the tests of this folder, started when the first one asks for it."""

from collections.abc import Iterator

import pytest
from tests.sources.mariadb import MariaDb


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    server = MariaDb()
    yield server
    server.stop()
