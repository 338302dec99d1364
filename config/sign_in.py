"""What the settings of the sign-in must say before anybody may come in."""

import re
from ipaddress import IPv4Address
from typing import Protocol

from pydantic import SecretStr

SHORTEST_PASSWORD = 12
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{2,60}")
_TAKEN = {"authorization", "host", "origin", "cookie", "content-type", "content-length", "prefect-csrf-token", "prefect-csrf-client"}


class DoorSettings(Protocol):
    """The settings that are asked here."""

    environment: str
    ui_url: str
    ui_host: IPv4Address
    ui_password: SecretStr | None
    proxy_user_header: str


def door_faults(settings: DoorSettings) -> list[str]:
    """One sentence for each setting with which the sign-in could be passed by, or nobody could sign in."""
    return [*_password(settings), *_proxy(settings), *(_open_wire(settings) if settings.environment == "production" else [])]


def door_warnings(settings: DoorSettings) -> list[str]:
    """What production would refuse, for an installation that is not in production."""
    return _open_wire(settings) if settings.environment != "production" else []


def _password(settings: DoorSettings) -> list[str]:
    if settings.ui_password is None:
        return []
    password = settings.ui_password.get_secret_value()
    # Prefect's server compares ASCII only; its pages cannot encode anything else either
    if len(password) < SHORTEST_PASSWORD or not re.fullmatch(r"[!-~]+", password):
        return [f"CME_UI_PASSWORD: must be at least {SHORTEST_PASSWORD} letters, digits and signs of ASCII without spaces; change it, or "
                "leave it out for a random one"]
    return []


def _proxy(settings: DoorSettings) -> list[str]:
    header = settings.proxy_user_header
    if not header:
        return []
    faults = []
    if not _HEADER.fullmatch(header) or header.lower() in _TAKEN:
        faults.append(f"CME_PROXY_USER_HEADER: {header!r} cannot name the signed-in person; use a header of its own, as X-Signed-In-As")
    if not settings.ui_host.is_loopback:
        faults.append(f"CME_UI_HOST: {settings.ui_host} lets others reach the server past the proxy of CME_PROXY_USER_HEADER; "
                      "leave it at 127.0.0.1 (docs/reverse-proxy.md)")
    return faults


def _open_wire(settings: DoorSettings) -> list[str]:
    if settings.ui_host.is_loopback or settings.ui_url.startswith("https://"):
        return []
    return [f"CME_UI_HOST: {settings.ui_host} lets other machines reach the sign-in unencrypted; leave it at 127.0.0.1 behind a reverse "
            "proxy (docs/reverse-proxy.md), or set CME_UI_URL to the https address that staff open"]
