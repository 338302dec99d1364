"""Encryption at rest, and keyed hashes of one-time codes: a ring of keys, each drawn from one secret that is not in the database.

What is sealed carries the id of its key, so that keys can follow one another: the newest seals, every one of the ring opens.
"""

import base64
import hashlib
import hmac
import secrets as random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cme.errors import Misconfigured

SHORTEST_SECRET = 16
SEALED = "cme1."                 # what is sealed begins with this and the key's id: "cme1.3f9a02c1."
_NONCE = 16
_MESSAGE = "message"             # what whole messages are bound to, as a column is bound to its name


@dataclass(frozen=True, repr=False)
class _Key:
    """What one secret gives: an id that says nothing of it, a key that seals, a key of keyed hashes, and the box of before."""

    id: str
    siv: AESSIV
    mac: bytes
    box: Fernet

    @classmethod
    def of(cls, secret: str) -> "_Key":
        if len(secret) < SHORTEST_SECRET:
            raise Misconfigured(f"the secret for sealing needs at least {SHORTEST_SECRET} characters: set a long random one")
        return cls(_derived(secret, b"cme/id/1", 4).hex(), AESSIV(_derived(secret, b"cme/siv/1", 64)), _derived(secret, b"cme/mac/1"),
                   Fernet(base64.urlsafe_b64encode(_derived(secret, b"cme/seal/1"))))

    @property
    def prefix(self) -> str:
        return f"{SEALED}{self.id}."


class Sealer:
    """Seals bytes and texts for the database with keys that are not in the database (AES-SIV with 256 bits, RFC 5297).

    ``secret`` comes from the settings and has at least 16 characters; who loses it loses what was sealed with it. ``former`` are the
    secrets of before, which still open. ``again`` reads the secrets anew, newest first: asked where a key is met that is not known,
    since another process may have changed it meanwhile.
    """

    def __init__(self, secret: str, *former: str, again: Callable[[], Sequence[str]] | None = None):
        self._again = again
        self._hold((secret, *former))

    def _hold(self, held: Sequence[str]) -> None:
        self._keys = {key.id: key for key in map(_Key.of, held)}
        self._newest = next(iter(self._keys.values()))

    def __repr__(self) -> str:
        return "Sealer(...)"

    @property
    def prefix(self) -> str:
        """What everything begins with that is sealed by the newest key."""
        return self._newest.prefix

    @property
    def ids(self) -> list[str]:
        """The ids of the keys, newest first. They say nothing of the secrets."""
        return list(self._keys)

    def read_again(self) -> None:
        """Take the secrets as they stand now, where that was said."""
        if self._again is not None:
            self._hold(self._again())

    def seal(self, plain: bytes) -> bytes:
        """``plain``, encrypted and authenticated. Differs at every call."""
        return self._newest.prefix.encode() + self._closed(plain, _MESSAGE, random.token_bytes(_NONCE))

    def open(self, sealed: bytes) -> bytes:
        """What was sealed. Raises Misconfigured where its key is not in the ring or the bytes were changed."""
        sealed = bytes(sealed)
        head, id_, body = sealed[:len(SEALED)], sealed[len(SEALED):len(SEALED) + 8], sealed[len(SEALED) + 9:]
        if head == SEALED.encode():
            return self._opened(id_.decode(errors="replace"), body, _MESSAGE)
        for key in self._keys.values():                  # sealed before keys had ids
            try:
                return key.box.decrypt(sealed)
            except InvalidToken:
                continue
        raise _cannot_open() from None

    def seal_text(self, plain: str, name: str, *, findable: bool = False) -> str:
        """``plain`` as it stands in the column ``name``, which it is bound to: moved to another column it cannot be opened. Findable:
        the same text looks the same each time, so that one may ask for it; who reads the database sees which rows are alike."""
        nonce = bytes(_NONCE) if findable else random.token_bytes(_NONCE)
        return self._newest.prefix + base64.urlsafe_b64encode(self._closed(plain.encode(), name, nonce)).decode()

    def open_text(self, text: str, name: str) -> str:
        """The text of a column; one that is not sealed (written before the column was) is as it stands."""
        if not text.startswith(SEALED):
            return text
        _, id_, body = f"{text}..".split(".", 2)
        try:
            return self._opened(id_, base64.b64decode(body[:-2], altchars=b"-_", validate=True), name).decode()
        except ValueError:
            raise _cannot_open() from None

    def mac(self, *parts: str) -> str:
        """HMAC-SHA256 of the parts in hexadecimal, by the newest key. ("ab", "c") and ("a", "bc") differ, as each part's length goes in."""
        return _mac(self._newest.mac, parts)

    def macs(self, *parts: str) -> list[str]:
        """The same by every key of the ring, newest first: a code issued before the key was changed is still good."""
        return [_mac(key.mac, parts) for key in self._keys.values()]

    def _closed(self, plain: bytes, name: str, nonce: bytes) -> bytes:
        # one byte more: the primitive takes no empty text
        return nonce + self._newest.siv.encrypt(b"." + plain, [name.encode(), nonce])

    def _opened(self, id_: str, body: bytes, name: str) -> bytes:
        if id_ not in self._keys:
            self.read_again()
        if (key := self._keys.get(id_)) is None:
            raise Misconfigured(f"a sealed record cannot be opened: it was sealed with a secret whose key is {id_}, and the secrets set are "
                                f"those of {', '.join(self._keys)}; put that secret back")
        try:
            return key.siv.decrypt(body[_NONCE:], [name.encode(), body[:_NONCE]])[1:]
        except (InvalidTag, ValueError):
            raise _cannot_open() from None


def _cannot_open() -> Misconfigured:
    return Misconfigured("a sealed record cannot be opened: the secret is not the one it was sealed with, or the record was changed")


def _mac(key: bytes, parts: Sequence[str]) -> str:
    digest = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()


def _derived(secret: str, purpose: bytes, length: int = 32) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(secret.encode())
