"""The bypass matrix: each a real call against a real Prefect server that tries to get past the gate. The tests build on each other."""

import json
import os
import re
import threading
import time
from datetime import timedelta
from random import Random
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, text, update
from tests.flows.conftest import RunningHouse

from cme.errors import Permanent
from cme.records import cases
from cme.records.database import engine
from cme.records.reviews import SAFEGUARDING
from cme.records.tables import Answer, Case, Confirmation, Decision, Flag, Outbox, Review, ReviewCode
from cme.services.demo import PEOPLE
from cme.services.prefect_api import wait_for
from cme.steps import confirm, contact, decisions

CONTACT, REVIEW, CONFIRM = "contact-parents", "review-case", "confirm-decision"
WHOLE = {"decision": decisions.REFER, "actions": [decisions.HOME_VISIT], "reason": "No word for ten school days.",
         "agencies": decisions.UNKNOWN, **dict.fromkeys(decisions.REASONS, decisions.UNKNOWN)}


@pytest.fixture(scope="module")
def asked(house: RunningHouse, two_cases: list[str]) -> list[str]:
    """Both cases wait for the DSL."""
    for reference in two_cases:
        run = house.paused(CONTACT, reference)
        house.api.resume(run, {"outcome": contact.NO_ANSWER, "note": "", "code": house.code("attendance_officer", reference)})
    for reference in two_cases:
        house.paused(REVIEW, reference)
        house.code("dsl", reference)
    return two_cases


def count(house: RunningHouse, table: Any) -> int:
    with house.office.transaction() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def answered(house: RunningHouse, reference: str, answer: dict[str, Any], role: str, flow: str = REVIEW) -> None:
    """Answer as a person does who reads the newest mail: once more, with the newest code, where the answer came with an older one or
    after the facts had changed. Returns once the answer has been accepted."""
    for _ in range(3):
        before, run = len(refusals(house, reference)), house.paused(flow, reference)
        given = len(accepted(house, reference))
        house.api.resume(run, {**answer, "code": house.code(role, reference)})
        wait_for(lambda: len(accepted(house, reference)) > given or len(refusals(house, reference)) > before, 180, "the answer to be recorded", house.sweep)
        if len(accepted(house, reference)) > given:
            return
    raise AssertionError(f"three answers in turn were not accepted: {refusals(house, reference)[-3:]}")


def accepted(house: RunningHouse, reference: str) -> list[int]:
    """The accepted answers on a case, in order."""
    with house.office.transaction() as session:
        return list(session.scalars(select(Answer.id).join(Review).join(Case).where(Case.reference == reference, Answer.accepted)))


def refusals(house: RunningHouse, reference: str) -> list[str]:
    """Why the answers to the DSL's or the second person's question on a case were refused, in order."""
    with house.office.transaction() as session:
        return list(session.scalars(select(Answer.refusal).join(Review).join(Case).where(
            Case.reference == reference, Review.kind != "contact_outcome", ~Answer.accepted).order_by(Answer.id)))


def nothing_passed(house: RunningHouse, reference: str) -> None:
    """No decision, no message to the authority, and the question is open."""
    assert count(house, Decision) == 0 and house.post.to(house.authority) == []
    assert house.state(reference) == "DSL review"


def try_(house: RunningHouse, reference: str, answer: dict[str, Any], flow: str = REVIEW) -> str:
    """Give an answer as the UI does, wait until the question is asked again, and return why it was refused."""
    run, before = house.paused(flow, reference), len(refusals(house, reference))
    state = house.api.state_id(run)
    house.api.resume(run, answer)
    wait_for(lambda: len(refusals(house, reference)) > before, 180, "the answer to be recorded")
    wait_for(lambda: house.api.state(run) == "PAUSED" and house.api.state_id(run) != state, 180, "the question to be asked again")
    assert all(not key.endswith("-response") for key in house.api.input_keys(run))      # Prefect keeps no copy
    return refusals(house, reference)[-1]


@pytest.mark.parametrize("answer", [{}, {"actions": []}, {**WHOLE, "code": "12345"}, {**WHOLE, "decision": "Approve", "code": "123456"},
                                    {**WHOLE, "code": "123456", "agencies": "perhaps"}])
