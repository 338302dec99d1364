"""Note who presses Resume, before Prefect hears of it.

Prefect records no actor. Pressing it a second time, while the first answer is being read, is not noted, as it answers nothing:
so the newest note of a run is always of the answer that Prefect has taken. A note that fails never keeps an answer back.
"""

import asyncio
import json
import logging
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from cme.door.sign_in import SignIn

RESUME = re.compile(r"/api/flow_runs/([^/]+)/resume/?")
PATIENCE = 5.0                   # seconds for the note; then the answer goes on without it

log = logging.getLogger(__name__)


class NotesResumes:
    """``app`` (Prefect's server) with a note for every Resume. ``note(flow_run_id, signed_in_as)`` writes it, in a thread."""

    def __init__(self, app: Any, sign_in: SignIn, note: Callable[[str, str], None]) -> None:
        self.app = app
        self.sign_in = sign_in
        self.note = note
        self._presses: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        run = _resumed_run(scope)
        if run is None or not self.sign_in.admits(scope["headers"]):
            await self.app(scope, receive, send)
            return
        came = [await receive()]             # the whole answer first: who sends it slowly holds up nobody else's
        while came[-1].get("more_body"):
            came.append(await receive())
        again = iter(came)

        async def replay() -> Any:
            return next(again, None) or await receive()

        press = self._presses.setdefault(run, asyncio.Lock())
        async with press:                    # one after the other: the state that is read is the state that is answered
            if await self._waits(scope, run):
                await self._noted(run, self.sign_in.user(scope["headers"]))
            await self.app(scope, replay, send)

    async def _waits(self, scope: dict[str, Any], run: str) -> bool:
        """Whether the run is paused, asked of Prefect itself as the same caller; True where it does not say."""
        path = f"/api/flow_runs/{run}"
        asked = {**scope, "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
                 "headers": [pair for pair in scope["headers"] if pair[0].lower() not in (b"content-length", b"content-type")]}
        body = bytearray()

        async def nothing_more() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def listen(message: dict[str, Any]) -> None:
            body.extend(message.get("body", b""))

        try:
            await self.app(asked, nothing_more, listen)
            state = json.loads(bytes(body))["state_type"]
        except Exception:
            return True
        return bool(state == "PAUSED")

    async def _noted(self, run: str, user: str) -> None:
        try:
            await asyncio.wait_for(asyncio.to_thread(self.note, run, user), PATIENCE)
        except Exception as error:
            log.error("who pressed Resume on run %s could not be noted (%s); the answer goes on", run, type(error).__name__)


def _resumed_run(scope: dict[str, Any]) -> str | None:
    """The id of the run that a request resumes, as Prefect itself writes it."""
    found = RESUME.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
    try:
        return str(UUID(found[1])) if found else None
    except ValueError:
        return None
