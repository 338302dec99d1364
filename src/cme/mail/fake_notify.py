"""A text service for the demo and the tests, on this machine only: it behaves as GOV.UK Notify's client documents it, and sends nothing.

What it knows stands in ``fake_phones``.
"""

import json
import re
import sys
import threading
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import jwt

from cme.mail.fake_phones import (FAILED, FAULTS, KEPT_500, LOST, NO_JSON, NOTIFY_NUMBER, SECRET, SERVICE, STATUSES, TEMPLATE, Phones,
                                  Refused, Reply, Text)
from cme.mail.texts import PLACEHOLDER, UUID

CLOCK_MAY_DIFFER = 30                       # seconds


class FakeNotify(ThreadingHTTPServer):
    """The service on loopback; port 0 takes a free one. ``url`` is what CME_NOTIFY_URL takes. Serves within a ``with`` block."""

    daemon_threads = True

    def __init__(self, port: int = 0, phones: Phones | None = None, handler: "type[Api] | None" = None):
        self.phones = phones or Phones()
        super().__init__(("127.0.0.1", port), handler or Api)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> "FakeNotify":
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="fake text service", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that has gone is nothing to print."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Api(BaseHTTPRequestHandler):
    """The calls of the service's interface, version 2."""

    server: FakeNotify
    server_version, sys_version, protocol_version = "fake-notify", "", "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Nothing: numbers and texts belong in no log."""

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}"))

    def do_GET(self) -> None:
        self._answer(None)

    def _answer(self, said: Any) -> None:
        fault = self.server.phones.faults.popleft() if self.server.phones.faults else ""
        try:
            self._authorised()
            if fault in FAULTS:
                raise Refused(*FAULTS[fault])
            status, body = self._called(said)
            if fault == KEPT_500:
                raise Refused(*FAULTS["500"])
        except Refused as refused:
            status, body = refused.status, refused.body
        if fault == LOST:
            self.close_connection = True
            return
        self.reply(status, b"<html>" if fault == NO_JSON else json.dumps(body).encode(), "application/json")

    def reply(self, status: int, content: bytes, media_type: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": media_type, "Content-Length": str(len(content)), "Cache-Control": "no-store", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _authorised(self) -> None:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if not token:
            raise Refused(401, "AuthError", "Unauthorized: authentication token must be provided")
        try:
            claims = jwt.decode(token, SECRET, algorithms=["HS256"], options={"require": ["iss", "iat"], "verify_iat": False})
        except jwt.PyJWTError:
            raise Refused(403, "AuthError", "Invalid token: API key not found") from None
        if claims["iss"] != SERVICE:
            raise Refused(403, "AuthError", "Invalid token: service not found")
        if abs(time.time() - claims["iat"]) > CLOCK_MAY_DIFFER:
            raise Refused(403, "AuthError", "Error: Your system clock must be accurate to within 30 seconds")

    def _called(self, said: Any) -> tuple[int, dict[str, Any]]:
        url = urlsplit(self.path)
        wanted = {name: values[0] for name, values in parse_qs(url.query).items()}
        match self.command, url.path.strip("/").split("/")[1:]:
            case "POST", ["notifications", "sms"]:
                return 201, self._taken(self.server.phones.take(said))
            case "GET", ["notifications"]:
                return 200, self._list(wanted)
            case "GET", ["notifications", one]:
                if not re.fullmatch(UUID, one):
                    raise Refused(400, "ValidationError", "id is not a valid UUID")
                for text in self.server.phones.texts:
                    if text.id == one:
                        return 200, self._shown(text)
            case "GET", ["received-text-messages"]:
                page = self._page(self.server.phones.replies, wanted)
                return 200, {"received_text_messages": [self._received(each) for each in page], "links": self._links(page, wanted)}
            case "GET", ["template", one] if one == TEMPLATE:
                return 200, {"id": TEMPLATE, "name": "message", "type": "sms", "version": 1, "body": f"(({PLACEHOLDER}))"}
            case "POST", ["template", one, "preview"] if one == TEMPLATE:
                return 200, {"id": TEMPLATE, "type": "sms", "version": 1, "body": self.server.phones.rendered(said)}
        raise Refused(404, "NoResultFound", "No result found")

    def _taken(self, text: Text) -> dict[str, Any]:
        return {"id": text.id, "reference": text.reference or None, "content": {"body": text.body, "from_number": NOTIFY_NUMBER},
                "uri": f"{self.server.url}/v2/notifications/{text.id}", "template": self._template(), "scheduled_for": None}

    def _template(self) -> dict[str, Any]:
        return {"id": TEMPLATE, "version": 1, "uri": f"{self.server.url}/v2/template/{TEMPLATE}"}

    def _shown(self, text: Text) -> dict[str, Any]:
        status = self.server.phones.status_of(text)
        return {"id": text.id, "reference": text.reference or None, "phone_number": text.to, "type": "sms", "status": status,
                "template": self._template(), "body": text.body, "created_at": _utc(text.at), "sent_at": _utc(text.at),
                "completed_at": None if status in ("created", "sending", "pending") else _utc(text.at + self.server.phones.delay)}

    def _received(self, reply: Reply) -> dict[str, Any]:
        return {"id": reply.id, "user_number": reply.sender.lstrip("+"), "notify_number": NOTIFY_NUMBER, "created_at": _utc(reply.at),
                "service_id": SERVICE, "content": reply.body}

    def _list(self, wanted: dict[str, str]) -> dict[str, Any]:
        phones = self.server.phones
        if wanted.get("status", "created") not in (*STATUSES, "failed"):
            raise Refused(400, "ValidationError", f"status {wanted['status']} is not one of [{', '.join(STATUSES)}]")
        if wanted.get("template_type", "sms") not in ("sms", "email", "letter"):
            raise Refused(400, "ValidationError", f"{wanted['template_type']} is not one of [sms, email, letter]")
        among = {"failed": FAILED}.get(wanted.get("status", ""), (wanted.get("status"),))
        held = [text for text in phones.texts if wanted.get("template_type", "sms") == "sms"
                and wanted.get("reference", text.reference) == text.reference and ("status" not in wanted or phones.status_of(text) in among)]
        page = self._page(held, wanted)
        return {"notifications": [self._shown(text) for text in page], "links": self._links(page, wanted)}

    def _page(self, held: list[Any], wanted: dict[str, str]) -> list[Any]:
        if (last := wanted.get("older_than")) is not None:
            places = [n for n, each in enumerate(held) if each.id == last]
            held = held[places[0] + 1:] if places else []
        return held[:self.server.phones.page]

    def _links(self, page: list[Any], wanted: dict[str, str]) -> dict[str, str]:
        """As the service does it: an empty page has no "next"."""
        here = f"{self.server.url}{quote(urlsplit(self.path).path)}"
        links = {"current": f"{here}?{urlencode(wanted)}"}
        return {**links, "next": f"{here}?{urlencode({**wanted, 'older_than': page[-1].id})}"} if page else links


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"
