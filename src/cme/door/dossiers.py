"""``/cme/dossier/<token>``: the page on which a person reads who the child is and all that is on record, before deciding in Prefect.

Two things open it: the link, mailed to one person and kept by nobody, and the sign-in. A GET decides nothing; it writes only that
the dossier was read. What a program fetches ahead of a person shows nothing.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Any

from cme.door import case_page
from cme.door.sign_in import Headers, SignIn
from cme.errors import CmeError
from cme.steps.office import Office
from cme.steps.reading import read_dossier

OURS = "/cme/"
ADDRESS = re.compile(r"/cme/dossier/([A-Za-z0-9_-]{16,128})")
AHEAD = (b"sec-purpose", b"purpose", b"x-purpose", b"x-moz")     # by which browsers say that nobody has asked for the page yet

log = logging.getLogger(__name__)


class Dossiers:
    """``app`` with our own pages before it. ``office`` opens the records when they are first needed."""

    def __init__(self, app: Any, sign_in: SignIn, office: Callable[[], Office]) -> None:
        self.app = app
        self.sign_in = sign_in
        self.office = office

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(OURS):
            await self.app(scope, receive, send)
            return
        status, body, more = await self._answer(scope["method"], scope["path"], scope["headers"])
        content = b"" if scope["method"] == "HEAD" else body.encode()
        await send({"type": "http.response.start", "status": status,
                    "headers": [*case_page.HEADERS, *more, (b"content-length", str(len(body.encode())).encode())]})
        await send({"type": "http.response.body", "body": content})

    async def _answer(self, method: str, path: str, headers: Headers) -> tuple[int, str, list[tuple[bytes, bytes]]]:
        if method not in ("GET", "HEAD"):
            return 405, case_page.notice("This page is only for reading."), [(b"allow", b"GET, HEAD")]
        if not self.sign_in.admits(headers):
            asks = [] if self.sign_in.user_header else [(b"www-authenticate", b'Basic realm="CME Flows", charset="UTF-8"')]
            return 401, case_page.notice("Please sign in.", "Use the same name and password as for the Prefect pages."), asks
        user = self.sign_in.user(headers)
        if self.sign_in.user_header and not user:
            return 403, case_page.notice("Please open this page by the school's own sign-in.", "It did not say who you are."), []
        if any(name.lower() in AHEAD for name, _ in headers):
            return 403, case_page.notice("Open this page to read it."), []
        found = ADDRESS.fullmatch(path)
        try:
            page = await asyncio.to_thread(self._page, found[1], user, method == "GET") if found else None
        except Exception as error:
            log.error("a dossier could not be shown: %s", error if isinstance(error, CmeError) else type(error).__name__)
            return 503, case_page.notice("The records cannot be read at this moment.", "If a child may be in danger, ring now. Then try "
                                         "again, or use cme show on the school's own machine."), []
        if page is None:
            return 404, case_page.notice("This link opens nothing.", "Links end after some days, and each e-mail about a case brings a "
                                         "new one: use the newest, or cme show on the school's own machine."), []
        return 200, page, []

    def _page(self, token: str, user: str, looked: bool) -> str | None:
        office = self.office()
        reading = read_dossier(office, token, user, looked=looked)
        return case_page.render(reading, office, user) if reading else None
