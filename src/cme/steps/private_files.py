"""Folders of files for one person's eyes: made whole or not at all, never over what is there, readable by nobody else."""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cme.errors import BadInput


@dataclass
class Private:
    """A folder that is being filled. ``digests``: the SHA-256 of each file by its name, in the order of writing."""

    path: Path
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return list(self.digests)

    def write(self, name: str, content: bytes) -> str:
        """Write a file (mode 600) and return its SHA-256. ``name`` is ours: letters, digits, points, dashes, one level of folders."""
        target = self.path / name
        if target.resolve().parent not in (self.path.resolve(), self.path.resolve() / target.parent.name):
            raise ValueError("a file of a private folder lies in it, or one level below")
        target.parent.mkdir(mode=0o700, exist_ok=True)
        with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        self.digests[name] = hashlib.sha256(content).hexdigest()
        return self.digests[name]


@contextmanager
def new_folder(folder: Path) -> Iterator[Private]:
    """A new private folder (mode 700), put in its place when the block ends well; otherwise nothing is left.

    Raises BadInput where ``folder`` is there already, or cannot be made.
    """
    if folder.exists() or folder.is_symlink():
        raise BadInput(f"{folder} is there already, and nothing is written over: give a new folder with --out")
    part = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    try:
        part.mkdir(mode=0o700)
        yield Private(part)
        os.rename(part, folder)
    except OSError as error:
        raise BadInput(f"the files cannot be written to {folder}: {error.strerror or error}; give another place with --out") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
