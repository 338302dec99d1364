"""The ladder of contact as a pure rule: it always ends with the DSL, reaches nobody it must not, and never one address twice a session."""

import os
from datetime import datetime, time, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cme.rules.contact_ladder import CALL, DSL, EMAIL, MESSAGE, TEXT, VISIT, Person, Rung, Sent, Times, due_rungs, next_rung
from cme.rules.message_brakes import RATE, SHARE, Limits, quiet, too_large_a_share, too_many_a_minute

MANY = int(os.environ.get("CME_LADDERS", "300"))
MINUTE = timedelta(minutes=1)
TIMES = Times(20 * MINUTE, 40 * MINUTE, 120 * MINUTE, 180 * MINUTE)
SINCE = datetime(2026, 11, 23, 9, 20, tzinfo=timezone.utc)
LIMITS = Limits("19:00", "08:00", 20, 10, 40)
AOIFE = Person(1, ((TEXT, "+447700900101"), (EMAIL, "aoife@home.example")), True)
BRAM = Person(2, ((EMAIL, "bram@home.example"),), True)


def at(minutes: int, people: tuple[Person, ...] = (AOIFE, BRAM), sent: tuple[Sent, ...] = (), **more: object) -> list[tuple[str, int | None, str]]:
    return [(r.what, r.person, r.channel) for r in due_rungs(SINCE + minutes * MINUTE, SINCE, people, sent, TIMES, **more)]  # type: ignore[arg-type]


TEXTED, MAILED = Sent(TEXT, "+447700900101", True), Sent(EMAIL, "bram@home.example", True)


def test_the_rungs_come_at_their_times_in_the_order_of_the_contacts() -> None:
    assert at(-1) == []
    assert at(0) == [(MESSAGE, 1, TEXT)]
    assert at(19, sent=(TEXTED,)) == []
    assert at(20, sent=(TEXTED,)) == [(MESSAGE, 2, EMAIL)]
    assert at(40, sent=(TEXTED, MAILED)) == [(CALL, None, "")]
    assert at(120, sent=(TEXTED, MAILED), asked=(CALL,)) == [(VISIT, None, "")]
    assert at(180, sent=(TEXTED, MAILED), asked=(CALL, VISIT)) == [(DSL, None, "")]


def test_each_rung_says_why_it_is_taken() -> None:
    assert [rung.reason for rung in due_rungs(SINCE + 125 * MINUTE, SINCE, (AOIFE, BRAM), (), TIMES)] == [
        "the contact with the highest priority", "no answer yet: the next person, 20 minutes later",
        "no answer within 40 minutes: a person rings", "no answer within 120 minutes: a home visit"]


def test_only_whoever_can_be_rung_and_is_not_barred_is_rung() -> None:
    nobody = [Person(1, ((TEXT, "+447700900101"),), telephone=False, barred=True), Person(2, (), telephone=False)]
    assert at(0, people=tuple(nobody)) == [(DSL, None, "")]
    assert [person.may_be_rung for person in (*nobody, AOIFE)] == [False, False, True]


def test_after_a_long_standstill_everything_that_is_due_is_due_at_once_and_at_the_end_only_the_dsl() -> None:
    assert at(125) == [(MESSAGE, 1, TEXT), (MESSAGE, 2, EMAIL), (CALL, None, ""), (VISIT, None, "")]
    assert at(500) == [(DSL, None, "")]


def test_in_the_afternoon_the_other_way_is_taken() -> None:
    assert at(0, sent=(Sent(TEXT, "+447700900101", this_session=False),)) == [(MESSAGE, 1, EMAIL)]


def test_a_text_that_certainly_did_not_arrive_is_followed_by_an_e_mail_and_then_by_nothing_more_to_that_person() -> None:
    failed = Sent(TEXT, "+447700900101", True, failed=True)
    assert at(5, sent=(failed,)) == [(MESSAGE, 1, EMAIL)]
    assert at(5, sent=(failed, Sent(EMAIL, "aoife@home.example", True, failed=True))) == []


@pytest.mark.parametrize(("people", "expected"), [
    ((), [(DSL, None, "")]),
    ((Person(1, ((EMAIL, "x@home.example"),), True, barred=True),), [(DSL, None, "")]),
    ((Person(1, (), True),), [(CALL, None, "")]),
    ((Person(1, ((EMAIL, "x@home.example"),), True, no_responsibility=True),), [(CALL, None, "")])])
