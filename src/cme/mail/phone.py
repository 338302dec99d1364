"""The telephones of the demo's parents: what was texted to them, and a field to answer as they would. On this machine only.

``python -m cme.mail.phone --port 8026`` runs the fake text service with this page until it is stopped. Text is shown as text.
"""

import argparse
import json
import os
import signal
import sys
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from cme.clock import LONDON
from cme.mail.fake_notify import Api, FakeNotify
from cme.mail.fake_phones import LONGEST, Phones
from cme.mail.inbox import HOSTS, Look

_look = lru_cache(maxsize=1)(lambda: Look("phone.html", form_action="'self'"))
UNDER_WAY = timedelta(seconds=4)          # so long a text of the demo is "sending"


@dataclass(frozen=True)
class Bubble:
    """A message on a telephone: the school's, or, ``mine``, the parent's."""

    order: int
    at: datetime
    text: str
    status: str
    mine: bool

    @property
    def moment(self) -> str:
        """The time on the school's wall clock."""
        return f"{self.at.astimezone(LONDON):%a %-d %b, %H:%M}"


def telephones(phones: Phones) -> dict[str, list[Bubble]]:
    """The conversation of each telephone, oldest message first; the one with the newest message comes first."""
    with phones.lock:
        both = [(text.to, Bubble(text.order, text.at, text.body, phones.status_of(text), mine=False)) for text in reversed(phones.texts)]
        both += [(reply.sender, Bubble(reply.order, reply.at, reply.body, "", mine=True)) for reply in reversed(phones.replies)]
    found: dict[str, list[Bubble]] = {}
    for number, bubble in sorted(both, key=lambda each: each[1].order):
        found.setdefault(number, []).append(bubble)
    return dict(sorted(found.items(), key=lambda each: each[1][-1].order, reverse=True))


class Page(Api):
    """The service's interface (``/v2/...``), and beside it the page."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path.startswith("/v2/"):
            return super().do_GET()
        if not self._for_us():
            return
        held = telephones(self.server.phones)
        match url.path:
            case "/":
                chosen = parse_qs(url.query).get("number", [""])[0]
                self._show(200, held, chosen if chosen in held else next(iter(held), ""))
            case "/api/newest":
                self._json({"newest": _newest(held)})
            case "/api/texts":
                self._json([{"to": text.to, "text": text.body, "status": self.server.phones.status_of(text), "at": text.at.isoformat(),
                             "reference": text.reference} for text in self.server.phones.texts])
            case _:
                self._show(404, {}, "", "There is no such page.")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        if self.path.startswith("/v2/"):
            return super().do_POST()
        form = parse_qs(self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 8 * LONGEST)).decode("utf-8", "replace"))
        number, text = form.get("number", [""])[0], form.get("text", [""])[0].strip()
        if not self._for_us():
            return
        if self.headers.get("Origin") not in (None, f"http://{self.headers.get('Host')}"):
            return self._show(403, {}, "", "Only this page may answer.")
        if self.path != "/reply" or not text or len(text) > LONGEST or number not in telephones(self.server.phones):
            return self._show(400, {}, "", "Write an answer to a text that a telephone has received.")
        self.server.phones.receive(number, text)
        self.reply(303, b"", "text/plain", Location=f"/?number={quote(number)}")

    def _for_us(self) -> bool:
        host = self.headers.get("Host", "")
        ours = host in HOSTS or host.rpartition(":")[0] in HOSTS
        if not ours:
            self.reply(421, b"This page is for this computer only.\n", "text/plain; charset=utf-8")
        return ours

    def _show(self, status: int, held: dict[str, list[Bubble]], chosen: str,
              sentence: str = "No text message yet. This page looks again by itself.") -> None:
        page = _look().template.render(people=[(number, len(bubbles)) for number, bubbles in held.items()], chosen=chosen, quote=quote,
                                       messages=held.get(chosen, []), newest=_newest(held), title=chosen or "Phones", sentence=sentence)
        self.reply(status, page.encode(), "text/html; charset=utf-8", **{
            "Content-Security-Policy": _look().policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"})

    def _json(self, value: Any) -> None:
        self.reply(200, json.dumps(value, ensure_ascii=False).encode(), "application/json")


def _newest(held: dict[str, list[Bubble]]) -> str:
    """Changes with every message and every receipt."""
    bubbles = [bubble for each in held.values() for bubble in each]
    return f"{len(bubbles)}-{sum(bubble.status == 'sending' for bubble in bubbles)}"


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m cme.mail.phone", description="The demo's text service, with a page of the telephones.")
    parser.add_argument("--port", type=int, default=8026, help="where it listens, on 127.0.0.1 (0: any free port)")
    wanted = parser.parse_args(arguments)
    ended = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: ended.set())
    try:
        with FakeNotify(wanted.port, Phones(delay=UNDER_WAY), Page) as service:
            print(f"texts are taken and shown at {service.url}", flush=True)
            ended.wait()
    except OSError as error:
        print(f"the demo's text service cannot start ({os.strerror(error.errno or 0)}): choose another port", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
