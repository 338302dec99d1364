"""How mail leaves and comes back: the school's mail server, the second one for alarms, and the mailbox that bounces and replies reach.

A server is signed in to with a password, or with a token (XOAUTH2): Microsoft 365 switches sign-in by password off.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from cme.config.register_api import safe_url

Tls = Literal["ssl", "starttls", "none"]
MICROSOFT = "https://outlook.office365.com/.default"       # the scope under which Microsoft 365 gives tokens for SMTP and IMAP
_LOCAL = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Route:
    """One server, and how it is signed in to: ``user`` and ``password``, or ``user`` and a token. ``name`` stands in its settings' names."""

    name: str
    host: str
    port: int
    tls: Tls
    user: str
    password: SecretStr | None
    ca: Path | None
    token_url: str
    client_id: str
    client_secret: SecretStr | None
    scope: str
    token_file: Path | None

    @property
    def by_token(self) -> bool:
        """Whether a token signs in, and no password."""
        return bool(self.token_url or self.token_file)


class MailSettings(BaseSettings):
    """The settings of mail; each is ``CME_<NAME>`` in the environment."""

    smtp_host: str = ""
    smtp_port: int = 587
    smtp_tls: Tls = "starttls"
    smtp_user: str = ""
    smtp_password: SecretStr | None = None
    smtp_ca: Path | None = None
    smtp_token_url: str = ""
    smtp_client_id: str = ""
    smtp_client_secret: SecretStr | None = None
    smtp_scope: str = MICROSOFT
    smtp_token_file: Path | None = None
    mail_sender: str = ""
    mail_sender_name: str = ""
    mail_data_timeout: int = 600

    alarm_smtp_host: str = ""
    alarm_smtp_port: int = 587
    alarm_smtp_tls: Tls = "starttls"
    alarm_smtp_user: str = ""
    alarm_smtp_password: SecretStr | None = None
    alarm_smtp_ca: Path | None = None
    alarm_smtp_token_url: str = ""
    alarm_smtp_client_id: str = ""
    alarm_smtp_client_secret: SecretStr | None = None
    alarm_smtp_scope: str = MICROSOFT
    alarm_smtp_token_file: Path | None = None
    alarm_sender: str = ""
    alarm_bounces_to: str = ""

    imap_host: str = ""
    imap_port: int = 993
    imap_tls: Tls = "ssl"
    imap_user: str = ""
    imap_password: SecretStr | None = None
    imap_ca: Path | None = None
    imap_token_url: str = ""
    imap_client_id: str = ""
    imap_client_secret: SecretStr | None = None
    imap_scope: str = MICROSOFT
    imap_token_file: Path | None = None
    imap_folder: str = "INBOX"

    def route(self, name: Literal["smtp", "alarm_smtp", "imap"]) -> Route:
        """The server of a name: the school's own, the one for alarms, the mailbox."""
        return Route(name, *(getattr(self, f"{name}_{part}") for part in ("host", "port", "tls", "user", "password", "ca", "token_url",
                                                                          "client_id", "client_secret", "scope", "token_file")))


class _WithEnvironment(Protocol):
    environment: str

    def route(self, name: Literal["smtp", "alarm_smtp", "imap"]) -> Route: ...

    smtp_host: str
    mail_sender: str
    alarm_smtp_host: str
    alarm_sender: str
    imap_host: str


def mail_faults(settings: _WithEnvironment) -> list[str]:
    """What is missing or wrong in the settings of mail, one sentence each."""
    faults = []
    if not settings.smtp_host:
        faults.append("CME_SMTP_HOST: not set; name the mail server that sends the school's mail")
    if not settings.mail_sender:
        faults.append("CME_MAIL_SENDER: not set; give the address that messages come from")
    faults += _second_route(settings)
    if not settings.imap_host and settings.environment == "production":
        faults.append("CME_IMAP_HOST: not set, so that nobody hears when a message comes back undelivered; name the server of the mailbox "
                      "of CME_MAIL_SENDER (IMAP), and its CME_IMAP_USER")
    if settings.imap_host and not settings.route("imap").user:
        faults.append("CME_IMAP_USER: not set; give the name with which the mailbox of CME_MAIL_SENDER is opened")
    if settings.imap_host and not settings.route("imap").by_token and settings.route("imap").password is None:
        faults.append("CME_IMAP_PASSWORD: not set; give the mailbox's password, or CME_IMAP_TOKEN_URL and what belongs to it")
    for name in ("smtp", "alarm_smtp", "imap"):
        faults += _sign_in(settings.route(name))  # type: ignore[arg-type]
    return faults


def _second_route(settings: _WithEnvironment) -> list[str]:
    """What is wrong with the way by which alarms leave when the school's own mail server does not work."""
    if not settings.alarm_smtp_host:
        return ["CME_ALARM_SMTP_HOST: not set, so that nobody hears when the school's own mail server fails; name a second one, of "
                "another provider, and its CME_ALARM_SENDER"] if settings.environment == "production" else []
    faults = []
    if not settings.alarm_sender:
        faults.append("CME_ALARM_SENDER: not set; give the address that alarms come from by the second mail server")
    if settings.environment == "production" and settings.alarm_smtp_host.lower() == settings.smtp_host.lower():
        faults.append("CME_ALARM_SMTP_HOST: the same server as CME_SMTP_HOST is no second route; name one of another provider")
    return faults


def _sign_in(route: Route) -> list[str]:
    """A sign-in that is half set, or a secret that would be sent where anybody may read it."""
    upper, faults = f"CME_{route.name.upper()}", []
    if not route.by_token:
        return [f"{upper}_TOKEN_URL: not set, and {upper}_CLIENT_ID or _CLIENT_SECRET is; give the address that gives the token"] \
            if route.client_id or route.client_secret else []
    if route.password:
        faults.append(f"{upper}_PASSWORD: set beside a token; leave one of the two out")
    if not route.user:
        faults.append(f"{upper}_USER: not set; a token signs in for a mailbox: give its address")
    if route.tls == "none" and route.host not in _LOCAL:
        faults.append(f"{upper}_TLS: a token is never sent without TLS; set ssl or starttls")
    if route.token_file and route.token_url:
        faults.append(f"{upper}_TOKEN_FILE: set beside {upper}_TOKEN_URL; leave one of the two out")
    if route.token_file and not route.token_file.is_file():
        faults.append(f"{upper}_TOKEN_FILE: {route.token_file} is not there; another program must keep a valid token in it")
    if route.token_url:
        faults += [f"{upper}_{part.upper()}: not set; the application's registration with the provider has it"
                   for part in ("client_id", "client_secret") if not getattr(route, part)]
        if not safe_url(route.token_url):
            faults.append(f"{upper}_TOKEN_URL: must begin with https:// and hold no login or query; a secret is sent nowhere else")
    return faults
