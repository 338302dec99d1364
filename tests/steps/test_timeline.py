"""A child last seen on a Friday, one contact, two visits at which nobody opened, and then two weeks of holiday.

What went wrong elsewhere although a procedure was followed: everybody waited for school to begin again. Here nothing waits: the DSL is
asked on the same day, the police or children's services are a task at the first blocked visit, and people are called in the holiday.
"""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from tests.steps.answers import OTHER_RUN, RUN, answer, code_for, shown, state
from tests.steps.school import School, a_pupil
from tests.steps.test_duty import people

from cme import clock
from cme.records.history import events
from cme.records.reviews import CONTACT_OUTCOME, DAY_ONE, SAFEGUARDING
from cme.records.tables import Action, Case, CaseEvent, Outbox, Pupil, Review
from cme.steps import alarms, contact, day_one, decisions, missing_report, oversee, report_form, staff
from cme.steps.review import ring, take_answer

FRIDAY, BACK = date(2026, 12, 18), date(2027, 1, 5)          # the last school day of the term, and the first for pupils again
HOLIDAY = [{"person": "dsl", "from": "2026-12-21", "until": "2027-01-03"}, {"person": "attendance_officer", "from": "2026-12-19", "until": "2027-01-03"}]


def sweep(school: School, set_clock: Any, moment: str) -> None:
    set_clock(moment)
    stamp = school.stamp()
    staff.notice_changes(school, stamp)
    oversee.move_on(school, stamp)
    oversee.escalate(school, stamp)
    oversee.watch_tasks(school, stamp)
    alarms.call_about_the_rest(school, stamp)
    for n, question in enumerate(oversee.waiting_questions(school)):
        if question.flow_run_id is None:
            ring(school, question.reference, question.kind, RUN[:-1] + str(2 + n), stamp)


def dsl_decides(school: School, reference: str, key: str, **changes: Any) -> None:
    """The DSL answers, and once more where the facts have changed since they were shown."""
    for again in ("", "-again"):
        rung = ring(school, reference, SAFEGUARDING, OTHER_RUN, school.stamp())
        assert rung is not None
        taken = take_answer(school, reference, SAFEGUARDING, shown(key + again, rung), answer(code_for(school, "dsl"), **changes), OTHER_RUN)
        if taken.accepted:
            return
    raise AssertionError(taken.refusal)


def blocked(school: School, reference: str) -> None:
    """A home visit at which nobody opened, recorded by whoever made it."""
    with school.transaction() as session:
        visit = session.scalars(select(Action).where(Action.kind == decisions.HOME_VISIT, Action.done_at.is_(None))).one()
    decisions.finish_action(school, reference, visit.id, "Nobody opened; no sound.", school.stamp("attendance_officer"), result="no entry",
                            evidence="visit log 12")


def told_of_police(school: School) -> list[Action]:
    with school.transaction() as session:
        return list(session.scalars(select(Action).where(Action.kind == decisions.BLOCKED_VISIT).order_by(Action.id)))


def by_the_register(school: School) -> str:
    """A looked-after child was in school in the morning and is marked N in the afternoon."""
    [reference] = day_one.watch(school, school.stamp()).raised
    return reference


def by_a_member_of_staff(school: School) -> str:
    """A taxi escort found nobody to bring home, and says so at school."""
    with school.transaction() as session:
        pupil = session.scalars(select(Pupil.id)).one()
    given = {"child": f"P-{pupil}", "seen_on": report_form.TODAY, "seen_at": "11:50", "where": report_form.SEEN_WHERE[0], "seen_by": report_form.SEEN_BY[0],
             "reported_by": "QWE", "concern": report_form.WORRIED}
    return missing_report.receive(school, given, "a run", school.stamp()).reference


def last_seen(school: School, set_clock: Any, raised: Callable[[School], str]) -> str:
    """The case of Friday afternoon: the child was last seen that morning; one contact is written to."""
    people(school, away=HOLIDAY)
    days = school.school_days_before(FRIDAY, 30)
    flags = ("looked after",) if raised is by_the_register else ()
    school.write(a_pupil(flags=flags), {day: ("/", "\\") if day < FRIDAY else ("/", "N") for day in days})
    set_clock("2026-12-18T13:25:00")
    reference = raised(school)
    contact.begin_contact(school, reference, school.stamp())
    ring(school, reference, CONTACT_OUTCOME, RUN, school.stamp())
    return reference


