"""Loud alarms: by a second mail route, on the dashboard, again and again, and never with what identifies anybody."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from tests.steps.school import PostOffice, School
from tests.steps.test_oversee import DUE, alarms

from cme import clock
from cme.errors import BadInput, Misconfigured, Permanent, Transient
from cme.records import after_sending, outbox
from cme.records.alarms import clear_alarm, raise_alarm
from cme.records.history import events
from cme.records.outbox import HandOver
from cme.records.tables import Alarm, Outbox
from cme.steps import alarms as calling
from cme.steps import oversee


class Down(PostOffice):
    """A mail server that does not answer."""

    def hand_over(self, recipient: str, wire: bytes, point_of_no_return: Callable[[], None]) -> Any:
        raise Transient("no session with the mail server (dsl@larkspur-bridge.example)")


class TwoRoutes(School):
    """A school with a second mail server of its own."""

    second: PostOffice

    @property
    def has_second_route(self) -> bool:
        return True

    def alarm_hand_over(self) -> HandOver:
        return self.second.hand_over


@pytest.fixture
def two(school: School) -> TwoRoutes:
    settings = school.settings.model_copy(update={"alarm_smtp_host": "smtp.other.example", "alarm_sender": "alarm@other.example"})
    found = TwoRoutes(school.engine, settings, school.policies, school.sealer)
    found.post, found.second = PostOffice(), PostOffice()
    return found


def call(office: School, key: str = "review:1", sentence: str = "CME-2026-0001: a question is unanswered") -> None:
    with office.transaction() as session:
        raise_alarm(session, key, "CME-2026-0001", sentence, office.stamp())
        calling.call_operations(office, session, key, office.stamp())


def test_a_call_leaves_by_the_second_server_to_operations_and_the_head(two: TwoRoutes) -> None:
    call(two)
    two.deliver(worker="test")
    assert sorted(address for address, _ in two.second.accepted) == [two.person("head").email, two.person("operations").email]
    assert two.post.accepted == [] and b"From: " in two.second.accepted[0][1] and b"alarm@other.example" in two.second.accepted[0][1]


def test_with_the_first_server_down_the_alarm_arrives_all_the_same(two: TwoRoutes) -> None:
    two.post = Down()
    with two.transaction() as session:
        for n in range(5):
            two.queue_letter(session, "alarm", to="dsl@larkspur-bridge.example", subject_of="CME-2026-0001", dedupe_key=f"x{n}", stamp=two.stamp(),
                             reference="CME-2026-0001", sentence="a letter by the first server")
    call(two)
    two.deliver(worker="test")
    assert len(two.second.accepted) == 2
    with two.transaction() as session:
        # after two tries in vain the dead server is left alone until the next round
        assert sorted(session.scalars(select(Outbox.tries).where(Outbox.route == "school"))) == [0, 0, 0, 1, 1]


def test_a_fault_in_the_second_servers_settings_is_that_alarms_and_stops_no_other_mail(school: School) -> None:
    school.settings.alarm_smtp_host, school.settings.alarm_sender = "mail.other.example", "alarm@other.example"
    school.settings.alarm_smtp_tls = "none"                                   # refused: only for a server on this machine
    call(school)
    with school.transaction() as session:
        school.queue_letter(session, "alarm", to="dsl@larkspur-bridge.example", subject_of="CME-2026-0001", dedupe_key="x", stamp=school.stamp(),
                            reference="CME-2026-0001", sentence="a letter by the first server")
    school.deliver(worker="test")
    assert [address for address, _ in school.post.accepted] == ["dsl@larkspur-bridge.example"]
    with school.transaction() as session:
        assert set(session.scalars(select(Outbox.state).where(Outbox.route == "alarm"))) == {"failed"}


def test_an_alarm_that_came_back_is_told_by_the_schools_own_server(two: TwoRoutes) -> None:
    call(two)
    two.deliver(worker="test")
    assert two.second.accepted and not two.post.accepted
    with two.transaction() as session:
        [first, *_] = session.scalars(select(Outbox).where(Outbox.route == "alarm"))
        after_sending.came_back(session, first.id, two.stamp(), "5.1.1")
    calling.call_about_the_rest(two, two.stamp())
    two.deliver(worker="test")
    assert two.post.accepted and b"needs a person" in two.post.accepted[0][1]


def test_without_a_second_server_alarms_leave_by_the_schools(school: School) -> None:
    call(school)
    school.deliver(worker="test")
    assert len(school.post.accepted) == 2 and b"attendance@school.example" in school.post.accepted[0][1]


@pytest.mark.parametrize(("error", "state"), [(Permanent("no such mailbox"), "failed"), (Misconfigured("wrong password"), "queued"),
                                              (Transient("no answer"), "queued")])
def test_when_mail_by_the_first_server_is_failing_operations_hear_by_the_second(
        two: TwoRoutes, set_clock: Any, error: Exception, state: str) -> None:
    class Failing(PostOffice):
        def hand_over(self, *_: object) -> Any:
            raise error

    two.post = Failing()
    with two.transaction() as session:
        for n in range(3):
            two.queue_letter(session, "alarm", to="dsl@larkspur-bridge.example", subject_of=f"CME-2026-000{n}", dedupe_key=f"x{n}", stamp=two.stamp(),
                             reference="CME-2026-0001", sentence="a letter by the first server")
    oversee.send_mail(two, two.stamp())
    set_clock("2026-11-23T09:50:00")
    oversee.send_mail(two, two.stamp())
    calling.call_about_the_rest(two, two.stamp())
    two.deliver(worker="test")
    assert sorted(address for address, _ in two.second.accepted) == [two.person("head").email, two.person("operations").email]
    text = two.second.accepted[0][1]
    assert b"need a person" in text and b"cme outbox" in text and b"@school" not in text and b"mailbox" not in text
    with two.transaction() as session:
        assert set(session.scalars(select(Outbox.state).where(Outbox.recipient == "dsl@larkspur-bridge.example"))) == {state}


def test_one_letter_tells_of_many_alarms_and_again_only_after_a_day(two: TwoRoutes, set_clock: Any) -> None:
    with two.transaction() as session:
        for n in range(40):
            raise_alarm(session, f"pull:{n}", "school", "The register source cannot be read", two.stamp())
    assert calling.call_about_the_rest(two, two.stamp()) == 40
    assert calling.call_about_the_rest(two, two.stamp()) == 0
    two.deliver(worker="test")
    assert len(two.second.accepted) == 2 and b"and 39 more" in two.second.accepted[0][1]
    set_clock("2026-11-24T09:29:00")
    assert calling.call_about_the_rest(two, two.stamp()) == 0
    set_clock("2026-11-24T09:31:00")
    assert calling.call_about_the_rest(two, two.stamp()) == 40


@pytest.mark.parametrize(("key", "minutes"), [("report:1", 10), ("duty:safeguarding", 60), ("notifying:1", 60), ("pull:a", 1440)])
def test_the_graver_the_alarm_the_sooner_operations_are_called_again(two: TwoRoutes, set_clock: Any, key: str, minutes: int) -> None:
    with two.transaction() as session:
        raise_alarm(session, key, "school", "Something needs a person", two.stamp())
    begun, told = clock.now(), []
    for after in (0, 1, minutes - 1, minutes, 2 * minutes - 1, 2 * minutes):
        set_clock((begun + timedelta(minutes=after)).isoformat())
        told.append(calling.call_about_the_rest(two, two.stamp()))
    assert told == [1, 0, 0, 1, 0, 1]


def test_when_the_second_server_fails_the_first_one_tells(two: TwoRoutes, set_clock: Any) -> None:
    two.second = Down()
    call(two)
    oversee.send_mail(two, two.stamp())
    set_clock("2026-11-23T09:50:00")
    oversee.send_mail(two, two.stamp())
    assert calling.call_about_the_rest(two, two.stamp()) == 2
    two.deliver(worker="test")
    assert {address for address, _ in two.post.accepted} == {two.person("operations").email, two.person("head").email}


def test_with_both_servers_down_for_half_a_day_the_letters_about_letters_stay_few(two: TwoRoutes, set_clock: Any) -> None:
    two.post, two.second = Down(), Down()
    call(two)
    for hour in range(12):
        for minute in (0, 30):
            set_clock(f"2026-11-28T{hour:02}:{minute:02}:00")
            oversee.send_mail(two, two.stamp())
            calling.call_about_the_rest(two, two.stamp())
    with two.transaction() as session:
        assert len(session.scalars(select(Outbox.id)).all()) <= 2 + 12 * 4
        assert set(session.scalars(select(Outbox.state))) == {"queued"}


def test_an_alarm_about_a_waiting_message_ends_when_it_has_left(two: TwoRoutes, set_clock: Any) -> None:
    up, two.post = two.post, Down()
    with two.transaction() as session:
        two.queue_letter(session, "alarm", to="dsl@larkspur-bridge.example", subject_of="CME-2026-0001", dedupe_key="x", stamp=two.stamp(),
                         reference="CME-2026-0001", sentence="a letter by the first server")
    set_clock("2026-11-23T09:50:00")
    oversee.send_mail(two, two.stamp())
    assert [key.partition(":")[0] for key in alarms(two)] == ["outbox-old"]
    with two.transaction() as session:
        assert [row.kind for row in outbox.needing_a_person(session)] == ["alarm"]
    two.post = up
    set_clock("2026-11-23T10:30:00")
    oversee.send_mail(two, two.stamp())
    assert alarms(two) == []
    with two.transaction() as session:
        assert outbox.needing_a_person(session) == []


def test_each_call_is_shown_once_on_the_dashboard(two: TwoRoutes, set_clock: Any) -> None:
    call(two)
    call(two, "pull:a", "The register source 'a' cannot be read")
    first = calling.calls_to_show(two)
    assert [(c.reference, c.sentence) for c in first] == [("CME-2026-0001", "CME-2026-0001: a question is unanswered"),
                                                          ("school", "The register source 'a' cannot be read (CME-2026-0001)")]
    for each in first:
        calling.shown(two, each)
    assert calling.calls_to_show(two) == []
    set_clock("2026-11-23T10:30:00")
    call(two)
    [again] = calling.calls_to_show(two)
    assert again.key != first[0].key
    with two.transaction() as session:
        clear_alarm(session, "review:1", two.stamp(), "answered")
    assert calling.calls_to_show(two) == []


def test_the_artifact_begins_with_what_needs_a_person_now(school: School, before_the_dsl: str, set_clock: Any) -> None:
    assert calling.needs_a_person(school).startswith("# Nothing needs a person now")
    for moment in (DUE, "2026-11-24T16:02:00", "2026-11-24T17:03:00"):
        set_clock(moment)
        oversee.escalate(school, school.stamp())
    shown = calling.needs_a_person(school)
    assert shown.startswith("# NEEDS A PERSON NOW \N{LARGE RED CIRCLE}\n")
    assert f"| **called 1 x** | {before_the_dsl} |" in shown
    for secret in ("Bramblewick", "Quilla", "Thistlewick", "@"):
        assert secret not in shown


def test_what_a_mail_server_said_reaches_neither_letter_nor_dashboard(two: TwoRoutes, set_clock: Any) -> None:
    two.post = Down()
    with two.transaction() as session:
        row = two.queue_letter(session, "alarm", to="dsl@larkspur-bridge.example", subject_of="CME-2026-0001", dedupe_key="x", stamp=two.stamp(),
                               reference="CME-2026-0001", sentence="a letter by the first server")
        raise_alarm(session, f"outbox:{row}", "CME-2026-0001", "Mail of CME-2026-0001 failed: 550 quilla.bramblewick@home.example unknown",
                    two.stamp())
    calling.call_about_the_rest(two, two.stamp())
    [shown] = calling.calls_to_show(two)
    two.deliver(worker="test")
    for text in (shown.sentence, calling.needs_a_person(two), two.second.accepted[0][1].decode()):
        assert "bramblewick" not in text.lower()
    with two.transaction() as session:
        [event] = [e for e in events(session, "CME-2026-0001") if e.what == "alarm.called"]
        assert event.why == "a message needs a person: `cme outbox` says why"


def test_nobody_can_be_called_about_an_alarm_that_does_not_stand(school: School) -> None:
    with pytest.raises(Exception, match="No row was found"), school.transaction() as session:
        calling.call_operations(school, session, "review:99", school.stamp())


def test_the_second_mailer_takes_its_own_settings(school: School) -> None:
    school.settings.alarm_smtp_host, school.settings.alarm_sender = "127.0.0.1", "alarm@other.example"
    school.settings.alarm_smtp_tls, school.settings.alarm_smtp_port = "none", 2526
    mailer = school.mailer("alarm")
    assert (mailer.host, int(mailer.port), mailer.user) == ("127.0.0.1", 2526, "alarm@other.example")
    school.settings.alarm_bounces_to = "cme@school.example"             # the envelope's sender: the mailbox that is read
    assert school.mailer("alarm").user == "cme@school.example"
    school.settings.alarm_smtp_tls, school.settings.alarm_smtp_host = "none", "mail.other.example"
    with pytest.raises(BadInput):
        school.mailer("alarm")


def test_a_call_is_counted_with_its_moment(school: School, set_clock: Any) -> None:
    call(school)
    set_clock("2026-11-23T10:30:00")
    call(school)
    with school.transaction() as session:
        alarm = session.scalars(select(Alarm)).one()
    assert (alarm.calls, alarm.called_at, alarm.raised_at) == (2, clock.now(), clock.now() - timedelta(hours=1))
