"""Tasks: the owner hears at once, then one after another past the time, and nothing but a person's word ends one."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from tests.steps.answers import RUN, answer, code_for
from tests.steps.school import School
from tests.steps.test_deadlines import written
from tests.steps.test_duty import away, people
from tests.steps.test_oversee import alarms

from cme import clock
from cme.records import cases
from cme.records.actions import set_task
from cme.records.history import events
from cme.records.reviews import SAFEGUARDING
from cme.records.tables import Action, Outbox
from cme.steps import decisions, oversee
from cme.steps.review import take_answer

PEOPLE = ("attendance_officer", "dsl", "deputy_dsl", "head", "operations")


def told(school: School) -> dict[str, int]:
    """How many letters about a task each person was written, and how often operations were called."""
    with school.transaction() as session:
        rows = session.execute(select(Outbox.recipient, Outbox.kind)).all()
    addresses = {school.person(who).email: who for who in PEOPLE}
    found = dict.fromkeys(PEOPLE, 0)
    for recipient, kind in rows:
        if kind == "task_call" or kind == "alarm" and addresses.get(recipient) == "operations":
            found[addresses[recipient]] += 1
    return {who: n for who, n in found.items() if n}


def watch(school: School, set_clock: Any, moment: str) -> dict[str, int]:
    set_clock(moment)
    oversee.watch_tasks(school, school.stamp())
    return told(school)


def home_visit(school: School, reference: str) -> Action:
    """The home visit that the DSL decides on at 09:30 on Monday, due on Tuesday at 15:00."""
    assert take_answer(school, reference, SAFEGUARDING, "k1", answer(code_for(school, "dsl"), decision=decisions.KEEP_ENQUIRING), RUN).accepted
    return the_task(school)


def the_task(school: School) -> Action:
    with school.transaction() as session:
        return session.scalars(select(Action)).one()


def test_the_owner_is_told_of_a_task_at_once_and_once(school: School, before_the_dsl: str, set_clock: Any) -> None:
    home_visit(school, before_the_dsl)
    assert watch(school, set_clock, "2026-11-23T09:31:00") == watch(school, set_clock, "2026-11-23T09:40:00") == {"attendance_officer": 1}
    school.deliver(worker="test")
    letter = school.post.to(school.person("attendance_officer").email)[-1]
    assert b"Home visit" in letter and f"cme done {before_the_dsl} 1 --by attendance_officer".encode() in letter
    assert b"Bramblewick" not in letter


def test_past_its_time_the_owner_then_the_dsl_then_the_head_then_operations_again_and_again(
        school: School, before_the_dsl: str, set_clock: Any) -> None:
    home_visit(school, before_the_dsl)
    watch(school, set_clock, "2026-11-23T09:31:00")
    assert watch(school, set_clock, "2026-11-24T14:59:00") == {"attendance_officer": 1}
    assert watch(school, set_clock, "2026-11-24T15:00:00") == {"attendance_officer": 2}
    assert watch(school, set_clock, "2026-11-24T15:59:00") == {"attendance_officer": 2}
    assert watch(school, set_clock, "2026-11-24T16:00:00") == {"attendance_officer": 2, "dsl": 1}
    assert watch(school, set_clock, "2026-11-24T17:00:00") == {"attendance_officer": 2, "dsl": 1, "head": 1, "operations": 1}
    assert watch(school, set_clock, "2026-11-24T18:00:00") == {"attendance_officer": 3, "dsl": 1, "head": 1, "operations": 2}
    task = the_task(school)
    assert (task.escalations, task.done_at, task.owner) == (4, None, "attendance_officer")
    with school.transaction() as session:
        steps = [e.data["to"] for e in events(session, before_the_dsl) if e.what == "action.called"]
    assert steps == ["attendance_officer", "attendance_officer", "dsl", "head", "attendance_officer"]


def test_a_task_is_never_closed_by_time(school: School, before_the_dsl: str, set_clock: Any) -> None:
    task = home_visit(school, before_the_dsl)
    for day in range(1, 29):
        watch(school, set_clock, f"2027-02-{day:02}T12:00:00")
    assert the_task(school).done_at is None and alarms(school) == [f"action:{task.id}"]
    decisions.finish_action(school, before_the_dsl, task.id, "The family has moved; a neighbour said so.", school.stamp("attendance_officer"),
                            result="not possible", evidence="visit log 12")
    before = written(school, "operations")
    watch(school, set_clock, "2027-03-01T12:00:00")
    assert alarms(school) == [] and written(school, "operations") == before


def test_who_stands_in_for_an_owner_on_leave_is_told_and_the_owner_stays_the_owner(school: School, before_the_dsl: str, set_clock: Any) -> None:
    home_visit(school, before_the_dsl)
    watch(school, set_clock, "2026-11-23T09:31:00")
    people(school, away=away("attendance_officer"))
    assert watch(school, set_clock, "2026-11-23T09:32:00") == {"attendance_officer": 1, "deputy_dsl": 1}
    assert watch(school, set_clock, "2026-11-24T15:00:00") == {"attendance_officer": 1, "deputy_dsl": 2}
    assert (the_task(school).owner, the_task(school).called) == ("attendance_officer", "deputy_dsl")


def test_with_the_dsl_on_leave_the_deputy_on_duty_hears_in_their_place(school: School, before_the_dsl: str, set_clock: Any) -> None:
    home_visit(school, before_the_dsl)
    people(school, away=away("dsl"))
    watch(school, set_clock, "2026-11-23T09:31:00")
    watch(school, set_clock, "2026-11-24T15:00:00")
    assert watch(school, set_clock, "2026-11-24T16:00:00") == {"attendance_officer": 2, "deputy_dsl": 1}


def test_an_urgent_task_escalates_within_minutes(school: School, before_the_dsl: str, set_clock: Any) -> None:
    with school.transaction() as session:
        set_task(session, cases.by_reference(session, before_the_dsl), decisions.URGENT, owner="dsl", due=clock.now() + timedelta(minutes=30),
                 stamp=school.stamp("dsl"))
    assert watch(school, set_clock, "2026-11-23T09:31:00") == {"dsl": 1}
    assert watch(school, set_clock, "2026-11-23T10:00:00") == {"dsl": 2}
    assert watch(school, set_clock, "2026-11-23T10:10:00") == {"dsl": 2, "head": 1, "operations": 1}
    assert watch(school, set_clock, "2026-11-23T10:20:00") == {"dsl": 3, "head": 1, "operations": 2}


def test_a_task_of_a_closed_case_still_needs_its_end(school: School, before_the_dsl: str, set_clock: Any) -> None:
    home_visit(school, before_the_dsl)
    with school.transaction() as session:
        case = cases.by_reference(session, before_the_dsl)
        case.closed_at = clock.now()
    assert watch(school, set_clock, "2026-11-24T15:00:00") == {"attendance_officer": 1}


def test_the_list_of_tasks_names_owner_and_time_and_no_child(school: School, before_the_dsl: str, set_clock: Any) -> None:
    from cme.steps.task_watch import task_list

    task = home_visit(school, before_the_dsl)
    watch(school, set_clock, "2026-11-24T15:00:00")
    [line] = task_list(school)
    assert (line.reference, line.kind, line.owner, line.due, line.overdue) == (
        before_the_dsl, "Home visit", "attendance officer", "Tue 24 Nov 2026 15:00", True)
    decisions.finish_action(school, before_the_dsl, task.id, "An aunt opened.", school.stamp("attendance_officer"))
    assert task_list(school) == [] and [line.result for line in task_list(school, include_done=True)] == ["done"]
