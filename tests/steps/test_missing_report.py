"""Reports of staff: none vanishes, the attendance officer is asked first, and the DSL in any event."""

import re
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from tests.steps.answers import RUN, answer, code_for, shown, state
from tests.steps.school import MONDAY, School, a_pupil

from cme import clock
from cme.errors import BadInput
from cme.records import cases
from cme.records.alarms import open_alarms
from cme.records.history import events, verify
from cme.records.reviews import CONTACT_OUTCOME, DAY_ONE, MISSING_REPORT, ROUTINE, SAFEGUARDING
from cme.records.tables import Alarm, Case, Decision, MissingReport, Outbox, Pupil, Quarantine, Review
from cme.rules.reasons import REASONS
from cme.steps import decisions, missing_report, oversee, report_form, unread_report
from cme.steps.dossier import dossier_of
from cme.steps.missing_report import FOUND, NOT_ESTABLISHED, NOT_KNOWN
from cme.steps.report_form import NOT_WORRIED, WORRIED
from cme.steps.review import Taken, ring, take_answer

Clock = Callable[[str], None]
OTHER_RUN = "00000000-0000-0000-0000-000000000009"


def report(child: str = "P-1", **changes: Any) -> dict[str, Any]:
    return {"child": child, "seen_on": "Today", "seen_at": "09:10", "where": "On the way to school", "seen_by": "A parent or carer",
            "reported_by": "tqa", "concern": NOT_WORRIED, **changes}


@pytest.fixture
def child(school: School) -> str:
    """The reference of a child who is in the school's records and marked present today."""
    school.write(a_pupil(), {MONDAY: ("/", "-")})
    with school.transaction() as session:
        return report_form.reference_of(session.scalars(select(Pupil.id)).one())


@pytest.fixture
def reported(school: School, child: str) -> str:
    """The case of a child reported missing without a concern, its question rung."""
    reference = missing_report.receive(school, report(child), "run-1", school.stamp()).reference
    ring(school, reference, MISSING_REPORT, RUN, school.stamp())
    return reference


def established(school: School, reference: str, outcome: str, key: str = "k1", role: str = "attendance_officer", **changes: Any) -> Taken:
    said = {"outcome": outcome, "where": "", "tried": "Rang both parents, twice", "known": [], "code": code_for(school, role), **changes}
    return take_answer(school, reference, MISSING_REPORT, f"{key}-d1-00000000", said, RUN)


def open_questions(school: School) -> dict[str, str]:
    with school.transaction() as session:
        return {review.kind: review.urgency for review in session.scalars(select(Review).where(Review.state == "open"))}


def whats(school: School, reference: str) -> list[str]:
    with school.transaction() as session:
        return [event.what for event in events(session, reference)]


def alarms(school: School) -> list[str]:
    with school.transaction() as session:
        return [alarm.key for alarm in open_alarms(session)]


# --- the report is taken ---------------------------------------------------------------------------------------------


def test_a_report_opens_a_case_and_asks_the_attendance_officer_at_once(school: School, child: str) -> None:
    received = missing_report.receive(school, report(child), "run-1", school.stamp())
    assert received.reference == "CME-2026-0001" and open_questions(school) == {MISSING_REPORT: DAY_ONE}
    with school.transaction() as session:
        [review] = session.scalars(select(Review)).all()
        assert review.assigned_to == "attendance_officer"
        assert review.due_at - review.opened_at == timedelta(minutes=school.policies.school.report_answer_minutes)
        [row] = session.scalars(select(MissingReport)).all()
        assert (row.reported_by, row.last_seen_where, row.concern, row.source_key) == ("TQA", "On the way to school", False, "run-1")
        assert row.last_seen_said == "today (Monday 23 November 2026) at about 09:10" and row.last_seen_at == clock.wall(MONDAY, "09:10")
        assert cases.by_reference(session, received.reference).origin == "report"
        assert verify(session) == []


def test_its_sender_reads_what_happens_and_whom_to_ring_and_no_childs_name(school: School, child: str) -> None:
    said = missing_report.receive(school, report(child), "run-1", school.stamp()).sentence
    for word in ("CME-2026-0001", "The attendance officer is being called", school.person("attendance_officer").telephone, "ring 999 now"):
        assert word in said
    assert not any(name in said for name in ("Quilla", "Bramblewick", school.person("attendance_officer").name))


