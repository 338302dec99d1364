"""Access tokens for a mail server that takes no password (XOAUTH2), kept until shortly before they run out and never shown.

``AccessToken`` asks a token endpoint (OAuth 2.0, client credentials, RFC 6749 4.4: what Microsoft 365 gives an application);
``TokenFile`` reads what another program keeps in a file, for every other way to a token.
"""

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from cme import clock
from cme.errors import Misconfigured, Transient

EARLY = timedelta(minutes=5)               # so long before its end a token is asked for anew: a message may take minutes to hand over
_WORD = re.compile(r"[a-z_]{1,40}")        # an error code of RFC 6749 5.2; what else the endpoint says is not repeated
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{4,16000}")


class Token(Protocol):
    """What signs in. ``forget``: the server has refused it, so that the next call must bring another one."""

    def __call__(self) -> str: ...

    def forget(self) -> None: ...


class _Busy(Transient):
    """Asked again at once, a few times."""


class AccessToken:
    """A token of the endpoint at ``url`` for an application. Calling it raises Transient or Misconfigured, in a sentence without a secret."""

    def __init__(self, url: str, client_id: str, secret: str, scope: str, *, attempts: int = 3, sleep: Callable[[float], None] = time.sleep) -> None:
        self._url, self._form = url, {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret, "scope": scope}
        self._asking = Retrying(retry=retry_if_exception_type(_Busy), stop=stop_after_attempt(attempts), wait=wait_exponential(max=8),
                                sleep=sleep, reraise=True)
        self._token, self._good_until = "", datetime.min

    def __call__(self) -> str:
        if not self._token or clock.now() >= self._good_until:
            self._token, lasts = self._asking(self._ask)
            self._good_until = clock.now() + max(lasts - EARLY, lasts / 2)
        return self._token

    def forget(self) -> None:
        self._token = ""  # nosec B105 # no token at all

    def __repr__(self) -> str:
        return "AccessToken(...)"

    def _ask(self) -> tuple[str, timedelta]:
        try:
            reply = httpx.post(self._url, data=self._form, timeout=15, follow_redirects=False, trust_env=self._url.startswith("https"))
        except httpx.HTTPError as error:
            raise _Busy(f"the token endpoint cannot be reached now ({type(error).__name__})") from None
        except (ValueError, httpx.InvalidURL) as error:
            raise Misconfigured(f"the token endpoint cannot be asked ({type(error).__name__}): correct its address") from None
        if reply.status_code in (408, 425, 429) or reply.status_code >= 500:
            raise _Busy(f"the token endpoint cannot answer now (HTTP {reply.status_code})")
        said = _object(reply)
        if reply.status_code != 200:
            word = said.get("error")
            raise Misconfigured(f"the token endpoint refuses (HTTP {reply.status_code}"
                                f"{f', {word}' if isinstance(word, str) and _WORD.fullmatch(word) else ''}): correct the client id, secret or scope, "
                                "or have the right given")
        token, lasts = said.get("access_token"), said.get("expires_in", 600)
        if not isinstance(token, str) or not _TOKEN.fullmatch(token) or not str(lasts).isdigit():
            raise Misconfigured("the token endpoint gave no usable token: is its address right?")
        return token, timedelta(seconds=int(lasts))


def _object(reply: httpx.Response) -> dict[str, Any]:
    try:
        found = reply.json()
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


class TokenFile:
    """A token that another program keeps valid in a file; read each time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self) -> str:
        try:
            token = self._path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(f"the file of the mail server's token cannot be read ({type(error).__name__})") from None
        if not _TOKEN.fullmatch(token):
            raise Misconfigured("the file of the mail server's token holds none: another program must keep a valid one in it")
        return token

    def forget(self) -> None:
        """Nothing is kept."""
