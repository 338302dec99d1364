"""The headers and refusals that Prefect's server lacks.

Prefect itself sets no security headers, lets every web page read its API (CORS ``*``) and its V2 pages call an analytics host
even when told not to; a page in the browser of the DSL must not be able to answer a form.
"""

from typing import Any
from urllib.parse import urlsplit

# without 'unsafe-eval' the timeline of a run stays blank; connect-src 'self' is what stops the analytics call
POLICY = ("default-src 'self'; connect-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
          "script-src 'self' 'unsafe-inline' 'unsafe-eval'; worker-src 'self' blob:; font-src 'self' data:; "
          "frame-ancestors 'none'; base-uri 'self'; form-action 'self'; object-src 'none'")
HEADERS = [(b"content-security-policy", POLICY.encode()), (b"x-frame-options", b"DENY"), (b"x-content-type-options", b"nosniff"),
           (b"referrer-policy", b"same-origin")]
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})


def host_name(netloc: str) -> str:
    """The host of ``host[:port]``."""
    return netloc if netloc.endswith("]") else netloc.rpartition(":")[0] or netloc


def refusal(headers: dict[bytes, bytes], hosts: frozenset[str]) -> str:
    """Why a request is refused (empty: it is not): its host is not ours (DNS rebinding), or another site's page sent it."""
    host = headers.get(b"host", b"").decode("latin-1")
    if host_name(host) not in hosts:
        return "This server does not answer to that name."
    origin = headers.get(b"origin")
    if origin is not None and urlsplit(origin.decode("latin-1")).netloc != host:
        return "Requests from the pages of other sites are refused."
    return ""


class Guarded:
    """``app`` behind the refusals above; its answers carry the headers above unless it has set one of them itself.

    ``hosts`` are the names it answers to.
    """

    def __init__(self, app: Any, hosts: frozenset[str]) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        if reason := refusal(dict(scope["headers"]), self.hosts):
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1008})
                return
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain"), *HEADERS]})
            await send({"type": "http.response.body", "body": reason.encode()})
            return

        async def send_guarded(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                set_already = {name.lower() for name, _ in message.get("headers", [])}
                message["headers"] = [*message.get("headers", []), *(pair for pair in HEADERS if pair[0] not in set_already)]
            await send(message)

        await self.app(scope, receive, send_guarded)