def test_a_second_run_of_the_same_report_changes_nothing(school: School, child: str) -> None:
    first = missing_report.receive(school, report(child), "run-1", school.stamp())
    before = whats(school, first.reference)
    assert missing_report.receive(school, report(child), "run-1", school.stamp()) == first
    assert whats(school, first.reference) == before


def test_a_concern_brings_the_dsl_at_once_beside_the_attendance_officer(school: School, child: str) -> None:
    received = missing_report.receive(school, report(child, concern=WORRIED), "run-1", school.stamp())
    assert open_questions(school) == {MISSING_REPORT: DAY_ONE, SAFEGUARDING: DAY_ONE}
    assert "designated safeguarding lead are being called" in received.sentence


def test_a_report_about_a_child_with_an_open_case_joins_it(school: School, before_the_dsl: str) -> None:
    assert missing_report.receive(school, report("P-1"), "run-1", school.stamp()).reference == before_the_dsl
    assert open_questions(school) == {MISSING_REPORT: DAY_ONE, SAFEGUARDING: ROUTINE}


def test_a_second_report_is_shown_in_the_open_question_and_calls_the_officer_again(school: School, reported: str, child: str) -> None:
    school.deliver(worker="test")
    calls = len(school.post.to(school.person("attendance_officer").email))
    missing_report.receive(school, report(child, where="At home", reported_by="CV1"), "run-2", school.stamp())
    school.deliver(worker="test")
    assert len(school.post.to(school.person("attendance_officer").email)) == calls + 1
    with school.transaction() as session:
        [review] = session.scalars(select(Review)).all()
        assert [r["by"] for r in review.dossier["reports"]] == ["TQA", "CV1"]


def test_no_machine_writes_to_the_parents_because_of_a_report_alone(school: School, reported: str) -> None:
    assert oversee.uncontacted_cases(school) == []


def test_where_a_register_shows_an_absence_as_well_parent_contact_begins(school: School, child: str) -> None:
    from cme.steps import day_one

    reference = missing_report.receive(school, report(child), "run-1", school.stamp()).reference
    school.write(a_pupil(flags=("at risk",)), {MONDAY: ("/", "N")})
    assert day_one.watch(school, school.stamp()).raised == [reference]
    assert oversee.uncontacted_cases(school) == [reference]


def test_the_officers_mail_says_find_out_now_and_names_no_child(school: School, reported: str) -> None:
    school.deliver(worker="test")
    [wire] = school.post.to(school.person("attendance_officer").email)
    text = wire.decode()
    assert "A CHILD IS REPORTED MISSING" in text and "/cme/dossier/" in text and "999" in text and reported in text
    assert not any(name in text for name in ("Quilla", "Bramblewick", "On the way to school", "P-1"))


# --- what comes of it ------------------------------------------------------------------------------------------------


def test_found_and_safe_closes_nothing_and_goes_to_the_dsl_as_routine(school: School, reported: str) -> None:
    assert established(school, reported, FOUND, where="In the school library, with a teacher").accepted
    assert state(school, reported) == "DSL review" and open_questions(school) == {SAFEGUARDING: ROUTINE}
    with school.transaction() as session:
        case = cases.by_reference(session, reported)
        assert case.closed_at is None and case.urgency == ROUTINE and not missing_report.still_missing(session, case)


@pytest.mark.parametrize("outcome", [NOT_ESTABLISHED, NOT_KNOWN])
def test_not_established_brings_the_dsl_at_once(school: School, reported: str, outcome: str) -> None:
    assert established(school, reported, outcome).accepted
    assert open_questions(school) == {SAFEGUARDING: DAY_ONE} and state(school, reported) == "DSL review"
    with school.transaction() as session:
        assert missing_report.still_missing(session, cases.by_reference(session, reported))


