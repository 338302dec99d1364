"""Five messages, kept apart: each leaves for its own reason, to its own address, and says what it lacks."""

import io
import re
from datetime import date
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pikepdf
import pypdfium2 as pdfium
import pytest
from docx import Document
from sqlalchemy import select
from tests.mail.pdf_text import opened, text_of
from tests.steps.answers import RUN, answer, code_for, state
from tests.steps.school import MONDAY, School, a_pupil

from cme.config.policies import load
from cme.errors import BadInput
from cme.records import cases
from cme.records.history import events
from cme.records.reviews import SAFEGUARDING
from cme.records.tables import Action, Case, MessagePassword, Outbox, RollChange
from cme.rules.messages import CME_REFERRAL, DAY_ONE_REPORT, ELSEWHERE, HERE, MESSAGES, ROLL_CHANGE_RETURN, who_sends
from cme.steps import contact, day_one_report, decisions, notify, oversee, sickness
from cme.steps.decisions import finish_action
from cme.steps.dossier import dossier_of, opaque_summary
from cme.steps.passwords import passwords
from cme.steps.review import ring, take_answer
from cme.steps.roll_change import RollChangeMade, roll_change_return


def decided(school: School, reference: str, **changes: object) -> None:
    """The DSL has decided, on the facts as they are now; what was approved has left."""
    with school.transaction() as session:
        case = cases.by_reference(session, reference)
        if case.state == "following up":
            contact.to_dsl(school, session, case, school.stamp(), "the follow-up date has come")
    for again in ("", "again"):
        school.deliver(worker="test")
        asked = ring(school, reference, SAFEGUARDING, RUN, school.stamp())
        taken = take_answer(school, reference, SAFEGUARDING, f"k{again}{asked.number}-d{asked.dossier}-00000000",
                            answer(code_for(school, "dsl"), **changes), RUN)
        if taken.accepted:
            break
    assert taken.accepted, taken.refusal
    day_one_report.prepare_all(school, school.stamp())
    notify.prepare(school, reference, school.stamp())
    oversee.send_mail(school, school.stamp())


def mails(school: School, address: str) -> list[EmailMessage]:
    return [message_from_bytes(wire, policy=policy.default) for wire in school.post.to(address)]


def attached(message: EmailMessage) -> dict[str, bytes]:
    return {part.get_filename(): part.get_content() for part in message.iter_attachments()}


def with_authority(school: School, key: str) -> School:
    school.policies = load(authority=key)
    return school


@pytest.fixture
def child(school: School, before_the_dsl: str) -> str:
    return before_the_dsl


def test_each_message_has_its_own_trigger_recipient_approver_deadline_and_wording() -> None:
    for field in ("title", "subject", "trigger", "recipient", "approver", "deadline"):
        said = [getattr(message, field) for message in MESSAGES.values()]
        assert all(said) and (len(set(said)) == 5 or field in ("recipient", "approver"))
    assert [key for key, m in MESSAGES.items() if "CME" in m.subject or "missing education" in m.title.lower()] == [CME_REFERRAL]


@pytest.mark.parametrize(("registration", "sender"), [("sole", HERE), ("dual-main", HERE), ("dual-subsidiary", ELSEWHERE), ("guest", ELSEWHERE)])
def test_one_school_refers_and_a_concern_about_safety_is_reported_by_whoever_has_it(registration: str, sender: str) -> None:
    assert who_sends(CME_REFERRAL, registration) == sender
    assert who_sends(DAY_ONE_REPORT, registration) == HERE
    assert who_sends(ROLL_CHANGE_RETURN, registration) == (ELSEWHERE if registration == "guest" else HERE)


def test_the_dsl_reads_before_deciding_what_each_message_would_lack(school: School, child: str) -> None:
    with school.transaction() as session:
        d = dossier_of(session, school, cases.by_reference(session, child))
    lacks = {m["kind"]: m["lacks"] for m in d["messages"]}
    assert "home visit not recorded" in lacks["cme_referral"] and "sex not held" in lacks["cme_referral"]
    assert "home visit not recorded" not in lacks["attendance_return"] and "sickness_return" not in lacks
    assert not any("appraisal" in lack or "decision" in lack for each in lacks.values() for lack in each), "these come with the answer"
    shown = opaque_summary(d)
    assert "CME referral to Birmingham: would lack " in shown and "home visit not recorded" in shown
    assert "Bramblewick" not in shown and "Quilla" not in shown
    asked = ring(school, child, SAFEGUARDING, RUN, school.stamp())
    assert "home visit not recorded" in asked.summary, "the form's text says it as well"


