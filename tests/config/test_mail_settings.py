"""What the settings of mail must say before an installation may run."""

from pathlib import Path
from typing import Any

import pytest

from cme.config.mail_settings import mail_faults
from cme.config.settings import Settings

WHOLE = {"smtp_host": "smtp.school.example", "mail_sender": "cme@school.example", "smtp_user": "cme", "smtp_password": "p",
         "alarm_smtp_host": "smtp.other.example", "alarm_sender": "a@other.example", "imap_host": "imap.school.example", "imap_user": "cme",
         "imap_password": "p", "environment": "production", "clock": None}
TOKEN = {"smtp_password": None, "smtp_token_url": "https://login.example/token", "smtp_client_id": "c", "smtp_client_secret": "s"}


def faults(**changes: Any) -> list[str]:
    return mail_faults(Settings(_env_file=None, **{**WHOLE, **changes}))  # type: ignore[call-arg]


def test_a_whole_installation_has_no_fault() -> None:
    assert faults() == faults(**TOKEN) == []


@pytest.mark.parametrize(("changes", "name"), [
    ({"smtp_host": ""}, "CME_SMTP_HOST"), ({"mail_sender": ""}, "CME_MAIL_SENDER"), ({"imap_host": ""}, "CME_IMAP_HOST"),
    ({"imap_user": ""}, "CME_IMAP_USER"), ({"imap_password": None}, "CME_IMAP_PASSWORD"), ({"alarm_smtp_host": ""}, "CME_ALARM_SMTP_HOST"),
    ({"alarm_smtp_host": "smtp.SCHOOL.example"}, "CME_ALARM_SMTP_HOST"), ({"alarm_sender": ""}, "CME_ALARM_SENDER"),
    ({**TOKEN, "smtp_password": "p"}, "CME_SMTP_PASSWORD"), ({**TOKEN, "smtp_user": ""}, "CME_SMTP_USER"),
    ({**TOKEN, "smtp_client_secret": None}, "CME_SMTP_CLIENT_SECRET"), ({**TOKEN, "smtp_client_id": ""}, "CME_SMTP_CLIENT_ID"),
    ({**TOKEN, "smtp_token_url": "http://login.example/token"}, "CME_SMTP_TOKEN_URL"), ({**TOKEN, "smtp_token_url": ""}, "CME_SMTP_TOKEN_URL"),
    ({**TOKEN, "smtp_tls": "none"}, "CME_SMTP_TLS"), ({"smtp_password": None, "smtp_token_file": Path("/nowhere")}, "CME_SMTP_TOKEN_FILE"),
    ({"alarm_smtp_client_id": "c"}, "CME_ALARM_SMTP_TOKEN_URL"), ({"imap_client_id": "c"}, "CME_IMAP_TOKEN_URL")])
def test_each_fault_is_named_by_its_setting(changes: dict[str, Any], name: str) -> None:
    found = faults(**changes)
    assert [fault.split(":")[0] for fault in found] == [name], found


def test_a_mailbox_is_asked_for_in_production_only() -> None:
    assert faults(imap_host="", environment="test") == []


def test_no_secret_shows_in_a_route() -> None:
    shown = repr(Settings(_env_file=None, **{**WHOLE, **TOKEN, "smtp_client_secret": "hush-hush"}).route("smtp"))  # type: ignore[call-arg]
    assert "hush" not in shown and "login.example" in shown
