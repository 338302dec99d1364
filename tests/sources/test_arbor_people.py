"""Arbor's people: who teaches and covers a lesson, where it is, when a pupil came and left, and whom to contact."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from cme.sources.arbor import ArborSource
from cme.sources.http_api import Patience
from cme.sources.source import Contact, Pulled, Staff
from tests.sources.one_school import FRIDAY, MARKS, MONDAY
from tests.sources.stub_server import Reply
from tests.sources.vendor_stubs import ArborStub

ref = ArborStub.ref


def person(number: int, first: str, last: str) -> dict[str, Any]:
    return {"href": f"/rest-v2/persons/{number}", "preferredFirstName": first, "legalLastName": last}


@pytest.fixture
def arbor() -> Iterator[ArborStub]:
    with ArborStub() as stub:
        stub.page_cap = 50
        rows = stub.rows
        rows["persons"] += [person(71, "Tansy", "Quarrelby"), person(72, "Odo", "Fennimore"), person(81, "Aoife", "Quillfeather"), person(82, "Bram", "Quillfeather")]
        rows["staffs"] = [{"href": f"/rest-v2/staffs/{n}", "person": ref("Person", "persons", 70 + n)} for n in (1, 2)]
        rows["academic-unit-leads"] = [
            {"href": f"/rest-v2/academic-unit-leads/{n}", "academicUnit": ref("AcademicUnit", "academic-units", 1), "staff": ref("Staff", "staffs", staff),
             "startDate": "2026-09-01", "endDate": end} for n, staff, end in ((1, 1, None), (2, 3, "2026-10-31"))]
        rows["cover-arrangements"] = [
            {"href": "/rest-v2/cover-arrangements/5", "coverRequirement": ref("CoverRequirement", "cover-requirements", 6), "coveringStaff": ref("Staff", "staffs", 2),
             "coverStartDatetime": f"{MONDAY} 08:50:00", "notAgreedDatetime": None},
            {"href": "/rest-v2/cover-arrangements/7", "coverRequirement": ref("CoverRequirement", "cover-requirements", 6), "coveringStaff": ref("Staff", "staffs", 4),
             "coverStartDatetime": f"{MONDAY} 08:50:00", "notAgreedDatetime": f"{MONDAY} 08:00:00"}]
        rows["cover-requirements"] = [{"href": "/rest-v2/cover-requirements/6", "coverEvent": ref("Session", "sessions", 1)}]
        rows["sessions"][0] |= {"location": {**ref("Room", "rooms", 9), "displayName": "R9"}}
        rows["educational-institution-enrolments"] = [
            {"href": f"/rest-v2/educational-institution-enrolments/{n}", "student": ref("Student", "students", pupil), "entryDate": entry, "leavingDate": left}
            for n, pupil, entry, left in ((1, "12", "2020-09-01", "2023-07-21"), (2, "12", "2024-09-02", None), (3, "13", "2023-09-04", "2026-11-20"))]
        rows["guardians"] = [{"href": f"/rest-v2/guardians/{n}", "person": ref("Person", "persons", 80 + n)} for n in (1, 2)]
        rows["student-guardian-relationships"] = [
            {"href": f"/rest-v2/student-guardian-relationships/{n}", "student": ref("Student", "students", "12"), "guardian": ref("Guardian", "guardians", n),
             "guardianRelationshipType": {**ref("GuardianRelationshipType", "guardian-relationship-types", n), "displayName": kind}, "isLegalGuardian": legal,
             "isPrimaryGuardian": n == 1, "emergencyContactPriority": None, "unsubscribedFromComms": False} for n, kind, legal in ((2, "Uncle", False), (1, "Mother", True))]
        rows["email-addresses"] = [
            {"href": f"/rest-v2/email-addresses/{n}", "emailAddressOwner": owner, "emailAddress": mail, "dataOrder": order} for n, owner, mail, order in (
                (1, ref("Guardian", "guardians", 1), "second@home.example", 2), (2, ref("Guardian", "guardians", 1), "aoife@home.example", 1),
                (3, ref("Person", "persons", 71), "tquarrelby@school.example", None))]
        rows["telephone-numbers"] = [{"href": "/rest-v2/telephone-numbers/1", "numberOwner": ref("Person", "persons", 82), "number": "0121 496 0102"}]
        yield stub


def pull(stub: ArborStub, **more: Any) -> Pulled:
    return ArborSource(stub.url, "app", lambda: "open-sesame", patience=Patience(sleep=lambda _: None), **more).pull([FRIDAY, MONDAY])


def test_a_lesson_has_its_room_its_teachers_of_that_day_and_the_one_who_agreed_to_cover(arbor: ArborStub) -> None:
    pulled = pull(arbor)
    [maths] = [e for e in pulled.expected if e.group == "7A/Ma"]
    assert (maths.staff, maths.cover, maths.rooms) == (("1", "2"), ("2",), ("R9",))
    [english] = [e for e in pulled.expected if e.group == "7A/En"]
    assert (english.staff, english.rooms) == ((), ())
    assert pulled.staff == (Staff("1", "Tansy Quarrelby", "tquarrelby@school.example"), Staff("2", "Odo Fennimore"))


def test_a_pupil_has_the_last_enrolment_and_the_guardians_and_a_machine_writes_to_the_legal_one_only(arbor: ArborStub) -> None:
    twelve, thirteen, fourteen = pull(arbor).pupils
    assert (twelve.admitted, twelve.left, thirteen.left) == (date(2024, 9, 2), None, FRIDAY)
    assert twelve.contacts == (Contact("Aoife Quillfeather", "Mother", 1, "aoife@home.example"),
                               Contact("Bram Quillfeather", "Uncle", 99, "", "0121 496 0102", do_not_contact=True))
    assert fourteen.contacts == () and fourteen.given is not None and "contacts" in fourteen.given and "admitted" not in fourteen.given


def test_a_list_without_a_right_costs_itself_and_no_known_contact_ends(arbor: ArborStub) -> None:
    arbor.plan.append(("telephone-numbers", Reply(403)))
    pulled = pull(arbor)
    assert all(p.given is not None and "contacts" not in p.given for p in pulled.pupils) and pulled.pupils[0].admitted == date(2024, 9, 2)
    assert [note.partition(",")[0] for note in pulled.notes] == ["telephone-numbers could not be read"] and not pulled.gaps
    assert sum(len(r.marks) for r in pulled.registers if r.kind == "session") == len(MARKS)


def test_people_are_read_with_the_whole_window_and_who_covers_at_every_pull(arbor: ArborStub) -> None:
    cursor = pull(arbor).cursor
    arbor.asked.clear()
    again = pull(arbor, cursor=cursor)
    asked = {path.rpartition("/")[2] for path, _, _ in arbor.asked}
    assert "guardians" not in asked and {"academic-unit-leads", "cover-arrangements"} <= asked and again.staff == ()
    assert all(p.given is not None and not p.given & {"contacts", "admitted", "left"} for p in again.pupils)