def test_where_nobody_may_be_written_to_a_person_rings_at_once_and_where_nobody_may_be_rung_the_dsl_has_it(
        people: tuple[Person, ...], expected: list[tuple[str, None, str]]) -> None:
    assert at(0, people) == expected


def test_an_absence_of_an_earlier_day_is_a_persons_to_ring_about_and_writes_to_nobody() -> None:
    assert at(0, today=False) == [(CALL, None, "")] and at(130, today=False, asked=(CALL,)) == []


def test_a_text_that_failed_in_the_morning_may_be_tried_again_in_the_afternoon() -> None:
    morning = Sent(TEXT, "+447700900101", this_session=False, failed=True)
    assert at(0, people=(Person(1, ((TEXT, "+447700900101"),), True),), sent=(morning,)) == [(MESSAGE, 1, TEXT)]


def test_where_both_ways_went_in_the_morning_the_afternoon_begins_with_the_text_again() -> None:
    both = tuple(Sent(channel, address, this_session=False) for channel, address in AOIFE.reach)
    by_mail_first = Person(1, AOIFE.reach[::-1], True)
    assert at(0, sent=both) == at(0, people=(by_mail_first,), sent=both) == at(0, people=(by_mail_first,)) == [(MESSAGE, 1, TEXT)]


def test_a_person_who_rings_is_told_why_no_machine_wrote() -> None:
    only_rung = (Person(1, (), True),)
    assert [rung.reason for rung in due_rungs(SINCE, SINCE, only_rung, (), TIMES)] == ["nobody may be written to: a person rings"]
    assert [rung.reason for rung in due_rungs(SINCE, SINCE, (AOIFE,), (), TIMES, today=False)] == ["known only afterwards: a person rings"]
    assert [(rung.reason, rung.due) for rung in due_rungs(SINCE + 181 * MINUTE, SINCE, (AOIFE,), (), TIMES)] == [
        ("no answer within 180 minutes", SINCE + TIMES.dsl)]


def test_each_rung_keeps_the_time_at_which_it_was_due_however_late_it_is_seen() -> None:
    late = due_rungs(SINCE + 125 * MINUTE, SINCE, (AOIFE, BRAM), (), TIMES)
    assert [rung.due for rung in late] == [SINCE, SINCE + TIMES.next_person, SINCE + TIMES.call, SINCE + TIMES.visit]
    assert [(rung.due, rung.address) for rung in due_rungs(SINCE, SINCE, (Person(1, (), True),), (), TIMES)] == [(SINCE, "")]


def test_two_parents_with_one_address_get_one_message() -> None:
    shared = Person(2, ((EMAIL, "home@home.example"),), True)
    both = (Person(1, ((EMAIL, "home@home.example"),), True), shared)
    assert at(30, both) == [(MESSAGE, 1, EMAIL)]


def test_the_day_list_always_names_what_comes_next() -> None:
    assert next_rung(SINCE, SINCE, TIMES) == (CALL, SINCE + TIMES.call)
    assert next_rung(SINCE, SINCE, TIMES, asked=(CALL,)) == (VISIT, SINCE + TIMES.visit)
    assert next_rung(SINCE + 300 * MINUTE, SINCE, TIMES) == (DSL, SINCE + TIMES.dsl)
    assert next_rung(SINCE + TIMES.call, SINCE, TIMES) == (VISIT, SINCE + TIMES.visit)
    assert next_rung(SINCE + TIMES.visit, SINCE, TIMES, asked=(CALL,)) == (DSL, SINCE + TIMES.dsl)


def test_of_an_earlier_day_no_visit_comes_next() -> None:
    assert next_rung(SINCE, SINCE, TIMES, today=False) == (CALL, SINCE + TIMES.call)
    assert next_rung(SINCE, SINCE, TIMES, asked=(CALL,), today=False) == (DSL, SINCE + TIMES.dsl)


people_strategy = st.lists(st.builds(
    Person, key=st.integers(1, 9), reach=st.lists(st.tuples(st.sampled_from((TEXT, EMAIL)), st.sampled_from("abcde")), max_size=3).map(tuple),
    telephone=st.booleans(), barred=st.booleans(), no_responsibility=st.booleans()), max_size=5, unique_by=lambda person: person.key)


