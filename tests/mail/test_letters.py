"""The approved letters say what they must and nothing they must not."""

import re
from importlib.resources import files
from typing import Any

import pytest
from sample_notification import NOTHING_KNOWN, SCHOOL, sample

from cme.errors import BadInput
from cme.mail.notification import FIELDS, NOT_HELD, SECTIONS
from cme.mail.render import WIDE_MARGIN, letter, notification_letter
from cme.rules.languages import NAMES
from cme.rules.messages import MESSAGES

# texts have no subject: tests/texts/test_wording.py tries them
LETTERS = sorted(path.name for path in (files("cme.mail") / "letters").iterdir() if path.name.endswith(".txt") and "_text." not in path.name)
REVIEW = {"reference": "CME-2026-0012", "due": "Tuesday 24 November 2026, 15:00", "code": "482913",
          "school": "Larkspur Bridge School", "link": "http://127.0.0.1:4200/runs/flow-run/0f9c1c7e",
          "reason": "The code was wrong.", "dossier": "http://127.0.0.1:4200/cme/dossier/Zq3kD8", "police_emergency": "999",
          "police": "101", "childrens_services": "0121 496 0900", "childrens_services_out_of_hours": "0121 496 0901",
          "valid_until": "Thursday 26 November 2026, 09:30", "sign_in": "password"}
REGISTER = {"group": "9B", "date": "Monday 23 November 2026", "session": "AM", "start": "08:50", "due": "09:00",
            "school": "Larkspur"}
HOME = {"reference": "HOME-3FA9C2B1", "child": "Zo\u00eb Testington", "year": "10", "upn": "X330199900001", "date": "Monday 23 November 2026",
        "session": "morning", "code": "N", "meaning": "reason not yet established", "telephone": "0121 496 0123", "school": "Larkspur"}
ABSENCES = {"number": 3, "lines": ["ABS-17: Mon 23 Nov AM, mark N"], "few": "ABS-17", "ring": "none", "calls": "ABS-17", "visits": "none", "example": "ABS-17",
            "officer": "attendance_officer", "person": "dsl", "numbers": "41 of 120 children on roll are absent", "school": "Larkspur Bridge School"}