def test_the_officers_part_of_the_assessment_stands_in_the_dossier_of_the_dsl(school: School, reported: str) -> None:
    established(school, reported, NOT_KNOWN, known=[REASONS["forced_marriage"], REASONS["neglect_or_abuse"]])
    with school.transaction() as session:
        case = cases.by_reference(session, reported)
        [shown] = dossier_of(session, school, case)["reports"]
        assert shown["established"] == NOT_KNOWN and shown["known"] == ["forced_marriage", "neglect_or_abuse"]
        assert shown["tried"] == "Rang both parents, twice" and shown["established_by"] == "attendance_officer"
        [review] = session.scalars(select(Review).where(Review.kind == SAFEGUARDING)).all()
        assert review.dossier["reports"] == [shown]


def test_no_answer_in_time_brings_the_dsl_at_once_and_the_officer_may_still_answer(school: School, reported: str, set_clock: Clock) -> None:
    code = code_for(school, "attendance_officer")
    set_clock("2026-11-23T09:44:00")
    assert missing_report.unanswered(school, school.stamp()) == []
    set_clock("2026-11-23T09:45:00")
    assert missing_report.unanswered(school, school.stamp()) == [reported]
    assert open_questions(school) == {MISSING_REPORT: DAY_ONE, SAFEGUARDING: DAY_ONE}
    assert missing_report.unanswered(school, school.stamp()) == []
    set_clock("2026-11-23T10:20:00")
    said = {"outcome": FOUND, "where": "At home, seen by the mother", "tried": "Rang the mother", "known": [], "code": code}
    assert take_answer(school, reported, MISSING_REPORT, "late-d1-00000000", said, RUN).accepted
    assert open_questions(school) == {SAFEGUARDING: DAY_ONE}             # nothing slows down what has been hastened


def test_who_has_decided_since_is_not_asked_again_because_of_the_officers_silence(school: School, child: str, set_clock: Clock) -> None:
    reference = missing_report.receive(school, report(child, concern=WORRIED), "run-1", school.stamp()).reference
    ring(school, reference, SAFEGUARDING, OTHER_RUN, school.stamp())
    said = answer(code_for(school, "dsl"), decision=decisions.KEEP_ENQUIRING)
    assert take_answer(school, reference, SAFEGUARDING, "k0-d1-00000000", said, OTHER_RUN).accepted
    set_clock("2026-11-23T09:50:00")
    assert missing_report.unanswered(school, school.stamp()) == []
    ring(school, reference, MISSING_REPORT, RUN, school.stamp())
    assert established(school, reference, NOT_KNOWN).accepted             # but new facts are put before the DSL at once
    assert open_questions(school) == {SAFEGUARDING: DAY_ONE}


@pytest.mark.parametrize(("changes", "refusal"), [
    ({"outcome": "All is well"}, "what was established was not chosen"), ({"tried": " "}, "whom you tried"),
    ({"outcome": FOUND, "where": ""}, "but where, and who has seen the child"), ({"known": ["Bored"]}, "not one of the procedure's"),
    ({"known": "Neglect or abuse"}, "not one of the procedure's")])
def test_an_answer_that_is_not_whole_is_asked_again(school: School, reported: str, changes: dict[str, Any], refusal: str) -> None:
    taken = established(school, reported, changes.get("outcome", NOT_KNOWN), **{k: v for k, v in changes.items() if k != "outcome"})
    assert not taken.accepted and refusal in taken.refusal
    assert open_questions(school) == {MISSING_REPORT: DAY_ONE}


def test_a_child_found_later_is_recorded_by_a_person(school: School, reported: str) -> None:
    established(school, reported, NOT_KNOWN)
    missing_report.record_found(school, reported, "At an aunt's, seen by the police", school.stamp("dsl"))
    with school.transaction() as session:
        assert not missing_report.still_missing(session, cases.by_reference(session, reported))
    assert open_questions(school) == {SAFEGUARDING: DAY_ONE}             # found is not decided
    with pytest.raises(BadInput, match="no report of a child who is still missing"):
        missing_report.record_found(school, reported, "At an aunt's", school.stamp("dsl"))
    with pytest.raises(BadInput, match="not a role"):
        missing_report.record_found(school, reported, "At an aunt's", school.stamp("machine"))


def test_a_case_without_a_report_is_about_no_missing_child(school: School, before_the_dsl: str) -> None:
    with school.transaction() as session:
        assert not missing_report.still_missing(session, cases.by_reference(session, before_the_dsl))


