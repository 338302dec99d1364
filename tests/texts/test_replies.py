"""A reply of a parent is kept, matched by its sender alone, read by a person in its time, and changes nothing by itself."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from tests.steps.school import AOIFE, BRAM, MONDAY, School, a_pupil

from cme.errors import BadInput
from cme.mail.fake_phones import LOST, Phones
from cme.records.alarms import open_alarms
from cme.records.history import events, verify
from cme.records.tables import Case, Outbox, ReceivedMessage, RegisterVersion
from cme.steps import contact, oversee, replies, texts
from cme.steps.detect import detect
from cme.steps.view import WORDS

OFFICER, DEPUTY = "attendance@larkspur-bridge.example", "deputy-dsl@larkspur-bridge.example"
SAID = "She left for the bus at 8:10 as always. Is she not there?"


@pytest.fixture
def case(school: School) -> str:
    """A case of a child absent for ten school days, whose mother is AOIFE and whose father is BRAM."""
    school.write(a_pupil(), {day: ("N", "N") for day in school.school_days_before(MONDAY, 10)})
    [reference] = detect(school, MONDAY, school.stamp()).opened
    return reference


def look(school: School) -> None:
    texts.look_after(school, school.stamp())
    oversee.send_mail(school, school.stamp())


def alarms(school: School) -> list[str]:
    with school.transaction() as session:
        return [alarm.key for alarm in open_alarms(session)]


def of(school: School, subject: str) -> list[str]:
    with school.transaction() as session:
        assert verify(session) == []
        return [event.what for event in events(session, subject) if event.what.startswith("reply.")]


def test_a_reply_becomes_a_note_with_the_open_case_of_the_child_and_the_officer_is_written_to(school: School, phones: Phones, case: str) -> None:
    phones.receive("+447700900101", SAID)
    look(school)
    [note] = replies.waiting(school)
    assert (note.text, note.about, note.warnings) == (SAID, (case,), ()) and "Aoife Bramblewick (mother of Quilla Bramblewick" in note.people[0]
    [wire] = school.post.to(OFFICER)
    told = wire.decode()
    assert case in told and "cme replies 1" in told
    for word in ("bus", "7700", "Aoife", "Quilla"):
        assert word not in told
    assert of(school, case) == ["reply.received"] and set(of(school, case)) <= set(WORDS)


def test_a_reply_is_kept_sealed_and_once_however_often_it_is_read(school: School, phones: Phones, case: str) -> None:
    phones.page = 2
    for n in range(5):
        phones.receive("+447700900101", f"{SAID} {n}")
    for _ in range(3):
        look(school)
    assert [note.text[-1] for note in replies.waiting(school)] == ["0", "1", "2", "3", "4"]
    phones.receive("+447700900102", SAID)
    look(school)
    assert len(replies.waiting(school)) == 6 and len(of(school, case)) == 6
    with school.transaction() as session:
        assert all(b"bus" not in message.sealed for message in session.scalars(select(ReceivedMessage)))
        told = repr([(event.why, event.data) for event in events(session, case)])
    assert "bus" not in told and "7700" not in told


def test_a_reply_changes_no_mark_and_no_case(school: School, phones: Phones, case: str) -> None:
    def rows() -> list[Any]:
        with school.transaction() as session:
            return [*session.execute(select(Case.state, Case.next_step_due, Case.closed_at)), *session.execute(select(RegisterVersion.id))]
    before = rows()
    phones.receive("+447700900101", "She is ill. Code I. Please close.")
    look(school)
    replies.done(school, 1, "Rang the mother: a fever", school.stamp("attendance_officer"))
    assert rows() == before


def test_from_an_unlisted_number_it_is_kept_and_proves_nothing(school: School, phones: Phones, case: str) -> None:
    for sender in ("+447700900555", "86286"):
        phones.receive(sender, f"I am the mother of Quilla Bramblewick. Case {case}.")
    look(school)
    for note in replies.waiting(school):
        assert note.about == () and note.people == () and "proves nothing" in note.warnings[0]
    assert of(school, case) == [] and of(school, "school") == ["reply.received"] * 2
    assert len(school.post.to(OFFICER)) == 2 and b"No open case" in school.post.to(OFFICER)[0]


def test_an_answer_to_what_was_sent_names_it_even_if_the_number_is_held_no_more(school: School, phones: Phones) -> None:
    with school.transaction() as session:
        school.queue_text(session, "parent_contact_text", to=BRAM.telephone, subject_of="R-7", dedupe_key="k", stamp=school.stamp(),
                          date="Monday", telephone="0121 496 0104")
    look(school)
    school.write(a_pupil(contacts=(AOIFE,)), {})
    phones.receive("+447700900102", SAID)
    look(school)
    [note] = replies.waiting(school)
    assert note.about == ("R-7",) and note.people == () and "not held" in note.warnings[0]


def test_a_contact_of_two_children_is_asked_which(school: School, phones: Phones, case: str) -> None:
    school.write(a_pupil(mis_id="P002", forename="Tam", upn="", contacts=(replace(AOIFE, telephone="+447700900101"),)), {})
    phones.receive("+447700900101", SAID)
    look(school)
    [note] = replies.waiting(school)
    assert len(note.people) == 2 and "several children" in note.warnings[0]


def test_who_may_not_be_contacted_is_heard_and_not_answered(school: School, phones: Phones) -> None:
    school.write(a_pupil(contacts=(replace(AOIFE, court_order=True, language="ur", interpreter=True), BRAM)), {})
    phones.receive("+447700900101", SAID)
    look(school)
    [note] = replies.waiting(school)
    assert "court order" in note.warnings[0] and "do not answer" in note.warnings[0] and "interpreter" in note.warnings[1]


def test_an_unread_reply_goes_from_person_to_person_and_rings_until_one_has_seen_to_it(school: School, phones: Phones, case: str,
                                                                                    set_clock: Any) -> None:
    phones.receive("+447700900101", SAID)
    look(school)
    set_clock("2026-11-23T09:44:00")
    look(school)
    assert "reply:1" not in alarms(school) and school.post.to(DEPUTY) == []
    set_clock("2026-11-23T09:45:00")
    look(school)
    look(school)
    assert "reply:1" in alarms(school) and len(school.post.to(DEPUTY)) == 1 and b"still waits" in school.post.to(DEPUTY)[0]
    for hour in range(10, 22):
        set_clock(f"2026-11-23T{hour}:00:00")
        look(school)
    with school.transaction() as session:
        told = session.scalars(select(Outbox.recipient).where(Outbox.kind == "reply_received")).all()
    assert 5 <= len(told) <= 8 and len(set(told)) >= 4
    replies.done(school, 1, "Rang the mother; the child is on her way", school.stamp("deputy_dsl"))
    look(school)
    assert "reply:1" not in alarms(school) and replies.waiting(school) == [] and of(school, case) == ["reply.received", "reply.done"]


@pytest.mark.parametrize(("number", "outcome", "who", "sentence"), [
    (1, "ok", "attendance_officer", "ten characters"), (9, "Rang the mother: a fever", "attendance_officer", "no reply 9"),
    (1, "Rang the mother: a fever", "nobody", "nobody")])
def test_a_reply_is_seen_to_by_a_person_with_a_reason(school: School, phones: Phones, number: int, outcome: str, who: str, sentence: str) -> None:
    phones.receive("+447700900101", SAID)
    look(school)
    with pytest.raises(BadInput, match=sentence):
        replies.done(school, number, outcome, school.stamp(who))
    assert len(replies.waiting(school)) == 1


def test_a_reading_that_breaks_off_loses_nothing(school: School, phones: Phones) -> None:
    phones.page = 2
    for n in range(4):
        phones.receive("+447700900101", str(n))
    phones.faults.extend(["", "", LOST])
    look(school)
    look(school)
    assert [note.text for note in replies.waiting(school)] == ["0", "1", "2", "3"]


def test_a_reply_before_a_case_is_kept_and_two_replies_to_one_mail_address_are_apart(school: School) -> None:
    with school.transaction() as session:
        for n in (1, 1, 2):
            replies.keep(school, session, replies.Incoming("email", f"<{n}@home.example>", "Aoife@Home.example",
                                                           school.stamp().at - timedelta(minutes=5), "She is ill."), school.stamp())
    assert [(note.channel, note.people != ()) for note in replies.waiting(school)] == [("email", True)] * 2


def test_a_begun_contact_and_a_reply_leave_the_officers_question_open(school: School, phones: Phones, case: str) -> None:
    contact.begin_contact(school, case, school.stamp())
    phones.receive("+447700900101", SAID)
    look(school)
    assert [question.kind for question in oversee.waiting_questions(school)] == ["contact_outcome"]
