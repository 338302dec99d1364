"""A text service for the demo and the tests, on this machine only: it behaves as GOV.UK Notify's client documents it, and sends nothing.

What it was given it keeps in memory. ``faults`` are the ways in which the next requests go wrong.
"""

import json
import re
import threading
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import jwt

from cme import clock
from cme.errors import BadInput
from cme.mail.numbers import number_of
from cme.mail.texts import LONGEST, PLACEHOLDER, UUID

SERVICE, SECRET = "5c1d2f86-0f0e-4b8e-9d33-1b6f2f0c7a11", "b7a4c0de-8f6d-4e43-9a0c-2d51f3a7e9c4"
KEY = f"made_up-{SERVICE}-{SECRET}"
TEMPLATE = "9f6c2a10-3c77-4d5e-8c41-6f5f5f0b2a33"
NOTIFY_NUMBER = "447700900999"
# the simulator's numbers, as the service's documentation gives them; every other number is delivered to
SIMULATED = {"+447700900003": "temporary-failure", "+447700900002": "permanent-failure"}
STATUSES = ("created", "sending", "pending", "sent", "delivered", "permanent-failure", "temporary-failure", "technical-failure")
_FAILED = ("permanent-failure", "temporary-failure", "technical-failure")
_CLOCK_MAY_DIFFER = 30                      # seconds

# how a request can go wrong: an error status before anything is done; or done, and the answer never arrives, or is an error
FAULTS = {"403": (403, "AuthError", "Invalid token: API key not found"), "429": (429, "RateLimitError", "Exceeded rate limit for key type "
          "TEST of 3000 requests per 60 seconds"), "500": (500, "Exception", "Internal server error"),
          "trial mode": (400, "BadRequestError", "Can't send to this recipient when service is in trial mode")}
LOST, KEPT_500, NO_JSON = "lost after acceptance", "500 after acceptance", "not json"


class Refused(Exception):
    """An answer other than success."""

    def __init__(self, status: int, error: str, message: str):
        super().__init__(message)
        self.status, self.body = status, {"status_code": status, "errors": [{"error": error, "message": message}]}


@dataclass
class Text:
    """A text that was taken. ``status`` set: what is said of it, whatever the number."""

    id: str
    to: str
    body: str
    reference: str
    at: datetime
    status: str = ""


@dataclass
class Reply:
    """A text that came in."""

    id: str
    sender: str
    body: str
    at: datetime


@dataclass
class Phones:
    """Every telephone that the service knows: what was sent to it and what it answered."""

    delay: timedelta = timedelta()           # how long a text is under way before the network has said what became of it
    page: int = 250
    texts: list[Text] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    faults: deque[str] = field(default_factory=deque)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, said: dict[str, Any]) -> Text:
        """Take a text as the service would, or refuse it."""
        for name in ("phone_number", "template_id"):
            if not isinstance(said.get(name), str):
                raise Refused(400, "ValidationError", f"{name} is a required property")
        if not re.fullmatch(UUID, said["template_id"]):
            raise Refused(400, "ValidationError", "template_id is not a valid UUID")
        try:
            to = number_of(said["phone_number"])
        except BadInput:
            raise Refused(400, "ValidationError", "phone_number Not a UK mobile number") from None
        if said["template_id"] != TEMPLATE:
            raise Refused(400, "BadRequestError", "Template not found")
        body = (said.get("personalisation") or {}).get(PLACEHOLDER)
        if not body:
            raise Refused(400, "BadRequestError", f"Missing personalisation: {PLACEHOLDER}")
        if len(body) > LONGEST:
            raise Refused(400, "BadRequestError", f"Text messages cannot be longer than {LONGEST} characters")
        text = Text(str(uuid.uuid4()), to, body, str(said.get("reference") or ""), clock.now())
        with self.lock:
            self.texts.insert(0, text)
        return text

    def status_of(self, text: Text) -> str:
        """What the network says of a text by now."""
        return text.status or ("sending" if clock.now() < text.at + self.delay else SIMULATED.get(text.to, "delivered"))

    def receive(self, sender: str, body: str) -> Reply:
        """Somebody sends a text to the school's number."""
        reply = Reply(str(uuid.uuid4()), sender, body, clock.now())
        with self.lock:
            self.replies.insert(0, reply)
        return reply


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

    def handle_error(self, *_: Any) -> None:
        """A caller that has gone is nothing to print."""


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
        if abs(time.time() - claims["iat"]) > _CLOCK_MAY_DIFFER:
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
        among = {"failed": _FAILED}.get(wanted.get("status", ""), (wanted.get("status"),))
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