def test_an_empty_a_defaults_only_and_an_invalid_answer_do_not_even_resume(house: RunningHouse, asked: list[str], answer: dict[str, Any]) -> None:
    run = house.paused(REVIEW, asked[0])
    with pytest.raises(Permanent, match="refused the answer"):
        house.api.resume(run, answer)
    assert house.api.state(run) == "PAUSED"
    nothing_passed(house, asked[0])


def test_opening_every_link_of_every_mail_decides_nothing(house: RunningHouse, asked: list[str]) -> None:
    links = {link for person in PEOPLE.values() for mail in house.post.to(person["email"]) for link in re.findall(r"http://\S+", mail)}
    assert any("/cme/dossier/" in link for link in links) and any("/flow-run/" in link for link in links)
    before = count(house, Answer)
    for link in links:
        for method in ("HEAD", "GET"):
            assert httpx.request(method, link, timeout=30, follow_redirects=True, headers={"Purpose": "prefetch"}).status_code < 500
    assert count(house, Answer) == before
    nothing_passed(house, asked[0])


@pytest.mark.parametrize("whose", ["wrong", "another case's", "another person's"])
def test_a_code_that_is_not_the_dsls_for_this_case_is_refused_and_recorded(house: RunningHouse, asked: list[str], whose: str) -> None:
    right = house.code("dsl", asked[0])
    code = {"wrong": f"{(int(right) + 1) % 10**6:06d}", "another case's": house.code("dsl", asked[1]),
            "another person's": house.code("attendance_officer", asked[0])}[whose]
    assert "the code is not right" in try_(house, asked[0], {**WHOLE, "code": code})
    nothing_passed(house, asked[0])


def test_an_expired_code_is_refused_and_a_new_one_is_mailed(house: RunningHouse, asked: list[str]) -> None:
    code, mails = house.code("dsl", asked[0]), house.calls("dsl", asked[0])
    with house.office.transaction() as session:
        case = cases.by_reference(session, asked[0])
        session.execute(update(ReviewCode).where(ReviewCode.review_id.in_(select(Review.id).where(Review.case_id == case.id)))
                        .values(expires_at=house.office.stamp().at - timedelta(minutes=1)))
    # a sweep between may have mailed a new code already: then the old one is no code at all
    assert re.search("expired|not right", try_(house, asked[0], {**WHOLE, "code": code}))
    assert house.code("dsl", asked[0], after=mails)
    nothing_passed(house, asked[0])


def test_states_set_by_hand_one_by_one_and_in_bulk_decide_nothing_and_the_question_is_rung_again(house: RunningHouse, asked: list[str]) -> None:
    run = house.paused(REVIEW, asked[0])
    before = house.api.state_id(run)
    house.api.force(run, "SCHEDULED")
    wait_for(lambda: house.api.state(run) == "PAUSED" and house.api.state_id(run) != before, 180, "the question to be asked again")
    nothing_passed(house, asked[0])
    for end in (lambda: house.api.force(run, "FAILED"), lambda: house.api.force(run, "SCHEDULED")):      # Retry, as the UI does it
        end()
    wait_for(lambda: house.api.state(run) == "PAUSED", 180, "the retried run to ask again")
    nothing_passed(house, asked[0])
    house.api.force(run, "RUNNING")                     # no process is behind it
    nothing_passed(house, asked[0])
    house.api._ask("POST", "/flow_runs/bulk_set_state", {"flow_runs": {"id": {"any_": [run]}}, "state": {"type": "COMPLETED"}, "force": True})
    assert house.api.state(run) == "COMPLETED"
    house.sweep()
    assert house.paused(REVIEW, asked[0], other_than=run) != run
    nothing_passed(house, asked[0])


