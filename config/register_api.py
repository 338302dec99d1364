"""What the settings of a vendor's interface for registers must say before it is asked."""

from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr

from cme.errors import Misconfigured

_NEEDS = {"arbor": ("url", "user"), "wonde": ("url", "school"), "bromcom": ("url", "school", "user")}
_MEANS = {"url": "the address of the interface", "user": "the user (Arbor) or ApplicationId (Bromcom)",
          "school": "the vendor's own number of the school"}


class ApiSettings(Protocol):
    """The settings that are asked here."""

    registers_api: str
    registers_api_url: str
    registers_api_school: str
    registers_api_user: str
    registers_api_secret: SecretStr | None
    registers_api_secret_file: Path | None


def api_faults(settings: ApiSettings) -> list[str]:
    """One sentence for each setting that is missing or cannot be meant; none where no interface is used."""
    if not settings.registers_api:
        return []
    faults = [f"CME_REGISTERS_API_{name.upper()}: not set; give {_MEANS[name]}" for name in _NEEDS[settings.registers_api]
              if not getattr(settings, f"registers_api_{name}")]
    if settings.registers_api_url and not safe_url(settings.registers_api_url):
        faults.append("CME_REGISTERS_API_URL: must begin with https:// and hold no login or query; a secret is sent nowhere else")
    if bool(settings.registers_api_secret) == bool(settings.registers_api_secret_file):
        faults.append("CME_REGISTERS_API_SECRET: set it, or CME_REGISTERS_API_SECRET_FILE with the file that holds it; one of the two")
    elif settings.registers_api_secret_file:
        try:
            secret_of(settings)
        except Misconfigured as error:
            faults.append(str(error))
    return faults


def secret_of(settings: ApiSettings) -> str:
    """The password or token as it stands now. Raises Misconfigured; never says what it is."""
    if settings.registers_api_secret:
        return settings.registers_api_secret.get_secret_value()
    try:
        found = settings.registers_api_secret_file.read_text(encoding="utf-8").strip() if settings.registers_api_secret_file else ""
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"CME_REGISTERS_API_SECRET_FILE: cannot be read ({type(error).__name__}); correct the path "
                            "or its permissions") from None
    if not found:
        raise Misconfigured("CME_REGISTERS_API_SECRET_FILE: is empty; write the secret into it")
    return found


def safe_url(url: str) -> bool:
    """Whether a secret may be sent there: https, or this machine, without a login or query in the address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    here = parts.hostname in ("127.0.0.1", "localhost", "::1")
    return bool(parts.hostname) and (parts.scheme == "https" or parts.scheme == "http" and here) and not (parts.username or parts.query)