OF_A_CHILD = {*(f"la_{kind}" for kind in MESSAGES), "home_school_absence", "home_school_correction", "professional_absence"}       # these alone name one
FILLED: dict[str, dict[str, Any]] = {
    "parent_contact": {"school": "Larkspur Bridge School", "telephone": "0121 496 0123"},
    "register_overdue_teacher": REGISTER, "register_overdue_officer": REGISTER,
    "review_call": REVIEW, "contact_call": REVIEW, "review_reminder": REVIEW, "review_handover": REVIEW, "new_code": REVIEW,
    "confirmation_call": REVIEW, "review_urgent": REVIEW, "question_waits": REVIEW, "urgent_reminder": REVIEW,
    "task_call": {**REVIEW, "why": "A task was set that is yours to do.", "task": "Home visit", "owner": "attendance officer",
                  "command": 'cme done CME-2026-0012 3 --by attendance_officer --outcome "..."'},
    "missing_report_call": REVIEW,
    "report_unread": {"number": 3, **REVIEW, "given_by": "QWE", "reported_at": "Monday 23 November 2026, 09:40", "given_child": "P-1042",
                      "command": 'cme reports 3 --by YOUR-ROLE --reason "..."'},
    "alarms": {"number": 2, "lines": ["The people file cannot be read (school)"], "school": "Larkspur Bridge School"},
    "alarm": {"reference": "CME-2026-0012", "sentence": "A question is past its due time.", "school": "Larkspur Bridge School"},
    "anchor": {"day": "23 November 2026", "event": "1204", "hash": "9f86d081" * 8, "at": "Monday 23 November 2026, 09:30", "school": "Larkspur"},
    "la_cover": {"subject": "CME referral", "one": "referral", "reference": "CME-2026-0012", "answer_by": "Wednesday", "telephone": "0121 496 0123",
                 "referrer": "J. Example", "school": "Larkspur Bridge School"},
    "reply_received": {"reference": "CME-2026-0012", "number": 3, "channel": "text message", "sender": "held as a contact", **REVIEW,
                       "sent_at": "Monday 23 November 2026, 09:40", "late": "yes", "command": 'cme replies 3 --by YOUR-ROLE --done "..."'},
    "text_not_delivered": {"reference": "CME-2026-0012", "row": "0f3a", "status": "permanent failure", "advice": "Ask for the right number.",
                           "school": "Larkspur Bridge School"},
    "la_chaser": {"subject": "CME referral CME-2026-0012", "reference": "CME-2026-0012", "date": "Monday 23 November 2026, 09:30",
                  "telephone": "0121 496 0123", "referrer": "J. Example", "school": "Larkspur Bridge School"},
    "mail_check": {"title": "second", "school": "Larkspur Bridge School"},
    "absences_officer": ABSENCES, "absences_to_ring": ABSENCES, "absences_together": ABSENCES, "register_changes": ABSENCES,
    "absence_code": {**REVIEW, "reference": "ABS-1042"},
    "messages_stopped": {"numbers": ABSENCES["numbers"], "when": "Monday 23 November 2026, 09:31", "person": "dsl", "school": "Larkspur Bridge School"},
    "call_script": {"school": "Larkspur Bridge School", "date": "Monday 23 November 2026"},
    "professional_absence": {**HOME, "role": "social worker", "dsl": "0121 496 0101"},
    "home_school_absence": HOME, "home_school_correction": HOME,
    "home_school_ring": {**HOME, "number": "P-17", "command": "cme home-schools HOME-3FA9C2B1"},
    **{f"la_{kind}": {"notification": sample(kind)} for kind in MESSAGES}}


def test_every_letter_is_tried_here() -> None:
    assert {name for name in LETTERS if name.count(".") == 2 and not name.endswith(".en.txt")} <= {
        f"parent_contact.{language}.txt" for language in NAMES}                  # tests/texts/test_wording.py tries these
    assert {f"{name}.en.txt" for name in FILLED} | {"_la_body.txt", "_la_head.txt", "_sign_in.txt"} == {
        name for name in LETTERS if name.count(".") == 1 or name.endswith(".en.txt")}


@pytest.mark.parametrize("name", FILLED)
def test_a_letter_has_an_ascii_subject_a_text_and_no_hole(name: str) -> None:
    subject, text = letter(name, **FILLED[name])
    assert subject.isascii() and "\n" not in subject and text.endswith("\n") and not text.startswith("\n")
    assert not re.search(r"None|Undefined|\{\{|\}\}|\{%|\[\]|: *\n\n\n", text)
    assert "\n\n\n" not in text
    for value in sample().pupil.values():
        assert value not in subject


@pytest.mark.parametrize("name", sorted(set(FILLED) - OF_A_CHILD))
def test_a_letter_to_anybody_but_an_authority_or_a_school_of_registration_can_hold_no_data_of_a_child(name: str) -> None:
    source = (files("cme.mail") / "letters" / f"{name}.en.txt").read_text()
    used = set(re.findall(r"\{\{\s*(\w+)", source))
    assert used <= {"reference", "link", "code", "due", "valid_until", "childrens_services", "school", "telephone", "date",
                    "group", "session", "start", "reason", "sentence", "raised_at", "title", "answer_by", "referrer", "dossier",
                    "police_emergency", "police", "childrens_services_out_of_hours", "why", "task", "owner", "command", "number", "line",
                    "given_by", "reported_at", "given_child", "row", "status", "advice", "channel", "sender", "sent_at", "subject", "one", "urgent", "few", "ring", "officer", "calls", "visits", "example", "numbers",
                    "when", "person", "day", "event", "hash", "at"}


