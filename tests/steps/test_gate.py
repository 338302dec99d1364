"""The gate: only an answer whose code names a person decides, once, and it is written whole or not at all."""

from email import message_from_bytes, policy
from typing import Any

import pytest
from sqlalchemy import select
from tests.mail.pdf_text import opened, text_of
from tests.steps.answers import OTHER_RUN, RUN, answer, code_for, second, state
from tests.steps.school import MONDAY, School, a_pupil

from cme.records.history import events
from cme.records.reviews import CONTACT_OUTCOME, SAFEGUARDING
from cme.records.tables import Action, Answer, CaseEvent, Decision, Outbox, Review
from cme.steps import contact, decisions, notify, oversee
from cme.steps.detect import detect
from cme.steps.review import ring, take_answer


def test_a_right_code_decides_and_everything_is_written_together(school: School, before_the_dsl: str) -> None:
    assert take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code_for(school, "dsl")), RUN).accepted
    assert state(school, before_the_dsl) == "notifying"
    with school.transaction() as session:
        decision = session.scalars(select(Decision)).one()
        review = session.get_one(Review, decision.review_id)
        assert (decision.decided_by, decision.outcome, decision.shown_hash) == ("dsl", decisions.REFER, review.dossier_hash)
        assert session.scalars(select(Action.kind)).all() == [decisions.HOME_VISIT]
        made = [event for event in events(session, before_the_dsl) if event.what == "decision.made"]
        assert [(event.who, event.at, event.flow_run_id) for event in made] == [("dsl", decision.decided_at, RUN)]


@pytest.mark.parametrize("payload", [{}, {"code": "123456"}, {"decision": decisions.CLOSE, "reason": "long enough a reason"},
                                     {"decision": "Approve", "reason": "long enough a reason", "code": "123456"}])
def test_an_empty_or_broken_answer_never_passes(school: School, before_the_dsl: str, payload: dict[str, Any]) -> None:
    taken = take_answer(school, before_the_dsl, SAFEGUARDING, "k1", payload, RUN)
    assert not taken.accepted and taken.refusal
    assert state(school, before_the_dsl) == "DSL review"


def test_a_wrong_code_is_refused_recorded_and_asked_again(school: School, before_the_dsl: str) -> None:
    right = code_for(school, "dsl")
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    assert not take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(wrong), RUN).accepted
    again = ring(school, before_the_dsl, SAFEGUARDING, RUN, school.stamp())
    assert again is not None and "code is not right" in again.refusal and again.tries == 1
    assert take_answer(school, before_the_dsl, SAFEGUARDING, "k2", answer(right), RUN).accepted


def test_after_five_wrong_codes_the_right_one_is_dead_and_a_new_one_is_mailed(school: School, before_the_dsl: str) -> None:
    right = code_for(school, "dsl")
    for n in range(1, 6):
        take_answer(school, before_the_dsl, SAFEGUARDING, f"k{n}", answer(f"{(int(right) + n) % 10**6:06d}"), RUN)
    assert not take_answer(school, before_the_dsl, SAFEGUARDING, "k6", answer(right), RUN).accepted
    ring(school, before_the_dsl, SAFEGUARDING, RUN, school.stamp())
    new = code_for(school, "dsl")
    assert new != right and take_answer(school, before_the_dsl, SAFEGUARDING, "k7", answer(new), RUN).accepted


def test_a_used_code_does_not_work_again(school: School, before_the_dsl: str) -> None:
    code = code_for(school, "dsl")
    assert take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code), RUN).accepted
    second = take_answer(school, before_the_dsl, SAFEGUARDING, "k2", answer(code, decision=decisions.CLOSE), RUN)
    assert not second.accepted and "answered already" in second.refusal
    assert state(school, before_the_dsl) == "notifying"


def test_the_attendance_officers_code_does_not_decide_for_the_dsl(school: School, before_the_dsl: str) -> None:
    other = code_for(school, "attendance_officer")
    assert not take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(other), RUN).accepted


def test_an_expired_code_is_refused(school: School, before_the_dsl: str, set_clock: Any) -> None:
    code = code_for(school, "dsl")
    set_clock("2026-12-04T09:30:00")
    taken = take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code), RUN)
    assert not taken.accepted and "expired" in taken.refusal