def test_a_report_while_the_notification_is_on_its_way_loses_nothing(school: School, before_the_dsl: str) -> None:
    assert take_answer(school, before_the_dsl, SAFEGUARDING, "k1-d1-00000000", answer(code_for(school, "dsl")), RUN).accepted
    assert state(school, before_the_dsl) == "notifying"
    missing_report.receive(school, report("P-1", concern=WORRIED), "run-1", school.stamp())
    ring(school, before_the_dsl, MISSING_REPORT, OTHER_RUN, school.stamp())
    said = {"outcome": FOUND, "where": "At home", "tried": "Rang the mother", "known": [], "code": code_for(school, "attendance_officer")}
    assert take_answer(school, before_the_dsl, MISSING_REPORT, "k2-d1-00000000", said, OTHER_RUN).accepted
    assert state(school, before_the_dsl) == "notifying" and "action.chosen" in whats(school, before_the_dsl)


# --- a report never vanishes -----------------------------------------------------------------------------------------


def test_an_unknown_reference_is_kept_alarmed_and_told_to_the_officer_and_operations(school: School, child: str) -> None:
    received = missing_report.receive(school, report("P-999999"), "run-1", school.stamp())
    telephone = school.person("attendance_officer").telephone
    assert received.reference == "" and f"ring the attendance officer on {telephone} now" in received.sentence
    assert received.sentence.startswith("No pupil has the reference P-999999, so nobody is looking yet.")
    [waiting] = unread_report.unread(school)
    assert '"P-999999"' in waiting.given and '"tqa"' in waiting.given
    assert alarms(school) == [f"report:{waiting.number}"]
    school.deliver(worker="test")
    for role in ("attendance_officer", "operations"):
        [wire] = school.post.to(school.person(role).email)
        assert "names no known child" in wire.decode() and "P-999999" in wire.decode() and "TQA" in wire.decode()
    with school.transaction() as session:
        assert not session.scalars(select(Case)).all() and verify(session) == []


def test_the_same_unknown_report_read_twice_alarms_once_and_not_after_it_was_settled(school: School) -> None:
    for _ in range(2):
        missing_report.receive(school, report("P-999999"), "run-1", school.stamp())
    [waiting] = unread_report.unread(school)
    with pytest.raises(BadInput, match="ten characters"):
        unread_report.settle(school, waiting.number, "done", school.stamp("attendance_officer"))
    unread_report.settle(school, waiting.number, "Spoke to the teacher; reported again as P-1", school.stamp("attendance_officer"))
    assert alarms(school) == [] and unread_report.unread(school) == []
    missing_report.receive(school, report("P-999999"), "run-1", school.stamp())
    assert alarms(school) == [] and unread_report.unread(school) == []
    with pytest.raises(BadInput, match="no report"):
        unread_report.settle(school, waiting.number, "Spoke to the teacher again", school.stamp("attendance_officer"))


@pytest.mark.parametrize("given", [None, "lost", 7, [], {}, {"child": "Quilla Bramblewick"}, {"child": None}, {"child": "P-"}])
def test_a_report_that_names_nobody_in_any_form_is_kept_as_it_was_given(school: School, given: Any) -> None:
    received = missing_report.receive(school, given, "run-1", school.stamp())
    assert received.reference == "" and received.sentence.startswith("The report names no child, so nobody is looking yet.")
    assert len(unread_report.unread(school)) == 1 and "Bramblewick" not in received.sentence
    with school.transaction() as session:
        assert all("Bramblewick" not in alarm.sentence for alarm in session.scalars(select(Alarm)))
        assert all("Bramblewick" not in row.mail_subject for row in session.scalars(select(Outbox)))


@pytest.mark.usefixtures("as_owner")
def test_a_pupil_of_another_school_is_not_known_here(school: School, child: str) -> None:
    with school.transaction() as session:
        session.scalars(select(Pupil)).one().school = "330/0000"
    assert missing_report.receive(school, report(child), "run-1", school.stamp()).reference == ""


