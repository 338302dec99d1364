"""Prefect's server as a process of the house, and the settings that it and the flows' runner live by."""

import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from cme.services.ports import LOOPBACK
from cme.services.processes import ProcessSpec


def prefect_environment(api_url: str, home: Path, database_url: str | None = None, credentials: str = "") -> dict[str, str]:
    """Prefect's settings as environment variables, complete: whatever the user's own profile says is left out.

    ``api_url`` is the server's API ("http://127.0.0.1:4200/api"); ``home`` the folder for Prefect's files; ``database_url``
    (postgresql+asyncpg) is for the server only; ``credentials`` ("admin:<password>") are what the server asks for and its clients
    send, empty for no sign-in.
    """
    settings = {
        "PREFECT_HOME": str(home), "PREFECT_PROFILES_PATH": str(home / "profiles.toml"), "PREFECT_API_URL": api_url,
        "PREFECT_UI_API_URL": "/api",                       # relative: the pages work under whatever name they were opened
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home / "ui"),   # not in site-packages, which may be read-only
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": api_url.removesuffix("/api"),
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true", "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1",
        # the new pages: in those of before, Prefect 3.8.8's choice lists close in the moment a mouse opens them
        "PREFECT_SERVER_UI_V2_ENABLED": "true",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # else Prefect keeps every run for ever, and there is one a minute; what a run did for a case is in the record long before
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs", "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(14 * 86400),
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",               # an answered form goes on at once, not after ten seconds
        "PREFECT_LOGGING_LEVEL": "INFO", "PREFECT_SERVER_LOGGING_LEVEL": "WARNING", "PREFECT_LOGGING_COLORS": "false",
    }
    if credentials:
        settings |= {"PREFECT_SERVER_API_AUTH_STRING": credentials, "PREFECT_API_AUTH_STRING": credentials}
    if database_url is not None:
        settings["PREFECT_API_DATABASE_CONNECTION_URL"] = database_url
    return settings


def without_prefect(environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` without settings of Prefect's that the user made for something else."""
    return {name: value for name, value in environment.items() if not name.startswith("PREFECT_")}


def answers(url: str) -> bool:
    """True if an HTTP server answers ``url`` with success."""
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:  # nosec B310 # our own server
            return bool(200 <= reply.status < 300)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def prefect_server(port: int, home: Path, database_url: str, host: str = LOOPBACK, credentials: str = "",
                   user_header: str = "") -> ProcessSpec:
    """Prefect's server on ``host`` and ``port``, behind the door (``cme.door``). Its first start makes its tables: some seconds more."""
    api_url = f"{address(host, port)}/api"
    return ProcessSpec(
        name="prefect", title="Prefect's server",
        command=[sys.executable, "-m", "cme.flows.server", "--port", str(port), "--host", host],
        environment={**prefect_environment(api_url, home, database_url, credentials), "CME_PROXY_USER_HEADER": user_header},
        ready=lambda: answers(f"{api_url}/health"), timeout=120.0)


def address(host: str, port: int) -> str:
    """The address under which this machine reaches a server that listens on ``host``: "http://127.0.0.1:4200"."""
    return f"http://{LOOPBACK if host == '0.0.0.0' else host}:{port}"  # nosec B104 # compared, not bound
