"""A small reverse proxy that stands in for the school's own sign-in, set up as docs/reverse-proxy.md says.

Everybody who comes by it has signed in as ``PERSON``. It takes away the headers that a client may have sent in their place,
and adds the password of the Prefect pages, which the people behind it never see.
"""

import base64
import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PERSON = "c.featherlow@larkspur-bridge.example"
HEADER = "X-Signed-In-As"
_OURS = {HEADER.lower(), "authorization", "connection", "transfer-encoding", "accept-encoding"}


class SchoolSignIn(ThreadingHTTPServer):
    """Listens on ``port`` of this machine and passes everything on to ``upstream`` ("127.0.0.1:4200")."""

    daemon_threads = True

    def __init__(self, port: int, upstream: str) -> None:
        super().__init__(("127.0.0.1", port), _Passes)
        self.upstream = upstream
        self.credentials = ""
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Passes(BaseHTTPRequestHandler):
    server: SchoolSignIn

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _OURS}
        headers |= {HEADER: PERSON, "Authorization": "Basic " + base64.b64encode(self.server.credentials.encode()).decode()}
        upstream = http.client.HTTPConnection(self.server.upstream, timeout=60)
        try:
            upstream.request(self.command, self.path, body or None, headers)
            reply = upstream.getresponse()
            content = reply.read()
            self.send_response_only(reply.status)
            for name, value in reply.getheaders():
                if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        finally:
            upstream.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _pass

    def log_message(self, *_: Any) -> None:
        """Nothing."""
