"""A vendor's interface on this machine, over real HTTP: what it answers is planned by the test."""

import base64
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Reply:
    """One answer. ``length``: what Content-Length says, where it lies."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None

    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Stub:
    """A vendor. ``plan`` holds (part of the path, answer) that are given once each, in order, before the vendor's own answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.plan: list[tuple[str, Reply | Callable[[Reply], Reply]]] = []
        self.now = datetime(2026, 11, 23, 9, 30, tzinfo=timezone.utc)
        self.secret = "open-sesame"
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1          # one packet an answer

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
                reply = stub._reply(parts.path, query, dict(self.headers.items()))
                data = reply.data()
                self.send_response(reply.status)
                for name, value in {"Content-Type": "application/json", "Content-Length": str(reply.length or len(data)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)
                if reply.length:
                    self.close_connection = True

            def date_time_string(self, timestamp: float | None = None) -> str:
                return format_datetime(stub.now, usegmt=True)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Any:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _reply(self, path: str, query: dict[str, str], headers: dict[str, str]) -> Reply:
        self.asked.append((path, query, headers))
        planned = next((step for step in self.plan if step[0] in path), None)
        if planned:
            self.plan.remove(planned)
            if isinstance(planned[1], Reply):
                return planned[1]
        own = self.answer(path, query, headers) if self.allows(headers) else Reply(401, {"error": "expired"})
        return planned[1](own) if planned and callable(planned[1]) else own

    def allows(self, headers: dict[str, str]) -> bool:
        raise NotImplementedError

    def answer(self, path: str, query: dict[str, str], headers: dict[str, str]) -> Reply:
        raise NotImplementedError

    def paths(self, part: str) -> list[str]:
        return [path for path, *_ in self.asked if part in path]


def truncated(own: Reply) -> Reply:
    return Reply(own.status, own.data()[:len(own.data()) // 2])


def cut_off(own: Reply) -> Reply:
    return Reply(own.status, own.data()[:-3], length=len(own.data()))


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def between(moment: str, query: dict[str, str], name: str) -> bool:
    """Whether a moment lies within the filters of Arbor's manner."""
    return query.get(f"filters.{name}.from", "") <= moment <= query.get(f"filters.{name}.to", "9")


HOUR = timedelta(hours=1)
