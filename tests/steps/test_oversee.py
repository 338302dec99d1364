"""The sweep: what waits too long reaches a person, again and again, and time never decides anything."""

from typing import Any

import pytest
from sqlalchemy import select
from tests.steps.school import School
from tests.steps.answers import RUN, answer, code_for, state

from cme.errors import BadInput, Transient
from cme.records.alarms import open_alarms
from cme.records.history import events
from cme.records.reviews import SAFEGUARDING
from cme.records.tables import Action, Decision, Outbox
from cme.steps import acknowledgement, decisions, notify, oversee
from cme.steps.review import take_answer

DUE = "2026-11-24T15:01:00"


def asked(school: School, role: str) -> int:
    school.deliver(worker="test")
    return len(school.post.to(school.person(role).email))


def alarms(school: School) -> list[str]:
    with school.transaction() as session:
        return [alarm.key for alarm in open_alarms(session)]


def sweep(school: School, set_clock: Any, moment: str) -> list[str]:
    set_clock(moment)
    return oversee.escalate(school, school.stamp())


def test_before_its_due_time_nobody_is_disturbed(school: School, before_the_dsl: str, set_clock: Any) -> None:  # noqa: F811
    assert sweep(school, set_clock, "2026-11-24T14:59:00") == [] and alarms(school) == []


def test_an_unanswered_question_goes_to_the_dsl_again_then_the_deputy_then_the_head_then_operations(
        school: School, before_the_dsl: str, set_clock: Any) -> None:  # noqa: F811
    before = asked(school, "dsl")
    sweep(school, set_clock, DUE)
    assert asked(school, "dsl") == before + 1 and asked(school, "deputy_dsl") == 0
    sweep(school, set_clock, "2026-11-24T15:30:00")          # within the pause: nothing more
    assert asked(school, "deputy_dsl") == 0
    sweep(school, set_clock, "2026-11-24T16:02:00")
    assert asked(school, "deputy_dsl") == 1 and asked(school, "head") == 0
    sweep(school, set_clock, "2026-11-24T17:03:00")
    assert asked(school, "head") == 2                        # the question, and the alarm that nobody has answered it
    assert asked(school, "operations") == 1
    sweep(school, set_clock, "2026-11-24T18:04:00")
    assert asked(school, "operations") == 2                  # and again, until somebody answers
    assert state(school, before_the_dsl) == "DSL review"
    with school.transaction() as session:
        assert not session.scalars(select(Decision)).all()


def test_the_deputy_answers_under_the_deputys_name_and_the_alarm_is_cleared(
        school: School, before_the_dsl: str, set_clock: Any) -> None:  # noqa: F811
    sweep(school, set_clock, DUE)
    sweep(school, set_clock, "2026-11-24T16:02:00")
    assert take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code_for(school, "deputy_dsl")), RUN).accepted
    with school.transaction() as session:
        assert session.scalars(select(Decision.decided_by)).all() == ["deputy_dsl"]
    oversee.watch_tasks(school, school.stamp())
    assert not [key for key in alarms(school) if key.startswith("review:")]


def test_a_late_answer_of_the_dsl_is_accepted_and_recorded(school: School, before_the_dsl: str, set_clock: Any) -> None:  # noqa: F811
    code = code_for(school, "dsl")
    sweep(school, set_clock, DUE)
    assert take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code), RUN).accepted


def test_an_action_past_its_time_raises_an_alarm_until_it_is_done(school: School, before_the_dsl: str, set_clock: Any) -> None:  # noqa: F811
    take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code_for(school, "dsl")), RUN)
    set_clock("2026-11-25T09:00:00")
    assert oversee.watch_tasks(school, school.stamp()) >= 1
    assert oversee.watch_tasks(school, school.stamp()) == 0          # raised once
    with school.transaction() as session:
        action = session.scalars(select(Action)).one()
    assert f"action:{action.id}" in alarms(school)
    decisions.finish_action(school, before_the_dsl, action.id, "Nobody opened the door", school.stamp("attendance_officer"))
    assert f"action:{action.id}" not in alarms(school)
    with pytest.raises(BadInput, match="done already"):
        decisions.finish_action(school, before_the_dsl, action.id, "Again", school.stamp("attendance_officer"))


def test_an_approved_message_that_does_not_leave_reaches_a_person(school: School, before_the_dsl: str, set_clock: Any) -> None:  # noqa: F811
    def down(*_: object) -> None:
        raise Transient("the mail server does not answer")

    take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code_for(school, "dsl")), RUN)
    notify.prepare(school, before_the_dsl, school.stamp())
    school.post.hand_over = down  # type: ignore[method-assign, assignment]
    oversee.send_mail(school, school.stamp())
    set_clock("2026-11-23T09:50:00")
    oversee.send_mail(school, school.stamp())
    oversee.watch_tasks(school, school.stamp())
    assert any(key.startswith("outbox-old:") for key in alarms(school)) and any(key.startswith("notifying:") for key in alarms(school))
    with school.transaction() as session:
        assert session.scalars(select(Outbox.state).where(Outbox.kind == "la_cme_referral")).all() == ["queued"]


def notified(school: School, reference: str) -> None:
    take_answer(school, reference, SAFEGUARDING, "k1", answer(code_for(school, "dsl")), RUN)
    notify.prepare(school, reference, school.stamp())
    oversee.send_mail(school, school.stamp())
    oversee.settle_notified(school, school.stamp())


def test_without_an_acknowledgement_the_case_comes_back_to_the_dsl(school: School, before_the_dsl: str, set_clock: Any) -> None:  # noqa: F811
    notified(school, before_the_dsl)
    for moment, moved in (("2026-11-25T15:01:00", []), ("2026-11-26T15:01:00", []), ("2026-11-27T15:01:00", [before_the_dsl])):
        set_clock(moment)
        assert oversee.move_on(school, school.stamp()) == moved
        assert oversee.move_on(school, school.stamp()) == []
    with school.transaction() as session:
        assert "has not acknowledged" in events(session, before_the_dsl)[-1].why + events(session, before_the_dsl)[-2].why


def test_an_acknowledgement_is_recorded_with_reference_and_person(school: School, before_the_dsl: str) -> None:  # noqa: F811
    notified(school, before_the_dsl)
    acknowledgement.acknowledge(school, before_the_dsl, "BCC-77", "P. Officer", school.stamp("attendance_officer"))
    with school.transaction() as session:
        [event] = [e for e in events(session, before_the_dsl) if e.what == "case.acknowledged"]
        assert (event.who, event.data["authority_reference"], event.data["person"]) == ("attendance_officer", "BCC-77", "P. Officer")
    assert state(school, before_the_dsl) == "following up"


def test_nobody_without_a_role_may_acknowledge(school: School, before_the_dsl: str) -> None:  # noqa: F811
    notified(school, before_the_dsl)
    with pytest.raises(BadInput, match="not a role"):
        acknowledgement.acknowledge(school, before_the_dsl, "BCC-77", "P. Officer", school.stamp("machine"))
