"""The reference of a child is found by its name, on the machine only."""

from datetime import date

import pytest
from tests.steps.school import MONDAY, School, a_pupil

from cme.errors import BadInput
from cme.steps.find_pupil import find


@pytest.fixture(autouse=True)
def children(school: School) -> None:
    for n, (forename, surname, left) in enumerate([("Quilla", "Bramblewick", None), ("\u0141ukasz", "Brambleford", None),
                                                   ("Quill", "Thornby", date(2026, 7, 1)), ("Odd_one", "100%", None)]):
        school.write(a_pupil(mis_id=f"P{n}", forename=forename, surname=surname, left=left, group=f"G{n}"), {MONDAY: ("/", "-")})


def names(school: School, part: str) -> list[str]:
    return [found.name for found in find(school, part)]


def test_part_of_a_name_in_any_order_and_capitals_finds_the_child(school: School) -> None:
    for part in ("quilla", "WICK", "bramblewick quilla", " Quil  Bram "):
        assert names(school, part) == ["Quilla Bramblewick"], part
    [child] = find(school, "quilla")
    assert (child.reference[:2], child.group, child.left) == ("P-", "G0", "")


def test_letters_beyond_english_are_found_as_they_are_written(school: School) -> None:
    assert names(school, "\u0142UK") == ["\u0141ukasz Brambleford"]


def test_who_has_left_comes_last_and_is_said_to_have_left(school: School) -> None:
    found = find(school, "quill")
    assert [child.name for child in found] == ["Quilla Bramblewick", "Quill Thornby"] and found[1].left == "left on 1 July 2026"


def test_wildcards_are_letters_like_others(school: School) -> None:
    assert names(school, "0%") == ["Odd_one 100%"] and names(school, "d_o") == ["Odd_one 100%"] and names(school, "Q_il") == []


def test_a_single_letter_or_a_part_that_everybody_has_is_refused(school: School) -> None:
    with pytest.raises(BadInput, match="two letters"):
        find(school, " a ")
    for n in range(31):
        school.write(a_pupil(mis_id=f"M{n}", surname="Manyfold", group=f"M{n}"), {MONDAY: ("/", "-")})
    with pytest.raises(BadInput, match="more than 30"):
        find(school, "manyfold")


@pytest.mark.usefixtures("as_owner")
def test_pupils_of_another_school_are_not_found(school: School) -> None:
    from sqlalchemy import update

    from cme.records.tables import Pupil

    with school.transaction() as session:
        session.execute(update(Pupil).values(school="330/0000"))
    assert names(school, "quilla") == []
