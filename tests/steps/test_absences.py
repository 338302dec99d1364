"""Unexplained absences: each session, at once to the attendance officer, the ladder to its end, and what ends it."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from tests.steps.absent_children import DSL, OFFICER, look, queued, requests, through, written
from tests.steps.school import AOIFE, BRAM, MONDAY, School, a_pupil

from cme.errors import BadInput
from cme.records import cases
from cme.records.history import events, verify
from cme.records.reviews import SAFEGUARDING
from cme.records.tables import Action, Case, ProfessionalNotice
from cme.sources.source import Contact, Professional
from cme.steps import absence_answers, absence_calls, absences, contact, oversee, unaccounted
from cme.steps.detect import detect
from cme.steps.dossier import dossier_of, opaque_summary
from cme.steps.view import OPAQUE_WHY, WORDS


def absent(school: School, codes: tuple[str, str] = ("N", ""), **pupil: Any) -> None:
    school.write(a_pupil(**pupil), {MONDAY: codes})
    look(school)


def to(school: School, address: str, words: str) -> list[str]:
    return [text for wire in school.post.to(address) if words in (text := wire.decode())]


def test_an_absence_reaches_the_officer_and_the_first_parent_at_once_case_or_none(school: School) -> None:
    absent(school)
    [mail] = to(school, OFFICER, "nobody can explain yet")
    assert "ABS-1: Mon 23 Nov AM, mark N" in mail and "Bramblewick" not in mail
    assert written(school) == [AOIFE.email] and oversee.waiting_questions(school) == []
    look(school)
    assert len(school.post.accepted) == 2, "the same look again tells nobody anything"


@pytest.mark.parametrize("codes", [("", ""), ("U", "L"), ("/", "V"), ("I", "B"), ("Y1", "#"), ("G", "X")])
def test_no_mark_and_no_other_code_is_an_unexplained_absence(school: School, codes: tuple[str, str]) -> None:
    absent(school, codes)
    assert requests(school) == [] and school.post.accepted == []


def test_before_the_register_closes_the_officer_knows_and_no_parent_is_written_to(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:00:00")
    absent(school)
    assert to(school, OFFICER, "nobody can explain yet") and written(school) == []
    school.write(a_pupil(), {MONDAY: ("L", "")})
    through(school, set_clock, "09:21", "13:00")
    assert written(school) == [] and [r.state for r in requests(school)] == ["corrected"]


def test_the_ladder_goes_from_parent_to_parent_to_a_call_to_a_visit_to_the_dsl(school: School, set_clock: Any) -> None:
    absent(school)
    through(school, set_clock, "09:49", "09:50")
    assert written(school) == [AOIFE.email, BRAM.email]
    assert through(school, set_clock, "10:10").calls == 1 and through(school, set_clock, "10:11").calls == 0
    assert through(school, set_clock, "11:30").visits == 1
    assert "cme call ABS-1" in to(school, OFFICER, "Please ring about")[0]
    assert through(school, set_clock, "12:29").to_dsl == [] and through(school, set_clock, "12:30").to_dsl == ["CME-2026-0001"]
    assert [q.kind for q in oversee.waiting_questions(school)] == [SAFEGUARDING]
    with school.transaction() as session:
        case = cases.by_reference(session, "CME-2026-0001")
        assert (case.origin, case.state) == ("unanswered", "DSL review") and case.next_step_due == school.stamp().at + timedelta(minutes=60)
        dossier = dossier_of(session, school, case)
        assert [a["reference"] for a in dossier["absences"]] == ["ABS-1"] and len(dossier["attempts"]) == 2
        assert "asked: 1; with a reason recorded: 0" in opaque_summary(dossier) and verify(session) == []
    assert oversee.uncontacted_cases(school) == [], "nobody is written to a second time for the case"


def test_the_afternoon_is_a_session_of_its_own_and_its_message_goes_once_more(school: School, set_clock: Any) -> None:
    absent(school)
    set_clock("2026-11-23T13:20:00")
    absent(school, ("N", "N"))
    assert [(r.session, r.state) for r in requests(school)] == [("AM", "with_dsl"), ("PM", "open")]
    assert written(school) == [AOIFE.email] * 2
    assert requests(school)[1].case_id is not None, "the child's open case holds the afternoon as well"


def test_a_child_seen_later_needs_no_more_contact_and_the_reason_is_still_owed(school: School, set_clock: Any) -> None:
    absent(school)
    set_clock("2026-11-23T13:20:00")
    absent(school, ("N", "/"))
    assert [r.state for r in requests(school)] == ["seen"] and [c.wanted for c in absence_answers.changes(school)] == ["reason not known yet"]
    assert through(school, set_clock, "15:30", "23:00").to_dsl == [] and unaccounted.day_list(school) == []


def test_a_mark_that_comes_back_begins_the_ladder_anew(school: School, set_clock: Any) -> None:
    absent(school)
    for code, state in (("-", "corrected"), ("N", "open"), ("V", "corrected")):
        school.write(a_pupil(), {MONDAY: (code, "")})
        look(school)
        assert [r.state for r in requests(school)] == [state], code
    assert written(school) == [AOIFE.email]


def test_a_reason_ends_the_ladder_and_stays_on_the_list_until_the_register_holds_the_code(school: School, set_clock: Any) -> None:
    absent(school)
    with pytest.raises(BadInput, match="nobody knows why"):
        absence_answers.record_reason(school, "ABS-1", "ill with a cold", "O", school.stamp("attendance_officer"))
    with pytest.raises(BadInput, match="attendance code table"):
        absence_answers.record_reason(school, "ABS-1", "ill with a cold", "QQ", school.stamp("attendance_officer"))
    with pytest.raises(BadInput):
        absence_answers.record_reason(school, "ABS-1", "ill with a cold", "I", school.stamp("machine"))
    said = absence_answers.record_reason(school, "abs-1", "ill with a cold", "I", school.stamp("attendance_officer"))
    assert "must become I (it is N)" in said and "changes no register" in said
    assert [(c.child, c.code, c.wanted) for c in absence_answers.changes(school)] == [("Quilla Bramblewick", "N", "I")]
    through(school, set_clock, "09:55", "10:30", "12:40", "15:05")
    assert written(school) == [AOIFE.email] and unaccounted.day_list(school) == []
    assert absence_answers.tell_changes(school, school.stamp()) == 1
    school.write(a_pupil(), {MONDAY: ("I", "")})
    look(school)
    assert absence_answers.changes(school) == [] and requests(school)[0].changed_at is not None
    with school.transaction() as session:
        assert [e.who for e in events(session, "ABS-1") if e.what == "absence.answered"] == ["attendance_officer"]


def test_a_call_without_an_answer_is_recorded_and_a_child_not_where_believed_is_before_the_dsl_at_once(school: School) -> None:
    barred = Contact("Barred", "uncle", 3, "barred@home.example", "07700 900109", court_order=True)
    absent(school, contacts=(AOIFE, Contact("Tove", "aunt", 2, telephone="07700 900103", language="pl", interpreter=True), barred))
    shown = absence_calls.call(school, "ABS-1")
    assert [(w.number, w.note) for w in shown.people] == [(AOIFE.telephone, ""), ("07700 900103", "interpreter needed; speaks pl"),
                                                         ("", "COURT ORDER: do not contact")]
    assert "Quilla" in shown.child and "Quilla" not in shown.script
    with pytest.raises(BadInput, match="must not be contacted"):
        absence_calls.tried(school, "ABS-1", "no answer", 3, "", school.stamp("attendance_officer"))
    absence_calls.tried(school, "ABS-1", "no answer", 1, "rang twice", school.stamp("attendance_officer"))
    said = absence_calls.tried(school, "ABS-1", "not where believed", 2, "", school.stamp("attendance_officer"))
    assert "CME-2026-0001" in said and "999" in said
    with school.transaction() as session:
        case = cases.by_reference(session, "CME-2026-0001")
        assert (case.state, case.urgency) == ("DSL review", "day_one")


def test_a_visit_with_no_entry_is_a_task_of_the_dsl_today_and_one_that_saw_the_child_ends_the_ladder(school: School) -> None:
    absent(school)
    visit: dict[str, Any] = {"on": MONDAY, "half": "AM", "address": "", "spoken_to": "", "stamp": school.stamp("attendance_officer")}
    with pytest.raises(BadInput, match="who was spoken to"):
        absence_calls.visited(school, "ABS-1", result="spoken to somebody", outcome="a neighbour", **visit)
    absence_calls.visited(school, "ABS-1", result="no entry", outcome="curtains drawn", **visit)
    with school.transaction() as session:
        [task] = session.scalars(select(Action)).all()
        assert task.owner == "dsl" and task.kind.startswith("Police welfare check") and task.due_at == school.stamp().at + timedelta(minutes=30)
        [seen] = dossier_of(session, school, cases.by_reference(session, "CME-2026-0001"))["visits"]
        assert (seen["address"], seen["half"], seen["result"]) == ("1 Made-up Lane, ZZ1 1ZZ", "AM", "no entry")
    school.write(a_pupil(mis_id="P002", surname="Vetch", group="9B"), {MONDAY: ("N", "")})
    look(school)
    absence_calls.visited(school, "ABS-2", result="child seen", outcome="at home, unwell", **visit)
    assert requests(school)[1].state == "seen"


def test_a_child_with_a_case_has_one_history_and_its_parents_one_message(school: School, set_clock: Any) -> None:
    school.write(a_pupil(), {day: ("N", "N") for day in school.school_days_before(MONDAY, 10)})
    [reference] = detect(school, MONDAY, school.stamp()).opened
    contact.begin_contact(school, reference, school.stamp())
    look(school)
    assert written(school).count(AOIFE.email) == 1
    through(school, set_clock, "09:55")
    assert written(school) == [AOIFE.email, BRAM.email]
    with school.transaction() as session:
        whats = [e.what for e in events(session, reference)]
    assert "absence.noticed" in whats and whats.count("contact.attempted") == 2


def test_the_ladder_first_and_the_case_afterwards_write_once_as_well(school: School) -> None:
    school.write(a_pupil(), {day: ("N", "N") for day in school.school_days_before(MONDAY, 10)})
    look(school)
    [reference] = detect(school, MONDAY, school.stamp()).opened
    contact.begin_contact(school, reference, school.stamp())
    look(school)
    assert written(school) == [AOIFE.email] and queued(school) == 1
    with school.transaction() as session:
        [why] = [e.why for e in events(session, reference) if e.what == "contact.attempted"]
    assert why.endswith("nobody is written to twice")


def test_the_reason_recorded_in_the_cases_form_answers_the_childs_absences(school: School) -> None:
    school.write(a_pupil(), {day: ("N", "N") for day in school.school_days_before(MONDAY, 10)})
    look(school)
    [reference] = detect(school, MONDAY, school.stamp()).opened
    with school.transaction() as session:
        case = cases.by_reference(session, reference, lock=True)
        contact.take_contact_outcome(school, session, case, contact.REASON_GIVEN, "in hospital", school.stamp("attendance_officer"))
    assert {r.state for r in requests(school)} == {"answered"} and {c.wanted for c in absence_answers.changes(school)} == {"code not chosen yet"}


def test_an_unanswered_absence_of_a_child_whose_case_is_elsewhere_gives_the_dsl_one_task_a_day(school: School, set_clock: Any) -> None:
    absent(school)
    with school.transaction() as session:
        session.add(Case(reference="CME-2026-0900", school=school.school, pupil_id=1, episode_start=MONDAY, origin="report", state="following up",
                         opened_at=school.stamp().at, state_since=school.stamp().at, next_step_due=school.stamp().at, next_step_owner="dsl"))
    through(school, set_clock, "12:30")
    set_clock("2026-11-23T13:20:00")
    absent(school, ("N", "N"))
    through(school, set_clock, "16:30")
    with school.transaction() as session:
        assert [(a.owner, a.kind[:12]) for a in session.scalars(select(Action))] == [("dsl", "Absent again")]
    assert {r.state for r in requests(school)} == {"with_dsl"}


def test_professionals_named_on_the_record_are_told_once_in_the_same_session_and_who_has_no_mailbox_is_to_be_rung(school: School) -> None:
    absent(school, professionals=(Professional("social worker", "S. Example", "sw@children.example"), Professional("youth justice worker", "Y. Example", "", "07700 900120")))
    look(school)
    [letter] = [wire.decode() for wire in school.post.to("sw@children.example")]
    assert "Quilla Bramblewick" in letter and "Bramblewick" not in letter.split("\r\n\r\n")[0] and "morning" in letter
    assert "ABS-1 (youth justice worker)" in " ".join(to(school, OFFICER, "nobody can explain yet")[0].replace("=\r\n", "").split())
    assert "RING" in absence_calls.call(school, "ABS-1").professionals[1]
    with school.transaction() as session:
        assert len(session.scalars(select(ProfessionalNotice)).all()) == 2


def test_too_few_contacts_are_reported_once_a_day(school: School) -> None:
    absent(school, ("N", "N"), contacts=(AOIFE,))
    with school.transaction() as session:
        assert [e.what for r in requests(school) for e in events(session, f"ABS-{r.id}")].count("contact.incomplete") == 1
    assert "ABS-1" in to(school, OFFICER, "Fewer than two contacts held")[0]


def test_the_day_list_is_opaque_for_prefect_and_names_children_on_the_machine(school: School, set_clock: Any) -> None:
    absent(school)
    through(school, set_clock, "10:10")
    [line] = unaccounted.day_list(school)
    assert (line.reference, line.child, line.owner) == ("ABS-1", "P-1", "attendance officer") and "cme call ABS-1" in line.step
    assert [x.child for x in unaccounted.day_list(school, names=True)] == ["Quilla Bramblewick"]
    page = unaccounted.page(school)
    assert "1 absence(s) nobody can explain" in page and "Bramblewick" not in page and "P-1" in page


def test_every_event_of_the_ladder_has_its_words_and_only_opaque_sentences(school: School, set_clock: Any) -> None:
    absent(school)
    through(school, set_clock, "09:50", "10:10", "11:30", "12:30")
    seen = {what for _, _, what, _ in unaccounted.history_of(school, "ABS-1")}
    assert {"absence.noticed", "absence.told", "contact.attempted", "absence.call_asked", "absence.visit_asked", "absence.to_dsl"} <= seen <= set(WORDS)
    assert {what for what in WORDS if what.startswith("absence.")} <= OPAQUE_WHY


def test_an_absence_entered_a_day_late_is_a_persons_to_ring_about(school: School) -> None:
    school.write(a_pupil(), {MONDAY - timedelta(days=3): ("/", "N"), MONDAY: ("/", "")})
    look(school)
    assert [r.state for r in requests(school)] == ["seen"] or written(school) == []
    assert absences.watch(school, school.stamp()).opened == []


def test_the_dsl_is_told_in_a_question_and_not_by_a_second_case(school: School, set_clock: Any) -> None:
    absent(school)
    through(school, set_clock, "12:30")
    set_clock("2026-11-23T13:20:00")
    absent(school, ("N", "N"))
    through(school, set_clock, "16:20")
    with school.transaction() as session:
        assert len(session.scalars(select(Case)).all()) == 1
    assert [q.kind for q in oversee.waiting_questions(school)] == [SAFEGUARDING] and DSL
