"""Messages on the command line: listed, shown, settled; what came in; the servers tried; what the authority says recorded."""

from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.mail.samples import dsn, written
from tests.steps.conftest import before_the_dsl as before_the_dsl  # noqa: F401
from tests.steps.conftest import school as school  # noqa: F401
from tests.steps.conftest import ten_days_gone as ten_days_gone  # noqa: F401
from tests.steps.school import School
from tests.steps.test_incoming import Box, look
from tests.steps.test_incoming import box as box  # noqa: F401
from tests.steps.test_incoming import sent as sent  # noqa: F401
from tests.test_cli import cme, environment as environment  # noqa: F401

from cme.records.tables import Outbox


@pytest.fixture
def bounced(school: School, sent: Outbox, box: Box, engine: Engine, environment: dict[str, str]) -> Outbox:  # noqa: F811
    box.mails = [dsn(original=sent.message_id), written(answers="", subject="Hello")]
    look(school, box)
    environment["CME_SECRET_KEY"] = "a secret for tests only"
    return sent


def test_the_outbox_lists_shows_reads_and_settles(environment: dict[str, str], bounced: Outbox) -> None:  # noqa: F811
    listed = cme(environment, "outbox").stdout
    assert bounced.id in listed and "failed" in listed and "came back" in listed and "parent contact" not in listed
    assert "parent contact" in cme(environment, "outbox", "--all").stdout
    assert cme(environment, "outbox", "--state", "queued").stdout == "There is no such message.\n"
    assert cme(environment, "outbox", "--state", "lost").returncode == 1
    shown = cme(environment, "outbox", bounced.id).stdout
    assert "cme-referrals@birmingham-authority.example" in shown and "message came back" in shown and "Bramblewick" not in shown
    assert "'' is not a role" in cme(environment, "outbox", bounced.id, "--text").stderr
    assert "Bramblewick" in cme(environment, "outbox", bounced.id, "--text", "--by", "operations").stdout
    assert "say one of" in cme(environment, "outbox", bounced.id, "--retry", "a", "--cancel", "b", "--by", "operations").stderr
    done = cme(environment, "outbox", bounced.id, "--retry", "their mailbox was full", "--by", "operations")
    assert done.returncode == 0 and "queued" in done.stdout and "message tried again" in done.stdout
    assert cme(environment, "outbox", "nothing").stderr.startswith("cme: there is no message nothing")


def test_mail_that_waits_is_listed_and_seen_to(environment: dict[str, str], bounced: Outbox) -> None:  # noqa: F811
    listed = cme(environment, "mail").stdout
    assert "needs a person" in listed and "<reply-1@la.example>" in listed and "Hello" not in listed
    number = next(line.split()[0] for line in listed.splitlines() if "needs a person" in line)
    assert cme(environment, "mail", number, "--by", "dsl").returncode == 1
    assert cme(environment, "mail", number, "--seen", "rang back", "--by", "dsl").stdout == "No mail waits to be read.\n"
    assert "dsl: rang back" in cme(environment, "mail", "--all").stdout and "came back" in cme(environment, "mail", "--all").stdout
    assert "CME_IMAP_HOST" in cme(environment, "mail", "--read").stderr


def test_what_the_authority_says_is_recorded(environment: dict[str, str], sent: Outbox) -> None:  # noqa: F811
    done = cme(environment, "acknowledge", sent.subject_of, "--authority-reference", "BCC-77", "--person", "P. Officer", "--by", "attendance_officer",
               "--reported", "Known to the team.")
    assert "the acknowledgement is recorded" in done.stdout, done.stderr
    assert "it is recorded" in cme(environment, "reported", sent.subject_of, "--what", "Seen in Leeds.", "--person", "P. Officer", "--by", "dsl").stdout
    history = cme(environment, "history", sent.subject_of).stdout
    assert "Known to the team." in history and "Seen in Leeds." in history
    assert "waits for no acknowledgement" in cme(environment, "acknowledge", sent.subject_of, "--authority-reference", "x", "--person", "P.", "--by", "dsl").stderr


def test_check_mail_says_each_thing_in_a_line_and_ends_non_zero_where_mail_would_not_get_through(environment: dict[str, str], tmp_path: Path) -> None:  # noqa: F811
    done = cme(environment | {"CME_SMTP_PORT": "1", "CME_SMTP_TLS": "none"}, "check-mail")
    assert done.returncode == 1 and done.stderr == "", done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("FAULT  the school's mail server: no session with the mail server (ConnectionRefusedError)")
    assert all(line.split()[0] in ("ok", "FAULT", "note") for line in lines) and any("an example" in line for line in lines)
