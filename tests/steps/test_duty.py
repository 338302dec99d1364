"""Who is asked: the people on duty, in order. Whoever goes away or leaves hands over; nobody answers under a name that was theirs."""

from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from sqlalchemy import select
from tests.config.test_people import SECOND, write
from tests.steps.answers import OTHER_RUN, RUN, answer, code_for, second, state
from tests.steps.school import School
from tests.steps.test_oversee import alarms, asked

from cme import clock
from cme.errors import BadInput
from cme.records.cases import by_reference
from cme.records.history import events
from cme.records.holders import current_holders, holder_at
from cme.records.reviews import CONFIRMATION, CONTACT_OUTCOME, MISSING_REPORT, SAFEGUARDING, issue_link, link_holder
from cme.records.tables import Action, CaseEvent, Decision, Review
from cme.steps import contact, decisions, duty, oversee, staff, view
from cme.steps.review import ring, take_answer

WEEK = {"from": "2026-11-23", "until": "2026-11-27"}


def people(school: School, **changes: Any) -> None:
    """The people file from now on."""
    assert school.settings.people_file
    write(school.settings.people_file, **changes)


def away(*keys: str, **span: str) -> list[dict[str, str]]:
    return [{"person": key, **(span or WEEK)} for key in keys]


def chain(school: School, kind: str, barred: str = "") -> tuple[str, ...]:
    return duty.chain(school, kind, clock.now(), barred)


def assigned(school: School, kind: str = SAFEGUARDING) -> str:
    with school.transaction() as session:
        return session.scalars(select(Review.assigned_to).where(Review.kind == kind, Review.state == "open")).one()


def sweep(school: School) -> list[str]:
    staff.notice_changes(school, school.stamp())
    return oversee.escalate(school, school.stamp())


def test_each_kind_of_question_has_its_own_order(school: School) -> None:
    people(school, more_deputies={"deputy_2": SECOND})
    assert chain(school, SAFEGUARDING) == ("dsl", "deputy_dsl", "deputy_2", "head")
    assert chain(school, CONFIRMATION, barred="deputy_dsl") == ("deputy_2", "head", "dsl")
    assert chain(school, CONTACT_OUTCOME) == chain(school, MISSING_REPORT) == ("attendance_officer", "deputy_dsl", "deputy_2", "dsl", "head")


def test_who_is_away_is_left_out_and_the_rota_comes_first(school: School) -> None:
    people(school, more_deputies={"deputy_2": SECOND}, away=away("dsl", "attendance_officer"), on_duty=[{"people": ["deputy_2"], **WEEK}])
    assert chain(school, SAFEGUARDING) == ("deputy_2", "deputy_dsl", "head")
    assert chain(school, CONTACT_OUTCOME) == ("deputy_2", "deputy_dsl", "head")


def test_the_rota_never_puts_anybody_before_the_attendance_officer(school: School) -> None:
    people(school, more_deputies={"deputy_2": SECOND}, on_duty=[{"people": ["deputy_2"], **WEEK}])
    assert chain(school, CONTACT_OUTCOME)[:2] == ("attendance_officer", "deputy_2")


@pytest.mark.parametrize("kind", duty.KINDS)
def test_with_everybody_away_everybody_is_asked_and_never_the_one_who_is_barred(school: School, kind: str) -> None:
    people(school, away=away("dsl", "deputy_dsl", "head", "attendance_officer"))
    assert set(chain(school, kind)) >= {"dsl", "deputy_dsl", "head"} and duty.uncovered(school, kind, clock.now())
    assert "dsl" not in chain(school, kind, barred="dsl") and chain(school, kind, barred="dsl")


def test_nobody_is_a_second_pair_of_eyes_for_themselves_under_another_title(school: School) -> None:
    people(school, head={"name": "Imogen Thistlewick", "email": "DSL@larkspur-bridge.example"})
    assert chain(school, CONFIRMATION, barred="dsl") == ("deputy_dsl",)
    assert chain(school, SAFEGUARDING) == ("dsl", "deputy_dsl")


