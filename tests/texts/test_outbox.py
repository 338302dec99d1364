"""Texts go through the same outbox as mail: never twice by themselves, never lost silently, and nobody wonders what became of one."""

from collections import deque
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select
from tests.steps.school import AOIFE, BRAM, School, a_pupil

from cme.errors import BadInput, Misconfigured
from cme.mail.fake_phones import KEPT_500, KEY, LOST, Phones
from cme.records import outbox
from cme.records.alarms import open_alarms
from cme.records.history import events, verify
from cme.records.tables import Outbox
from cme.steps import oversee, texts
from cme.steps.notify import settle_message
from cme.steps.view import WORDS

CASE, NUMBER = "CME-2026-0012", "07700 900101"


def put(school: School, key: str = "text:1", **changes: Any) -> str:
    wanted: dict[str, Any] = {"to": NUMBER, "subject_of": CASE, "dedupe_key": key, "stamp": school.stamp(), "date": "Monday 23 November 2026",
                              "telephone": "0121 496 0104", **changes}
    with school.transaction() as session:
        return school.queue_text(session, "parent_contact_text", **wanted)


def sweep(school: School) -> texts.Seen:
    oversee.send_mail(school, school.stamp())
    return texts.look_after(school, school.stamp())


def row(school: School, row_id: str) -> Outbox:
    with school.transaction() as session:
        return session.get_one(Outbox, row_id)


def receipt(school: School, row_id: str) -> texts.Receipt:
    with school.transaction() as session:
        found = texts.receipt_of(session, row_id)
    assert found
    return found


def alarms(school: School) -> list[str]:
    with school.transaction() as session:
        return [alarm.key for alarm in open_alarms(session)]


def whats(school: School) -> list[str]:
    with school.transaction() as session:
        assert verify(session) == []
        return [event.what for event in events(session, CASE) if not event.what.startswith("alarm")]


def test_a_text_is_rendered_once_sealed_and_sent_once(school: School, phones: Phones) -> None:
    row_id = put(school)
    assert put(school) == row_id
    held = row(school, row_id)
    assert (held.channel, held.recipient, held.state, held.mail_subject) == ("text", "+447700900101", "queued", "text message")
    assert b"register" not in (held.sealed or b"register")
    sweep(school)
    sweep(school)
    [text] = phones.texts
    assert "Monday 23 November 2026" in text.body and text.reference == row_id and "  " not in text.body and "\n" not in text.body
    assert row(school, row_id).server_reply == text.id and school.post.accepted == []
    assert whats(school) == ["mail.queued", "mail.sent", "text.receipt"] and set(whats(school)) <= set(WORDS)


def test_the_words_hold_no_child_no_reason_and_no_fine(school: School, phones: Phones) -> None:
    put(school)
    sweep(school)
    for word in ("fine", "penalty", "safeguard", "social", "police", "prosecut", "cme"):
        assert word not in phones.texts[0].body.lower()


def test_a_receipt_says_how_far_a_text_has_come(school: School, phones: Phones, set_clock: Any) -> None:
    phones.delay = timedelta(minutes=2)
    row_id = put(school)
    assert (receipt(school, row_id).state, receipt(school, row_id).status, receipt(school, row_id).since) == ("queued", "", None)
    sweep(school)
    assert (receipt(school, row_id).status, receipt(school, row_id).delivered, receipt(school, row_id).failed) == ("sending", False, False)
    set_clock("2026-11-23T09:33:00")
    assert str(sweep(school)) == "0 uncertain text(s) found, 0 certainly not accepted, 1 receipt(s), 0 reply(ies)"
    assert receipt(school, row_id).delivered
    assert not sweep(school)


@pytest.mark.parametrize(("number", "status", "wrong"), [("07700 900002", "permanent-failure", True), ("07700 900003", "temporary-failure", False)])
def test_a_text_that_does_not_arrive_has_failed_and_the_officer_is_told_once(school: School, number: str, status: str, wrong: bool) -> None:
    row_id = put(school, to=number)
    for _ in range(3):
        sweep(school)
    found = receipt(school, row_id)
    assert (found.state, found.status, found.failed, found.delivered, found.wrong_number) == ("sent", status, True, False, wrong)
    [told] = school.post.to("attendance@larkspur-bridge.example")
    assert CASE.encode() in told and b"7700" not in told and b"Ring instead" in told


