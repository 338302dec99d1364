"""Day one: a child with a safeguarding flag who is absent without a known reason is before the DSL at once, once, beside parent contact."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select, update
from tests.steps.answers import RUN
from tests.steps.school import AOIFE, MONDAY, School, a_pupil

from cme.records import cases, reviews
from cme.records.history import events, verify
from cme.records.reviews import CONTACT_OUTCOME, DAY_ONE, SAFEGUARDING
from cme.records.tables import Action, Case, CaseEvent, Finding, Flag, Outbox, Pull, Review
from cme.rules.cases import CaseState
from cme.rules.day_one import RULE
from cme.steps import contact, day_one, oversee
from cme.steps.detect import detect
from cme.steps.review import ring

Clock = Callable[[str], None]
FRIDAY = MONDAY - timedelta(days=3)


def vulnerable(**changes: object):  # type: ignore[no-untyped-def]
    return a_pupil(**{"flags": ("looked after",), **changes})


def watch(school: School) -> list[str]:
    return day_one.watch(school, school.stamp()).raised


def whats(school: School, reference: str) -> list[str]:
    with school.transaction() as session:
        return [event.what for event in events(session, reference)]


def findings(school: School) -> list[tuple[date, bool]]:
    with school.transaction() as session:
        return [(row.reached_on, row.retracted_at is None) for row in session.scalars(select(Finding).where(Finding.rule == RULE).order_by(Finding.id))]


def everything(school: School) -> int:
    with school.transaction() as session:
        return session.scalar(select(func.count()).select_from(CaseEvent)) or 0


@pytest.fixture
def absent(school: School) -> str:
    """The case of a looked-after child marked N this morning."""
    school.write(vulnerable(), {MONDAY: ("N", "-")})
    [reference] = watch(school)
    return reference


def close(school: School, reference: str) -> None:
    with school.transaction() as session:
        case = cases.by_reference(session, reference, lock=True)
        reviews.withdraw(session, case, school.stamp("dsl"), "for the test")
        cases.move(session, case, CaseState.CLOSED, school.stamp("dsl"), why="for the test", due=None, decided=True)


def test_the_dsl_is_asked_in_the_same_minute_and_within_the_day_one_minutes(school: School, absent: str) -> None:
    with school.transaction() as session:
        [review] = session.scalars(select(Review)).all()
        case = cases.by_reference(session, absent)
        assert (review.kind, review.urgency, review.state) == (SAFEGUARDING, DAY_ONE, "open")
        assert review.due_at - review.opened_at == timedelta(minutes=school.policies.school.day_one_minutes)
        assert (case.state, case.urgency, case.origin) == ("DSL review", DAY_ONE, "day_one")
        assert case.next_step_due == review.due_at


def test_the_case_says_what_was_found_and_with_which_marks(school: School, absent: str) -> None:
    assert ["case.opened", "finding.made", "case.urgent"] == [w for w in whats(school, absent) if w in ("case.opened", "finding.made", "case.urgent")]
    with school.transaction() as session:
        [finding] = session.scalars(select(Finding)).all()
        assert finding.marks == [["2026-11-23", "AM", "N"]] and finding.case_id == cases.by_reference(session, absent).id
        assert verify(session) == []


def test_parent_contact_begins_in_parallel(school: School, absent: str) -> None:
    assert oversee.uncontacted_cases(school) == [absent]
    assert contact.begin_contact(school, absent, school.stamp()) is not None
    assert {question.kind for question in oversee.waiting_questions(school)} == {SAFEGUARDING, CONTACT_OUTCOME}
    assert oversee.uncontacted_cases(school) == []
    with school.transaction() as session:
        assert session.scalars(select(Outbox.recipient).where(Outbox.kind == "parent_contact")).all() == [AOIFE.email]


def test_the_mail_to_the_dsl_says_phone_now_with_the_numbers_and_names_no_child(school: School, absent: str) -> None:
    ring(school, absent, SAFEGUARDING, RUN, school.stamp())
    school.deliver(worker="test")
    [wire] = school.post.to(school.person("dsl").email)
    text = " ".join(wire.decode().split())
    authority = school.policies.authority
    for word in ("RING NOW, AND RECORD IT HERE AFTERWARDS", authority.police_emergency, authority.childrens_services,
                 authority.childrens_services_out_of_hours, absent, "your telephone call is"):
        assert word in text, word
    assert not any(name in text for name in ("Quilla", "Bramblewick", "P001", "looked after"))


def test_five_minutes_later_nothing_happens_again(school: School, absent: str, set_clock: Clock) -> None:
    before = everything(school)
    for moment in ("2026-11-23T09:35:00", "2026-11-23T13:00:00"):
        set_clock(moment)
        assert watch(school) == []
    school.write(vulnerable(), {MONDAY: ("N", "N")})
    assert watch(school) == [] and findings(school) == [(MONDAY, True)]
    assert everything(school) == before + 1                      # the pull of the afternoon register, and nothing else


def test_the_next_day_of_absence_is_found_and_asked_about_again_in_the_same_case(school: School, absent: str, set_clock: Clock) -> None:
    set_clock("2026-11-24T09:30:00")
    school.write(vulnerable(), {MONDAY + timedelta(days=1): ("N", "-")})
    assert watch(school) == [absent] and len(findings(school)) == 2


@pytest.mark.parametrize("marks", [("-", "-"), ("L", "U"), ("/", "\\"), ("I", "I"), ("G", "C"), ("B", "K")])
def test_no_other_mark_raises_anything(school: School, marks: tuple[str, str]) -> None:
    school.write(vulnerable(), {MONDAY: marks})
    assert watch(school) == [] and everything(school) == 1


def test_a_child_without_a_flag_waits_for_the_ordinary_thresholds(school: School) -> None:
    school.write(a_pupil(flags=("EHCP",)), {MONDAY: ("N", "N")})
    assert watch(school) == []


def test_a_flag_that_ended_before_the_day_does_not_count_and_one_that_ends_today_does(school: School) -> None:
    school.write(vulnerable(), {MONDAY: ("N", "N")})
    with school.transaction() as session:
        session.execute(update(Flag).values(valid_from=school.stamp().at - timedelta(days=9), valid_to=school.stamp().at - timedelta(days=4)))
    assert watch(school) == []
    with school.transaction() as session:
        session.execute(update(Flag).values(valid_to=school.stamp().at - timedelta(minutes=20)))
    assert watch(school) != []


@pytest.mark.parametrize(("marks", "said"), [(("I", "-"), "23 Nov 2026 AM: N is now I"), (("/", "-"), "23 Nov 2026 AM: N is now /"),
                                             (("-", "-"), "23 Nov 2026 AM: N is now -")])
def test_a_corrected_mark_takes_the_finding_back_and_the_case_stays_with_the_dsl(
        school: School, absent: str, marks: tuple[str, str], said: str) -> None:
    school.write(vulnerable(), {MONDAY: marks})
    done = day_one.watch(school, school.stamp())
    assert (done.raised, done.retracted) == ([], 1) and findings(school) == [(MONDAY, False)]
    with school.transaction() as session:
        [event] = [e for e in events(session, absent) if e.what == "finding.retracted"]
        assert said in event.why and event.why.startswith("judged again on 23 November 2026, it no longer holds: 1 of its 1 mark changed")
        case = cases.by_reference(session, absent)
        assert case.closed_at is None and case.urgency == DAY_ONE and reviews.current(session, case.id, SAFEGUARDING)
    assert day_one.watch(school, school.stamp()).retracted == 0


def test_a_correction_of_friday_is_seen_on_monday_week(school: School, absent: str, set_clock: Clock) -> None:
    set_clock("2026-12-07T09:30:00")
    school.write(vulnerable(), {MONDAY: ("M", "M")})
    assert day_one.watch(school, school.stamp()).retracted == 1


def test_found_in_the_morning_and_gone_in_the_afternoon_is_raised_anew(school: School, absent: str) -> None:
    school.write(vulnerable(), {MONDAY: ("/", "N")})
    done = day_one.watch(school, school.stamp())
    assert (done.raised, done.retracted) == ([absent], 1) and findings(school) == [(MONDAY, False), (MONDAY, True)]


def test_absent_in_the_afternoon_after_the_mornings_case_was_closed_opens_a_new_case(school: School, absent: str) -> None:
    close(school, absent)
    assert watch(school) == []                                   # the mark of the morning was dealt with
    school.write(vulnerable(), {MONDAY: ("N", "N")})
    assert watch(school) == ["CME-2026-0002"]
    assert findings(school) == [(MONDAY, False), (MONDAY, True)]
    assert watch(school) == []


def test_the_daily_check_leaves_the_finding_of_day_one_alone(school: School, absent: str) -> None:
    detect(school, MONDAY, school.stamp())
    assert findings(school) == [(MONDAY, True)]


def test_ten_days_that_begin_on_a_day_one_case_that_was_closed_open_a_case_of_their_own(school: School, absent: str, set_clock: Clock) -> None:
    close(school, absent)
    tenth = school.policies.calendar.add_school_days(MONDAY, 9)
    set_clock(f"{tenth}T10:00:00")
    with school.transaction() as session:
        session.execute(update(Flag).values(valid_to=school.stamp().at - timedelta(days=13)))
    school.write(vulnerable(flags=()), {day: ("G", "G") for day in school.policies.calendar.school_days(MONDAY + timedelta(days=1), tenth)})
    assert watch(school) == []
    assert detect(school, tenth, school.stamp()).opened == ["CME-2026-0002"]


def test_a_child_with_an_open_case_keeps_it_and_the_question_becomes_urgent(school: School, before_the_dsl: str) -> None:
    with school.transaction() as session:
        calls = len(session.scalars(select(Outbox).where(Outbox.kind == "review_urgent")).all())
        session.add(Flag(pupil_id=cases.by_reference(session, before_the_dsl).pupil_id, flag="At risk", valid_from=school.stamp().at))
    assert calls == 0 and watch(school) == [before_the_dsl]
    with school.transaction() as session:
        [review] = session.scalars(select(Review).where(Review.kind == SAFEGUARDING)).all()
        assert review.urgency == DAY_ONE and review.due_at == school.stamp().at + timedelta(minutes=school.policies.school.day_one_minutes)
        assert len(session.scalars(select(Outbox).where(Outbox.kind == "review_urgent")).all()) == 1


def test_a_register_entered_after_the_last_reading_of_friday_is_found_on_monday(school: School) -> None:
    school.write(vulnerable(), {FRIDAY: ("/", "N")})
    assert watch(school) == ["CME-2026-0001"] and findings(school) == [(FRIDAY, True)]


def test_days_on_which_nothing_was_read_are_judged_when_reading_goes_on(school: School, set_clock: Clock) -> None:
    set_clock("2026-11-18T16:00:00")
    school.write(vulnerable(), {date(2026, 11, 18): ("/", "\\")})
    set_clock("2026-11-23T09:30:00")
    school.write(vulnerable(), {date(2026, 11, 19): ("N", "N"), FRIDAY: ("/", "\\")})
    assert watch(school) == ["CME-2026-0001"] and findings(school) == [(date(2026, 11, 19), True)]


def test_at_the_first_reading_only_the_school_day_before_is_judged(school: School) -> None:
    days = school.school_days_before(FRIDAY, 5)
    school.write(vulnerable(), {day: ("O", "O") for day in days})
    watch(school)
    assert findings(school) == [(FRIDAY, True)]


def test_one_pupils_failure_keeps_no_other_waiting(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in (1, 2, 3):
        school.write(vulnerable(mis_id=f"P{n}", group=f"G{n}"), {MONDAY: ("N", "-")})
    kept, broken = day_one.findings.keep, []

    def keep(session, place, case, pupil_id, finding, stamp):  # type: ignore[no-untyped-def]
        if pupil_id == 2 and not broken:
            broken.append(pupil_id)
            raise RuntimeError("a fault in the middle")
        return kept(session, place, case, pupil_id, finding, stamp)

    monkeypatch.setattr(day_one.findings, "keep", keep)
    with pytest.raises(RuntimeError, match="a fault in the middle"):
        watch(school)
    assert len(findings(school)) == 2
    assert len(watch(school)) == 1 and len(findings(school)) == 3       # the next round makes it good
    with school.transaction() as session:
        assert session.scalars(select(Case.reference).order_by(Case.id)).all() == [f"CME-2026-000{n}" for n in (1, 2, 3)]
        assert verify(session) == []


def test_two_at_once_write_one_finding_and_one_case(school: School) -> None:
    from concurrent.futures import ThreadPoolExecutor

    for n in range(4):
        school.write(vulnerable(mis_id=f"P{n}", group=f"G{n}"), {MONDAY: ("N", "-")})
    with ThreadPoolExecutor(3) as pool:
        raised = [reference for each in pool.map(lambda _: watch(school), range(3)) for reference in each]
    assert sorted(raised) == [f"CME-2026-000{n}" for n in (1, 2, 3, 4)] and len(findings(school)) == 4


def test_follow_up_tasks_of_an_urgent_referral_are_three_for_the_dsl_each_set_once(school: School, absent: str, set_clock: Clock) -> None:
    set_clock("2026-12-18T14:00:00")                             # the last day before the Christmas holiday
    with school.transaction() as session:
        case = cases.by_reference(session, absent, lock=True)
        for _ in range(2):
            day_one.follow_up_tasks(school, session, case, school.stamp("dsl"))
    with school.transaction() as session:
        tasks = session.scalars(select(Action).order_by(Action.id)).all()
        assert [(task.kind.split(":")[0], task.owner) for task in tasks] == [
            ("Strategy discussion", "dsl"), ("Section 47 enquiry", "dsl"), ("Child protection conference", "dsl")]
        assert all("or that it did not take place" in task.kind for task in tasks)
        # the school's follow-up date lies after the holiday: a task waits no longer than the longest wait all the same
        assert {task.due_at for task in tasks} == {school.stamp().at + timedelta(days=school.policies.school.longest_wait_days)}


def test_nothing_is_looked_at_twice_where_no_pupil_is_watched(school: School) -> None:
    school.write(a_pupil(), {MONDAY: ("N", "N")})
    with school.transaction() as session:
        assert session.scalars(select(Pull)).all()
    assert watch(school) == []
