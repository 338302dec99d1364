import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cme.records.embedded import Cluster

_ATTACH = """
import sys
from pathlib import Path
from cme.records.embedded import Cluster
cluster = Cluster.start(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.read()
cluster.stop()
"""


@pytest.fixture
def short_home() -> Iterator[Path]:
    """A folder with a short path that every user of the machine may enter (pytest's own is closed), gone after the test."""
    folder = Path(tempfile.mkdtemp(prefix="cme-t-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def begin_neighbour() -> Callable[[Path], "subprocess.Popen[str]"]:
    """Start another process that uses the cluster of a folder until its standard input is closed; it says "ready"."""

    def begin(home: Path) -> "subprocess.Popen[str]":
        return subprocess.Popen([sys.executable, "-c", _ATTACH, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                text=True)

    return begin


@pytest.fixture
def neighbour(begin_neighbour: Callable[[Path], "subprocess.Popen[str]"]) -> Callable[[Path], "subprocess.Popen[str]"]:
    """The same, once it is ready."""

    def ready(home: Path) -> "subprocess.Popen[str]":
        process = begin_neighbour(home)
        assert process.stdout.readline() == "ready\n"
        return process

    return ready


@pytest.fixture
def ask() -> Callable[[Cluster, str], Any]:
    """The single value that a statement answers on a cluster."""

    def value(cluster: Cluster, statement: str) -> Any:
        with cluster.server.connection() as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone()[0]

    return value