def test_a_text_that_the_service_could_not_pass_on_has_failed(school: School, phones: Phones) -> None:
    row_id = put(school)
    oversee.send_mail(school, school.stamp())
    phones.texts[0].status = "technical-failure"
    sweep(school)
    assert receipt(school, row_id).failed and not receipt(school, row_id).wrong_number


def test_a_lost_answer_is_looked_up_and_the_text_is_not_sent_again(school: School, phones: Phones) -> None:
    for fault in (LOST, KEPT_500):
        phones.faults.append(fault)
        row_id = put(school, fault)
        assert sweep(school).found == 1
        assert row(school, row_id).state == "sent" and row(school, row_id).server_reply == phones.texts[0].id
        assert receipt(school, row_id).delivered
    sweep(school)
    assert len(phones.texts) == 2 and alarms(school) == []
    assert whats(school)[:4] == ["mail.queued", "mail.ambiguous", "mail.found", "text.receipt"]


def test_a_service_that_answers_nothing_holds_nobody_up(school: School, phones: Phones) -> None:
    for number in range(5):
        put(school, f"text:{number}")
    phones.faults.extend([LOST] * 3)                # two texts, and the first question about them
    seen = sweep(school)
    assert len(phones.texts) == 2 and phones.faults == deque() and seen.found == 0
    assert sweep(school).found == 2 and len(phones.texts) == 5


def test_what_the_service_does_not_know_after_some_minutes_is_sent_again(school: School, phones: Phones, set_clock: Any) -> None:
    phones.faults.append("500")
    row_id = put(school)
    sweep(school)
    set_clock("2026-11-23T09:34:59")
    sweep(school)
    assert row(school, row_id).state == "ambiguous" and phones.texts == [] and alarms(school) == []
    set_clock("2026-11-23T09:35:00")
    assert sweep(school).not_accepted == 1
    sweep(school)
    assert row(school, row_id).state == "sent" and len(phones.texts) == 1
    assert whats(school) == ["mail.queued", "mail.ambiguous", "mail.not_accepted", "mail.sent", "text.receipt"]


def test_a_text_that_is_never_accepted_comes_to_a_person(school: School, phones: Phones, set_clock: Any) -> None:
    row_id = put(school)
    for minute in range(30, 56, 5):
        set_clock(f"2026-11-23T09:{minute}:00")
        if row(school, row_id).state == "queued":
            phones.faults.append("500")
        sweep(school)
    assert row(school, row_id).tries >= 3 and f"outbox:{row_id}" in alarms(school)
    set_clock("2026-11-23T10:10:00")
    sweep(school)
    sweep(school)
    assert row(school, row_id).state == "sent" and alarms(school) == []


def test_while_the_service_cannot_be_asked_an_uncertain_text_stays_and_a_person_hears_of_it(school: School, phones: Phones, set_clock: Any) -> None:
    phones.faults.extend([LOST, "500"])
    row_id = put(school)
    sweep(school)
    assert row(school, row_id).state == "ambiguous" and alarms(school) == []
    set_clock("2026-11-23T09:36:00")
    phones.faults.append("500")
    sweep(school)
    assert row(school, row_id).state == "ambiguous" and alarms(school) == [f"outbox:{row_id}"]
    sweep(school)
    assert row(school, row_id).state == "sent" and len(phones.texts) == 1 and alarms(school) == []


def test_a_channel_that_was_taken_away_leaves_no_text_waiting_in_silence(school: School, phones: Phones, set_clock: Any) -> None:
    phones.faults.append(LOST)
    uncertain, waiting = put(school), ""
    sweep_first = oversee.send_mail(school, school.stamp())
    waiting = put(school, "text:2")
    school.settings.notify_key = None
    assert [each.state for each in sweep_first] == ["ambiguous"]
    set_clock("2026-11-23T09:46:00")
    sweep(school)
    assert set(alarms(school)) == {f"outbox:{uncertain}", f"outbox-old:{waiting}"}
    with pytest.raises(Misconfigured, match="no text channel"):
        put(school, "text:3")


def test_a_service_that_does_not_answer_for_a_quarter_of_an_hour_is_an_alarm_until_it_does(school: School, phones: Phones, set_clock: Any) -> None:
    row_id = put(school)
    phones.delay = timedelta(hours=1)
    sweep(school)
    for minute, raised in ((31, False), (44, False), (45, True)):
        set_clock(f"2026-11-23T09:{minute}:00")
        phones.faults.append("500")
        sweep(school)
        assert ("texts:service" in alarms(school)) is raised
    sweep(school)
    assert alarms(school) == [] and receipt(school, row_id).status == "sending"


