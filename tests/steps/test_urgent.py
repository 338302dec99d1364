"""Day one: a concern about safety is before the DSL at once, whatever the case was waiting for. It only speeds up."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from tests.steps.answers import OTHER_RUN, RUN, answer, code_for, second, state
from tests.steps.school import School

from cme.records import cases
from cme.records.history import events
from cme.records.reviews import CONFIRMATION, CONTACT_OUTCOME, DAY_ONE, SAFEGUARDING
from cme.records.tables import Action, Case, MissingReport, Review
from cme.steps import contact, decisions, notify, oversee, urgent
from cme.steps.day_one import FOLLOW_UPS
from cme.steps.decisions import finish_action
from cme.steps.review import ring, take_answer

WHY = "a member of staff reports a concern about safety"


def hasten(school: School, reference: str) -> None:
    with school.transaction() as session:
        urgent.to_dsl_now(school, session, cases.by_reference(session, reference, lock=True), school.stamp(), WHY)


def the_question(school: School, kind: str = SAFEGUARDING) -> Review:
    with school.transaction() as session:
        return session.scalars(select(Review).where(Review.kind == kind, Review.state == "open")).one()


def test_a_case_in_parent_contact_goes_to_the_dsl_and_the_contact_goes_on_beside_it(school: School, ten_days_gone: str) -> None:
    contact.begin_contact(school, ten_days_gone, school.stamp())
    hasten(school, ten_days_gone)
    question = the_question(school)
    assert (question.urgency, question.due_at - question.opened_at) == (DAY_ONE, timedelta(minutes=30))
    assert the_question(school, CONTACT_OUTCOME).state == "open" and state(school, ten_days_gone) == "DSL review"


def test_a_case_that_nobody_was_contacted_for_is_still_contacted(school: School, ten_days_gone: str) -> None:
    hasten(school, ten_days_gone)
    assert oversee.uncontacted_cases(school) == [ten_days_gone]
    assert contact.begin_contact(school, ten_days_gone, school.stamp()) is not None
    assert state(school, ten_days_gone) == "DSL review" and oversee.uncontacted_cases(school) == []


def test_an_open_question_becomes_urgent_and_the_dsl_is_called_anew_with_the_numbers_to_ring(school: School, before_the_dsl: str) -> None:
    code_for(school, "dsl")
    assert the_question(school).urgency == "routine"
    hasten(school, before_the_dsl)
    assert take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code_for(school, "dsl")), RUN).refusal.startswith("the facts have changed")
    [_, mail] = school.post.to(school.person("dsl").email)
    assert b"CONCERN ABOUT SAFETY" in mail and b"999" in mail and b"0121 496 0331" in mail
    assert the_question(school).due_at == school.stamp().at + timedelta(minutes=30)


def test_hastening_twice_changes_nothing(school: School, before_the_dsl: str) -> None:
    hasten(school, before_the_dsl)
    with school.transaction() as session:
        before = len(events(session, before_the_dsl))
    hasten(school, before_the_dsl)
    with school.transaction() as session:
        assert len(events(session, before_the_dsl)) == before


def test_a_decision_that_waits_for_a_second_person_goes_back_to_the_dsl(school: School, before_the_dsl: str) -> None:
    take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code_for(school, "dsl"), decision=decisions.CLOSE), RUN)
    ring(school, before_the_dsl, CONFIRMATION, OTHER_RUN, school.stamp())
    code = code_for(school, "deputy_dsl")
    hasten(school, before_the_dsl)
    late = take_answer(school, before_the_dsl, CONFIRMATION, "k2", {"confirmation": "Yes: I have read the dossier and confirm the decision",
                                                                  "reason": "I agree with this.", "code": code}, OTHER_RUN)
    assert not late.accepted and state(school, before_the_dsl) == "DSL review"
    assert the_question(school).urgency == DAY_ONE


def test_while_an_approved_message_is_on_its_way_the_dsl_gets_a_task(school: School, before_the_dsl: str) -> None:
    take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code_for(school, "dsl"), actions=[]), RUN)
    hasten(school, before_the_dsl)
    assert state(school, before_the_dsl) == "notifying" and notify.prepare(school, before_the_dsl, school.stamp())
    with school.transaction() as session:
        [task] = session.scalars(select(Action))
        assert (task.kind, task.owner, task.due_at) == (urgent.TASK, "dsl", urgent.due(school, school.stamp().at))


def test_a_closed_case_is_not_hastened(school: School, before_the_dsl: str) -> None:
    take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code_for(school, "dsl"), decision=decisions.CLOSE), RUN)
    second(school, before_the_dsl, "deputy_dsl")
    with pytest.raises(ValueError, match="closed"):
        hasten(school, before_the_dsl)


def test_a_visit_at_which_nobody_opened_is_a_task_for_the_dsl_at_once(school: School, before_the_dsl: str) -> None:
    take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code_for(school, "dsl"), decision=decisions.KEEP_ENQUIRING), RUN)
    with school.transaction() as session:
        visit = session.scalars(select(Action)).one()
    finish_action(school, before_the_dsl, visit.id, "nobody opened, curtains drawn", school.stamp("attendance_officer"), result="no entry",
                  evidence="visit log 17")
    with school.transaction() as session:
        done, blocked = session.scalars(select(Action).order_by(Action.id))
        assert (done.result, done.evidence, blocked.kind, blocked.owner) == ("no entry", "visit log 17", decisions.BLOCKED_VISIT, "dsl")
        assert session.scalars(select(Case)).one().urgency == DAY_ONE
    assert state(school, before_the_dsl) == "DSL review" and the_question(school).urgency == DAY_ONE


def reported_missing(school: School, reference: str) -> MissingReport:
    """A staff report on the case, as the records hold it, about which nothing was established."""
    with school.transaction() as session:
        case = cases.by_reference(session, reference)
        report = MissingReport(case_id=case.id, source_key="run", reported_at=school.stamp().at, reported_by="AB", last_seen_at=school.stamp().at,
                               last_seen_where="in class", last_seen_by="a teacher", concern=False, last_seen_said="today, 09:00")
        session.add(report)
    return report


@pytest.mark.parametrize(("changes", "said"), [
    ({"agencies": decisions.NO, "decision": decisions.KEEP_ENQUIRING}, "the procedure asks for the CME referral now"),
    ({"agencies": decisions.YES, "decision": decisions.CLOSE}, "record that first"),
    ({"agencies": decisions.NO, "decision": decisions.REFER}, ""),
    ({"agencies": decisions.YES, "decision": decisions.KEEP_ENQUIRING}, ""),
])
def test_a_child_who_is_still_missing_is_referred_where_no_agency_knows_it_and_never_closed(
        school: School, ten_days_gone: str, changes: dict[str, str], said: str) -> None:
    reported_missing(school, ten_days_gone)
    hasten(school, ten_days_gone)
    ring(school, ten_days_gone, SAFEGUARDING, RUN, school.stamp())
    taken = take_answer(school, ten_days_gone, SAFEGUARDING, "k1", answer(code_for(school, "dsl"), **changes), RUN)
    assert taken.accepted is (not said) and said in taken.refusal


def test_a_referral_to_childrens_services_sets_the_tasks_that_follow_it(school: School, before_the_dsl: str) -> None:
    take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code_for(school, "dsl"), actions=[decisions.URGENT]), RUN)
    with school.transaction() as session:
        kinds = session.scalars(select(Action.kind)).all()
    assert {*FOLLOW_UPS.values(), decisions.URGENT} == set(kinds)
