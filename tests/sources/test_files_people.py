"""Pupils, contacts and staff from files: what is not given is not claimed, what cannot be read ends nothing."""

import os
from datetime import date
from pathlib import Path

from cme.sources.files import CsvFile, CsvFolder
from cme.sources.source import Contact, Professional, Pulled, Staff

REGISTER = "date,session,group,pupil_id,mark\n2026-11-23,AM,7A,1,/\n"


def pull(folder: Path, **files: str) -> Pulled:
    for name, text in {"registers": REGISTER, **files}.items():
        (folder / f"{name}.csv").write_text(text)
        os.utime(folder / f"{name}.csv", (1e9, 1e9))
    return CsvFolder(folder, clock=lambda: 2e9).pull(None)


def test_a_pupil_carries_what_the_file_gives_and_says_what_that_is(tmp_path: Path) -> None:
    pupil = pull(tmp_path, pupils="Pupil ID,Forename,Surname,Date of Birth,Admitted,Left,Registration,Expected pattern,Flags\n"
                                  "1,Zoë,Quillfeather,2012-03-04,01/09/2026,,Dual main,"
                                  "tueam MonPM,EHCP; social worker\n").pupils[0]
    assert (pupil.forename, pupil.surname, pupil.born, pupil.admitted) == ("Zoë", "Quillfeather", date(2012, 3, 4),
                                                                           date(2026, 9, 1))
    assert (pupil.registration, pupil.expected_pattern, pupil.flags) == ("dual-main", "MonPM TueAM", ("EHCP", "social worker"))
    assert pupil.given == {"forename", "surname", "born", "admitted", "left", "registration", "expected_pattern", "flags",
                           "group"}


def test_contacts_come_in_order_of_their_priority(tmp_path: Path) -> None:
    pulled = pull(tmp_path,
                  contacts="pupil_id,name,priority,email,do_not_contact\n1,B Marrowby,2,b@home.example,\n1,A Marrowby,1,,YES\n")
    assert pulled.pupils[0].contacts == (Contact("A Marrowby", priority=1, do_not_contact=True),
                                         Contact("B Marrowby", priority=2, email="b@home.example"))


def test_a_pupil_without_a_contact_row_has_no_contact_and_says_so(tmp_path: Path) -> None:
    pupil = pull(tmp_path, contacts="pupil_id,name\n2,A Marrowby\n").pupils[0]
    assert pupil.contacts == () and pupil.given is not None and "contacts" in pupil.given


def test_a_contact_row_that_cannot_be_read_ends_no_known_contact_of_that_pupil(tmp_path: Path) -> None:
    pulled = pull(tmp_path, contacts="pupil_id,name,do_not_contact\n1,A Marrowby,\n1,B Marrowby,perhaps\n2,C Marrowby,\n")
    first, second = pulled.pupils
    assert first.given is not None and "contacts" not in first.given
    assert second.given is not None and "contacts" in second.given
    assert [row.line for row in pulled.bad_rows] == [3]


def test_a_contacts_file_that_cannot_be_read_ends_no_contact_at_all(tmp_path: Path) -> None:
    pupil = pull(tmp_path, contacts="pupil,name\n1,A Marrowby\n").pupils[0]
    assert pupil.given is not None and "contacts" not in pupil.given


def test_two_different_rows_of_one_pupil_are_both_quarantined_and_the_marks_stay(tmp_path: Path) -> None:
    pulled = pull(tmp_path, pupils="pupil_id,surname\n1,Quillfeather\n1,Marrowby\n1,Marrowby\n2,Vex\n2,Vex\n")
    assert [row.line for row in pulled.bad_rows] == [2, 3, 4]
    assert [(p.mis_id, p.surname) for p in pulled.pupils] == [("1", ""), ("2", "Vex")] and len(pulled.registers) == 1
    assert pulled.rows_read == pulled.rows_accepted + 3 == 6


def test_a_pattern_or_registration_nobody_knows_is_refused(tmp_path: Path) -> None:
    pulled = pull(tmp_path, pupils="pupil_id,expected_pattern,registration\n1,SatAM,\n2,,triple\n")
    assert len(pulled.bad_rows) == 2


