"""Parent contact: one approved text to the right person, never to the wrong one, and never an end by itself."""

from typing import Any

import pytest
from sqlalchemy import select
from tests.steps.school import AOIFE, BRAM, MONDAY, School, a_pupil

from cme.records.history import events
from cme.records.reviews import CONTACT_OUTCOME, SAFEGUARDING
from cme.records.tables import ContactAttempt, Outbox, Review
from cme.sources.source import Contact
from cme.steps import contact, oversee
from cme.steps.detect import detect


def case_with(school: School, *contacts: Contact) -> str:
    school.write(a_pupil(contacts=contacts), {day: ("N", "N") for day in school.school_days_before(MONDAY, 10)})
    [reference] = detect(school, MONDAY, school.stamp()).opened
    contact.begin_contact(school, reference, school.stamp())
    oversee.send_mail(school, school.stamp())
    return reference


def whats(school: School, reference: str) -> list[str]:
    with school.transaction() as session:
        return [event.what for event in events(session, reference)]


def test_the_contact_with_the_highest_priority_is_written_to(school: School) -> None:
    case_with(school, BRAM, AOIFE)
    assert school.post.to(AOIFE.email) and not school.post.to(BRAM.email)


def test_the_text_names_no_child_no_reason_and_no_fine(school: School) -> None:
    case_with(school, AOIFE, BRAM)
    [wire] = school.post.to(AOIFE.email)
    text = wire.decode().lower()
    for word in ("quilla", "bramblewick", "fine", "penalty", "safeguard", "social", "police", "prosecut", "cme"):
        assert word not in text.split("\r\n\r\n", 1)[1], word


def test_who_may_not_be_contacted_is_never_written_to(school: School) -> None:
    barred = Contact(AOIFE.name, "mother", 1, AOIFE.email, do_not_contact=True)
    case_with(school, barred, BRAM)
    assert not school.post.to(AOIFE.email) and school.post.to(BRAM.email)


@pytest.mark.parametrize("contacts", [(), (Contact("No Mail", telephone="07700 900103"),),
                                      (Contact("Barred", email="barred@home.example", do_not_contact=True),)])
def test_where_nobody_can_be_written_to_the_attendance_officer_is_asked_all_the_same(school: School, contacts: tuple[Contact, ...]) -> None:
    reference = case_with(school, *contacts)
    assert not [to for to, _ in school.post.accepted if to.endswith("home.example")]
    assert [q.kind for q in oversee.waiting_questions(school)] == [CONTACT_OUTCOME]
    assert "contact.attempted" in whats(school, reference)


def test_fewer_than_two_contacts_held_is_itself_reported(school: School) -> None:
    assert "contact.incomplete" in whats(school, case_with(school, AOIFE))


def test_two_contacts_held_are_enough(school: School) -> None:
    assert "contact.incomplete" not in whats(school, case_with(school, AOIFE, BRAM))


def test_beginning_contact_twice_sends_one_text_and_asks_one_question(school: School) -> None:
    reference = case_with(school, AOIFE, BRAM)
    contact.begin_contact(school, reference, school.stamp())
    oversee.send_mail(school, school.stamp())
    assert len(school.post.to(AOIFE.email)) == 1
    with school.transaction() as session:
        assert len(session.scalars(select(Review)).all()) == 1 and len(session.scalars(select(ContactAttempt)).all()) == 1


def test_no_answer_in_time_moves_the_case_on_to_the_dsl_and_the_officer_may_still_answer(school: School, set_clock: Any) -> None:
    case_with(school, AOIFE, BRAM)
    set_clock("2026-11-23T10:29:00")
    assert oversee.move_on(school, school.stamp()) == []
    set_clock("2026-11-23T10:31:00")
    assert oversee.move_on(school, school.stamp()) == ["CME-2026-0001"]
    assert {q.kind for q in oversee.waiting_questions(school)} == {CONTACT_OUTCOME, SAFEGUARDING}


def test_the_mail_to_the_parent_holds_one_recipient_and_is_queued_once(school: School) -> None:
    case_with(school, AOIFE, BRAM)
    with school.transaction() as session:
        rows = session.scalars(select(Outbox).where(Outbox.kind == "parent_contact")).all()
    assert [(row.recipient, row.state) for row in rows] == [(AOIFE.email, "sent")]
