"""The web inbox of the demo's mail sink: what was sent, to whom, word for word. On this machine only.

Text is shown as text: only links to this machine can be clicked, nothing is loaded, and no script of a message can run.
"""

import base64
import codecs
import email
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from email.message import EmailMessage, Message
from email.policy import default
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any, Protocol
from urllib.parse import parse_qs, quote, urlsplit

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from cme.clock import LONDON

_LINK = re.compile(r"http://(?:127\.0\.0\.1|localhost)(?::\d{1,5})?(?:/[^\s<>\"']*)?(?<![.,;:!?)\]])")
_FILE_NAME = re.compile(r"[^A-Za-z0-9._-]+")
HOSTS = ("127.0.0.1", "localhost")


class Kept(Protocol):
    """Where the messages are."""

    def names(self) -> list[str]: ...
    def wire(self, name: str) -> bytes | None: ...


@dataclass(frozen=True)
class AttachedFile:
    """A file of a message; ``url`` opens it, and downloads it with ``?download``."""

    name: str
    media_type: str
    size: int
    url: str


@dataclass(frozen=True)
class Shown:
    """A message as the inbox shows it. ``at`` is its Date, in ISO form."""

    id: str
    at: str
    sender: str
    to: str
    subject: str
    text: str
    attachments: tuple[AttachedFile, ...]

    @property
    def moment(self) -> str:
        """The Date on the school's wall clock."""
        return f"{datetime.fromisoformat(self.at).astimezone(LONDON):%a %-d %b, %H:%M}" if self.at else "no date"

    @property
    def linked(self) -> Markup:
        """The text, escaped, with the links to this machine made clickable."""
        done, at = Markup(), 0
        for link in _LINK.finditer(self.text):
            done += escape(self.text[at:link.start()])
            done += Markup('<a href="{0}" target="_blank" rel="noopener noreferrer">{0}</a>').format(link[0])
            at = link.end()
        return done + escape(self.text[at:])

    @property
    def first_words(self) -> str:
        return " ".join(self.text.split())[:140]


def read_message(name: str, wire: bytes) -> Shown:
    """A message of any make, however broken."""
    message = email.message_from_bytes(wire, policy=default)
    attached = tuple(AttachedFile(_file_name(part, number), part.get_content_type(), len(_content(part)),
                                  f"/messages/{name}/files/{number}")
                     for number, part in enumerate(_files_of(message)))
    body = message.get_body(("plain",)) if isinstance(message, EmailMessage) else None
    text = _content(body).decode(_charset(body), "replace") if body else ""
    return Shown(name, _date(message), str(message.get("From", "")), str(message.get("To", "")), str(message.get("Subject", "")),
                 text.replace("\r\n", "\n"), attached)


def _as_json(message: Shown) -> dict[str, Any]:
    """All of a message, with "from" as programs know it and "date" as people read it."""
    return {**asdict(message), "from": message.sender, "date": message.moment}


def _charset(part: Message) -> str:
    try:
        return codecs.lookup(part.get_content_charset("utf-8")).name
    except LookupError:
        return "utf-8"


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _files_of(message: Message) -> Iterator[Message]:
    return (part for part in message.walk()
            if not part.is_multipart() and (part.get_filename() or part.get_content_type() != "text/plain"))


def _file_name(part: Message, number: int) -> str:
    return _FILE_NAME.sub("-", part.get_filename() or "").strip("-.")[:80] or f"file-{number + 1}"


def _date(message: Message) -> str:
    try:
        moment = parsedate_to_datetime(str(message.get("Date", "")))
    except ValueError:
        return ""
    return moment.isoformat() if moment.tzinfo else moment.replace(tzinfo=LONDON).isoformat()


class Inbox(ThreadingHTTPServer):
    """The web server of the inbox on loopback; port 0 takes a free one."""

    daemon_threads = True

    def __init__(self, kept: Kept, port: int):
        self.kept = kept
        self.shown = lru_cache(maxsize=2000)(lambda name: read_message(name, kept.wire(name) or b""))
        super().__init__(("127.0.0.1", port), _Pages)

    def messages(self, to: str = "") -> list[Shown]:
        """All messages, newest first; with ``to``, only those to that address."""
        shown = [self.shown(name) for name in self.kept.names()]
        return [each for each in shown if not to or each.to == to]


