"""The gate and the outbox on a real Prefect server: forced, killed and deleted runs. In this order; each test starts where the last ended."""

import pytest
from tests.flows.conftest import RunningHouse

from cme.errors import Permanent
from cme.records.outbox import confirm_sent
from cme.records.tables import CaseEvent, Decision, Outbox
from cme.services.prefect_api import wait_for
from cme.steps import contact, decisions
from sqlalchemy import select

CONTACT, REVIEW = "contact-parents", "review-case"


def outcome(code: str) -> dict[str, str]:
    return {"outcome": contact.NO_ANSWER, "note": "", "code": code}


def decision(code: str) -> dict[str, object]:
    return {"decision": decisions.REFER, "actions": [decisions.HOME_VISIT], "reason": "No word for ten school days.", "code": code,
            "agencies": decisions.UNKNOWN, **dict.fromkeys(decisions.REASONS, decisions.UNKNOWN)}


def decided(house: RunningHouse) -> int:
    with house.office.transaction() as session:
        return len(session.scalars(select(Decision)).all())


def test_an_empty_click_is_refused_by_the_form(house: RunningHouse, two_cases: list[str]) -> None:
    with pytest.raises(Permanent, match="required"):
        house.api.resume(house.paused(CONTACT, two_cases[0]), {})


def test_a_forced_state_asks_again_and_decides_nothing(house: RunningHouse, two_cases: list[str]) -> None:
    run = house.paused(CONTACT, two_cases[0])
    before = house.api.state_id(run)
    house.api.force(run, "SCHEDULED")
    wait_for(lambda: house.api.state(run) == "PAUSED" and house.api.state_id(run) != before, 90, "the question to be asked again")
    assert house.state(two_cases[0]) == "parent contact"


def test_the_attendance_officers_answer_brings_the_case_before_the_dsl(house: RunningHouse, two_cases: list[str]) -> None:
    for reference in two_cases:
        run = house.paused(CONTACT, reference)
        house.api.resume(run, outcome(house.code("attendance_officer", reference)))
        house.paused(REVIEW, reference)
        assert house.state(reference) == "DSL review"


def test_prefect_keeps_no_copy_of_an_answer(house: RunningHouse, two_cases: list[str]) -> None:
    runs = house.api.run_ids(CONTACT)
    assert runs and all(not key.endswith("-response") for run in runs for key in house.api.input_keys(run))


def test_a_run_forced_to_completed_or_deleted_is_rung_again_by_the_sweep(house: RunningHouse, two_cases: list[str]) -> None:
    reference = two_cases[0]
    for end in (lambda run: house.api.force(run, "COMPLETED"), house.api.delete):
        run, mails = house.paused(REVIEW, reference), house.calls("dsl", reference)
        end(run)
        house.sweep()
        house.paused(REVIEW, reference, other_than=run)
        house.code("dsl", reference, after=mails)
        assert house.state(reference) == "DSL review" and decided(house) == 0


def test_a_question_survives_kill_nine_of_the_runner_and_ends_with_one_notification(house: RunningHouse, two_cases: list[str]) -> None:
    reference = two_cases[0]
    run = house.paused(REVIEW, reference)
    house.kill_runner()
    assert house.api.state(run) == "PAUSED"
    house.api.resume(run, decision(house.code("dsl", reference)))
    wait_for(lambda: house.state(reference) == "notified", 120, "the notification to be accepted")
    house.sweep()
    assert len(house.post.to(house.authority)) == 1


def test_kill_nine_while_the_notification_is_handed_over_sends_no_second_copy_and_loses_none(
        house: RunningHouse, two_cases: list[str]) -> None:
    reference = two_cases[1]
    house.post.hold = house.authority
    house.api.resume(house.paused(REVIEW, reference), decision(house.code("dsl", reference)))
    assert house.post.holding.wait(120)          # the server has the mail, and its answer is still to come
    house.kill_runner()
    house.post.release.set()
    house.sweep()
    with house.office.transaction() as session:
        row = session.scalars(select(Outbox).where(Outbox.subject_of == reference, Outbox.kind == "la_cme_referral")).one()
        assert row.state == "ambiguous"          # a machine cannot know: it tells a person and does not send again
        assert session.scalars(select(CaseEvent.what).where(CaseEvent.subject == reference, CaseEvent.what == "alarm.raised")).all()
    house.sweep()
    assert len([text for text in house.post.to(house.authority) if reference in text]) == 1
    with house.office.transaction() as session:
        confirm_sent(session, row.id, house.office.stamp("operations"), "the authority's officer has it, by telephone")
    house.sweep()
    assert house.state(reference) == "notified"
    assert len([text for text in house.post.to(house.authority) if reference in text]) == 1


def test_the_history_of_the_whole_day_is_unbroken(house: RunningHouse, two_cases: list[str]) -> None:
    from cme.records.history import verify

    with house.office.transaction() as session:
        assert verify(session) == []


def test_the_timetable_itself_starts_the_sweep_every_minute(house: RunningHouse, two_cases: list[str]) -> None:
    wait_for(lambda: house.api.scheduled_and_done("oversee"), 180, "a sweep that the timetable has started")


def test_prefects_server_has_met_no_fault_of_its_own(house: RunningHouse, two_cases: list[str]) -> None:
    # SQLAlchemy 2.1 made the scheduler of Prefect 3.8.8 fail at every round, and nothing but its log said so
    assert "Traceback" not in house.house.log("prefect").read_text()