def test_the_same_answer_read_twice_is_recorded_once(school: School, before_the_dsl: str) -> None:
    code = code_for(school, "dsl")
    first = take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code), RUN)
    assert take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code), RUN) == first
    with school.transaction() as session:
        assert len(session.scalars(select(Answer).where(Answer.source_key == "k1")).all()) == 1


def test_the_code_stands_nowhere_in_the_records_once_it_is_mailed(school: School, before_the_dsl: str) -> None:
    code = code_for(school, "dsl")
    take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code), RUN)
    with school.transaction() as session:
        assert all(code not in str(event.data) + event.why for event in session.scalars(select(CaseEvent)))
        assert all(code not in str(row.content) for row in session.scalars(select(Answer)))
        assert session.scalars(select(Outbox.sealed).where(Outbox.kind == "review_call")).all() == [None]


def test_the_dsls_mail_has_reference_link_and_code_and_nothing_about_the_child(school: School, before_the_dsl: str) -> None:
    code_for(school, "dsl")
    [mail] = school.post.to(school.person("dsl").email)
    message = message_from_bytes(mail, policy=policy.default)
    text = message.as_string() + message.get_body(("plain",)).get_content()
    assert before_the_dsl in text and f"/runs/flow-run/{RUN}" in text
    pupil = a_pupil()
    for secret in (pupil.forename, pupil.surname, pupil.upn, "2013", pupil.address, "Aoife", "07700"):
        assert secret not in text


@pytest.mark.parametrize(("changes", "says"), [
    ({}, True), ({"proxy_user_header": "X-Signed-In-As"}, False), ({"environment": "demo"}, False)])
def test_a_call_says_how_to_sign_in_only_where_a_password_is_asked_for(
        school: School, before_the_dsl: str, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], says: bool) -> None:
    monkeypatch.setattr(school, "settings", school.settings.model_copy(update=changes))
    ring(school, before_the_dsl, SAFEGUARDING, OTHER_RUN, school.stamp())
    code_for(school, "dsl")
    texts = [message_from_bytes(wire, policy=policy.default).get_body(("plain",)).get_content() for wire in school.post.to(school.person("dsl").email)]
    [text] = [text for text in texts if OTHER_RUN in text]         # two of one moment leave in any order
    assert ("If a page asks you to sign in" in text) is says


def test_ringing_twice_in_one_run_sends_one_mail(school: School, before_the_dsl: str) -> None:
    ring(school, before_the_dsl, SAFEGUARDING, RUN, school.stamp())
    code_for(school, "dsl")
    assert len(school.post.to(school.person("dsl").email)) == 1


def test_a_new_run_that_takes_over_mails_a_new_link_and_the_old_code_dies(school: School, before_the_dsl: str) -> None:
    old = code_for(school, "dsl")
    ring(school, before_the_dsl, SAFEGUARDING, RUN.replace("1", "2"), school.stamp())
    new = code_for(school, "dsl")
    assert not take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(old), RUN).accepted or old == new
    assert take_answer(school, before_the_dsl, SAFEGUARDING, "k2", answer(new), RUN).accepted


def test_actions_decided_on_without_any_action_are_asked_again(school: School, before_the_dsl: str) -> None:
    taken = take_answer(school, before_the_dsl, SAFEGUARDING, "k1",
                        answer(code_for(school, "dsl"), decision=decisions.ACTIONS_ONLY, actions=[]), RUN)
    assert not taken.accepted and "none was chosen" in taken.refusal


def test_after_approval_the_notification_is_rendered_once_and_sent_once(school: School, before_the_dsl: str) -> None:
    take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code_for(school, "dsl")), RUN)
    rows = {notify.prepare(school, before_the_dsl, school.stamp()) for _ in range(3)}
    assert len(rows) == 1
    for _ in range(2):
        oversee.send_mail(school, school.stamp())
    assert oversee.settle_notified(school, school.stamp()) == [before_the_dsl]
    [wire] = school.post.to(school.policies.authority.mailbox)
    assert b"CME referral CME-2026-0001" in wire and b"application/pdf" in wire
    assert state(school, before_the_dsl) == "notified"
    assert notify.prepare(school, before_the_dsl, school.stamp()) is None


