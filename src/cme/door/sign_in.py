"""Who may come in, and whom the school's own sign-in says they are.

One password opens the door (Prefect's server knows no people). Where the school's own sign-in stands in front as a reverse
proxy, the proxy holds the password and names the person in a header; that header is believed only beside the password, so that
another program on the machine cannot forge it.
"""

import base64
import binascii
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

USER = "admin"                   # the example in the sign-in box of Prefect's pages says admin:pass
LONGEST_NAME = 200

Headers = Sequence[tuple[bytes, bytes]]


def credentials(password: str) -> str:
    """What a person types into the sign-in box of Prefect's pages, and what programs send: "admin:<password>"."""
    return f"{USER}:{password}"


@dataclass(frozen=True)
class SignIn:
    """The door's rules. ``credentials`` "admin:<password>", empty where everybody may come in (the demo); ``user_header`` names
    the header in which the reverse proxy passes the signed-in person on, empty where there is no proxy."""

    credentials: str = field(default="", repr=False)
    user_header: str = ""

    def admits(self, headers: Headers) -> bool:
        """Whether a request carries the password, or none is asked for."""
        return not self.credentials or self._has_password(headers)

    def proxied(self, headers: Headers) -> bool:
        """Whether a request came by the school's own sign-in: the proxy adds the password, a person behind it has none."""
        return bool(self.user_header and self.credentials and self._has_password(headers))

    def user(self, headers: Headers) -> str:
        """Whom the school's own sign-in names; empty where no proxy is believed, or where it named nobody or two."""
        if not self.proxied(headers):
            return ""
        named = [value for name, value in headers if name.lower() == self.user_header.lower().encode()]
        text = named[0].decode("utf-8", "replace").strip() if len(named) == 1 else ""
        # Caddy sends the placeholder itself where the sign-in has named nobody
        return text[:LONGEST_NAME] if text.isprintable() and "{" not in text else ""

    def _has_password(self, headers: Headers) -> bool:
        given = [value for name, value in headers if name.lower() == b"authorization"]
        if len(given) != 1:
            return False
        scheme, _, encoded = given[0].partition(b" ")
        try:
            decoded = base64.b64decode(encoded.strip(), validate=True)
        except binascii.Error:
            return False
        return scheme.lower() == b"basic" and secrets.compare_digest(decoded, self.credentials.encode())
