"""``python -m cme.flows.server --port N``: Prefect's server behind the door (``cme.door``): headers, refusals, sign-in, dossiers."""

import argparse
import os
from functools import cache
from threading import Lock
from urllib.parse import urlsplit

import uvicorn
from prefect.server.api.server import create_app

from cme.door.dossiers import Dossiers
from cme.door.guard import LOOPBACK_NAMES, Guarded, host_name
from cme.door.resumes import NotesResumes
from cme.door.sign_in import SignIn
from cme.door.ui_settings import OneSignIn
from cme.steps.office import Office, open_office
from cme.steps.resume_requests import note_resume


_opening = Lock()
_open = cache(open_office)


def office() -> Office:
    """The office of this process, opened when it is first needed: Prefect's pages must open without it."""
    with _opening:
        return _open()


def main() -> None:
    arguments = argparse.ArgumentParser(description="Prefect's server behind sign-in and security headers.")
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--port", type=int, default=4200)
    asked = arguments.parse_args()
    sign_in = SignIn(os.environ.get("PREFECT_SERVER_API_AUTH_STRING", ""), os.environ.get("CME_PROXY_USER_HEADER", ""))
    names = {host_name(netloc) for netloc in (urlsplit(os.environ.get("CME_UI_URL", "")).netloc, asked.host) if netloc}
    prefect = NotesResumes(create_app(), sign_in, lambda run, user: note_resume(office(), run, user, office().stamp()))
    app = Guarded(Dossiers(OneSignIn(prefect, sign_in), sign_in, office), LOOPBACK_NAMES | names)
    uvicorn.run(app, host=asked.host, port=asked.port, log_level="warning", access_log=False, server_header=False, timeout_keep_alive=5,
                timeout_graceful_shutdown=3)


if __name__ == "__main__":
    main()