@pytest.mark.parametrize("name", FILLED)
@pytest.mark.parametrize("bad", ["", " ", None])
def test_a_letter_with_an_empty_value_is_refused(name: str, bad: str | None) -> None:
    field = next(iter(FILLED[name]))
    if field == "notification":
        changed = {field: sample(reference=bad or "")}
    else:
        changed = {field: bad}
    with pytest.raises(BadInput, match=name):
        letter(name, **{**FILLED[name], **changed})
    with pytest.raises(BadInput, match=name):
        letter(name, **{key: value for key, value in FILLED[name].items() if key != field})


def test_a_parent_reads_no_name_no_reason_no_threat_and_no_word_of_safeguarding() -> None:
    filled = letter("parent_contact", **FILLED["parent_contact"], forename="Zo\u00eb", surname="Testington")
    text = " ".join(filled.text.split()).lower()
    assert "0121 496 0123" in text and "today" in text
    for word in ("zo\u00eb", "testington", "fine", "penalty", "prosecut", "safeguard", "social", "police", "cme", "refer",
                 "authority", "missing", "http", "upn"):
        assert word not in text, word


@pytest.mark.parametrize("name", ["review_call", "review_handover", "contact_call", "review_reminder"])
def test_a_call_says_first_what_to_do_in_danger_and_how_to_answer(name: str) -> None:
    text = letter(name, **REVIEW).text
    assert text.index("999") < text.index("CME-2026-0012")
    assert "press the three dots at the top right, then Resume" in text
    assert re.search(r"^ *http://127\.0\.0\.1:4200/runs/flow-run/0f9c1c7e$", text, re.MULTILINE), "a link stands on its own line"


@pytest.mark.parametrize("name", [name for name, fields in FILLED.items() if fields is REVIEW and name != "question_waits"])
def test_a_letter_with_a_link_says_how_to_sign_in_where_a_password_is_asked_for(name: str) -> None:
    assert "\nIf a page asks you to sign in: the dossier asks for the name admin" in letter(name, **REVIEW).text
    assert "admin" not in letter(name, **{field: value for field, value in REVIEW.items() if field != "sign_in"}).text


def test_the_code_is_in_the_text_and_never_in_the_subject() -> None:
    for name in ("review_call", "review_handover", "contact_call", "new_code"):
        assert "482913" in letter(name, **REVIEW).text and "482913" not in letter(name, **REVIEW).subject
    assert "482913" not in letter("review_reminder", **REVIEW).text


def test_a_register_mail_names_the_register_and_no_pupil() -> None:
    for name in ("register_overdue_teacher", "register_overdue_officer"):
        text = letter(name, **REGISTER).text
        assert all(value in text for value in REGISTER.values())


def test_a_value_cannot_write_lines_of_its_own() -> None:
    text = letter("register_overdue_teacher", **{**REGISTER, "group": "9B\n\nPlease open http://evil.example"}).text
    assert "\nPlease open" not in text
    text = letter("parent_contact", school="X\n\nPay the fine", telephone="0121 496 0123").text
    assert "X Pay the fine" in text


def test_templates_in_a_value_stay_text() -> None:
    assert "{{ 7*7 }}" in letter("parent_contact", school="{{ 7*7 }}", telephone="0121 496 0123").text


def test_a_language_without_a_letter_gets_english_and_an_unknown_letter_is_refused() -> None:
    assert letter("parent_contact", "de", **FILLED["parent_contact"]) == letter("parent_contact", **FILLED["parent_contact"])
    for name in ("nothing", "../smtp", "_la_body", ""):
        with pytest.raises(BadInput, match="no letter"):
            letter(name)


# --- the local authority ------------------------------------------------------------------------------------------