@pytest.fixture
def friday(school: School, set_clock: Any) -> str:
    return last_seen(school, set_clock, by_the_register)


@pytest.mark.parametrize("raised", [by_the_register, by_a_member_of_staff])
def test_the_dsl_is_asked_at_once_beside_the_one_contact(school: School, set_clock: Any, raised: Callable[[School], str]) -> None:
    reference = last_seen(school, set_clock, raised)
    sweep(school, set_clock, "2026-12-18T13:26:00")
    assert code_for(school, "dsl") and state(school, reference) == "DSL review"
    with school.transaction() as session:
        review = session.scalars(select(Review).where(Review.kind == SAFEGUARDING)).one()
        written = session.scalars(select(Outbox.kind).where(Outbox.kind == "parent_contact")).all()
    assert (review.assigned_to, review.urgency, written) == ("dsl", DAY_ONE, ["parent_contact"])
    assert clock.local(review.due_at).isoformat() == "2026-12-18T13:55:00+00:00"      # that Friday afternoon, not the fifth of January


def test_the_police_or_childrens_services_are_a_task_at_the_first_blocked_visit(school: School, friday: str, set_clock: Any) -> None:
    sweep(school, set_clock, "2026-12-18T13:40:00")
    dsl_decides(school, friday, "k1", decision=decisions.KEEP_ENQUIRING)
    set_clock("2026-12-18T15:40:00")
    blocked(school, friday)
    [task] = told_of_police(school)
    assert (task.owner, task.created_at, task.due_at - task.created_at) == ("dsl", clock.now(), timedelta(minutes=30))
    with school.transaction() as session:
        review = session.scalars(select(Review).where(Review.kind == SAFEGUARDING, Review.state == "open")).one()
        assert (review.urgency, review.assigned_to, review.due_at - clock.now()) == (DAY_ONE, "dsl", timedelta(minutes=30))
    sweep(school, set_clock, "2026-12-18T15:41:00")
    assert state(school, friday) == "DSL review"
    with school.transaction() as session:
        kinds = session.scalars(select(Outbox.kind).where(Outbox.recipient == school.person("dsl").email, Outbox.created_at == clock.now())).all()
    assert "review_urgent" in kinds and "task_call" in kinds


def test_two_weeks_of_holiday_pause_nothing(school: School, friday: str, set_clock: Any) -> None:
    sweep(school, set_clock, "2026-12-18T13:40:00")
    dsl_decides(school, friday, "k1", decision=decisions.KEEP_ENQUIRING)
    set_clock("2026-12-18T15:40:00")
    blocked(school, friday)
    dsl_decides(school, friday, "k2", decision=decisions.ACTIONS_ONLY)           # a second visit
    set_clock("2026-12-19T10:00:00")
    blocked(school, friday)
    assert len(told_of_police(school)) == 2
    moment, called = clock.now(), {}
    while clock.local(moment).date() < BACK:
        moment += timedelta(hours=6)
        sweep(school, set_clock, moment.isoformat())
        on_leave = {school.person(who).email for who in ("dsl", "attendance_officer") if school.settings.people.is_away(who, moment)}
        with school.transaction() as session:
            written = session.scalars(select(Outbox.recipient).where(Outbox.created_at == clock.now())).all()
            case = session.scalars(select(Case)).one()
            opened = session.scalars(select(Review.due_at).where(Review.state == "open")).all()
        assert not on_leave & set(written)                      # those on leave are left in peace, the others are called
        called.setdefault(clock.local(moment).date(), set()).update(written)
        assert all(due <= moment + timedelta(days=3) for due in (*opened, case.next_step_due or moment))
    holiday = [day for day in called if FRIDAY + timedelta(days=2) < day < date(2027, 1, 4)]
    assert len(holiday) == 14
    for day in holiday:
        assert {school.person(who).email for who in ("deputy_dsl", "head", "operations")} <= called[day], day
    with school.transaction() as session:
        decided = session.scalars(select(CaseEvent.who).where(CaseEvent.subject == friday, CaseEvent.what == "decision.made")).all()
        assert decided == ["dsl", "dsl"] and not [e for e in events(session, friday) if e.what == "case.closed"]
        assert session.scalars(select(Action.done_at).where(Action.kind == decisions.BLOCKED_VISIT)).all() == [None, None]
    assert state(school, friday) == "DSL review"