def test_a_known_child_is_looked_for_whatever_else_cannot_be_read_and_the_concern_counts(school: School, child: str) -> None:
    received = missing_report.receive(school, {"child": f" {child.lower()} ", "seen_at": "soon", "concern": "perhaps", "reported_by": "!"}, "run-1",
                                      school.stamp())
    assert received.reference and open_questions(school) == {MISSING_REPORT: DAY_ONE, SAFEGUARDING: DAY_ONE}
    with school.transaction() as session:
        [row] = session.scalars(select(MissingReport)).all()
        assert (row.last_seen_said, row.last_seen_where, row.last_seen_by, row.reported_by) == (("not readable as given",) * 4)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from(["child", "seen_on", "seen_at", "where", "seen_by", "reported_by", "concern", "x"]), inner,
                                      max_size=8), max_leaves=12))
def test_reading_never_fails_and_only_a_plain_no_is_no_concern(given_: Any) -> None:
    moment = clock.wall(MONDAY, "09:30")
    said = report_form.read(given_, moment)
    assert said.seen_at <= moment and all((said.seen, said.where, said.seen_by, said.reported_by))
    assert said.concern or (isinstance(given_, dict) and given_["concern"] == NOT_WORRIED)


@pytest.mark.parametrize(("on", "at", "seen", "words"), [
    ("Today", "09:10", "2026-11-23T09:10", "today (Monday 23 November 2026) at about 09:10"),
    ("Yesterday", "16:00", "2026-11-22T16:00", "yesterday (Sunday 22 November 2026) at about 16:00"),
    ("Earlier than yesterday", "08:00", "2026-11-21T08:00", "before yesterday, at about 08:00; the day was not said"),
    ("Today", "15:00", "2026-11-23T09:30", "today (Monday 23 November) at 15:00, as given: that is later than the report itself"),
    ("Today", "25:00", "2026-11-23T09:30", "not readable as given")])
def test_when_the_child_was_last_seen_is_kept_as_it_was_said(on: str, at: str, seen: str, words: str) -> None:
    said = report_form.read(report(seen_on=on, seen_at=at), clock.wall(MONDAY, "09:30"))
    assert (f"{clock.local(said.seen_at):%Y-%m-%dT%H:%M}", said.seen) == (seen, words)


def test_a_reference_says_nothing_about_the_child(school: School, child: str) -> None:
    assert re.fullmatch(report_form.CHILD, child)
    with school.transaction() as session:
        assert child == f"P-{session.scalars(select(Pupil.id)).one()}"


def test_the_sweep_and_the_run_may_read_a_report_at_once(school: School, child: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: missing_report.receive(school, report(child if n % 2 else "P-999999"), f"run-{n % 2}", school.stamp()), range(8)))
    assert {received.reference for received in found} == {"CME-2026-0001", ""}
    with school.transaction() as session:
        assert len(session.scalars(select(MissingReport)).all()) == 1 and len(session.scalars(select(Quarantine)).all()) == 1
        assert not session.scalars(select(Decision)).all() and CONTACT_OUTCOME not in {r.kind for r in session.scalars(select(Review))}


def test_the_authority_is_told_when_the_child_was_last_seen_and_the_history_what_was_tried(school: School, reported: str) -> None:
    from cme.steps import notify, view

    established(school, reported, NOT_KNOWN)
    assert any("Tried: Rang both parents, twice" in line.why for line in view.history(school, reported))
    assert "Rang both parents" not in view.opaque_history(school, reported)
    asked = ring(school, reported, SAFEGUARDING, OTHER_RUN, school.stamp())
    assert asked is not None
    said = answer(code_for(school, "dsl"), agencies=decisions.NO)
    assert take_answer(school, reported, SAFEGUARDING, shown("k9", asked), said, OTHER_RUN).accepted
    assert notify.prepare(school, reported, school.stamp())
    school.deliver(worker="test")
    [wire] = school.post.to(school.policies.authority.mailbox)
    text = " ".join(message_from_bytes(wire, policy=policy.default).get_body(("plain",)).get_content().split())  # type: ignore[union-attr, attr-defined]
    assert "today (Monday 23 November 2026) at about 09:10, on the way to school, by a parent or carer" in text
    assert "reported missing by a member of staff" in text
