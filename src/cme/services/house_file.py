"""Say where a running house can be reached, so that `cme show` and the rest find it from another terminal."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping

from cme.errors import Misconfigured
from cme.steps.office import HOUSE_FILE, house_file, is_ours


@contextlib.contextmanager
def announce(environment: Mapping[str, str]) -> Iterator[None]:
    """Within the block this user's other commands find the house through a private file; afterwards the file is gone."""
    path = house_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_ours(path.parent):
        raise Misconfigured(f"the folder {path.parent} belongs to someone else or others may write to it: remove it, or set {HOUSE_FILE}")
    kept = {name: value for name, value in environment.items() if name.startswith("CME_") and name != "CME_HOUSE_MARK"}
    text = json.dumps({"pid": os.getpid(), "environment": kept})
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if json.loads(path.read_text())["pid"] == os.getpid():
                path.unlink()
                path.parent.rmdir()