def test_a_referral_says_all_that_is_known() -> None:
    subject, text = notification_letter(sample())
    flat = " ".join(text.split())
    assert subject == "CME referral CME-2026-0012"
    for expected in ("CME-2026-0012", "If you have this twice it is one referral", "reply to this message", "14 March 2012",
                     "X330199900001", "Testington-\u0141ukasz", "Zo\u00eb Ng\u1ecdc", "Mon 9 Nov 2026",
                     "reason not yet established",
                     "nobody at home", "Marta Testington", "07700 900123", "J. Example (DSL)",
                     "Monday 23 November 2026, 15:05", "decided: refer", "0121 496 0123"):
        assert expected in flat, expected
    assert len(re.findall(r"^    (?:Mon|Tue|Wed|Thu|Fri) ", text, re.MULTILINE)) == 10


def test_what_is_not_held_is_said_in_words() -> None:
    text = notification_letter(sample(pupil={"upn": "", "sex": " "})).text
    assert re.search(rf"Unique pupil number: +{NOT_HELD}", text)
    assert re.search(rf"Sex: +{NOT_HELD}", text)
    assert not re.search(r":\s*$(?!\n\S|\n\n|\n    )", text, re.MULTILINE)


def test_an_attendance_return_is_never_called_cme_and_holds_no_more_than_it_needs() -> None:
    subject, text = notification_letter(sample("attendance_return"))
    assert subject == "Attendance return CME-2026-0012"
    rest = text.replace("CME-2026-0012", "").lower()
    for word in ("cme", "missing", "referral"):
        assert word not in rest
    for name in ("risk_appraisal", "social_care", "circumstances"):
        assert FIELDS[name].lower() not in rest
    assert "known formerly" not in rest
    assert "If you have this twice it is one return" in text


def test_free_text_cannot_forge_a_section() -> None:
    text = notification_letter(sample()).text
    assert len(re.findall(r"^DECISION$", text, re.MULTILINE)) == 1
    assert text.count("\nDecided:") == 1


def test_labels_fit_their_column_and_every_field_has_its_place() -> None:
    assert max(map(len, FIELDS.values())) < WIDE_MARGIN - 1
    for sections in SECTIONS.values():
        placed = [name for names in sections.values() for name in names]
        assert len(placed) == len(set(placed))
    assert {name for sections in SECTIONS.values() for names in sections.values() for name in names} == set(FIELDS)


def test_what_an_authority_requires_and_the_school_does_not_hold_is_listed() -> None:
    required = ["pupil_name", "date_of_birth", "upn", "parents", "school", "enquiry_log", "home_visits", "letters",
                "absence_record", "emergency_contacts", "sen_ehcp", "decision"]
    assert sample().missing_fields(required) == ["letters", "sen_ehcp"]
    bare = sample(pupil={"surname": " ", "upn": NOT_HELD}, contacts=[], attempts=[], findings=[], decision=None)
    assert bare.missing_fields(required) == [name for name in required if name not in ("date_of_birth", "school")]
    with pytest.raises(BadInput, match="shoe_size"):
        sample().missing_fields(["shoe_size"])


def test_a_notification_of_nothing_known_can_still_be_read() -> None:
    text = notification_letter(NOTHING_KNOWN).text
    for sentence in ("The school holds no contact", "No enquiry is recorded", "No decision is recorded",
                     "Raised by a member of staff"):
        assert sentence in text


def test_an_unknown_kind_or_field_is_refused() -> None:
    with pytest.raises(BadInput, match="sickness"):
        sample("sickness")
    with pytest.raises(BadInput, match="shoe_size"):
        sample(pupil={"shoe_size": "4"})


def test_a_very_long_and_a_non_latin_name_arrive_whole() -> None:
    for name in ("Wolfeschlegelstein" * 12, "\u0645\u062d\u0645\u062f \u0623\u062d\u0645\u062f", "\u674e\u5c0f\u9f8d",
                 "O'Neil-\u1e82\u0177n <b>&amp;"):
        assert name in notification_letter(sample(pupil={"surname": name})).text


def test_the_school_is_named_in_the_letter() -> None:
    assert SCHOOL.name in notification_letter(sample()).text
