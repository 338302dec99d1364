"""A token endpoint on loopback (OAuth 2.0, client credentials), as Microsoft's answers, which fails as told."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

CLIENT, SECRET = "client-1", "hush-hush-secret"


class TokenServer:
    """Gives token-1, token-2, ... to who knows the secret. ``plan``: (status, body) given once each before; a ``body`` may be raw text."""

    def __init__(self) -> None:
        self.plan: list[tuple[int, Any]] = []
        self.asked: list[dict[str, str]] = []
        self.given, self.lasts = 0, 3599
        house = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = {k: v[0] for k, v in parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()).items()}
                house.asked.append(form)
                status, body = house.plan.pop(0) if house.plan else house.answer(form)
                data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self) -> None:
                """Who a token is for: an IMAP server asks when it is shown one."""
                known = f"token-{house.given}" in self.path or f"token-{house.given}" in self.headers.get("Authorization", "")
                data = json.dumps({"email": "cme", "active": "true"} if known and house.given else {"error": "invalid_token"}).encode()
                self.send_response(200 if known else 401)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/tenant/oauth2/v2.0/token"

    def answer(self, form: dict[str, str]) -> tuple[int, Any]:
        if (form.get("client_id"), form.get("client_secret"), form.get("grant_type")) != (CLIENT, SECRET, "client_credentials"):
            return 401, {"error": "invalid_client", "error_description": f"AADSTS7000215: {SECRET} is wrong"}
        self.given += 1
        return 200, {"token_type": "Bearer", "expires_in": self.lasts, "access_token": f"token-{self.given}"}

    def __enter__(self) -> "TokenServer":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
