"""The whole ladder by text: text, e-mail after a text that did not arrive, the next person, a call, a visit, the DSL; on the real steps
and a text service that may fail on the way."""

from dataclasses import replace
from typing import Any

import pytest
from tests.steps.absent_children import OFFICER, look, requests, written
from tests.steps.school import AOIFE, BRAM, MONDAY, School, a_pupil

from cme.mail.fake_phones import LOST, Phones
from cme.records import cases
from cme.records.history import events, verify
from cme.records.reviews import SAFEGUARDING
from cme.sources.source import Contact
from cme.steps import absence_answers, absence_calls, message_stops, oversee, replies, texts
from cme.steps.dossier import dossier_of

MOTHER, FATHER = "+447700900101", "+447700900102"


def absent(school: School, *contacts: Contact) -> None:
    school.write(a_pupil(contacts=contacts or (AOIFE, BRAM)), {MONDAY: ("N", "")})


def at(school: School, set_clock: Any, *times: str) -> None:
    """What the sweep does at each of these times: receipts and replies are read, then the rungs that are due are taken."""
    for time in times:
        set_clock(f"2026-11-23T{time}:00")
        texts.look_after(school, school.stamp())
        look(school)


def texted(phones: Phones) -> list[str]:
    return [text.to for text in sorted(phones.texts, key=lambda text: text.order)]


def what(school: School, subject: str) -> list[str]:
    with school.transaction() as session:
        assert verify(session) == []
        return [event.what for event in events(session, subject)]


def test_text_then_email_then_the_next_person_then_a_call_a_visit_and_the_dsl(school: School, phones: Phones, set_clock: Any) -> None:
    absent(school)
    at(school, set_clock, "09:30")
    assert texted(phones) == [MOTHER] and written(school) == []
    [text] = phones.texts
    assert "Quilla" not in text.body and "Bramblewick" not in text.body and len(text.body) < 460
    text.status = "permanent-failure"                                       # a wrong number
    at(school, set_clock, "09:31", "09:32")
    assert texted(phones) == [MOTHER] and written(school) == [AOIFE.email], "what certainly did not arrive is followed by an e-mail, at once"
    at(school, set_clock, "09:50")
    assert texted(phones) == [MOTHER, FATHER] and written(school) == [AOIFE.email]
    at(school, set_clock, "09:59", "10:09")
    assert len(phones.texts) == 2 and requests(school)[0].call_asked_at is None
    at(school, set_clock, "10:10")
    assert requests(school)[0].call_asked_at == school.stamp().at and b"cme call ABS-1" in school.post.to(OFFICER)[-1]
    absence_calls.tried(school, "ABS-1", "no answer", 2, "", school.stamp("attendance_officer"))
    at(school, set_clock, "11:30")
    assert requests(school)[0].visit_asked_at == school.stamp().at
    at(school, set_clock, "12:29")
    assert oversee.waiting_questions(school) == []
    at(school, set_clock, "12:30")
    assert [q.kind for q in oversee.waiting_questions(school)] == [SAFEGUARDING] and requests(school)[0].state == "with_dsl"
    assert texted(phones) == [MOTHER, FATHER] and written(school) == [AOIFE.email], "each address once, whatever the looks"
    with school.transaction() as session:
        attempts = dossier_of(session, school, cases.by_reference(session, "CME-2026-0001"))["attempts"]
    assert [a["channel"] for a in attempts] == ["text", "email", "text", "call"]
    assert {"absence.noticed", "contact.attempted", "absence.call_asked", "absence.visit_asked"} <= set(what(school, "ABS-1"))


def test_a_text_whose_answer_was_lost_is_looked_up_and_never_sent_twice(school: School, phones: Phones, set_clock: Any) -> None:
    absent(school)
    phones.faults.append(LOST)
    at(school, set_clock, "09:30", "09:31", "09:36", "09:49")
    assert texted(phones) == [MOTHER] and written(school) == []
    at(school, set_clock, "09:50")
    assert texted(phones) == [MOTHER, FATHER]


