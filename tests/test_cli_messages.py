"""The five messages on the command line: list them, lay one out, read a password out, record an illness and a change of the roll."""

import stat
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.steps.conftest import school as school  # noqa: F401
from tests.steps.school import MONDAY, School, a_pupil
from tests.test_cli import cme, environment as environment  # noqa: F401

from cme.rules.messages import MESSAGES
from cme.steps import home_school


@pytest.fixture(autouse=True)
def guest(school: School, engine: Engine) -> None:  # noqa: F811
    school.write(a_pupil(), {MONDAY: ("I", "I")})
    school.write(a_pupil(mis_id="P002", forename="Odo", registration="guest", home_school="Unheard School (invented)"), {MONDAY: ("N", "")})
    home_school.watch(school, school.stamp())


def test_the_messages_are_listed_with_their_law_and_what_the_authority_asks_for(environment: dict[str, str]) -> None:  # noqa: F811
    said = " ".join(cme(environment, "messages").stdout.split())
    for message in MESSAGES.values():
        assert message.subject in said and message.trigger in said and message.basis in said
    assert "by telephone only" in said and "home visit" in said and "cme-referrals@birmingham-authority.example" in said


def test_an_illness_becomes_a_proposal_and_its_paper_names_what_it_lacks(environment: dict[str, str]) -> None:  # noqa: F811
    done = cme(environment, "ill", "P-1", "--from", "2026-11-23", "--until", "2026-12-18", "--by", "attendance_officer")
    assert done.stdout == "CME-2026-0001: a sickness return is proposed to the DSL.\n", done.stderr
    drawn = cme(environment, "draft", "CME-2026-0001")
    paper = Path(environment["CME_DATA_DIR"]) / "CME-2026-0001.pdf"
    assert drawn.returncode == 0 and stat.S_IMODE(paper.stat().st_mode) == 0o600 and "Ring now: police 999" in drawn.stdout
    assert "Asked for, and not on record: " in drawn.stdout and "Quilla" not in drawn.stdout
    refused = cme(environment, "password", "CME-2026-0001", "--told", "A. Duty", "--by", "dsl")
    assert refused.returncode == 1 and refused.stderr == "cme: no message of 'CME-2026-0001' is protected by a password\n"


def test_a_roll_change_is_shown_first_and_sent_on_the_word_of_whoever_made_it(environment: dict[str, str]) -> None:  # noqa: F811
    change = ("roll-change", "P-1", "--deleted", "2026-11-23", "--ground", "A", "--by", "head")
    assert "Nothing was sent. With --send it goes to cme-referrals@birmingham" in cme(environment, *change).stdout
    assert ": on its way to cme-referrals@birmingham" in cme(environment, *change, "--send").stdout


def test_a_call_to_a_school_of_registration_is_listed_and_settled(environment: dict[str, str]) -> None:  # noqa: F811
    listed = cme(environment, "home-schools").stdout
    reference = next(word for word in listed.split() if word.startswith("HOME-"))
    assert "Odo Bramblewick" in listed and "to be rung" in listed
    done = cme(environment, "home-schools", reference, "--told", "their attendance lead", "--by", "attendance_officer")
    assert done.returncode == 0, done.stderr