def test_an_automation_that_resumes_every_suspended_run_passes_nothing(house: RunningHouse, asked: list[str]) -> None:
    made = house.api._ask("POST", "/automations/", {
        "name": "resume everything", "enabled": True, "actions": [{"type": "resume-flow-run"}],
        "trigger": {"type": "event", "posture": "Reactive", "expect": ["prefect.flow-run.Suspended"], "threshold": 1, "within": 0,
                    "match": {"prefect.resource.id": "prefect.flow-run.*"}}})
    try:
        time.sleep(2)                                   # the server takes up a new automation in the background
        try_(house, asked[0], {**WHOLE, "code": "000000"})

        def fired() -> int:
            found = house.api._ask("POST", "/events/filter", {"filter": {"event": {"name": [
                "prefect.automation.action.triggered", "prefect.automation.action.executed", "prefect.automation.action.failed"]}}})
            return len(found["events"])
        wait_for(fired, 120, "the automation to act")
        time.sleep(3)
        nothing_passed(house, asked[0])
    finally:
        house.api._ask("DELETE", f"/automations/{made['id']}")
    wait_for(lambda: house.api.state(house.paused(REVIEW, asked[0])) == "PAUSED", 120, "the question")


def test_an_answer_to_facts_that_have_changed_is_kept_and_asked_again(house: RunningHouse, asked: list[str]) -> None:
    house.sweep()
    code = house.code("dsl", asked[0])
    with house.office.transaction() as session:
        session.add(Flag(pupil_id=cases.by_reference(session, asked[0]).pupil_id, flag="young carer", valid_from=house.office.stamp().at))
    mails, used = house.calls("dsl", asked[0]), {**WHOLE, "code": code}
    assert "the facts have changed" in try_(house, asked[0], used)
    # the same code again, to the question that asks anew: it is used up, and a new one has been mailed
    assert house.code("dsl", asked[0], after=mails) != code and "the code is not right" in try_(house, asked[0], used)
    nothing_passed(house, asked[0])


def test_a_run_suspended_past_prefects_own_timeout_is_renewed_and_an_answer_left_in_it_is_recorded(house: RunningHouse, asked: list[str]) -> None:
    run, mails, before = house.paused(REVIEW, asked[0]), house.calls("dsl", asked[0]), len(refusals(house, asked[0]))
    details = house.api._ask("GET", f"/flow_runs/{run}")["state"]["state_details"]
    answer = {**WHOLE, "code": house.code("dsl", asked[1])}
    house.api._ask("POST", f"/flow_runs/{run}/input", {"key": details["run_input_keyset"]["response"], "value": json.dumps(answer)})
    house.api._ask("POST", f"/flow_runs/{run}/set_state", {"force": True, "state": {
        "type": "PAUSED", "name": "Suspended", "state_details": details | {"pause_timeout": "2026-01-01T00:00:00Z"}}})
    with pytest.raises(Permanent, match="refused"):     # whoever answers now is told so, and is asked again below
        house.api.resume(run, answer)
    wait_for(lambda: len(refusals(house, asked[0])) > before, 120, "the answer left in the run", house.sweep)
    wait_for(lambda: house.calls("dsl", asked[0]) > mails, 120, "the question to be asked by another run", house.sweep)
    assert house.paused(REVIEW, asked[0], other_than=run) and house.api.state(run) in ("CRASHED", "FAILED")
    nothing_passed(house, asked[0])


def test_a_deleted_run_is_rung_again_with_a_new_code(house: RunningHouse, asked: list[str]) -> None:
    run, mails = house.paused(REVIEW, asked[0]), house.calls("dsl", asked[0])
    house.api.delete(run)
    house.sweep()
    house.paused(REVIEW, asked[0], other_than=run)
    assert house.code("dsl", asked[0], after=mails)
    nothing_passed(house, asked[0])


def test_after_the_loss_of_prefects_database_the_timetable_asks_both_questions_again(house: RunningHouse, asked: list[str]) -> None:
    with engine(house.house.records.cluster.url("prefect")).connect() as connection:                      # type: ignore[union-attr]
        tables = connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'")).all()
        connection.execute(text("TRUNCATE " + ", ".join(f'"{name}"' for name in tables) + " CASCADE"))
        connection.commit()
    house.kill_runner()                                 # it registers the deployments anew; the timetable's sweep rings, once a minute
    for reference in asked:                             # in less than two minutes on a quiet machine (docs/performance.md)
        house.paused(REVIEW, reference)
    nothing_passed(house, asked[0])


