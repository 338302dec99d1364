"""A child taught here and on another school's roll: that school hears in the same session, and one school refers."""

from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from sqlalchemy import select
from tests.steps.school import MONDAY, School, a_pupil
from tests.steps.test_five_messages import attached, decided, mails

from cme.errors import BadInput
from cme.records import cases
from cme.records.alarms import open_alarms
from cme.records.history import events
from cme.records.tables import Action, HomeSchoolNotice, Outbox
from cme.steps import contact, home_school
from cme.steps.detect import detect
from cme.steps.dossier import dossier_of
from cme.steps.roll_change import RollChangeMade, roll_change_return

TANSY, BOX = "Tansy Hill Academy (invented)", "attendance@tansy-hill.example"
GUEST = {"registration": "guest", "home_school": TANSY}


def heard(school: School, box: str = BOX) -> list[EmailMessage]:
    school.deliver(worker="test")
    return [message_from_bytes(wire, policy=policy.default) for wire in school.post.to(box)]


def test_the_school_of_registration_hears_once_of_each_session_missed_without_a_known_reason(school: School) -> None:
    school.write(a_pupil(**GUEST), {MONDAY: ("N", "")})
    assert [home_school.watch(school, school.stamp()).told for _ in range(3)] == [1, 0, 0]
    school.write(a_pupil(**GUEST), {MONDAY: ("N", "O")})
    assert home_school.watch(school, school.stamp()).told == 1
    one, other = sorted(heard(school), key=lambda message: "afternoon" in message.get_content())
    text = " ".join(one.get_content().split())
    assert "Quilla Bramblewick" in text and "Monday 23 November 2026" in text and "morning" in text
    assert school.policies.codes.lookup("N", MONDAY).meaning in text
    assert one["Subject"].startswith("Absence of a child on your roll HOME-") and "Bramblewick" not in one["Subject"]
    assert "afternoon" in other.get_content() and one["Message-ID"] != other["Message-ID"]


@pytest.mark.parametrize(("pupil", "codes"), [
    ({"registration": "sole", "home_school": TANSY}, ("N", "N")), ({"registration": "dual-main", "home_school": TANSY}, ("N", "N")),
    (GUEST, ("/", "I")), (GUEST, ("D", "")), (GUEST, ("U", "L"))])
def test_nobody_hears_of_a_child_of_ours_nor_of_an_absence_with_a_known_reason(school: School, pupil: dict[str, str], codes: tuple[str, str]) -> None:
    school.write(a_pupil(**pupil), {MONDAY: codes})
    assert home_school.watch(school, school.stamp()).told == 0 and heard(school) == []


def test_a_mark_that_changes_is_told_as_a_correction_and_n_that_becomes_o_is_not(school: School) -> None:
    school.write(a_pupil(**GUEST), {MONDAY: ("N", "N")})
    home_school.watch(school, school.stamp())
    school.write(a_pupil(**GUEST), {MONDAY: ("O", "L")})
    done = [home_school.watch(school, school.stamp()) for _ in range(2)]
    assert [(d.told, d.corrected) for d in done] == [(0, 1), (0, 0)]
    [correction] = [m for m in heard(school) if m["Subject"].startswith("Correction")]
    assert "Our mark is now:" in correction.get_content() and "L (" in correction.get_content()
    school.write(a_pupil(**GUEST), {MONDAY: ("O", "N")})
    assert home_school.watch(school, school.stamp()).corrected == 1, "back to absent is told as well"


def test_a_mark_entered_the_next_morning_is_still_told_and_one_of_long_ago_is_not(school: School) -> None:
    friday, long_ago = MONDAY - timedelta(days=3), MONDAY - timedelta(days=6)
    school.write(a_pupil(**GUEST), {friday: ("/", "N"), long_ago: ("N", "N")})
    assert home_school.watch(school, school.stamp()).told == 1


def test_where_no_mailbox_is_held_a_person_is_asked_to_ring_and_an_alarm_stands_until_somebody_has(school: School) -> None:
    school.write(a_pupil(registration="guest", home_school="Unheard School (invented)"), {MONDAY: ("N", "")})
    [reference] = home_school.watch(school, school.stamp()).to_ring
    [letter] = heard(school, school.person("attendance_officer").email)
    assert reference in letter["Subject"] and "Bramblewick" not in letter.as_string() and "P-1" in letter.get_content()
    [notice] = home_school.notices(school, MONDAY, reference)
    assert (notice.child, notice.school, notice.by_mail) == ("Quilla Bramblewick", "Unheard School (invented)", False)
    with school.transaction() as session:
        assert [a.key for a in open_alarms(session)] == [f"home-school:{reference}"]
    with pytest.raises(BadInput, match="who at the school"):
        home_school.rung(school, reference, "", school.stamp("attendance_officer"))
    home_school.rung(school, reference, "Mx Example, their attendance officer", school.stamp("attendance_officer"))
    with school.transaction() as session:
        assert open_alarms(session) == []
        assert [e.what for e in events(session, reference)][0] == "home_school.told"


def guest_before_the_dsl(school: School, home: str) -> str:
    pupil = a_pupil(registration="guest", home_school=home)
    school.write(pupil, {day: ("N", "N") for day in school.school_days_before(MONDAY, 10)})
    [reference] = detect(school, MONDAY, school.stamp()).opened
    with school.transaction() as session:
        contact.to_dsl(school, session, cases.by_reference(session, reference), school.stamp(), "no answer")
    return reference


def test_a_guest_stands_on_no_roll_of_ours_and_so_makes_no_roll_change_return(school: School) -> None:
    school.write(a_pupil(**GUEST), {MONDAY: ("/", "")})
    with pytest.raises(BadInput, match="only that school makes this return"):
        roll_change_return(school, "P-1", RollChangeMade("entered", MONDAY), school.stamp("head"), send=True)


def test_a_referral_of_a_child_on_anothers_roll_goes_to_that_school_alone(school: School) -> None:
    reference = guest_before_the_dsl(school, TANSY)
    with school.transaction() as session:
        d = dossier_of(session, school, cases.by_reference(session, reference))
    assert {m["kind"]: m["passed_on"] for m in d["messages"]} == {"attendance_return": True, "cme_referral": True, "day_one_report": False}
    decided(school, reference)
    assert mails(school, school.policies.authority.mailbox) == [], "one referrer, no duplicates"
    [message] = [m for m in mails(school, BOX) if "CME referral" in m["Subject"]]
    text = " ".join(message.get_body(("plain",)).get_content().split())
    assert "The return or referral is yours to make" in text and f"leads of {TANSY}" in text
    assert set(attached(message)) == {f"{reference}.pdf"}, "the authority's own form is theirs to fill"
    with school.transaction() as session:
        assert session.scalars(select(Action.owner).where(Action.kind.like("Agree with the child's school%"))).all() == ["dsl"]


def test_where_that_school_cannot_be_written_to_the_authority_hears_from_us(school: School) -> None:
    reference = guest_before_the_dsl(school, "Unheard School (invented)")
    decided(school, reference)
    [message] = mails(school, school.policies.authority.mailbox)
    assert "Unheard School (invented)" in message.get_body(("plain",)).get_content()
    with school.transaction() as session:
        [event] = [e for e in events(session, reference) if e.what == "notification.rendered"]
        assert "has no mailbox" in event.data["not_passed_on"]
        assert session.scalars(select(Outbox.recipient).where(Outbox.kind == "la_cme_referral")).all() == [school.policies.authority.mailbox]
        assert len(session.scalars(select(HomeSchoolNotice)).all()) == 0