def test_what_is_missing_never_holds_a_referral_back_and_is_said_in_it(school: School, child: str) -> None:
    decided(school, child)
    [message] = mails(school, school.policies.authority.mailbox)
    text = message.get_body(("plain",)).get_content()
    assert "ASKED FOR, AND NOT HELD BY THE SCHOOL" in text and "  - home visit not recorded" in text
    assert re.search(r"Sex: +not held by the school", text)
    files = attached(message)
    assert set(files) == {f"{child}.pdf", f"{child}.docx"}
    assert "home visit not recorded" in text_of(opened(files[f"{child}.pdf"]))
    assert state(school, child) == "notifying"


def test_a_home_visit_that_was_made_is_an_enquiry_of_the_referral(school: School, child: str) -> None:
    decided(school, child, decision=decisions.ACTIONS_ONLY)
    with school.transaction() as session:
        visit = session.scalars(select(Action).where(Action.kind == decisions.HOME_VISIT)).one().id
    finish_action(school, child, visit, "Nobody opened; a neighbour knew nothing.", school.stamp("attendance_officer"), result="no entry")
    decided(school, child)
    [message] = mails(school, school.policies.authority.mailbox)
    text = " ".join(message.get_body(("plain",)).get_content().split())
    assert "home visit, to 1 Made-up Lane: no entry. Nobody opened; a neighbour knew nothing. (recorded by Cuthbert Featherlow" in text
    assert "home visit not recorded" not in text


def test_the_word_form_is_filled_from_the_same_facts(school: School, child: str) -> None:
    decided(school, child)
    [message] = mails(school, school.policies.authority.mailbox)
    document = Document(io.BytesIO(attached(message)[f"{child}.docx"]))
    said = "\n".join(cell.text for table in document.tables for row in table.rows for cell in row.cells)
    for expected in (child, "Bramblewick", "Quilla", "P207000016049", "Aoife Bramblewick", "07700 900101", "home visit not recorded",
                     "No word for ten school days.", "Imogen Thistlewick"):
        assert expected in said, expected
    assert "{{" not in said and "{%" not in said


def test_a_word_form_that_cannot_be_used_stops_nothing_and_is_an_alarm(school: School, child: str, tmp_path: Path) -> None:
    forms = tmp_path / "authorities" / "forms"
    forms.mkdir(parents=True)
    (forms / "birmingham-cme-referral.docx").write_bytes(b"not a document")
    school.settings.config_dir = tmp_path
    decided(school, child)
    [message] = mails(school, school.policies.authority.mailbox)
    assert set(attached(message)) == {f"{child}.pdf"}
    from cme.records.alarms import open_alarms
    with school.transaction() as session:
        assert [a.key for a in open_alarms(session)] == ["word-form:birmingham-cme-referral.docx"]


def test_a_protected_message_says_nothing_of_the_child_outside_of_its_file(school: School, child: str) -> None:
    with_authority(school, "hertfordshire")
    decided(school, child)
    [wire] = school.post.to(school.policies.authority.mailbox)
    message = message_from_bytes(wire, policy=policy.default)
    text = message.get_body(("plain",)).get_content()
    for secret in ("Bramblewick", "Quilla", "P207000016049", "2013", "Made-up Lane", "Aoife"):
        assert secret not in text and secret.encode() not in wire
    [(name, content)] = attached(message).items()
    assert name == f"{child}.pdf" and message["Subject"] == f"CME referral {child}"
    with pytest.raises(pikepdf.PasswordError):
        opened(content)
    [(_, word)] = passwords(school, child, "the duty officer", school.stamp("dsl"))
    assert word not in text and len(word) > 25 and word.isascii()
    with opened(content, word) as pdf:
        assert pdf.encryption.R == 6 and "Bramblewick" in text_of(pdf)
        assert b"Bramblewick" in pdf.attachments[f"{child}.txt"].get_file().read_bytes()
    with pytest.raises(pdfium.PdfiumError):
        pdfium.PdfDocument(content)
    assert "Bramblewick" in pdfium.PdfDocument(content, password=word)[0].get_textpage().get_text_bounded(), "a browser's reader opens it too"


def test_a_password_is_sealed_and_every_reading_names_who_and_to_whom(school: School, child: str) -> None:
    with_authority(school, "hertfordshire")
    decided(school, child)
    with pytest.raises(BadInput, match="to whom"):
        passwords(school, child, "", school.stamp("dsl"))
    [(_, word)] = passwords(school, child, "A. Duty, Hertfordshire", school.stamp("head"))
    with school.transaction() as session:
        assert word.encode() not in session.scalars(select(MessagePassword.sealed)).one()
        read = [e for e in events(session, child) if e.what == "password.read"]
        assert [(e.who, e.why) for e in read] == [("head", "told to: A. Duty, Hertfordshire")]
        assert not any(word in str(e.data) + e.why for e in events(session, child))
    with pytest.raises(BadInput, match="no message"):
        passwords(school, "CME-2026-9999", "somebody", school.stamp("dsl"))


