"""Two pairs of eyes: closing, or not referring, takes effect only when somebody else has confirmed it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from tests.steps.answers import OTHER_RUN, RUN, answer, code_for, second, state
from tests.steps.school import School

from cme.records.history import events
from cme.records.reviews import CONFIRMATION, SAFEGUARDING, issue_code
from cme.records.tables import Confirmation, Decision, Pupil, Review, ReviewCode
from cme.steps import confirm, decisions, missing_report, oversee, report_form
from cme.steps.review import ring, take_answer


def decide(school: School, reference: str, outcome: str, role: str = "dsl", key: str = "k1") -> None:
    assert take_answer(school, reference, SAFEGUARDING, key, answer(code_for(school, role), decision=outcome), RUN).accepted


@pytest.mark.parametrize(("outcome", "after"), [(decisions.CLOSE, "closed"), (decisions.NO_REFERRAL, "following up")])
def test_closing_and_not_referring_wait_for_a_second_person(school: School, before_the_dsl: str, outcome: str, after: str) -> None:
    decide(school, before_the_dsl, outcome)
    assert state(school, before_the_dsl) == "confirmation"
    assert second(school, before_the_dsl, "deputy_dsl").accepted
    assert state(school, before_the_dsl) == after
    with school.transaction() as session:
        row, decision = session.scalars(select(Confirmation)).one(), session.scalars(select(Decision)).one()
        assert (row.confirmed, row.decided_by, row.decided_by_name, row.decision_id) == (True, "deputy_dsl", "Barnaby Quillstone", decision.id)
        assert (decision.decided_by, decision.decided_by_name, decision.needs_confirmation) == ("dsl", "Imogen Thistlewick", True)
        assert [e.who for e in events(session, before_the_dsl) if e.what in ("decision.made", "decision.confirmed")] == ["dsl", "deputy_dsl"]


@pytest.mark.parametrize("outcome", [decisions.REFER, decisions.ATTENDANCE_RETURN, decisions.KEEP_ENQUIRING, decisions.ACTIONS_ONLY])
def test_what_helps_the_child_waits_for_nobody(school: School, before_the_dsl: str, outcome: str) -> None:
    decide(school, before_the_dsl, outcome)
    assert state(school, before_the_dsl) in ("notifying", "following up")


def test_the_actions_of_a_decision_to_close_are_tasks_at_once(school: School, before_the_dsl: str) -> None:
    decide(school, before_the_dsl, decisions.CLOSE)
    with school.transaction() as session:
        assert [e.why for e in events(session, before_the_dsl) if e.what == "action.chosen"] == [decisions.HOME_VISIT]


def test_a_second_person_who_does_not_agree_sends_the_case_back_to_the_dsl(school: School, before_the_dsl: str) -> None:
    decide(school, before_the_dsl, decisions.CLOSE)
    assert second(school, before_the_dsl, "deputy_dsl", confirmation=confirm.SEND_BACK, reason="Nobody has seen the child.").accepted
    assert state(school, before_the_dsl) == "DSL review"
    asked = ring(school, before_the_dsl, SAFEGUARDING, RUN, school.stamp())
    assert asked is not None and asked.number == 2
    with school.transaction() as session:
        assert session.scalars(select(Review.dossier).where(Review.kind == SAFEGUARDING).order_by(Review.id.desc())).first()[
            "decisions"][0]["confirmation_reason"] == "Nobody has seen the child."


def test_nobody_is_given_a_code_for_their_own_decision(school: School, before_the_dsl: str, set_clock: Any) -> None:
    decide(school, before_the_dsl, decisions.CLOSE)
    ring(school, before_the_dsl, CONFIRMATION, OTHER_RUN, school.stamp())
    for hour in range(16, 24):
        set_clock(f"2026-11-24T{hour}:30:00")
        oversee.escalate(school, school.stamp())
    with school.transaction() as session:
        of = session.scalars(select(Review).where(Review.kind == CONFIRMATION)).one()
        asked = {code.person for code in session.scalars(select(ReviewCode).where(ReviewCode.review_id == of.id))}
    assert "dsl" not in asked and {"deputy_dsl", "head"} <= asked
    assert state(school, before_the_dsl) == "confirmation"


def test_a_deputys_decision_is_not_confirmed_by_the_deputy(school: School, before_the_dsl: str, set_clock: Any) -> None:
    set_clock("2026-11-24T15:30:00")
    oversee.escalate(school, school.stamp())
    set_clock("2026-11-24T16:40:00")
    oversee.escalate(school, school.stamp())
    decide(school, before_the_dsl, decisions.CLOSE, role="deputy_dsl")
    asked = ring(school, before_the_dsl, CONFIRMATION, OTHER_RUN, school.stamp())
    assert asked is not None
    with school.transaction() as session:
        review = session.get_one(Review, asked.review_id)
        assert (review.barred, review.assigned_to) == ("deputy_dsl", "head")


def test_even_a_right_code_of_the_barred_person_confirms_nothing(school: School, before_the_dsl: str) -> None:
    decide(school, before_the_dsl, decisions.CLOSE)
    ring(school, before_the_dsl, CONFIRMATION, OTHER_RUN, school.stamp())
    with school.transaction() as session:
        review = session.scalars(select(Review).where(Review.kind == CONFIRMATION)).one()
        code = issue_code(session, school.sealer, review, "dsl", school.stamp(), timedelta(hours=1), before_the_dsl)
    said = {"confirmation": confirm.CONFIRM, "reason": "I agree with myself.", "code": code}
    taken = take_answer(school, before_the_dsl, CONFIRMATION, "k", said, OTHER_RUN)
    assert not taken.accepted and "nobody confirms their own decision" in taken.refusal
    assert state(school, before_the_dsl) == "confirmation"


@pytest.mark.parametrize("said", [{}, {"confirmation": "maybe"}, {"confirmation": confirm.CONFIRM, "reason": "ok"}])
def test_a_broken_confirmation_is_asked_again(school: School, before_the_dsl: str, said: dict[str, str]) -> None:
    decide(school, before_the_dsl, decisions.CLOSE)
    assert not second(school, before_the_dsl, "deputy_dsl", **{"confirmation": "", "reason": "", **said}).accepted
    assert state(school, before_the_dsl) == "confirmation"


def test_nobody_confirms_the_closing_of_a_child_who_was_reported_missing_since(school: School, before_the_dsl: str) -> None:
    decide(school, before_the_dsl, decisions.CLOSE)
    with school.transaction() as session:
        child = report_form.reference_of(session.scalars(select(Pupil.id)).one())
    said = {"child": child, "seen_on": "Today", "seen_at": "09:10", "where": "On the way to school", "seen_by": "A parent or carer",
            "reported_by": "TQA", "concern": report_form.NOT_WORRIED}
    missing_report.receive(school, said, "report-1", school.stamp())
    for key in ("first", "again"):
        assert "nobody has recorded that the child was found" in second(school, before_the_dsl, "deputy_dsl", key=key).refusal
    assert state(school, before_the_dsl) == "confirmation"
    assert second(school, before_the_dsl, "deputy_dsl", key="back", confirmation=confirm.SEND_BACK, reason="The child is missing.").refusal.startswith(
        "the facts have changed")
    assert second(school, before_the_dsl, "deputy_dsl", key="back again", confirmation=confirm.SEND_BACK, reason="The child is missing.").accepted
    assert state(school, before_the_dsl) == "DSL review"


def test_a_school_may_say_that_one_person_is_enough(school: School, before_the_dsl: str) -> None:
    school.policies = replace(school.policies, school=replace(school.policies.school, second_person_for=()))
    decide(school, before_the_dsl, decisions.CLOSE)
    assert state(school, before_the_dsl) == "closed"
