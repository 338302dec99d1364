"""What the fake text service knows: the texts it took, the replies that came in, and how the next requests go wrong. In memory only."""

import re
import threading
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

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
FAILED = ("permanent-failure", "temporary-failure", "technical-failure")

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
    order: int                               # of everything that came and went
    status: str = ""


@dataclass
class Reply:
    """A text that came in."""

    id: str
    sender: str
    body: str
    at: datetime
    order: int


@dataclass
class Phones:
    """Every telephone that the service knows: what was sent to it and what it answered."""

    delay: timedelta = timedelta()           # how long a text is under way before the network has said what became of it
    page: int = 250
    latin_only: bool = False                 # other letters become "?", as with a service that does not know them
    texts: list[Text] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    faults: deque[str] = field(default_factory=deque)
    lock: threading.Lock = field(default_factory=threading.Lock)
    orders: Iterator[int] = field(default_factory=count)

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
        body = self.rendered(said)
        if len(body) > LONGEST:
            raise Refused(400, "BadRequestError", f"Text messages cannot be longer than {LONGEST} characters")
        text = Text(str(uuid.uuid4()), to, body, str(said.get("reference") or ""), clock.now(), next(self.orders))
        with self.lock:
            self.texts.insert(0, text)
        return text

    def rendered(self, said: dict[str, Any]) -> str:
        """The template filled."""
        body = (said.get("personalisation") or {}).get(PLACEHOLDER)
        if not body:
            raise Refused(400, "BadRequestError", f"Missing personalisation: {PLACEHOLDER}")
        return "".join(c if ord(c) < 0x250 else "?" for c in body) if self.latin_only else str(body)

    def status_of(self, text: Text) -> str:
        """What the network says of a text by now."""
        return text.status or ("sending" if clock.now() < text.at + self.delay else SIMULATED.get(text.to, "delivered"))

    def receive(self, sender: str, body: str) -> Reply:
        """Somebody sends a text to the school's number."""
        reply = Reply(str(uuid.uuid4()), sender, body, clock.now(), next(self.orders))
        with self.lock:
            self.replies.insert(0, reply)
        return reply
