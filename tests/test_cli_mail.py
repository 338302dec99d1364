"""Messages on the command line: listed, shown, settled; what came in; the servers tried; what the authority says recorded."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.mail.conftest import authority as authority  # noqa: F401
from tests.mail.real_servers import house as house  # noqa: F401
from tests.mail.samples import dsn, written
from tests.steps.conftest import before_the_dsl as before_the_dsl  # noqa: F401
from tests.steps.conftest import school as school  # noqa: F401
from tests.steps.conftest import ten_days_gone as ten_days_gone  # noqa: F401
from tests.steps.school import School
from tests.steps.test_incoming import Box, look
from tests.steps.test_incoming import box as box  # noqa: F401
from tests.steps.test_incoming import sent as sent  # noqa: F401
from tests.test_cli import environment as environment  # noqa: F401

import cme.cli
import cme.cli_mail  # noqa: F401
from cme.errors import CmeError
from cme.records.tables import Outbox


@pytest.fixture
def typed(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:  # noqa: F811
    """Type a command, in this process; gives what it printed, or the sentence with which it ended."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CME_ENV_FILE", "")
    monkeypatch.setenv("CME_SECRET_KEY", "a secret for tests only")
    monkeypatch.setattr(cme.cli.out, "width", 250)

    def run(*words: str, **settings: str) -> str:
        with pytest.MonkeyPatch.context() as more:
            for name, value in settings.items():
                more.setenv(name, value)
            try:
                cme.cli.app(list(words), result_action="return_value")
            except CmeError as error:
                return f"cme: {error}"
            except SystemExit as ended:
                return f"{ended.code}: {capsys.readouterr().out}"
        return capsys.readouterr().out
    return run


@pytest.fixture
def bounced(school: School, sent: Outbox, box: Box) -> Outbox:  # noqa: F811
    box.mails = [dsn(original=sent.message_id), written(answers="", subject="Hello")]
    look(school, box)
    return sent


def test_the_outbox_lists_shows_reads_and_settles(typed: Callable[..., str], bounced: Outbox) -> None:  # noqa: F811
    listed = typed("outbox")
    assert bounced.id in listed and "failed" in listed and "came back" in listed and "parent contact" not in listed
    assert "parent contact" in typed("outbox", "--all")
    assert typed("outbox", "--state", "queued") == "There is no such message.\n"
    assert "is no state of a message" in typed("outbox", "--state", "lost")
    shown = typed("outbox", bounced.id)
    assert "cme-referrals@birmingham-authority.example" in shown and "message came back" in shown and "Bramblewick" not in shown
    assert "'the cat' is not a role" in typed("outbox", bounced.id, "--text", "--by", "the cat")
    assert "Bramblewick" in typed("outbox", bounced.id, "--text", "--by", "operations")
    assert "say one of" in typed("outbox", bounced.id, "--retry", "a", "--cancel", "b", "--by", "operations")
    done = typed("outbox", bounced.id, "--retry", "their mailbox was full", "--by", "operations")
    assert "queued" in done and "message tried again" in done
    assert typed("outbox", "nothing").startswith("cme: there is no message nothing")


def test_mail_that_waits_is_listed_and_seen_to(typed: Callable[..., str], bounced: Outbox) -> None:  # noqa: F811
    listed = typed("mail")
    assert "needs a person" in listed and "<reply-1@la.example>" in listed and "Hello" not in listed
    number = next(line.split()[0] for line in listed.splitlines() if "needs a person" in line)
    assert "say in a few words" in typed("mail", number, "--by", "dsl")
    assert typed("mail", number, "--seen", "rang back", "--by", "dsl") == "No mail waits to be read.\n"
    assert "dsl: rang back" in typed("mail", "--all") and "came back" in typed("mail", "--all")
    assert "CME_IMAP_HOST" in typed("mail", "--read")


def test_a_real_mailbox_is_read_from_the_command_line(typed: Callable[..., str], sent: Outbox, house: Any) -> None:  # noqa: F811
    house.drop("cme", dsn(original=sent.message_id))
    mailbox = {"CME_IMAP_HOST": "127.0.0.1", "CME_IMAP_PORT": str(house.dovecot.port), "CME_IMAP_USER": "cme", "CME_IMAP_PASSWORD": "right-password",
               "CME_IMAP_CA": house.trust}
    assert typed("mail", "--read", **mailbox).startswith("New mails: 1 came back.\n")
    assert typed("mail", "--read", **mailbox).startswith("New mails: none.\n")
    assert sent.id in typed("outbox", "--state", "failed") and "notifying" in typed("cases")
    tried = typed("check-mail", **mailbox)
    assert f"ok     the mailbox for bounces and replies: 127.0.0.1:{house.dovecot.port}, opened as cme; 1 mails lie in INBOX" in tried, tried


def test_what_the_authority_says_is_recorded(typed: Callable[..., str], sent: Outbox) -> None:  # noqa: F811
    done = typed("acknowledge", sent.subject_of, "--authority-reference", "BCC-77", "--person", "P. Officer", "--by", "attendance_officer",
               "--reported", "Known to the team.")
    assert "the acknowledgement is recorded" in done
    assert "it is recorded" in typed("reported", sent.subject_of, "--what", "Seen in Leeds.", "--person", "P. Officer", "--by", "dsl")
    history = typed("history", sent.subject_of)
    assert "Known to the team." in history and "Seen in Leeds." in history
    assert "waits for no acknowledgement" in typed("acknowledge", sent.subject_of, "--authority-reference", "x", "--person", "P.", "--by", "dsl")


def test_check_mail_says_each_thing_in_a_line_and_ends_non_zero_where_mail_would_not_get_through(typed: Callable[..., str]) -> None:
    code, _, said = typed("check-mail", CME_SMTP_PORT="1", CME_SMTP_TLS="none").partition(": ")
    lines = said.splitlines()
    assert code == "1" and lines[0].startswith("FAULT  the school's mail server: no session with the mail server (ConnectionRefusedError)")
    assert all(line.split()[0] in ("ok", "FAULT", "note") for line in lines) and any("an example" in line for line in lines)
