"""Encryption at rest, and keyed hashes of one-time codes: two keys drawn from one secret."""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cme.errors import Misconfigured

SHORTEST_SECRET = 16


class Sealer:
    """Seals bytes for the database with a key that is not in the database.

    ``secret`` comes from the settings and has at least 16 characters; who loses it loses what was sealed with it.
    """

    def __init__(self, secret: str):
        if len(secret) < SHORTEST_SECRET:
            raise Misconfigured(f"the secret for sealing needs at least {SHORTEST_SECRET} characters: set a long random one")
        self._box = Fernet(base64.urlsafe_b64encode(_derived(secret, b"cme/seal/1")))
        self._mac_key = _derived(secret, b"cme/mac/1")

    def __repr__(self) -> str:
        return "Sealer(...)"

    def seal(self, plain: bytes) -> bytes:
        """``plain``, encrypted and authenticated (Fernet: AES-128-CBC with HMAC-SHA256). Differs at every call."""
        return self._box.encrypt(plain)

    def open(self, sealed: bytes) -> bytes:
        """What was sealed. Raises Misconfigured where the secret is another or the bytes were changed."""
        try:
            return self._box.decrypt(bytes(sealed))
        except InvalidToken:
            raise Misconfigured("a sealed record cannot be opened: the secret is not the one it was sealed with, "
                                "or the record was changed") from None

    def mac(self, *parts: str) -> str:
        """HMAC-SHA256 of the parts in hexadecimal. ("ab", "c") and ("a", "bc") differ, as each part's length goes in."""
        digest = hmac.new(self._mac_key, digestmod=hashlib.sha256)
        for part in parts:
            encoded = part.encode()
            digest.update(len(encoded).to_bytes(8, "big") + encoded)
        return digest.hexdigest()


def _derived(secret: str, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret.encode())
