"""The demo's mail server: takes every message on this machine, keeps it, shows it in a web inbox. Nothing is passed on.

``python -m cme.mail.sink --smtp-port 2525 --web-port 8025 --folder DIR`` runs until it is stopped. Messages are files
(``000001.eml``, the bytes as received), so a restart shows what was there before.
"""

import argparse
import asyncio
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

from cme.mail.inbox import Inbox

LOOPBACK = "127.0.0.1"


class Store:
    """The kept messages of a folder, numbered in the order in which they came."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = threading.Lock()

    def keep(self, wire: bytes) -> str:
        """Write a message durably under the next number and return its name: after this it may be accepted."""
        with self._lock:
            part = self.folder / f".part-{os.getpid()}"
            with open(part, "wb") as file:
                file.write(wire)
                file.flush()
                os.fsync(file.fileno())
            number = max((int(name) for name in self.names()), default=0)
            while True:
                number += 1
                try:
                    os.link(part, self.folder / f"{number:06d}.eml")     # never overwrites
                except FileExistsError:
                    continue
                part.unlink()
                return f"{number:06d}"

    def names(self) -> list[str]:
        """The names of all messages, newest first."""
        return sorted((path.stem for path in self.folder.glob("*.eml") if path.stem.isdigit()), key=int, reverse=True)

    def wire(self, name: str) -> bytes | None:
        """The bytes of a message, or None."""
        path = self.folder / f"{name}.eml"
        return path.read_bytes() if name.isdigit() and path.is_file() else None


class Sink:
    """The mail server and its inbox, for as long as the ``with`` block lasts. Port 0 takes a free one."""

    def __init__(self, folder: Path, smtp_port: int = 0, web_port: int = 0):
        self.store, self.smtp_port, self._wanted_web_port = Store(folder), smtp_port, web_port
        self._server: asyncio.Server | None = None
        self._connections: set[Any] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mail sink", daemon=True)

    def __enter__(self) -> "Sink":
        self._thread.start()
        try:
            self._server = asyncio.run_coroutine_threadsafe(
                self._loop.create_server(self._connection, LOOPBACK, self.smtp_port), self._loop).result(10)
            self.smtp_port = self._server.sockets[0].getsockname()[1]
            self.inbox = Inbox(self.store, self._wanted_web_port)
        except BaseException:
            self._stop()
            raise
        self.web_port = self.inbox.server_address[1]
        self.url = f"http://{LOOPBACK}:{self.web_port}/"
        threading.Thread(target=self.inbox.serve_forever, kwargs={"poll_interval": 0.1}, name="inbox", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.inbox.shutdown()
        self.inbox.server_close()
        self._stop()

    def _stop(self) -> None:
        async def let_go() -> None:
            if self._server is not None:
                self._server.close()
            for connection in self._connections:
                if connection.transport:
                    connection.transport.abort()                         # Python 3.12 would wait for them
        asyncio.run_coroutine_threadsafe(let_go(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _connection(self) -> SMTP:
        connection = SMTP(self, hostname="demo.example", loop=self._loop)
        self._connections = {each for each in self._connections if each.transport} | {connection}
        return connection

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """A message is accepted once it is on the disk."""
        name = await self._loop.run_in_executor(None, self.store.keep, envelope.original_content)
        return f"250 2.0.0 kept as {name}"


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m cme.mail.sink", description="The demo's mail server with a web inbox.")
    parser.add_argument("--smtp-port", type=int, default=2525, help="where mail is taken, on 127.0.0.1 (0: any free port)")
    parser.add_argument("--web-port", type=int, default=8025, help="where the inbox is shown, on 127.0.0.1 (0: any free port)")
    parser.add_argument("--folder", type=Path, required=True, help="where messages are kept")
    wanted = parser.parse_args(arguments)
    ended = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: ended.set())
    try:
        with Sink(wanted.folder, wanted.smtp_port, wanted.web_port) as sink:
            print(f"mail is taken at {LOOPBACK}:{sink.smtp_port}; inbox: {sink.url}", flush=True)
            ended.wait()
    except OSError as error:
        why = os.strerror(error.errno or 0)
        print(f"the mail sink cannot start ({why}): choose other ports or another folder", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
