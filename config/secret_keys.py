"""Where the secrets stand that seal the records, newest first: the environment, the keyring of the operating system, or a private file."""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr

from cme.errors import BadInput, Misconfigured

ENTRY = "secret-keys"            # the user name under which the keyring holds them
_SIZE = 48


class SecretKeys:
    """The secrets of an installation, read anew at each ``read``. ``given`` and ``former`` come from the environment and win; else
    ``service`` names an entry of the operating system's keyring; else ``file`` holds them, made once. One a line, newest first."""

    def __init__(self, file: Path, given: SecretStr | None = None, former: SecretStr | None = None, service: str = "") -> None:
        self._file, self._given, self._former, self._service = file, given, former, service

    @property
    def place(self) -> str:
        """Where they stand, as a person calls it."""
        return "CME_SECRET_KEY" if self._given else f"the keyring's entry {self._service!r}" if self._service else str(self._file)

    def read(self) -> list[str]:
        """The secrets, newest first. Raises Misconfigured where the keyring cannot be read."""
        if self._given:
            return [self._given.get_secret_value(), *(self._former.get_secret_value().replace(",", " ").split() if self._former else ())]
        held = self._from_keyring() if self._service else made_once(self._file, _SIZE)
        return held.split() or self.put([secrets.token_urlsafe(_SIZE)])

    def begin_new(self) -> list[str]:
        """Put a new random secret before the others; returns all. Raises BadInput where they come from the environment."""
        return self.put([secrets.token_urlsafe(_SIZE), *self.read()])

    def put(self, wanted: Sequence[str]) -> list[str]:
        """Keep exactly these, newest first. Raises BadInput where they come from the environment, which a program cannot change."""
        if self._given:
            raise BadInput("the secrets come from the environment: put a new one into CME_SECRET_KEY and the one of before into "
                           "CME_FORMER_SECRET_KEYS, restart, and run `cme rotate-key` again")
        if self._service:
            _keyring().set_password(self._service, ENTRY, "\n".join(wanted))
        else:
            part = self._file.with_suffix(f".{secrets.token_hex(4)}")
            part.touch(mode=0o600)
            with part.open("w", encoding="utf-8") as file:
                file.write("\n".join(wanted))
                file.flush()
                os.fsync(file.fileno())          # before it takes the old one's place: without it nothing sealed can be read
            part.replace(self._file)
        return list(wanted)

    def _from_keyring(self) -> str:
        keyring = _keyring()
        try:
            return keyring.get_password(self._service, ENTRY) or ""
        except keyring.errors.KeyringError as error:
            raise Misconfigured(f"CME_SECRET_KEYRING: the keyring of the operating system cannot be read ({type(error).__name__}): unlock it, or "
                                "set CME_SECRET_KEY") from None


def _keyring():  # type: ignore[no-untyped-def]
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise Misconfigured("CME_SECRET_KEYRING needs the package keyring: install cme-flows[keyring]") from None
    return keyring


def made_once(path: Path, size: int) -> str:
    """What a private file holds; where it is not there, ``size`` random bytes as text, written first."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{secrets.token_hex(4)}")
        part.touch(mode=0o600)
        part.write_text(secrets.token_urlsafe(size))
        try:
            path.hardlink_to(part)          # whoever is first wins: two processes never hold different keys
        except FileExistsError:
            pass
        part.unlink()
    return path.read_text().strip()