@settings(max_examples=MANY, deadline=None)
@given(people_strategy, st.lists(st.tuples(st.integers(1, 70), st.booleans(), st.booleans()), min_size=1, max_size=14), st.booleans(), st.booleans())
def test_however_it_is_looked_at_it_ends_with_the_dsl_and_reaches_nobody_it_must_not(
        people: list[Person], looks: list[tuple[int, bool, bool]], today: bool, stopped: bool) -> None:
    now, sent, asked, taken = SINCE, [], [], []
    for minutes, fails, answered_by_brake in looks:
        now += minutes * MINUTE
        due = due_rungs(now, SINCE, people, sent, TIMES, asked=asked, today=today)
        assert due or now < SINCE + TIMES.dsl, "at its time the DSL has it, whatever happened before"
        for rung in due:
            taken.append(rung)
            assert rung.due <= now and rung.reason
            if rung.what == MESSAGE and not (stopped and answered_by_brake):
                sent.append(Sent(rung.channel, rung.address, True, failed=fails))
            elif rung.what in (CALL, VISIT):
                asked.append(rung.what)
    _nobody_barred(people, taken)
    went = [s.address for s in sent if not s.failed]
    assert len(went) == len(set(went)), "one message for an address, a child and a session"
    assert asked.count(CALL) <= 1 and asked.count(VISIT) <= 1
    assert today or not sent
    assert due_rungs(SINCE + TIMES.dsl, SINCE, people, sent, TIMES, asked=asked, today=today)[0].what == DSL


def _nobody_barred(people: list[Person], taken: list[Rung]) -> None:
    allowed = {p.key: p for p in people}
    for rung in taken:
        if rung.person is not None:
            assert not allowed[rung.person].barred and not allowed[rung.person].no_responsibility


def test_a_crowd_is_a_share_of_the_roll_and_at_least_a_number_of_children() -> None:
    assert too_large_a_share(9, 10, LIMITS) is None and too_large_a_share(20, 100, LIMITS) is None
    stop = too_large_a_share(21, 100, LIMITS)
    assert stop and (stop.counted, stop.allowed) == (21, 20) and "21 of 100 children" in stop.reason
    assert [bool(too_large_a_share(absent, 100, LIMITS, released=21)) for absent in (30, 42, 43)] == [False, False, True]


def test_a_share_is_taken_of_the_whole_roll_and_the_least_number_is_enough() -> None:
    assert too_large_a_share(10, 10, LIMITS) and too_large_a_share(15, 100, LIMITS) is None
    assert too_large_a_share(100, 500, LIMITS) is None and too_large_a_share(200, 1000, LIMITS) is None
    stop = too_large_a_share(101, 500, LIMITS)
    assert stop and (stop.kind, stop.counted, stop.allowed) == (SHARE, 101, 100) and too_large_a_share(201, 1000, LIMITS)


def test_where_nobody_released_anything_one_child_or_two_messages_can_be_too_many() -> None:
    small = Limits("19:00", "08:00", 20, 1, 1)
    assert too_large_a_share(1, 4, small) and too_large_a_share(1, 5, small) is None
    stop = too_many_a_minute(1, 1, small)
    assert stop and (stop.kind, stop.counted, stop.allowed) == (RATE, 2, 1)
    assert stop.reason == "2 messages to parents in one minute, 1 are allowed"


def test_more_than_the_limit_in_a_minute_stops_and_a_release_holds_until_it_has_doubled() -> None:
    assert too_many_a_minute(3, 1, LIMITS) is None is too_many_a_minute(39, 1, LIMITS)
    assert too_many_a_minute(40, 1, LIMITS)
    assert [bool(too_many_a_minute(queued, 1, LIMITS, released=41)) for queued in (40, 81, 82)] == [False, False, True]


@pytest.mark.parametrize(("at", "held"), [("07:59", True), ("08:00", False), ("18:59", False), ("19:00", True), ("19:01", True), ("23:59", True),
                                          ("00:30", True)])
def test_the_quiet_hours_run_from_the_evening_to_the_morning(at: str, held: bool) -> None:
    assert quiet(time.fromisoformat(at), LIMITS) is held
