"""Reading a register by columns and reading it mark by mark are two ways to the same content."""

import hashlib
import json
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cme.config.policies import load
from cme.records.named import Naming, PupilsInOrder
from cme.records.pupils import Roll
from cme.records.register_columns import Columns, columns_of
from cme.records.register_content import CodesOf, Content, Held, Known, Seen, content_of
from cme.rules.marks import CodeTable, LocalCode
from cme.sources.source import Mark, RegisterDocument, TimeSemantics

DAY = date(2026, 11, 23)
SEEN = datetime(2026, 11, 23, 9, 5, tzinfo=timezone.utc)
TABLE = CodeTable(load().codes.codes, (LocalCode("I01", "I"), LocalCode("late", "L", valid_to=date(2026, 12, 31))))
# numbers not in the order of the names, as in a school whose pupils came one by one
IDS = {"1": 40, "2": 7, "3": 19, "4": 3, "5": 55, "a": 21, "b": 22}
ROLL = Roll(dict(IDS), {40: (None, None, ""), 7: (None, date(2026, 11, 20), ""), 19: (date(2026, 12, 1), None, ""),
                        3: (None, None, "MonPM TueAM"), 55: (date(2026, 9, 1), date(2027, 7, 1), "MonAM"), 21: (None, None, ""),
                        22: (None, DAY, "")})

raw_marks = st.sampled_from(["/", "\\", "N", "L", "C1", "#", "-", "", " - ", " N ", "I01", "late", "H", "zz", "\u00e9", "n", "--"])
marks = st.builds(Mark, st.sampled_from(sorted(IDS)), raw_marks, st.none() | st.integers(0, 90), st.sampled_from(["", "", "bus"]))
once_each = st.lists(marks, max_size=7, unique_by=lambda mark: mark.pupil)
documents = st.builds(RegisterDocument, st.just(DAY), st.sampled_from(["session", "lesson"]), st.sampled_from(["AM", "PM", "P1"]), st.just("7A"),
                      st.one_of(once_each, once_each, st.lists(marks, max_size=4)).map(tuple),
                      st.none() | st.sampled_from([SEEN - timedelta(minutes=n) for n in (1, 30)]), st.sampled_from(["", "T1"]), st.booleans())
seens = st.builds(Seen, st.sampled_from(TimeSemantics), st.just(SEEN), st.none() | st.just(SEEN - timedelta(minutes=5)))


def mark_by_mark(document: RegisterDocument, before: Content | None, seen: Seen) -> Content:
    return content_of(document, *kept(before), ROLL, CodesOf(TABLE, DAY), seen)


def kept(content: Content | None) -> tuple[Known, Held] | tuple[None, None]:
    """What the records hold once ``content`` was written."""
    if content is None:
        return None, None
    return (Known(1, content.pupils.hash, content.taken_from, content.taken_to, content.basis, content.hash()),
            Held(content.pupils.numbers, content.marks, content.extras))


def by_columns(document: RegisterDocument) -> Columns:
    columns = columns_of(document, Naming(), CodesOf(TABLE, DAY))
    columns.named.place(IDS)
    return columns


@given(st.lists(documents, min_size=1, max_size=4), seens)
@settings(max_examples=600, deadline=None)
def test_whatever_a_register_holds_both_ways_give_the_same_content_the_same_hash_and_the_same_refusals(
        following: list[RegisterDocument], seen: Seen) -> None:
    before: Content | None = None
    for document in following:
        careful = mark_by_mark(document, before, seen)
        columns = by_columns(document)
        if columns.suffice(kept(before)[0]):
            quick = columns.content(*kept(before), ROLL, seen)
            assert quick == careful and quick.hash() == careful.hash()
        before = careful


@given(once_each, once_each, seens)
@settings(deadline=None)
def test_the_columns_suffice_for_a_new_register_and_for_the_same_pupils_again(first: list[Mark], codes: list[Mark], seen: Seen) -> None:
    document = RegisterDocument(DAY, "session", "AM", "7A", tuple(first))
    assert by_columns(document).suffice(None)
    known, _ = kept(mark_by_mark(document, None, seen))
    again = [replace(mark, code=codes[at].code if at < len(codes) else "N") for at, mark in enumerate(reversed(first))]
    assert by_columns(replace(document, marks=tuple(again))).suffice(known)


@pytest.mark.parametrize("marks", [("1", "2", "1"), ("1", "2", "3"), ("1",), ("1", "3")])
def test_a_pupil_named_twice_and_pupils_who_came_or_went_are_looked_at_one_by_one(marks: tuple[str, ...]) -> None:
    known, _ = kept(mark_by_mark(RegisterDocument(DAY, "session", "AM", "7A", (Mark("1", "/"), Mark("2", "/"))), None,
                                 Seen(TimeSemantics.NONE, SEEN, None)))
    assert not by_columns(RegisterDocument(DAY, "session", "AM", "7A", tuple(Mark(name, "/") for name in marks))).suffice(known)


def test_the_hash_is_that_of_the_content_as_json_so_that_what_was_stored_before_stays_unchanged() -> None:
    document = RegisterDocument(DAY, "session", "PM", "7A", (Mark("1", "\\"), Mark("4", "L", 12, "bus \u201clate\u201d")), SEEN, "T1")
    content = by_columns(document).content(None, None, ROLL, Seen(TimeSemantics.FIRST_COMPLETED, SEEN, None))
    text = ('[[3,40],"L \\\\ ",{"3":{"minutes_late":12,"note":"bus \\u201clate\\u201d"}},"taken","2026-11-23T09:05:00+00:00",'
            '"2026-11-23T09:05:00+00:00","first_completed","T1"]')
    assert json.loads(text)[1] == content.marks.decode()
    assert content.hash() == hashlib.sha256(text.encode()).digest()


@pytest.mark.parametrize("numbers", [(), (7,), (3, 40, 9007199254740993)])
def test_a_roster_is_found_by_the_hash_of_its_numbers(numbers: tuple[int, ...]) -> None:
    assert PupilsInOrder(numbers).hash == hashlib.sha256(",".join(str(n) for n in numbers).encode()).digest()


def test_a_name_that_is_not_known_yet_is_named_and_nobody_is_placed() -> None:
    columns = columns_of(RegisterDocument(DAY, "session", "AM", "7A", (Mark("1", "/"), Mark("9", "/"))), Naming(), CodesOf(TABLE, DAY))
    assert columns.named.place(IDS) == {"9"} and columns.named.pupils is None
    assert columns.named.place({**IDS, "9": 2}) == set()
    assert columns.named.pupils == PupilsInOrder((2, 40))
