"""Whoever has signed in at the school's own sign-in is not asked by Prefect's pages for a password as well."""

import json
from typing import Any

from cme.door.sign_in import SignIn

PATH = "/ui-settings"            # where Prefect's pages learn whether to show their sign-in box


class OneSignIn:
    """``app`` (Prefect's server), whose pages show no sign-in box to who came by the proxy: the proxy sends the password."""

    def __init__(self, app: Any, sign_in: SignIn) -> None:
        self.app = app
        self.sign_in = sign_in

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or not self.sign_in.proxied(scope["headers"]):
            await self.app(scope, receive, send)
            return
        start: dict[str, Any] = {}
        body = bytearray()

        async def hold(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))

        await self.app(scope, receive, hold)
        changed = json.dumps({**json.loads(bytes(body)), "auth": None}).encode() if start["status"] == 200 else bytes(body)
        start["headers"] = [*(pair for pair in start["headers"] if pair[0].lower() != b"content-length"),
                            (b"content-length", str(len(changed)).encode())]
        await send(start)
        await send({"type": "http.response.body", "body": changed})