def test_a_key_that_is_refused_is_an_alarm_at_once(school: School) -> None:
    put(school)
    sweep(school)
    school.settings.notify_key = SecretStr(KEY[:-1] + "0")
    put(school, "text:2")
    sweep(school)
    assert "texts:service" in alarms(school)
    school.settings.notify_key = SecretStr("without form")
    sweep(school)
    assert "texts:service" in alarms(school)


def test_a_text_under_way_for_three_days_is_a_persons_matter_until_one_confirms_it(school: School, phones: Phones, set_clock: Any) -> None:
    row_id = put(school)
    phones.delay = timedelta(days=9)
    sweep(school)
    set_clock("2026-11-26T09:29:00")
    sweep(school)
    assert alarms(school) == []
    set_clock("2026-11-26T09:30:00")
    sweep(school)
    sweep(school)
    assert alarms(school) == [f"outbox-late:{row_id}"]
    with school.transaction() as session:
        assert [each.id for each in outbox.needing_a_person(session)] == [row_id]
    settle_message(school, row_id, by="attendance_officer", confirm="I rang her instead")
    sweep(school)
    assert alarms(school) == []
    with pytest.raises(BadInput, match="only one that is ambiguous"):
        settle_message(school, row_id, by="attendance_officer", confirm="once more")


def test_a_late_text_that_arrives_after_all_ends_its_alarm(school: School, phones: Phones, set_clock: Any) -> None:
    put(school)
    phones.delay = timedelta(days=4)
    sweep(school)
    set_clock("2026-11-26T12:00:00")
    sweep(school)
    assert len(alarms(school)) == 1
    set_clock("2026-11-27T12:00:00")
    sweep(school)
    assert alarms(school) == []


def test_a_number_that_cannot_be_texted_queues_nothing(school: School) -> None:
    with pytest.raises(BadInput, match="not a mobile"):
        put(school, to="0121 496 0101")
    with school.transaction() as session:
        assert session.scalars(select(Outbox)).all() == []


def test_a_text_whose_number_is_no_longer_that_of_a_contact_waits_for_a_person(school: School, phones: Phones) -> None:
    row_id = put(school)
    school.write(a_pupil(contacts=(replace(AOIFE, do_not_contact=True), BRAM)), {})
    sweep(school)
    assert phones.texts == [] and row(school, row_id).state == "queued" and alarms(school) == [f"outbox:{row_id}"]
    settle_message(school, row_id, by="attendance_officer", cancel="she may not be contacted any more")
    assert receipt(school, row_id).failed and alarms(school) == []


def test_a_number_is_known_however_the_schools_system_writes_it(school: School, phones: Phones) -> None:
    school.write(a_pupil(contacts=(replace(AOIFE, telephone="+44 (0)7700-900 101"), BRAM)), {})
    put(school)
    sweep(school)
    assert len(phones.texts) == 1


def test_a_text_past_its_time_is_not_sent(school: School, phones: Phones, set_clock: Any) -> None:
    row_id = put(school, valid=timedelta(hours=2))
    set_clock("2026-11-23T11:31:00")
    sweep(school)
    assert phones.texts == [] and row(school, row_id).state == "cancelled" and receipt(school, row_id).failed


def test_a_worker_that_died_while_handing_over_is_settled_by_the_service(school: School, phones: Phones) -> None:
    row_id = put(school)
    oversee.send_mail(school, school.stamp())
    with school.transaction() as session:
        lost = session.get_one(Outbox, row_id)
        lost.state, lost.server_reply, lost.worker, lost.lease_until = "handing_over", None, "elsewhere:1:1", school.stamp().at - timedelta(minutes=1)
    assert sweep(school).found == 1 and len(phones.texts) == 1 and alarms(school) == []


def test_without_a_text_channel_the_sweep_has_nothing_to_say(school: School) -> None:
    school.settings.notify_key = None
    assert not school.has_texts and school.text_service() is None
    assert not sweep(school) and alarms(school) == []


def test_an_unknown_row_and_a_mail_have_no_receipt(school: School) -> None:
    with school.transaction() as session:
        mail = school.queue_letter(session, "parent_contact", to="a@home.example", subject_of=CASE, dedupe_key="m", stamp=school.stamp(),
                                   telephone="0121 496 0104")
        assert texts.receipt_of(session, "nothing") is None and texts.receipt_of(session, mail) is None