@pytest.mark.parametrize("fault", ["429", "500", "403", "trial mode"])
def test_a_service_that_refuses_keeps_no_person_from_being_asked(school: School, phones: Phones, set_clock: Any, fault: str) -> None:
    absent(school)
    phones.faults.extend([fault] * 400)
    at(school, set_clock, "09:30", "09:50", "10:10")
    assert texted(phones) == [] and requests(school)[0].call_asked_at is not None
    at(school, set_clock, "11:30", "12:30")
    assert requests(school)[0].visit_asked_at is not None and requests(school)[0].state == "with_dsl"


def test_a_reply_ends_nothing_and_the_reason_a_person_records_ends_all(school: School, phones: Phones, set_clock: Any) -> None:
    absent(school)
    at(school, set_clock, "09:30")
    phones.receive(MOTHER, "She is ill today")
    at(school, set_clock, "09:31")
    [reply] = replies.waiting(school)
    assert reply.about == ("ABS-1",) and requests(school)[0].state == "open" and requests(school)[0].code == "N"
    at(school, set_clock, "09:50")
    assert texted(phones) == [MOTHER, FATHER], "a reply by itself stops no rung"
    said = absence_answers.record_reason(school, "ABS-1", "Mother: ill", "I", school.stamp("attendance_officer"))
    assert "must become I" in said and [c.wanted for c in absence_answers.changes(school)] == ["I"]
    at(school, set_clock, "10:10", "11:30", "12:30")
    assert len(phones.texts) == 2 and written(school) == [] and requests(school)[0].state == "answered"
    assert requests(school)[0].call_asked_at is None and oversee.waiting_questions(school) == []


def test_a_reply_stands_in_the_dossier_and_a_new_one_asks_the_dsl_again(school: School, phones: Phones, set_clock: Any) -> None:
    from cme.steps.changes import changes

    absent(school)
    at(school, set_clock, "09:30")
    phones.receive(MOTHER, "She left for the bus at 8:10")
    at(school, set_clock, "09:31", "09:50", "10:10", "11:30", "12:30")

    def dossier() -> dict[str, Any]:
        with school.transaction() as session:
            return dossier_of(session, school, cases.by_reference(session, "CME-2026-0001"))

    shown = dossier()
    assert [(r["channel"], r["text"], r["from"], r["outcome"]) for r in shown["replies"]] == [
        ("text", "She left for the bus at 8:10", "Aoife Bramblewick (mother)", "")]
    replies.done(school, 1, "Rang the mother: she knows nothing more", school.stamp("attendance_officer"))
    assert dossier()["replies"][0]["outcome"] == "Rang the mother: she knows nothing more"
    assert changes(shown, dossier()) == ["a person has seen to a reply of a parent or carer"]
    phones.receive("+447700900999", "I saw her at the station")                # not a number that is held
    phones.receive(FATHER, "She is with me")
    at(school, set_clock, "12:31")
    assert changes(shown, dossier())[0] == "1 more reply of a parent or carer"
    assert "with me" not in str(changes(shown, dossier())) and len(dossier()["replies"]) == 2


def test_nobody_barred_is_texted_and_where_only_they_are_held_a_person_rings_at_once(school: School, phones: Phones, set_clock: Any) -> None:
    absent(school, replace(AOIFE, do_not_contact=True), replace(BRAM, court_order=True), Contact("Aunt", "aunt", 3, telephone="07700 900103", no_responsibility=True))
    at(school, set_clock, "09:30", "09:50", "10:10")
    assert texted(phones) == [] and written(school) == [] and requests(school)[0].call_asked_at is not None


def test_a_brake_holds_texts_back_and_no_person(school: School, phones: Phones, set_clock: Any) -> None:
    message_stops.stop(school, "a wrong wording went out", school.stamp("operations"))
    absent(school)
    at(school, set_clock, "09:30", "09:50", "10:10", "12:30")
    assert texted(phones) == [] and requests(school)[0].call_asked_at is not None
    assert [q.kind for q in oversee.waiting_questions(school)] == [SAFEGUARDING]