def test_a_name_that_no_font_prints_lies_in_the_protected_file_as_text(school: School, child: str) -> None:
    with_authority(school, "hertfordshire")
    school.write(a_pupil(surname="\u674e\u5c0f\u9f8d"), {})
    decided(school, child)
    [message] = mails(school, school.policies.authority.mailbox)
    [(_, word)] = passwords(school, child, "the duty officer", school.stamp("dsl"))
    with opened(attached(message)[f"{child}.pdf"], word) as pdf:
        assert "[U+674E]" in text_of(pdf) and "lies inside this file as text" in text_of(pdf)
        assert "\u674e\u5c0f\u9f8d" in pdf.attachments[f"{child}.txt"].get_file().read_bytes().decode()


# --- sickness -----------------------------------------------------------------------------------------------------

def test_fifteen_days_of_illness_propose_a_return_that_only_a_person_sends(school: School) -> None:
    school.write(a_pupil(), {day: ("I", "I") for day in school.school_days_before(MONDAY, 15)})
    [reference] = sickness.watch(school, MONDAY, school.stamp()).raised
    assert sickness.watch(school, MONDAY, school.stamp()).raised == [], "once"
    assert state(school, reference) == "DSL review" and oversee.uncontacted_cases(school) == []
    assert school.post.accepted == [] and mails(school, school.policies.authority.mailbox) == []
    decided(school, reference, decision=decisions.SICKNESS_RETURN, actions=[], reason="The hospital has written to us.")
    [message] = mails(school, school.policies.authority.mailbox)
    assert message["Subject"] == f"Sickness return {reference}"
    text = message.get_body(("plain",)).get_content().replace(reference, "")
    assert "Mon 23 Nov 2026    morning I   afternoon I" in text and "Confirmed by:" in text
    flat = " ".join(text.split())
    for word in ("CME", "missing", "referral", "The hospital has written", "Neglect", "Aoife"):
        assert word not in flat, word


def test_fourteen_days_propose_nothing_and_scattered_days_count_together(school: School) -> None:
    days = school.school_days_before(MONDAY, 29)
    school.write(a_pupil(), {day: ("I", "I") for day in days[::2][:14]})
    assert sickness.watch(school, MONDAY, school.stamp()).raised == []
    school.write(a_pupil(), {days[28]: ("I", "I")})
    assert len(sickness.watch(school, MONDAY, school.stamp()).raised) == 1


def test_a_forecast_of_four_weeks_is_before_the_dsl_on_its_first_day(school: School) -> None:
    school.write(a_pupil(), {MONDAY: ("I", "I")})
    reference = sickness.forecast(school, "P-1", MONDAY, date(2026, 12, 18), school.stamp("attendance_officer"))
    assert sickness.forecast(school, "P-1", MONDAY, date(2026, 12, 18), school.stamp("attendance_officer")) == reference
    assert state(school, reference) == "DSL review"
    with school.transaction() as session:
        d = dossier_of(session, school, cases.by_reference(session, reference))
    assert "expected to last until" in d["findings"][0]["reason"]
    assert sickness.forecast(school, "P-1", date(2026, 11, 30), date(2026, 12, 4), school.stamp("attendance_officer")) == ""
    for bad in (("P-9", MONDAY, date(2026, 12, 18)), ("x", MONDAY, date(2026, 12, 18)), ("P-1", MONDAY, date(2026, 11, 20))):
        with pytest.raises(BadInput):
            sickness.forecast(school, *bad, school.stamp("attendance_officer"))


def test_illness_that_was_corrected_takes_its_proposal_back_and_leaves_the_case_to_a_person(school: School) -> None:
    days = school.school_days_before(MONDAY, 15)
    school.write(a_pupil(), {day: ("I", "I") for day in days})
    [reference] = sickness.watch(school, MONDAY, school.stamp()).raised
    school.write(a_pupil(), {day: ("/", "\\") for day in days[3:6]})
    assert sickness.watch(school, MONDAY, school.stamp()).retracted == 2
    assert state(school, reference) == "DSL review"


def test_an_unexplained_absence_on_a_case_of_illness_begins_contact_with_the_parents(school: School) -> None:
    from cme.steps.detect import detect
    days = school.school_days_before(MONDAY, 27)
    school.write(a_pupil(), {day: ("I", "I") for day in days[:15]} | {day: ("N", "N") for day in days[15:]})
    [reference] = sickness.watch(school, days[14], school.stamp()).raised
    detect(school, MONDAY, school.stamp())
    assert oversee.uncontacted_cases(school) == [reference]
    assert contact.begin_contact(school, reference, school.stamp())
    assert oversee.uncontacted_cases(school) == []


