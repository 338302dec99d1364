"""What an installation sets of its text messages (``CME_NOTIFY_...``). Without a key there are none, and everything else works."""

import re
from typing import Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr

_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
NO_TEXTS = ("There is no text channel: parents are written to by e-mail and rung. A state-funded school may use GOV.UK Notify; with its "
            "CME_NOTIFY_KEY and CME_NOTIFY_TEMPLATE parents get text messages too.")


class TextSettings(Protocol):
    """The settings that are looked at here."""

    environment: str
    notify_url: str
    notify_key: SecretStr | None
    notify_template: str
    notify_sender: str


def has_texts(settings: TextSettings) -> bool:
    """Is there a text channel?"""
    return bool(settings.notify_key and settings.notify_template)


def text_faults(settings: TextSettings) -> list[str]:
    """What is wrong with the settings of the text channel, one sentence each; none set is no fault."""
    key, faults = settings.notify_key.get_secret_value() if settings.notify_key else "", []
    if settings.notify_template and not key:
        faults.append("CME_NOTIFY_KEY: not set, but CME_NOTIFY_TEMPLATE is; give the API key of GOV.UK Notify, or remove both")
    if key and not settings.notify_template:
        faults.append("CME_NOTIFY_TEMPLATE: not set, but CME_NOTIFY_KEY is; give the id of a template for text messages with ((message))")
    if key and not re.fullmatch(rf".*-{_UUID}-{_UUID}", key):
        faults.append("CME_NOTIFY_KEY: is not an API key of GOV.UK Notify (name, service id and secret, joined by dashes); copy it again")
    for name in ("notify_template", "notify_sender"):
        if (value := getattr(settings, name)) and not re.fullmatch(_UUID, value):
            faults.append(f"CME_{name.upper()}: {value!r} is no id of GOV.UK Notify; copy it from the service's page")
    url = urlsplit(settings.notify_url)
    if settings.notify_url and (settings.environment == "production" or url.hostname not in _LOOPBACK) and (url.scheme, bool(url.hostname)) != ("https", True):
        faults.append("CME_NOTIFY_URL: must begin with https:// (leave it out for GOV.UK Notify itself)")
    return faults
