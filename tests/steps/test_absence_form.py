"""The reason of an absence by Prefect's form: only the code of the attendance officer's mail ends a ladder, once, and nothing names a child."""

import re
from typing import Any

import jsonschema
import pytest
from sqlalchemy import select, text
from tests.steps.absent_children import OFFICER, look, requests
from tests.steps.school import MONDAY, School, a_pupil

from cme.flows.record_contact import ReasonOfAbsence
from cme.records.history import events, verify
from cme.records.tables import Outbox
from cme.rules.marks import UnknownCode
from cme.steps import absence_form, oversee
from cme.steps.absence_answers import changes
from cme.steps.absence_form import REASONS, ask, take
from cme.steps.view import WORDS


@pytest.fixture(autouse=True)
def absent(school: School) -> None:
    school.write(a_pupil(), {MONDAY: ("N", "")})
    look(school)


def mailed(school: School) -> list[str]:
    """The codes of the attendance officer's mails, oldest first."""
    oversee.send_mail(school, school.stamp())
    return re.findall(r"One-time code:\s+(\d{6})", "\n".join(wire.decode() for wire in school.post.to(OFFICER)))


def answer(school: School, code: str, reason: str = "Ill", key: str = "run-1:a", absence: str = "ABS-1") -> absence_form.Taken:
    return take(school, absence, key, {"reason": reason, "code": code}, school.stamp())


def state(school: School) -> tuple[str, str | None]:
    [request] = requests(school)
    return request.state, request.new_code


def test_the_code_of_the_mail_records_the_reason_and_says_what_must_be_changed(school: School) -> None:
    asked = ask(school, "ABS-1", "run-1", school.stamp())
    assert asked.closed == "" and "ABS-1: Monday 23 November 2026 AM, mark N" in asked.text and "Bramblewick" not in asked.text
    [code] = mailed(school)
    taken = answer(school, code)
    assert "must become I" in taken.done and state(school) == ("answered", "I")
    assert [(c.reference, c.wanted) for c in changes(school)] == [("ABS-1", "I")]
    with school.transaction() as session:
        found = events(session, "ABS-1")
        assert ("absence.code_issued", "machine") in [(e.what, e.who) for e in found]
        assert (found[-1].what, found[-1].who) == ("absence.answered", "attendance_officer")
        assert {e.what for e in found} <= set(WORDS) and verify(session) == [] and code not in str([(e.why, e.data) for e in found])


def test_the_same_answer_read_twice_is_one_and_a_used_code_opens_nothing(school: School) -> None:
    ask(school, "ABS-1", "run-1", school.stamp())
    [code] = mailed(school)
    assert answer(school, code).done and "already" in answer(school, code).done
    assert answer(school, code, "Religious observance", key="run-2:a").refusal
    assert state(school) == ("answered", "I")


@pytest.mark.parametrize(("reason", "wrong"), [("Ill", "000000x"), ("Ill", ""), ("", "right"), ("Kidnapped", "right"), ("O", "right")])
def test_without_the_code_or_with_a_reason_that_is_not_in_the_list_nothing_ends(school: School, reason: str, wrong: str) -> None:
    ask(school, "ABS-1", "run-1", school.stamp())
    [code] = mailed(school)
    refused = answer(school, code if wrong == "right" else wrong, reason)
    assert refused.refusal and not refused.done and state(school) == ("open", None)
    assert f"not accepted: {refused.refusal}" in ask(school, "ABS-1", "run-1", school.stamp(), refused.refusal).text
    assert answer(school, code, key="run-1:b").done, "a slip does not cost the code"


def test_anybody_may_open_the_form_and_five_guesses_end_the_code_and_mail_a_new_one(school: School) -> None:
    for run in range(5):
        ask(school, "ABS-1", f"run-{run}", school.stamp())
    [code] = mailed(school)
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    for guess in range(5):
        assert answer(school, wrong, key=f"run:{guess}").refusal
    assert answer(school, code, key="run:6").refusal and state(school) == ("open", None)
    ask(school, "ABS-1", "run-7", school.stamp())
    [_, new] = mailed(school)
    assert answer(school, new, key="run:8").done


def test_a_code_is_for_one_absence_for_one_person_and_for_its_time(school: School, set_clock: Any) -> None:
    school.write(a_pupil(mis_id="C2", surname="Other", upn=""), {MONDAY: ("N", "")})
    look(school)
    ask(school, "ABS-1", "run-1", school.stamp())
    [code] = mailed(school)
    assert answer(school, code, absence="ABS-2").refusal and all(r.state == "open" for r in requests(school))
    set_clock("2026-11-27T09:00:00")
    assert "no longer valid" in answer(school, code, key="late").refusal


def test_a_code_dies_with_the_role_of_whoever_held_it(school: School) -> None:
    from cme.records.holders import end_credentials

    ask(school, "ABS-1", "run-1", school.stamp())
    [code] = mailed(school)
    with school.transaction() as session:
        end_credentials(session, "attendance_officer", school.stamp(), "the person has left")
    assert "no longer valid" in answer(school, code).refusal


def test_an_absence_that_is_settled_or_none_is_said_to_be_so_and_mails_nobody(school: School) -> None:
    school.write(a_pupil(), {MONDAY: ("I", "")})
    look(school)
    assert "is settled" in ask(school, "ABS-1", "run-1", school.stamp()).closed
    assert "no absence" in ask(school, "ABS-99", "run-1", school.stamp()).closed and mailed(school) == []
    assert "is settled" in answer(school, "123456").refusal


def test_neither_code_nor_link_stays_in_the_outbox_after_sending_and_the_database_holds_no_code(school: School) -> None:
    ask(school, "ABS-1", "run-1", school.stamp())
    [code] = mailed(school)
    with school.transaction() as session:
        row = session.scalars(select(Outbox).where(Outbox.kind == "absence_code")).one()
        assert not row.sealed and code not in row.mail_subject
        assert code not in str(session.execute(text("SELECT * FROM absence_code")).all())


def test_the_form_has_no_default_no_free_text_and_every_reason_calls_for_a_code_that_says_more_than_that_nobody_knows(school: School) -> None:
    schema = ReasonOfAbsence.model_json_schema()
    assert set(schema["required"]) == {"reason", "code"} and set(schema["properties"]) == {"reason", "code"}
    assert schema["$defs"]["Reason"]["enum"] == list(REASONS)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({}, schema)
    for code in REASONS.values():
        try:
            assert school.policies.codes.statutory(code, MONDAY) not in school.policies.school.unexplained_codes
        except UnknownCode as unknown:
            raise AssertionError(code) from unknown
