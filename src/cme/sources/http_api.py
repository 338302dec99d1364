"""Reading JSON from a vendor's web interface: patient with a busy server, quick with a wrong setting, silent about children.

Nothing here knows a vendor. An answer is either data or an error whose type is its fate; its sentence names the source, what was
asked for and what to do, and never an address with a token, a name or a value of the answer.
"""

import json
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import timedelta, timezone
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from time import sleep
from typing import Any
from urllib.parse import urlsplit

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from cme import clock
from cme.errors import Misconfigured, Transient

Record = dict[str, Any]
Headers = Callable[[], Mapping[str, str]]     # asked anew when the source says that a token has run out
SKEW = timedelta(seconds=60)                  # a source whose clock differs by more cannot say when a register was taken
_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_LARGEST = 200 * 2**20                        # bytes of one answer
_MOST_PAGES = 20_000


@dataclass(frozen=True)
class Patience:
    """How often and how long a source that is busy is asked again. ``longest`` is the longest wait it may ask for, in seconds."""

    attempts: int = 4
    first_wait: float = 1.0
    longest: float = 60.0
    timeout: float = 30.0
    sleep: Callable[[float], None] = sleep


class _Busy(Transient):
    """Asked again, after the seconds that the source asked for (None: as we like)."""

    def __init__(self, sentence: str, after: float | None = None) -> None:
        super().__init__(sentence)
        self.after = after


class Api:
    """One vendor's interface. ``skew`` is how far its clock was ahead of ours at the first answer; None: it did not say. ``body`` is
    the last answer as it came."""

    def __init__(self, base: str, name: str, headers: Headers, patience: Patience = Patience()) -> None:
        self.name, self._headers, self._patience = name, headers, patience
        self._base = checked_base(base, name)
        proxied = self._base.startswith("https")             # by the school's proxy, where there is one; this machine never
        self._client = httpx.Client(timeout=patience.timeout, follow_redirects=False, trust_env=proxied)
        self._renewed = False
        self.skew: timedelta | None = None
        self.body = b""

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, params: Mapping[str, str] | None = None, *, next_url: str = "") -> Record:
        """The JSON object at ``path`` below the base, or at ``next_url``, which the source gave and must be its own.

        Raises Transient or Misconfigured.
        """
        url = self._own(next_url, path) if next_url else f"{self._base}/{path}"
        patience = self._patience
        asking = Retrying(retry=retry_if_exception_type(_Busy), stop=stop_after_attempt(patience.attempts), wait=self._wait,
                          sleep=patience.sleep, reraise=True)
        return asking(self._once, url, params if not next_url else None, path)

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        after = error.after if isinstance(error, _Busy) else None
        return after if after is not None else self._patience.first_wait * 2 ** (state.attempt_number - 1)

    def _once(self, url: str, params: Mapping[str, str] | None, path: str) -> Record:
        status, headers, body = self._ask(url, params, path)
        if status == 401 and not self._renewed:
            self._renewed = True                       # the token has run out: once, with what the settings give now
            status, headers, body = self._ask(url, params, path)
        self._refuse(status, headers, path)
        self._note_clock(headers)
        if "html" in headers.get("content-type", ""):
            raise Misconfigured(f"source {self.name!r} gave a web page in place of data for {path}: is the address right, or does a "
                                "sign-in page stand before it?")
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            raise _Busy(f"source {self.name!r} gave an answer for {path} that breaks off or is no JSON: it is tried again") from None
        if not isinstance(found, dict):
            raise Misconfigured(f"source {self.name!r} gave another kind of answer for {path} than documented: look at its documentation")
        self._renewed = False
        self.body = body
        return found

    def _ask(self, url: str, params: Mapping[str, str] | None, path: str) -> tuple[int, httpx.Headers, bytes]:
        try:
            with self._client.stream("GET", url, params=params, headers={**self._headers(), "Accept": "application/json"}) as answer:
                body = bytearray()
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > _LARGEST:
                        raise Misconfigured(f"source {self.name!r} gave more than {_LARGEST // 2**20} MB in one answer for {path}: "
                                            "look at what it gives")
                return answer.status_code, answer.headers, bytes(body)
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL, ValueError) as error:
            raise Misconfigured(f"source {self.name!r} cannot be asked for {path} ({type(error).__name__}): correct its address or "
                                "its secret") from None
        except httpx.HTTPError as error:
            raise _Busy(f"source {self.name!r} cannot be reached now ({type(error).__name__} at {path}): it is tried again") from None

    def _refuse(self, status: int, headers: httpx.Headers, path: str) -> None:
        if status in _AGAIN:
            after = _seconds(headers.get("retry-after", ""))
            if after is not None and after > self._patience.longest:
                raise Transient(f"source {self.name!r} asks to be left alone for {after:.0f} seconds (HTTP {status}): the next pull "
                                "tries again")
            raise _Busy(f"source {self.name!r} cannot answer now (HTTP {status} for {path}): it is tried again", after)
        self.refuse_code(status, path)

    def refuse_code(self, status: int, path: str) -> None:
        """Raise what a code means that says no; a vendor may give it in the body of an answer that came as HTTP 200."""
        if status in _AGAIN:
            raise Transient(f"source {self.name!r} cannot answer now (error {status} for {path}): the next pull tries again")
        if status in (401, 403):
            raise Misconfigured(f"source {self.name!r} refuses {path} (error {status}): correct the login or secret, or have the "
                                "right given")
        if status == 404:
            raise Misconfigured(f"source {self.name!r} does not know {path} (error 404): correct the address or the school's identifier")
        if not 200 <= status < 300:
            raise Misconfigured(f"source {self.name!r} refuses {path} (error {status}): correct the settings, or look at its "
                                "documentation")

    def _note_clock(self, headers: httpx.Headers) -> None:
        if self.skew is None and (said := headers.get("date")):
            try:
                self.skew = parsedate_to_datetime(said).astimezone(timezone.utc) - clock.now()
            except (ValueError, TypeError):
                pass

    def _own(self, url: str, path: str) -> str:
        """``url`` if it lies with the source itself: a secret is sent nowhere else."""
        try:
            there, here = urlsplit(url), urlsplit(self._base)
            same = (there.scheme, there.hostname, there.port) == (here.scheme, here.hostname, here.port)
        except ValueError:
            same = False
        if not same:
            raise Misconfigured(f"source {self.name!r} sends its next page of {path} to another address: it is not followed")
        return url

    @property
    def clock_note(self) -> str:
        """What is to be said of the source's clock; empty where it agrees with ours."""
        if self.skew is None or abs(self.skew) <= SKEW:
            return ""
        return (f"the source's clock is {abs(self.skew.total_seconds()):.0f} seconds "
                f"{'ahead of' if self.skew > timedelta(0) else 'behind'} ours: when registers were taken is not judged by it")