def test_a_question_opened_while_the_dsl_is_away_is_the_deputys_from_the_start(school: School, ten_days_gone: str) -> None:
    people(school, away=away("dsl"))
    with school.transaction() as session:
        contact.to_dsl(school, session, by_reference(session, ten_days_gone, lock=True), school.stamp(), "no answer")
    assert assigned(school) == "deputy_dsl"
    ring(school, ten_days_gone, SAFEGUARDING, RUN, school.stamp())
    assert asked(school, "deputy_dsl") == 1 and asked(school, "dsl") == 0


def test_when_the_person_asked_goes_on_leave_the_question_is_handed_over_at_once(school: School, before_the_dsl: str) -> None:
    code = code_for(school, "dsl")
    people(school, away=away("dsl"))
    assert sweep(school) == []                                # it is not late: nobody failed to answer
    assert assigned(school) == "deputy_dsl" and asked(school, "deputy_dsl") == 1
    sweep(school)
    assert asked(school, "deputy_dsl") == 1                   # once
    with school.transaction() as session:
        [event] = [e for e in events(session, before_the_dsl) if e.what == "review.handed_over"]
        assert (event.data["from"], event.data["to"], event.why) == ("dsl", "deputy_dsl", "the person asked is away")
    # whoever is away may answer all the same: the earlier code still works
    assert take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code), RUN).accepted


def test_the_question_does_not_go_back_by_itself_when_the_dsl_returns(school: School, before_the_dsl: str, set_clock: Any) -> None:
    people(school, away=away("dsl", **{"from": "2026-11-23T09:00", "until": "2026-11-23T12:00"}))
    sweep(school)
    set_clock("2026-11-23T12:30:00")
    sweep(school)
    assert assigned(school) == "deputy_dsl" and asked(school, "dsl") == 1


def test_whoever_has_left_cannot_answer_any_more_and_the_question_goes_to_the_next(school: School, before_the_dsl: str) -> None:
    people(school, more_deputies={"deputy_2": SECOND}, away=away("dsl", "deputy_dsl"))
    sweep(school)
    code = code_for(school, "deputy_2")
    assert assigned(school) == "deputy_2"
    people(school, away=away("deputy_dsl"))
    refused = take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code), RUN)
    assert not refused.accepted and state(school, before_the_dsl) == "DSL review"
    sweep(school)
    assert assigned(school) == "dsl"
    with school.transaction() as session:
        assert [e.why for e in events(session, before_the_dsl) if e.what == "review.handed_over"][-1] == "the person asked has left"
        assert "the person who held them has left" in [e.why for e in events(session, before_the_dsl) if e.what == "review.codes_ended"]


def test_a_bell_that_rings_for_whoever_has_just_left_calls_nobody_and_the_sweep_calls_the_next(school: School, before_the_dsl: str) -> None:
    people(school, more_deputies={"deputy_2": SECOND}, away=away("dsl", "deputy_dsl"))
    sweep(school)
    people(school, away=away("dsl", "deputy_dsl"))
    assert ring(school, before_the_dsl, SAFEGUARDING, OTHER_RUN, school.stamp()) is not None
    sweep(school)
    assert assigned(school) == "head" and asked(school, "head") == 1
    assert f"/runs/flow-run/{OTHER_RUN}" in message_from_bytes(school.post.to(school.person("head").email)[-1], policy=policy.default).get_content()


def test_a_new_dsl_gets_a_code_of_their_own_and_the_old_dsls_code_and_link_are_dead(school: School, before_the_dsl: str) -> None:
    staff.notice_changes(school, school.stamp())
    old, old_address = code_for(school, "dsl"), school.person("dsl").email
    with school.transaction() as session:
        review = session.scalars(select(Review).where(Review.kind == SAFEGUARDING)).one()
        token = issue_link(session, school.sealer, review, "dsl", school.stamp(), timedelta(days=1))
    people(school, dsl={"name": "Ottoline Brackenbury", "email": "new-dsl@larkspur-bridge.example", "telephone": "0121 496 0101"})
    assert not take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(old), RUN).accepted
    with school.transaction() as session:
        assert link_holder(session, school.sealer, token, clock.now()) is None
    sweep(school)
    new = code_for(school, "dsl")
    assert len(school.post.to(old_address)) == 1              # not one more to whoever has left
    assert take_answer(school, before_the_dsl, SAFEGUARDING, "k2", answer(new), RUN).accepted
    with school.transaction() as session:
        assert session.scalars(select(Decision.decided_by_name)).one() == "Ottoline Brackenbury"