def test_a_register_export_alone_gives_its_pupils_and_their_contacts(tmp_path: Path) -> None:
    (tmp_path / "export.csv").write_text(
        "date,session,group,pupil_id,mark,forename,surname,date_of_birth,"
        "contact_1_name,contact_1_email,contact_2_name,contact_2_email\n"
        "2026-11-20,AM,7A,1,N,Ottoline,Marrowby,2012-03-04,P Marrowby,p@home.example,,\n"
        "2026-11-23,AM,7A,1,N,Ottoline,Marrowby,2012-03-04,P Marrowby,p@home.example,Q Marrowby,\n")
    pupil, = CsvFile(tmp_path / "export.csv").pull(None).pupils
    assert (pupil.surname, pupil.born, pupil.group) == ("Marrowby", date(2012, 3, 4), "7A")
    assert [(c.priority, c.name, c.email) for c in pupil.contacts] == [(1, "P Marrowby", "p@home.example"), (2, "Q Marrowby", "")]


def test_an_empty_cell_in_a_register_export_says_nothing_and_in_a_list_of_pupils_that_there_is_nothing(tmp_path: Path) -> None:
    export = ("date,session,group,pupil_id,mark,surname,home_school,contact_1_name\n"
              "2026-11-20,AM,7A,1,/,Marrowby,,P Marrowby\n2026-11-23,AM,7A,1,/,,,\n")
    pupil, = pull(tmp_path, registers=export).pupils
    assert (pupil.surname, len(pupil.contacts), pupil.given) == ("Marrowby", 1, {"surname", "group", "contacts"})
    pupil, = pull(tmp_path, registers=export, pupils="pupil_id,home_school\n1,\n").pupils
    assert pupil.given == {"surname", "group", "contacts", "home_school"}


def test_a_slip_in_a_pupils_details_does_not_cost_the_mark(tmp_path: Path) -> None:
    pulled = pull(tmp_path, registers="date,session,group,pupil_id,mark,date_of_birth\n2026-11-23,AM,7A,1,N,4th of March\n")
    assert pulled.registers[0].marks[0].code == "N" and pulled.registers[0].complete
    assert "details of pupils could not be read (first in line 2)" in pulled.notes[0]


def test_a_second_and_different_row_of_a_staff_code_is_quarantined(tmp_path: Path) -> None:
    pulled = pull(tmp_path, staff="Staff code,Name,Email\nT1,P. Vex,vex@school.example\nT1,Q. Vex,\nT2,R. Vex,\n")
    assert pulled.staff == (Staff("T1", "P. Vex", "vex@school.example"), Staff("T2", "R. Vex")) and len(pulled.bad_rows) == 1


def test_what_forbids_contact_is_read_for_each_contact_and_never_guessed(tmp_path: Path) -> None:
    pulled = pull(tmp_path, contacts="pupil_id,name,court_order,parental_responsibility,interpreter\n1,A Marrowby,yes,no,yes\n1,B Marrowby,,,\n2,C Vex,,maybe,\n")
    assert pulled.pupils[0].contacts == (Contact("A Marrowby", priority=1, court_order=True, no_responsibility=True, interpreter=True),
                                         Contact("B Marrowby", priority=2))
    assert [row.reason for row in pulled.bad_rows] == ["parental_responsibility is neither yes nor no: write yes or no"]


def test_the_columns_of_numbered_contacts_say_the_same(tmp_path: Path) -> None:
    pulled = pull(tmp_path, pupils="pupil_id,contact_1_name,contact_1_court_order,contact_1_parental_responsibility\n1,A Marrowby,no,yes\n")
    assert pulled.pupils[0].contacts == (Contact("A Marrowby"),)


def test_a_pupil_carries_the_professionals_who_hear_of_absences(tmp_path: Path) -> None:
    first, second = pull(tmp_path, pupils="pupil_id,social_worker_email,youth_justice_name,virtual_school_email\n"
                                          "1,sw@children.example,T. Example,\n2,,,\n").pupils
    assert first.professionals == (Professional("social worker", email="sw@children.example"), Professional("youth justice worker", "T. Example"))
    assert second.professionals == () and second.given is not None and "professionals" in second.given
