"""``cme replies``, ``cme texts`` and the text channel in ``cme check-config``, as people type and read them."""

import subprocess
import sys
from pathlib import Path

from sqlalchemy import Engine
from tests.steps.school import School
from tests.texts.test_replies import SAID

from cme.mail.fake_notify import FakeNotify
from cme.mail.fake_phones import KEY, TEMPLATE, Phones
from cme.steps import texts
from cme.steps.replies import waiting


def cme(school: School, engine: Engine, *words: str, ok: bool = True, **changes: str) -> str:
    s = school.settings
    given = {"CME_DATABASE_URL": engine.url.render_as_string(hide_password=False), "CME_ENVIRONMENT": "test", "CME_ENV_FILE": "",
             "CME_PEOPLE_FILE": str(s.people_file), "CME_DATA_DIR": str(s.data_dir), "CME_NOTIFY_URL": s.notify_url, "CME_NOTIFY_KEY": KEY,
             "CME_NOTIFY_TEMPLATE": TEMPLATE, "CME_SECRET_KEY": "a secret for tests only", "CME_CLOCK": "2026-11-23T09:30:00", "COLUMNS": "150",
             "CME_HOUSE": "/nowhere/house.json", "PATH": "/usr/bin:/bin", "HOME": str(s.data_dir), **changes}
    done = subprocess.run([Path(sys.executable).with_name("cme"), *words], env=given, text=True, capture_output=True, timeout=60)
    assert (done.returncode == 0) is ok, done.stderr
    return done.stdout + done.stderr


def test_replies_are_listed_read_and_seen_to(school: School, engine: Engine, phones: Phones) -> None:
    phones.receive("+447700900101", f"{SAID} [red]not markup[/]")
    texts.look_after(school, school.stamp())
    shown = cme(school, engine, "replies")
    for word in (SAID, "[red]not markup[/]", "+447700900101", "Aoife Bramblewick (mother of Quilla Bramblewick", "no open case"):
        assert word in shown
    said = cme(school, engine, "replies", "1", "--by", "attendance_officer", "--done", "Rang the mother: a fever")
    assert "seen to" in said and waiting(school) == []


def test_the_state_of_the_channel_is_one_command(school: School, engine: Engine, service: FakeNotify) -> None:
    with school.transaction() as session:
        school.queue_text(session, "parent_contact_text", to="07700 900002", subject_of="R-1", dedupe_key="k", stamp=school.stamp(), date="Monday",
                          telephone="0121 496 0104")
    school.deliver(worker="test")
    texts.look_after(school, school.stamp())
    assert "1 sent, permanent-failure" in cme(school, engine, "texts")
    assert "There is no text channel" in cme(school, engine, "check-config", ok=False, CME_NOTIFY_KEY="", CME_NOTIFY_TEMPLATE="")
    wrong = cme(school, engine, "texts", ok=False, CME_NOTIFY_KEY=KEY[:-1] + "0")
    assert "API key not found" in wrong and len(wrong.strip().splitlines()) == 1