# --- day one ------------------------------------------------------------------------------------------------------

def test_a_day_one_report_is_mailed_after_a_persons_decision_where_the_authority_takes_it_in_writing(school: School, child: str) -> None:
    with_authority(school, "hertfordshire")
    day_one_report.prepare_all(school, school.stamp())
    assert school.post.to("children-first@hertfordshire-authority.example") == []
    decided(school, child, decision=decisions.ACTIONS_ONLY, actions=[decisions.URGENT], reason="A threat was made on Friday.")
    day_one_report.prepare_all(school, school.stamp())
    oversee.send_mail(school, school.stamp())
    [message] = mails(school, "children-first@hertfordshire-authority.example")
    assert message["Subject"] == f"Day-one report {child}" and "URGENT" in message.get_body(("plain",)).get_content()
    [(_, word)] = passwords(school, child, "children's services", school.stamp("dsl"))
    said = text_of(opened(attached(message)[f"{child}.pdf"], word))
    assert "A threat was made on Friday." in said and "does not replace it" in said
    with school.transaction() as session:
        call = session.scalars(select(Action).where(Action.kind == decisions.URGENT)).one()
        assert call.done_at is None, "the call stays a task: the mail ends nothing"


def test_where_the_authority_takes_it_by_telephone_nothing_is_mailed_and_a_paper_can_be_made(school: School, child: str, tmp_path: Path) -> None:
    decided(school, child, decision=decisions.ACTIONS_ONLY, actions=[decisions.URGENT])
    with school.transaction() as session:
        assert not session.scalars(select(Outbox).where(Outbox.kind == f"la_{DAY_ONE_REPORT}")).all()
    path, lacks = day_one_report.draft(school, child, DAY_ONE_REPORT, school.stamp("dsl"), tmp_path / "d.pdf")
    assert path.stat().st_mode & 0o077 == 0 and "Bramblewick" in text_of(opened(path.read_bytes()))
    assert "social care, now or before not held" in lacks
    with pytest.raises(BadInput, match="use one of"):
        day_one_report.draft(school, child, ROLL_CHANGE_RETURN, school.stamp("dsl"), tmp_path / "d.pdf")


# --- roll changes -------------------------------------------------------------------------------------------------

GONE = RollChangeMade("deleted", MONDAY, "a", "Elsewhere Academy (invented)", date(2026, 11, 24), "2 Other Lane")


def test_a_roll_change_is_reported_once_on_the_word_of_whoever_made_it(school: School) -> None:
    school.write(a_pupil(), {MONDAY: ("/", "\\")})
    shown = roll_change_return(school, "P-1", GONE, school.stamp("head"))
    assert not shown.sent and shown.reference == "" and "now" in shown.due
    with school.transaction() as session:
        assert not session.scalars(select(Outbox)).all() and not session.scalars(select(RollChange)).all()
    sent = roll_change_return(school, "P-1", GONE, school.stamp("head"), send=True)
    assert roll_change_return(school, "P-1", GONE, school.stamp("head"), send=True) == sent
    oversee.send_mail(school, school.stamp())
    [message] = mails(school, sent.to)
    text = " ".join(message.get_body(("plain",)).get_content().split())
    assert message["Subject"] == f"Roll-change return {sent.reference}" and "CME" not in text and "missing" not in text
    for expected in ("name deleted from the admission register", "(a) registered at another school", "Philippa Marrowdale (head", "Elsewhere Academy",
                     "reports it and does not make it", "Aoife Bramblewick", "07700 900101", "2 Other Lane"):
        assert expected in text, expected
    with school.transaction() as session:
        from cme.records.tables import Pupil
        assert session.get_one(Pupil, 1).left is None, "the software changes no roll"
        assert not session.scalars(select(Case)).all()


def test_a_roll_change_that_the_regulations_do_not_know_is_refused(school: School) -> None:
    school.write(a_pupil(), {MONDAY: ("/", "\\")})
    for made, says in ((RollChangeMade("deleted", MONDAY), "as its letter"), (RollChangeMade("deleted", MONDAY, "z"), "as its letter"),
                       (RollChangeMade("deleted", date(2026, 11, 24), "a"), "has not come yet"),
                       (RollChangeMade("entered", MONDAY, "a"), "no ground"), (RollChangeMade("moved", MONDAY), "no change of the roll")):
        with pytest.raises(BadInput, match=says):
            roll_change_return(school, "P-1", made, school.stamp("head"), send=True)
    due = roll_change_return(school, "P-1", RollChangeMade("entered", MONDAY), school.stamp("head")).due
    assert "Saturday 28 November 2026, the fifth day after the entry" in due
