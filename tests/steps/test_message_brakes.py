"""What holds messages to parents back: the emergency stop, a crowd, a minute, the night, a mark that has changed, a record that forbids."""

import os
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.steps.absent_children import DSL, OFFICER, children, look, queued, register, requests, through, written
from tests.steps.school import AOIFE, BRAM, MONDAY, School, a_pupil

from cme.errors import BadInput
from cme.records import brakes
from cme.records.alarms import open_alarms
from cme.records.history import events
from cme.records.registers import store
from cme.records.tables import Case, Contact as ContactRow, Outbox
from cme.sources.source import Contact, Pulled, TimeSemantics
from cme.steps import absences, contact, ladder, message_stops, oversee, unaccounted

STOP = {"reason": "a wrong text went out"}
CROWD = int(os.environ.get("CME_CROWD", "12"))          # children whom a fault of the feed marks absent


def absent(school: School, **pupil: Any) -> None:
    school.write(a_pupil(**pupil), {MONDAY: ("N", "")})


def alarms(school: School) -> list[str]:
    with school.transaction() as session:
        return [a.sentence for a in open_alarms(session) if a.key.startswith("messages:")]


def test_a_stop_holds_back_what_is_not_queued_yet_and_what_is_and_lets_both_go_on_afterwards(school: School, set_clock: Any) -> None:
    absent(school)
    absences.watch(school, school.stamp())
    ladder.climb(school, school.stamp())
    assert message_stops.stop(school, stamp=school.stamp("operations"), **STOP) == 1
    oversee.send_mail(school, school.stamp())
    assert written(school) == [] and len(school.post.to(OFFICER)) == 1, "only messages to parents wait"
    done = through(school, set_clock, "09:50")
    assert written(school) == [] and queued(school) == 1 and "stopped by a person" in done.held
    assert "stopped since" in unaccounted.page(school) and "a wrong text" not in unaccounted.page(school) and "cme resume-messages" in alarms(school)[0]
    assert message_stops.resume(school, "it was an exercise", school.stamp("operations")) == 1
    look(school)
    assert written(school) == [AOIFE.email, BRAM.email] and alarms(school) == []
    with school.transaction() as session:
        assert [e.what for e in events(session, "school") if e.what.startswith("messages.")] == ["messages.stopped", "messages.released"]


def test_a_stop_in_the_very_moment_of_handing_over_still_holds_the_message_back(school: School, set_clock: Any) -> None:
    absent(school)
    given, once = school.post.hand_over, list[str]()

    def stopped_meanwhile(recipient: str, wire: bytes, point_of_no_return: Any) -> Any:
        if recipient == AOIFE.email and not once:
            once.append(recipient)
            message_stops.stop(school, stamp=school.stamp("dsl"), **STOP)
        return given(recipient, wire, point_of_no_return)

    school.post.hand_over = stopped_meanwhile                               # type: ignore[method-assign]
    look(school)
    with school.transaction() as session:
        [row] = session.scalars(select(Outbox).where(Outbox.kind == "parent_contact"))
        assert (row.state, row.handed_over_at) == ("queued", None) and written(school) == []
    message_stops.resume(school, "it was an exercise", school.stamp("dsl"))
    through(school, set_clock, "09:35")
    assert written(school) == [AOIFE.email]


def test_a_stop_needs_a_role_and_a_reason_and_holds_back_no_call_and_no_dsl(school: School, set_clock: Any) -> None:
    for who, why in (("machine", STOP["reason"]), ("operations", "")):
        with pytest.raises(BadInput):
            message_stops.stop(school, why, school.stamp(who))
    with pytest.raises(BadInput, match="not stopped by anybody"):
        message_stops.resume(school, "all is well", school.stamp("operations"))
    message_stops.stop(school, stamp=school.stamp("operations"), **STOP)
    absent(school)
    look(school)
    assert through(school, set_clock, "10:10").calls == 1 and through(school, set_clock, "12:30").to_dsl == ["CME-2026-0001"]
    assert written(school) == []


def test_the_letter_of_a_case_is_held_back_as_well(school: School, ten_days_gone: str) -> None:
    message_stops.stop(school, stamp=school.stamp("operations"), **STOP)
    contact.begin_contact(school, ten_days_gone, school.stamp())
    oversee.send_mail(school, school.stamp())
    assert written(school) == [] and [q.kind for q in oversee.waiting_questions(school)] == ["contact_outcome"]


def test_a_crowd_stops_everything_and_reaches_a_person_in_the_same_minute_with_the_numbers(school: School, set_clock: Any) -> None:
    pupils = children(2 * CROWD)
    register(school, pupils, {p.mis_id: "N" for p in pupils[:CROWD]})
    look(school)
    assert written(school) == [] and f"{CROWD} of {2 * CROWD} children on roll" in alarms(school)[0]
    for address in (OFFICER, DSL, "operations@larkspur-bridge.example", "head@larkspur-bridge.example"):
        assert any(f"{CROWD} of {2 * CROWD} children".encode() in wire.replace(b"=\r\n", b"") for wire in school.post.to(address)), address
    with pytest.raises(BadInput, match="not stopped by anybody"):
        message_stops.resume(school, "a person's stop is another thing", school.stamp("dsl"))
    set_clock("2026-11-23T09:40:00")
    message_stops.go(school, "there is heavy snow", school.stamp("dsl"))
    assert look(school).queued == min(CROWD, 40)
    if CROWD <= 40:
        assert written(school) and alarms(school) == []
    else:                                       # so many in one minute is a brake of its own: what is queued waits for a person too
        assert written(school) == [] and "in one minute" in alarms(school)[0]