def test_who_held_a_key_at_any_moment_stays_on_record(school: School, set_clock: Any) -> None:
    staff.notice_changes(school, school.stamp())
    before = clock.now()
    set_clock("2026-12-01T08:00:00")
    people(school, dsl={"name": "Ottoline Brackenbury", "email": "dsl@larkspur-bridge.example", "telephone": "0121 496 0101"})
    assert staff.notice_changes(school, school.stamp()) == ["dsl"] and staff.notice_changes(school, school.stamp()) == []
    with school.transaction() as session:
        then, now = holder_at(session, "dsl", before), holder_at(session, "dsl", clock.now())
        assert then and now and (then.name, now.name) == ("Imogen Thistlewick", "Ottoline Brackenbury")
        assert len(current_holders(session)) == 5
        changes = session.scalars(select(CaseEvent).where(CaseEvent.what == "people.changed", CaseEvent.at == clock.now())).all()
        assert [event.data["person"] for event in changes] == ["dsl"]


def test_with_nobody_on_duty_operations_are_called_until_somebody_is(school: School, before_the_dsl: str) -> None:
    people(school, away=away("dsl", "deputy_dsl", "head"))
    sweep(school)
    assert alarms(school) == ["duty:safeguarding"] and assigned(school) == "dsl"
    people(school)
    sweep(school)
    assert alarms(school) == []


def test_a_spoilt_people_file_is_an_alarm_and_the_last_good_one_goes_on(school: School, before_the_dsl: str) -> None:
    sweep(school)
    assert school.settings.people_file
    school.settings.people_file.write_text("dsl: [")
    sweep(school)
    assert alarms(school) == ["people:file"] and school.person("dsl").name == "Imogen Thistlewick"
    people(school)
    sweep(school)
    assert alarms(school) == []


def test_a_further_deputy_may_decide_confirm_and_record(school: School, before_the_dsl: str) -> None:
    people(school, more_deputies={"deputy_2": SECOND}, away=away("dsl", "deputy_dsl"))
    sweep(school)
    done = take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code_for(school, "deputy_2"), decision=decisions.CLOSE), RUN)
    assert done.accepted and assigned(school, CONFIRMATION) == "head"
    assert second(school, before_the_dsl, "head").accepted and state(school, before_the_dsl) == "closed"
    with school.transaction() as session:
        task = session.scalars(select(Action)).one()
    decisions.finish_action(school, before_the_dsl, task.id, "The grandmother opened.", school.stamp("deputy_2"))


def test_a_task_cannot_be_ended_by_a_deputy_nobody_knows(school: School, before_the_dsl: str) -> None:
    with pytest.raises(BadInput, match="'deputy_2' is not a role"):
        decisions.finish_action(school, before_the_dsl, 1, "The grandmother opened.", school.stamp("deputy_2"))


def test_the_history_names_whoever_held_the_key_at_that_time(school: School, before_the_dsl: str, set_clock: Any) -> None:
    staff.notice_changes(school, school.stamp())
    assert take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code_for(school, "dsl")), RUN).accepted
    set_clock("2026-12-01T08:00:00")
    people(school, dsl={"name": "Ottoline Brackenbury", "email": "new-dsl@larkspur-bridge.example", "telephone": "0121 496 0101"})
    staff.notice_changes(school, school.stamp())
    decided = [line for line in view.history(school, before_the_dsl) if line.kind == "decision.made"]
    assert [line.who for line in decided] == ["Imogen Thistlewick (designated safeguarding lead)"]
    with school.transaction() as session:
        shown = staff.shown_then(school, session)
        assert shown("dsl", clock.now()) == "Ottoline Brackenbury (designated safeguarding lead)"
        assert (shown("machine", clock.now()), shown("head", clock.now())) == ("the software", "Philippa Marrowdale (head teacher)")


def test_a_deputy_who_has_left_is_still_named_where_they_acted(school: School, set_clock: Any) -> None:
    people(school, more_deputies={"deputy_2": SECOND})
    staff.notice_changes(school, school.stamp())
    then = clock.now()
    set_clock("2026-12-01T08:00:00")
    people(school)
    staff.notice_changes(school, school.stamp())
    with school.transaction() as session:
        assert staff.shown_then(school, session)("deputy_2", then) == "Tabitha Nettlecombe (deputy 2)"
