"""Every deadline ends with a person: none is further off than the school's longest wait, and time alone ends nothing."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.config.test_people import SECOND
from tests.steps.answers import OTHER_RUN, RUN, answer, code_for, state
from tests.steps.school import School
from tests.steps.test_duty import assigned, away, people, sweep
from tests.steps.test_oversee import alarms, asked

from cme import clock
from cme.records import cases, reviews
from cme.records.history import events
from cme.records.reviews import CONFIRMATION, CONTACT_OUTCOME, DAY_ONE, MISSING_REPORT, SAFEGUARDING
from cme.records.tables import Action, Answer, Case, Confirmation, Decision, Outbox, Review
from cme.steps import contact, decisions, oversee, urgent
from cme.steps.dossier import dossier_of
from cme.steps.review import ring, take_answer


def minute(school: School, text: str) -> str:
    """When a routine question that opens at that local moment is due, on the school's clock."""
    return f"{clock.local(school.routine_due(clock.wall(clock.date.fromisoformat(text[:10]), text[11:]))):%a %d %b %H:%M}"


@pytest.mark.parametrize(("opened", "due"), [
    ("2026-11-23T09:30", "Tue 24 Nov 15:00"),          # the end of the next school day
    ("2026-11-20T09:30", "Mon 23 Nov 09:30"),          # a Friday: the end of Monday is further off than three days
    ("2026-12-18T10:15", "Mon 21 Dec 10:15"),          # the last day of the term: two weeks of holidays pause nothing
    ("2026-10-23T14:00", "Mon 26 Oct 13:00"),          # half-term, and the clocks go back: three days are three days
    ("2027-07-21T12:00", "Sat 24 Jul 12:00")])         # the summer holidays
def test_no_routine_question_is_due_later_than_the_longest_wait(school: School, opened: str, due: str) -> None:
    assert minute(school, opened) == due


def test_follow_up_dates_and_acknowledgements_wait_no_longer_either(school: School, before_the_dsl: str, set_clock: Any) -> None:
    set_clock("2026-12-18T10:00:00")
    ring(school, before_the_dsl, SAFEGUARDING, OTHER_RUN, school.stamp())
    take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code_for(school, "dsl"), decision=decisions.ACTIONS_ONLY), RUN)
    with school.transaction() as session:
        case = session.scalars(select(Case)).one()
        tasks = session.scalars(select(Action.due_at)).all()
    assert case.state == "following up" and case.next_step_due == clock.now() + timedelta(days=3)
    assert [due - clock.now() for due in tasks] == [timedelta(days=3)]


def test_the_authoritys_own_date_is_not_ours_to_bring_forward(school: School, set_clock: Any) -> None:
    set_clock("2026-12-18T10:00:00")
    assert clock.local(school.end_of_school_day(clock.now(), 2)).date().isoformat() == "2027-01-06"


def test_the_person_asked_is_reminded_once_before_the_time_and_nobody_else(school: School, before_the_dsl: str, set_clock: Any) -> None:
    set_clock("2026-11-24T07:30:00")                       # opened Monday 09:30, due Tuesday 15:00: three quarters are at 07:37
    assert sweep(school) == [] and asked(school, "dsl") == 1
    for moment in ("2026-11-24T07:38:00", "2026-11-24T07:39:00", "2026-11-24T14:00:00"):
        set_clock(moment)
        assert sweep(school) == []
    assert asked(school, "dsl") == 2 and asked(school, "deputy_dsl") == 0 and alarms(school) == []
    with school.transaction() as session:
        assert [e.why for e in events(session, before_the_dsl) if e.what == "review.reminded"] == ["most of the time to answer has passed"]


def written(school: School, who: str) -> int:
    """How many letters to a person stand in the outbox, sent or not."""
    with school.transaction() as session:
        return len(session.scalars(select(Outbox.id).where(Outbox.recipient == school.person(who).email)).all())


def hastened(school: School, reference: str) -> None:
    with school.transaction() as session:
        case = cases.by_reference(session, reference, lock=True)
        urgent.to_dsl_now(school, session, case, school.stamp(), "a concern about safety")


def test_a_day_one_question_goes_from_person_to_person_within_minutes(school: School, before_the_dsl: str, set_clock: Any) -> None:
    people(school, more_deputies={"deputy_2": SECOND})
    hastened(school, before_the_dsl)                        # due in 30 minutes, then every 10
    order = []
    for moment, who in (("10:00", "dsl"), ("10:10", "deputy_dsl"), ("10:20", "deputy_2"), ("10:30", "head"), ("10:40", "dsl")):
        for before in (f"{moment[:-1]}0:00", f"{moment[:-1]}0:59"):       # once in each pause
            set_clock(f"2026-11-23T{before}")
            order += sweep(school)
        assert assigned(school) == who, moment
        assert (asked(school, "operations") > 0) == (moment >= "10:30")
    assert order == [before_the_dsl] * 5 and asked(school, "operations") == 2
    assert asked(school, "dsl") == 4                        # called, called anew as urgent, reminded at 10:00 and at 10:40
    for who in ("dsl", "deputy_dsl", "deputy_2", "head"):   # whoever it is: the telephone first
        letter = [wire for wire in school.post.to(school.person(who).email) if b"CONCERN ABOUT SAFETY" in wire]
        assert letter and school.policies.authority.childrens_services.encode() in letter[-1], who


def test_the_pace_follows_the_urgency(school: School, before_the_dsl: str, set_clock: Any) -> None:
    for moment, count in (("2026-11-24T15:00:00", 1), ("2026-11-24T15:10:00", 1), ("2026-11-24T15:59:00", 1), ("2026-11-24T16:00:00", 2)):
        set_clock(moment)
        sweep(school)
        with school.transaction() as session:
            assert session.scalars(select(Review.escalations).where(Review.state == "open")).one() == count, moment


