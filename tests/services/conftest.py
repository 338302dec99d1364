import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def short_home() -> Iterator[Path]:
    """A folder with a short path that every user of the machine may enter (pytest's own is closed), gone after the tests."""
    folder = Path(tempfile.mkdtemp(prefix="cme-t-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