class Look:
    """A page template of the demo, with the hashes that let its own style and script pass the policy, and nothing else."""

    def __init__(self, page: str, form_action: str = "'none'") -> None:
        source = (files("cme.mail") / page).read_text(encoding="utf-8")
        self.template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                                    lstrip_blocks=True).from_string(source)
        own = {tag: " ".join("'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
                             for text in re.findall(rf"<{tag}>(.*?)</{tag}>", source, re.DOTALL)) for tag in ("style", "script")}
        self.policy = (f"default-src 'none'; style-src {own['style']}; script-src {own['script']}; connect-src 'self'; "
                       f"frame-ancestors 'none'; base-uri 'none'; form-action {form_action}")


_look = lru_cache(maxsize=1)(lambda: Look("inbox.html"))


class _Pages(BaseHTTPRequestHandler):
    server: Inbox
    server_version, sys_version = "cme-inbox", ""

    def log_message(self, *_: Any) -> None:
        """Nothing: addresses hold references, and nobody reads the sink's log."""

    def do_GET(self) -> None:
        if self.headers.get("Host", "").rpartition(":")[0] not in HOSTS and self.headers.get("Host") not in HOSTS:
            return self._answer(421, b"This inbox is for this computer only.\n", "text/plain; charset=utf-8")
        url = urlsplit(self.path)
        query, places = parse_qs(url.query, keep_blank_values=True), url.path.strip("/").split("/")
        match places:
            case [""]:
                self._list(query.get("to", [""])[0])
            case ["api", "messages"]:
                self._json([_as_json(each) for each in self.server.messages(query.get("to", [""])[0])])
            case ["api", "messages", name] if name.endswith(".eml") and (wire := self.server.kept.wire(name[:-4])):
                self._answer(200, wire, "message/rfc822", name=name)
            case ["api", "messages", name] if self.server.kept.wire(name):
                self._json(_as_json(self.server.shown(name)))
            case ["messages", name] if self.server.kept.wire(name):
                self._page(200, message=self.server.shown(name), title=self.server.shown(name).subject)
            case ["messages", name, "files", number] if number.isdigit() and (wire := self.server.kept.wire(name)):
                self._file(name, wire, int(number), download="download" in query)
            case _:
                self._page(404, title="Not here")

    do_HEAD = do_GET

    def _list(self, to: str) -> None:
        everything, counts = self.server.messages(), dict[str, int]()
        for each in everything:
            counts[each.to] = counts.get(each.to, 0) + 1
        self._page(200, messages=[each for each in everything if not to or each.to == to], title="Inbox", chosen=to,
                   total=len(everything), newest=everything[0].id if everything else "", people=sorted(counts.items()),
                   quote=quote)

    def _file(self, name: str, wire: bytes, number: int, download: bool) -> None:
        parts = list(_files_of(email.message_from_bytes(wire, policy=default)))
        if number >= len(parts):
            return self._page(404, title="Not here")
        content, shown = _content(parts[number]), self.server.shown(name).attachments[number]
        if shown.media_type == "application/pdf" and content.startswith(b"%PDF-") and not download:
            return self._answer(200, content, "application/pdf", policy="frame-ancestors 'none'", name=shown.name, show=True)
        self._answer(200, content, "application/octet-stream", name=shown.name)

    def _page(self, status: int, **values: Any) -> None:
        page = _look().template.render({"message": None, "messages": None, **values})
        self._answer(status, page.encode(), "text/html; charset=utf-8", policy=_look().policy)

    def _json(self, value: Any) -> None:
        self._answer(200, json.dumps(value, ensure_ascii=False, indent=1).encode(), "application/json")

    def _answer(self, status: int, content: bytes, media_type: str, *, policy: str = "default-src 'none'; sandbox",
                name: str = "", show: bool = False) -> None:
        self.send_response(status)
        for header, value in (("Content-Type", media_type), ("Content-Length", str(len(content))), ("Cache-Control", "no-store"),
                              ("Content-Security-Policy", policy), ("X-Content-Type-Options", "nosniff"),
                              ("Referrer-Policy", "no-referrer")):
            self.send_header(header, value)
        if name:
            self.send_header("Content-Disposition", f'{"inline" if show else "attachment"}; filename="{name}"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
