"""The people file (``CME_PEOPLE_FILE``, YAML, outside git): read, and read anew as soon as it has changed.

It may change at any moment, also while questions are open: somebody leaves, is ill, or is named anew.
"""

import os
import secrets
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from cme.config.people import ROLES, People
from cme.config.policies import ConfigFaults

WHAT_TO_DO = {"string_pattern_mismatch": "give one plain e-mail address", "missing": "give each role a name and an e-mail address",
              "extra_forbidden": "remove it or correct its spelling"}


def load_people(path: Path | None) -> People:
    """The people file as People; raises ConfigFaults with one sentence a fault."""
    if path is None:
        raise ConfigFaults(["CME_PEOPLE_FILE: not set; name a YAML file outside git with the role-holders "
                            f"({', '.join(ROLES)}), as in .env.example"])
    try:
        return People.model_validate(yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {})
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigFaults([f"CME_PEOPLE_FILE: {path}: {why}; put the file there or change the setting"]) from error
    except yaml.YAMLError as error:
        raise ConfigFaults([f"CME_PEOPLE_FILE: {path}: not readable as YAML ({str(error).splitlines()[0]}); mend the file"]) from error
    except ValidationError as error:
        raise ConfigFaults([sentence for fault in error.errors() for sentence in _sentences(path, fault)]) from error


def _sentences(path: Path, fault: Any) -> list[str]:
    place = ".".join(str(p) for p in fault["loc"])
    if fault["type"] == "value_error":
        return [f"{path}: {f'{place}: ' if place else ''}{line}" for line in str(fault["ctx"]["error"]).splitlines()]
    return [f"{path}: {place}: {fault['msg'].lower()}; {WHAT_TO_DO.get(fault['type'], 'give each role a name and an e-mail address')}"]


class PeopleFile:
    """The people file while the system runs: read anew whenever it has changed.

    A file that somebody is just spoiling stops nothing: the last good one (also kept at ``kept``, for the next process) goes on, and
    ``faults`` says what is wrong.
    """

    def __init__(self, path: Path | None, kept: Path) -> None:
        self.path, self.kept = path, kept
        self.faults: list[str] = []
        self._people: People | None = None
        self._mark: tuple[int, int, int] | None = None

    def read(self) -> People:
        """The people as they stand now. Raises ConfigFaults where the file is broken and none was ever good."""
        mark = self._stat()
        if self._people is None or mark is None or mark != self._mark:
            try:
                self._people, self.faults = load_people(self.path), []
                self._keep()
            except ConfigFaults as error:
                self.faults = error.faults
                self._people = self._people or self._last_good(error)
            self._mark = mark
        return self._people

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self.path) if self.path else None
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino) if found else None

    def _keep(self) -> None:
        """Write the good file beside the other private data, for processes that begin while it is broken."""
        try:
            content = Path(self.path or "").read_bytes()
            if self.kept.exists() and self.kept.read_bytes() == content:
                return
            part = self.kept.with_suffix(f".{secrets.token_hex(4)}")
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
            part.replace(self.kept)
        except OSError:
            pass        # without the copy a broken file stops the next process, and says so

    def _last_good(self, error: ConfigFaults) -> People:
        try:
            return load_people(self.kept)
        except ConfigFaults:
            raise error from None