def checked_base(base: str, name: str) -> str:
    """``base`` without its last slash, if a secret may be sent there: https, or this machine. Raises Misconfigured."""
    try:
        parts = urlsplit(base.strip())
        host = parts.hostname or ""
        local = host == "localhost" or host[:1].isdigit() and ip_address(host).is_loopback
        fit = bool(host) and (parts.scheme == "https" or parts.scheme == "http" and local) and not (
            parts.username or parts.password or parts.query or parts.fragment)
    except ValueError:
        fit = False
    if not fit:
        raise Misconfigured(f"the address of source {name!r} must begin with https:// and hold no login or query: correct "
                            "CME_REGISTERS_API_URL")
    return base.strip().rstrip("/")


def numbered_pages(page: Callable[[int], list[Record]], first: int, key: Callable[[Record], Hashable], name: str) -> list[Record]:
    """All records of a source that numbers its pages, each page's new ones once.

    A short page is not taken for the last (a source may give fewer than it was asked for): the end is an empty page, or two in a row
    that bring nothing new, from a source that gives everything whatever page is asked for. A page that only repeats what came before
    and is not followed by another such stands in the place of one that we never saw. Raises Transient for it.
    """
    found: list[Record] = []
    seen: set[Hashable] = set()
    stale = 0
    for number in range(first, first + _MOST_PAGES):
        records = page(number)
        new = [record for record in records if key(record) not in seen]
        seen.update(key(record) for record in new)
        found += new
        if stale and (new or not records):
            raise Transient(f"source {name!r} gave the same page twice and may have left another out: it is tried again")
        stale = 0 if new else stale + 1
        if not records or stale == 2:
            return found
    raise Misconfigured(f"source {name!r} has no last page: look at its documentation")


def _seconds(text: str) -> float | None:
    """Retry-After as seconds from now: a number, or a date."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text).astimezone(timezone.utc) - clock.now()).total_seconds()) if text else None
    except (ValueError, TypeError):
        return None