def test_a_name_that_no_font_can_print_does_not_stop_the_referral(school: School, before_the_dsl: str) -> None:
    school.write(a_pupil(forename="李小龍"), {})
    take_answer(school, before_the_dsl, SAFEGUARDING, "k0-of-the-name", answer(code_for(school, "dsl")), RUN)
    ring(school, before_the_dsl, SAFEGUARDING, RUN, school.stamp())
    take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code_for(school, "dsl")), RUN)
    notify.prepare(school, before_the_dsl, school.stamp())
    oversee.send_mail(school, school.stamp())
    [wire] = school.post.to(school.policies.authority.mailbox)
    message = message_from_bytes(wire, policy=policy.default)
    assert "李小龍" in message.get_body(("plain",)).get_content()
    said = text_of(opened(next(iter(message.iter_attachments())).get_content()))
    assert "[U+674E][U+5C0F][U+9F8D]" in said and "stands in the message that brought this" in said
    with school.transaction() as session:
        assert "U+674E" in [e.data["spelled"] for e in events(session, before_the_dsl) if e.what == "notification.rendered"][0]


def test_what_left_says_in_which_run_it_left(school: School, before_the_dsl: str) -> None:
    oversee.send_mail(school, school.stamp(flow_run_id=RUN))
    with school.transaction() as session:
        assert [e.flow_run_id for e in events(session, before_the_dsl) if e.what == "mail.sent"][-1] == RUN


def test_nothing_is_rendered_without_a_decision(school: School, before_the_dsl: str) -> None:
    assert notify.prepare(school, before_the_dsl, school.stamp()) is None
    with school.transaction() as session:
        assert not session.scalars(select(Outbox).where(Outbox.kind.like("la_%"))).all()


@pytest.mark.parametrize("outcome", [decisions.KEEP_ENQUIRING, decisions.ACTIONS_ONLY])
def test_a_case_that_is_not_notified_comes_back_to_the_dsl_on_its_date(school: School, before_the_dsl: str, outcome: str, set_clock: Any) -> None:
    take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code_for(school, "dsl"), decision=outcome), RUN)
    assert state(school, before_the_dsl) == "following up"
    assert oversee.move_on(school, school.stamp()) == []
    set_clock("2026-12-02T16:00:00")
    assert oversee.move_on(school, school.stamp()) == [before_the_dsl]
    assert [q.number for q in oversee.waiting_questions(school) if q.kind == SAFEGUARDING] == [2]


def test_closing_withdraws_what_was_still_asked(school: School, ten_days_gone: str, set_clock: Any) -> None:
    contact.begin_contact(school, ten_days_gone, school.stamp())
    ring(school, ten_days_gone, CONTACT_OUTCOME, RUN, school.stamp())
    set_clock("2026-11-23T11:00:00")
    assert oversee.move_on(school, school.stamp()) == [ten_days_gone]
    ring(school, ten_days_gone, SAFEGUARDING, RUN, school.stamp())
    take_answer(school, ten_days_gone, SAFEGUARDING, "k1", answer(code_for(school, "dsl"), decision=decisions.CLOSE), RUN)
    assert second(school, ten_days_gone, "deputy_dsl").accepted
    assert oversee.waiting_questions(school) == [] and state(school, ten_days_gone) == "closed"


def test_a_sealed_message_is_never_readable_in_the_table(school: School, before_the_dsl: str) -> None:
    take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code_for(school, "dsl")), RUN)
    notify.prepare(school, before_the_dsl, school.stamp())
    with school.transaction() as session:
        for row in session.scalars(select(Outbox)):
            assert b"Bramblewick" not in (row.sealed or b"") and "Bramblewick" not in row.mail_subject


def test_a_code_of_another_case_does_not_decide(school: School, before_the_dsl: str) -> None:
    school.write(a_pupil(mis_id="P002", forename="Orla", group="9B"), {day: ("N", "N") for day in school.school_days_before(MONDAY, 10)})
    [other] = detect(school, MONDAY, school.stamp()).opened
    contact.begin_contact(school, other, school.stamp())
    ring(school, other, CONTACT_OUTCOME, RUN, school.stamp())
    done = {"outcome": contact.NO_ANSWER, "note": "", "code": code_for(school, "attendance_officer")}
    assert take_answer(school, other, CONTACT_OUTCOME, "k9", done, RUN).accepted
    first_code = code_for(school, "dsl")
    ring(school, other, SAFEGUARDING, RUN, school.stamp())
    other_code = code_for(school, "dsl")
    assert first_code != other_code
    assert not take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(other_code), RUN).accepted
    assert take_answer(school, before_the_dsl, SAFEGUARDING, "k2", answer(first_code), RUN).accepted