def test_of_several_away_only_those_on_duty_are_asked_and_operations_sooner(school: School, before_the_dsl: str, set_clock: Any) -> None:
    people(school, away=away("deputy_dsl", "head"))
    set_clock("2026-11-24T15:01:00")
    sweep(school)
    assert asked(school, "deputy_dsl") == 0 and assigned(school) == "dsl"
    assert asked(school, "operations") == 1                 # the DSL is the last one there is


def test_a_question_that_prefect_cannot_ring_still_reaches_people(school: School, ten_days_gone: str, set_clock: Any) -> None:
    with school.transaction() as session:
        contact.to_dsl(school, session, cases.by_reference(session, ten_days_gone, lock=True), school.stamp(), "no answer")
    for moment in ("2026-11-24T08:00:00", "2026-11-24T15:01:00", "2026-11-24T16:02:00", "2026-11-24T17:03:00"):
        set_clock(moment)
        sweep(school)
    assert [asked(school, who) for who in ("dsl", "deputy_dsl", "head", "operations")] == [2, 1, 2, 1]
    text = school.post.to(school.person("deputy_dsl").email)[0]
    assert b"its form cannot be opened yet" in text and b"flow-run" not in text


def test_a_confirmation_escalates_and_never_to_the_one_who_decided(school: School, before_the_dsl: str, set_clock: Any) -> None:
    take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code_for(school, "dsl"), decision=decisions.CLOSE, actions=[]), RUN)
    ring(school, before_the_dsl, CONFIRMATION, OTHER_RUN, school.stamp())
    at_the_decision = asked(school, "dsl")
    seen = []
    for hour in range(15, 22):
        set_clock(f"2026-11-24T{hour}:01:00")
        sweep(school)
        seen.append(assigned(school, CONFIRMATION))
    assert seen == ["deputy_dsl", "head"] * 3 + ["deputy_dsl"]
    assert asked(school, "dsl") == at_the_decision and state(school, before_the_dsl) == "confirmation"
    people(school, away=away("deputy_dsl", "head"))         # then everybody but the DSL is away: still never the DSL
    sweep(school)
    assert assigned(school, CONFIRMATION) in ("deputy_dsl", "head") and "duty:confirmation" in alarms(school)


def test_a_staff_report_escalates_from_the_attendance_officer(school: School, ten_days_gone: str, set_clock: Any) -> None:
    with school.transaction() as session:
        case = cases.by_reference(session, ten_days_gone, lock=True)
        due = clock.now() + timedelta(minutes=school.policies.school.report_answer_minutes)
        reviews.open_review(session, case, MISSING_REPORT, assigned_to="attendance_officer", due_at=due, stamp=school.stamp(), why="a report",
                            dossier=dossier_of(session, school, case), urgency=DAY_ONE)
    ring(school, ten_days_gone, MISSING_REPORT, RUN, school.stamp())
    for moment, who in (("09:46", "attendance_officer"), ("09:57", "deputy_dsl"), ("10:08", "dsl"), ("10:19", "head")):
        set_clock(f"2026-11-23T{moment}:00")
        assert sweep(school) == [ten_days_gone] and assigned(school, MISSING_REPORT) == who
    assert asked(school, "operations") == 1


def test_the_officers_question_about_contact_is_not_escalated_the_case_goes_to_the_dsl(school: School, ten_days_gone: str, set_clock: Any) -> None:
    contact.begin_contact(school, ten_days_gone, school.stamp())
    ring(school, ten_days_gone, CONTACT_OUTCOME, RUN, school.stamp())
    set_clock("2026-11-23T10:31:00")
    assert oversee.move_on(school, school.stamp()) == [ten_days_gone]
    assert sweep(school) == [] and assigned(school, SAFEGUARDING) == "dsl" and assigned(school, CONTACT_OUTCOME) == "attendance_officer"
    people(school, away=away("attendance_officer"))
    sweep(school)
    assert assigned(school, CONTACT_OUTCOME) == "deputy_dsl"


def test_a_code_that_has_run_out_while_the_question_waits_is_replaced(school: School, before_the_dsl: str, set_clock: Any) -> None:
    with school.transaction() as session:      # a question with much time, so that only the code's own time ends
        session.execute(update(Review).values(due_at=clock.now() + timedelta(days=30)))
    assert asked(school, "dsl") == 1
    set_clock("2026-11-26T10:00:00")
    sweep(school)
    assert asked(school, "dsl") == 2 and b"the code before no longer works" in school.post.to(school.person("dsl").email)[-1]
    assert take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code_for(school, "dsl")), RUN).accepted


def test_a_month_of_silence_decides_nothing_and_never_falls_silent(school: School, before_the_dsl: str, set_clock: Any) -> None:
    for day in range(24, 31):
        for hour in range(0, 24, 2):
            set_clock(f"2026-11-{day}T{hour:02}:05:00")
            sweep(school)
            oversee.move_on(school, school.stamp())
            oversee.watch_tasks(school, school.stamp())
    called = written(school, "operations")
    set_clock("2026-12-23T12:00:00")
    sweep(school)
    assert written(school, "operations") > called > 70
    assert state(school, before_the_dsl) == "DSL review"
    with school.transaction() as session:
        assert not session.scalars(select(Decision)).all() and not session.scalars(select(Confirmation)).all()
        assert [a.person for a in session.scalars(select(Answer).where(Answer.accepted))] == ["attendance_officer"]
        assert {e.who for e in events(session, before_the_dsl) if e.what.startswith(("decision.", "case.closed"))} == set()