def test_a_random_sequence_of_answers_forced_states_and_deletions_passes_nothing_and_loses_no_answer(house: RunningHouse, asked: list[str]) -> None:
    """A sample against the server of what tests/steps/test_random_answers.py does in the thousands. By hand: CME_SERVER_STEPS=200."""
    chance, given = Random(os.environ.get("CME_SERVER_SEED", "20261124")), []
    for step in range(int(os.environ.get("CME_SERVER_STEPS", "6"))):
        reference = chance.choice(asked)
        run = house.paused(REVIEW, reference, tick=house.sweep)
        what = chance.choice(["answer", "answer, then forced", "forced", "deleted", "empty"])
        if what == "empty":
            with pytest.raises(Permanent):
                house.api.resume(run, {})
        if what.startswith("answer"):
            given.append(f"Answer {step} of a random sequence.")
            house.api.resume(run, {**WHOLE, "decision": chance.choice(decisions.OUTCOMES), "reason": given[-1], "code": "000000"})
        if what.endswith("forced"):
            house.api.force(run, chance.choice(["SCHEDULED", "COMPLETED", "FAILED", "CANCELLED", "CRASHED"]))
        if what == "deleted":
            house.api.delete(run)
        time.sleep(chance.random() * 3)
    house.sweep()

    def recorded() -> bool:
        with house.office.transaction() as session:
            kept = str(session.scalars(select(Answer.content)).all())
        return all(reason in kept for reason in given)
    wait_for(recorded, 240, "every answer to be recorded", house.sweep)
    for reference in asked:
        assert house.paused(REVIEW, reference, tick=house.sweep)
    nothing_passed(house, asked[0])


def test_of_two_different_answers_at_the_same_moment_exactly_one_decides(house: RunningHouse, asked: list[str]) -> None:
    house.sweep()
    run, code = house.paused(REVIEW, asked[1]), house.code("dsl", asked[1])
    said = [{**WHOLE, "code": code}, {**WHOLE, "decision": decisions.KEEP_ENQUIRING, "code": code}]
    outcomes: list[str] = []

    def give(answer: dict[str, Any]) -> None:
        try:
            house.api.resume(run, answer)
            outcomes.append("taken")
        except Permanent as error:
            outcomes.append(str(error))
    threads = [threading.Thread(target=give, args=(answer,)) for answer in said]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for(lambda: count(house, Decision) == 1, 180, "the decision")
    house.api.finish(run)
    assert "taken" in outcomes and count(house, Decision) == 1


def test_a_second_answer_after_the_decision_finds_no_question(house: RunningHouse, asked: list[str]) -> None:
    with house.office.transaction() as session:         # a run may also be completed by force: only one was answered
        [run] = {key.partition(":")[0] for key in session.scalars(select(Answer.source_key).join(Review).where(Answer.accepted, Review.kind == SAFEGUARDING))}
    assert house.api.state(run) == "COMPLETED"
    with pytest.raises(Permanent):
        house.api.resume(run, {**WHOLE, "decision": decisions.CLOSE, "code": house.code("dsl", asked[1])})
    assert count(house, Decision) == 1


def test_the_dsl_cannot_confirm_their_own_decision_to_close(house: RunningHouse, asked: list[str]) -> None:
    answered(house, asked[0], {**WHOLE, "decision": decisions.CLOSE}, "dsl")
    code = house.code("dsl", asked[0])
    house.paused(CONFIRM, asked[0])
    said = {"confirmation": confirm.CONFIRM, "reason": "I agree with myself."}
    assert "the code is not right" in try_(house, asked[0], {**said, "code": code}, CONFIRM)
    assert house.state(asked[0]) == "confirmation" and count(house, Confirmation) == 0
    answered(house, asked[0], {**said, "reason": "I have seen the child."}, "deputy_dsl", CONFIRM)
    wait_for(lambda: house.state(asked[0]) == "closed", 180, "the case to be closed")
    with house.office.transaction() as session:
        assert session.scalars(select(Outbox).where(Outbox.subject_of == asked[0], Outbox.kind.like("la_%"))).all() == []