def test_a_fault_that_is_mended_ends_by_itself_and_no_parent_was_written_to(school: School, set_clock: Any) -> None:
    pupils = children(2 * CROWD)
    register(school, pupils, {p.mis_id: "N" for p in pupils[:CROWD]})
    look(school)
    set_clock("2026-11-23T09:45:00")
    register(school, pupils, {})
    look(school)
    assert {r.state for r in requests(school)} == {"corrected"} and written(school) == []


def test_a_crowd_without_an_answer_is_handed_to_the_dsl_together_and_begins_anew_when_it_is_released(school: School, set_clock: Any) -> None:
    pupils = children(2 * CROWD)
    register(school, pupils, {p.mis_id: "N" for p in pupils[:CROWD]})
    look(school)
    through(school, set_clock, "12:30")
    assert {r.state for r in requests(school)} == {"with_dsl"}
    assert len([w for w in school.post.to(DSL) if f"{CROWD} absence(s) without an answer".encode() in w]) == 1
    with school.transaction() as session:
        assert session.scalars(select(Case)).all() == [], "one matter, not a case for each"
    assert {line.owner for line in unaccounted.day_list(school)} == {"dsl"}
    set_clock("2026-11-23T12:40:00")
    message_stops.go(school, "they are true", school.stamp("dsl"))
    assert look(school).queued == min(CROWD, 40) and {r.state for r in requests(school)} == {"open"}
    assert len(through(school, set_clock, "15:40").to_dsl) == CROWD


def test_more_messages_in_a_minute_than_allowed_stop_at_the_cap(school: School, set_clock: Any) -> None:
    school.policies = replace(school.policies, school=replace(school.policies.school, limits=replace(school.policies.school.limits, a_minute=4)))
    pupils = children(40)
    register(school, pupils, {p.mis_id: "N" for p in pupils[:6]})
    done = look(school)
    assert done.queued == 4 == queued(school) and "5 messages to parents in one minute" in alarms(school)[0]
    assert len(written(school)) <= 4
    set_clock("2026-11-23T09:33:00")
    message_stops.go(school, "they are true", school.stamp("operations"))
    assert look(school).queued == 2


def test_in_the_quiet_hours_nobody_is_written_to_and_the_evenings_messages_are_cancelled_unsent(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T18:50:00")
    absent(school)
    absences.watch(school, school.stamp())
    ladder.climb(school, school.stamp())
    through(school, set_clock, "19:05", "19:12")
    with school.transaction() as session:
        assert [r.state for r in session.scalars(select(Outbox).where(Outbox.kind == "parent_contact"))] == ["cancelled"]
    assert written(school) == []


@pytest.mark.parametrize("code", ["V", "B", "L", "Y1", "#", "I", "-"])
def test_a_mark_that_changes_just_before_sending_stops_the_message(school: School, set_clock: Any, code: str) -> None:
    absent(school)
    absences.watch(school, school.stamp())
    ladder.climb(school, school.stamp())
    school.write(a_pupil(), {MONDAY: (code, "")})
    oversee.send_mail(school, school.stamp())
    assert written(school) == []
    through(school, set_clock, "09:55", "12:40")
    assert written(school) == [] and [r.state for r in requests(school)] == ["corrected"]


def test_a_child_on_a_trip_gets_no_letter_of_its_case_either(school: School) -> None:
    school.write(a_pupil(), {**{day: ("N", "N") for day in school.school_days_before(MONDAY, 11)[:-1]}, MONDAY: ("V", "")})
    with school.transaction() as session:
        session.add(Case(reference="CME-2026-0900", school=school.school, pupil_id=1, episode_start=MONDAY, state="parent contact", opened_at=school.stamp().at,
                         state_since=school.stamp().at, next_step_due=school.stamp().at + timedelta(hours=1), next_step_owner="attendance_officer"))
    contact.begin_contact(school, "CME-2026-0900", school.stamp())
    oversee.send_mail(school, school.stamp())
    assert written(school) == []


@pytest.mark.parametrize("forbids", [{"do_not_contact": True}, {"court_order": True}, {"no_responsibility": True}])
def test_whom_the_record_forbids_is_never_written_to_not_even_if_it_comes_to_say_so_after_queueing(school: School, set_clock: Any, forbids: dict[str, bool]) -> None:
    absent(school, contacts=(Contact("Barred", "father", 1, "barred@home.example", **forbids), BRAM))
    look(school)
    assert written(school) == [BRAM.email]
    absent(school, mis_id="P002", group="9B", contacts=(Contact("Two", "mother", 1, "two@home.example"),))
    absences.watch(school, school.stamp())
    ladder.climb(school, school.stamp())
    with school.transaction() as session:
        session.execute(update(ContactRow).where(ContactRow.email == "two@home.example").values(**forbids))
    oversee.send_mail(school, school.stamp())
    assert written(school) == [BRAM.email]


def test_nobody_is_written_to_by_marks_read_long_ago_but_the_call_comes_all_the_same(school: School, set_clock: Any) -> None:
    absent(school)
    absences.watch(school, school.stamp())
    set_clock("2026-11-23T10:20:00")
    assert ladder.messages_due(school, school.stamp())
    done = look(school, fresh=False)
    assert done.queued == 0 and "too long ago" in done.held and done.calls == 1
    with school.transaction() as session:
        assert not brakes.standing(session)


def test_a_feed_of_nothing_opens_nothing(school: School) -> None:
    with school.transaction() as session:
        store(session, school.school, Pulled(), source="test", codes=school.policies.codes, stamp=school.stamp(), time_semantics=TimeSemantics.FIRST_COMPLETED)
    assert look(school).queued == 0 and requests(school) == []
