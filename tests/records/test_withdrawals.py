"""A mark that its source takes back leaves a gap and stays in the history; a source that has lost its rows takes nothing."""

from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session
from tests.records.test_registers import CODES, MONDAY, SCHOOL, at, codes_of, now_in, register, store

from cme.records import registers
from cme.records.history import Stamp, events
from cme.records.registers import current_marks, read_one
from cme.records.tables import ExpectedRegister
from cme.sources import source as s
from cme.sources.source import Pulled

WHOLE = frozenset({(MONDAY, "session")})
EVERYBODY = tuple(s.Pupil(str(n), given=frozenset()) for n in range(1, 7))


def pull(session: Session, *documents: s.RegisterDocument, minute: int, whole: frozenset = WHOLE, **more: object) -> registers.PullResult:
    return store(session, *documents, when=at(9, minute), whole=whole, **{"pupils": EVERYBODY, **more})


def test_a_mark_taken_back_becomes_a_gap_that_says_what_stood_there(session: Session) -> None:
    pull(session, register("/ N L"), minute=5)
    result = pull(session, register({"1": "/", "3": "L"}), minute=10)
    assert codes_of(session) == {"1": "/", "2": "-", "3": "L"}
    assert list(now_in(session).extras.values()) == [{"withdrawn": "N"}]
    assert result.registers_changed == 1 and not result.doubts


def test_what_was_known_before_it_was_taken_back_is_still_known_as_of_then(session: Session) -> None:
    pull(session, register("/ N L"), minute=5)
    pull(session, register({"1": "/", "3": "L"}), minute=10)
    assert codes_of(session, known_at=at(9, 9))["2"] == "N"
    assert {m.code for marks in current_marks(session, SCHOOL, MONDAY, MONDAY, at(9, 9)).values() for m in marks} == {"/", "N", "L"}


def test_a_register_taken_back_as_a_whole_is_a_new_version_without_marks(session: Session) -> None:
    pull(session, register("/ N /"), register("/ /", slot="PM"), register({"4": "/", "5": "/", "6": "/"}, group="7B"), minute=5)
    result = pull(session, register("/ N /"), register({"4": "/", "5": "/", "6": "/"}, group="7B"), minute=10)
    gone = read_one(session, SCHOOL, MONDAY, "session", "PM", "7A")
    assert gone is not None and set(gone.marks.values()) == {"-"} and gone.status == "not taken"
    assert (result.registers_withdrawn, result.registers_changed, result.registers_unchanged) == (1, 1, 2)
    assert "1 registers with marks taken back" in events(session, "register")[-1].why


def test_a_second_reading_without_the_mark_writes_nothing_more(session: Session) -> None:
    pull(session, register("/ N L"), register("/ / /", slot="PM"), minute=5)
    pull(session, register({"1": "/", "3": "L"}), register("/ / /", slot="PM"), minute=10)
    for minute, whole in ((15, WHOLE), (20, frozenset())):
        assert not pull(session, register({"1": "/", "3": "L"}), register("/ / /", slot="PM"), minute=minute, whole=whole).changed
    assert codes_of(session)["2"] == "-"


def test_a_mark_that_comes_back_is_taken_from_the_source_again(session: Session) -> None:
    pull(session, register("/ N L"), minute=5)
    pull(session, register({"1": "/", "3": "L"}), minute=10)
    pull(session, register("/ M L"), minute=15)
    assert codes_of(session) == {"1": "/", "2": "M", "3": "L"} and now_in(session).extras == {}


def test_a_scope_that_was_not_read_to_the_end_takes_nothing_back(session: Session) -> None:
    pull(session, register("/ N L"), register("/ /", slot="PM"), minute=5)
    pull(session, register({"1": "/", "3": "L"}), minute=10, whole=frozenset())
    pull(session, register({"1": "/", "3": "L"}), minute=15, whole=frozenset({(MONDAY, "lesson"), (MONDAY - timedelta(days=1), "session")}))
    assert codes_of(session) == {"1": "/", "2": "N", "3": "L"} and set(codes_of(session, slot="PM").values()) == {"/"}


def test_an_empty_scope_where_marks_were_known_takes_nothing_back_and_is_told(session: Session) -> None:
    pull(session, register("/ N L"), minute=5)
    result = pull(session, minute=10)
    assert codes_of(session) == {"1": "/", "2": "N", "3": "L"} and not result.registers_changed
    [(scope, sentence)] = result.doubts
    assert scope == (MONDAY, "session") and "came with 0 marks where 3 more were known: nothing was taken back" in sentence
    assert result.outcome == sentence, "a pull that is not believed proves nothing about the registers of today"


@pytest.mark.parametrize(("left", "believed"), [(2, False), (3, True)])
def test_the_share_that_may_go_at_once_is_the_schools_number(session: Session, left: int, believed: bool) -> None:
    pull(session, register("/ / / / / /"), minute=5)
    result = pull(session, register(" ".join("/" * left)), minute=10)
    assert (not result.doubts) is believed and list(codes_of(session).values()).count("-") == (6 - left if believed else 0)


def test_a_person_who_says_that_it_is_gone_is_believed(session: Session) -> None:
    pull(session, register("/ N L"), minute=5)
    registers.store(session, SCHOOL, Pulled(whole=WHOLE, pupils=EVERYBODY), source="test", codes=CODES, loss_percent=100,
                    stamp=Stamp("operations", at(9, 15)), time_semantics=s.TimeSemantics.OBSERVED)
    assert set(codes_of(session).values()) == {"-"}


@pytest.mark.parametrize("pupils", [
    (s.Pupil("1", given=frozenset()), s.Pupil("2", left=date(2026, 11, 20), given=frozenset({"left"}))), (s.Pupil("1", given=frozenset()),)],
    ids=["who has left", "whom the source gives no longer"])
def test_a_pupil_keeps_every_mark(session: Session, pupils: tuple[s.Pupil, ...]) -> None:
    pull(session, register("/ N"), minute=5)
    result = pull(session, register({"1": "/"}), minute=10, pupils=pupils)
    assert codes_of(session) == {"1": "/", "2": "N"} and not result.doubts


def test_a_pupil_who_is_moved_to_another_group_has_one_mark_and_no_loss_is_doubted(session: Session) -> None:
    pull(session, register("/ N"), register({"3": "/", "4": "/"}, group="7B"), minute=5)
    assert not pull(session, register({"1": "/"}), register({"2": "N", "3": "/", "4": "/"}, group="7B"), minute=10).doubts
    assert codes_of(session) == {"1": "/", "2": "-"} and codes_of(session, group="7B")["2"] == "N"
    assert [[m.code for m in marks] for marks in current_marks(session, SCHOOL, MONDAY, MONDAY).values()] == [["/"], ["N"], ["/"], ["/"]]


def expected(group: str, slot: str = "AM") -> s.ExpectedRegister:
    return s.ExpectedRegister(MONDAY, "session", slot, group, at(9, 0), at(12, 0), ("T1",))


def required(session: Session) -> dict[str, tuple[bool, str]]:
    return {e.group_key: (e.required, e.not_required_reason) for e in session.query(ExpectedRegister)}


def test_a_register_that_left_the_timetable_is_no_longer_required(session: Session) -> None:
    pull(session, minute=5, expected=(expected("7A"), expected("7B")), expected_whole=frozenset({MONDAY}))
    pull(session, minute=10, expected=(expected("7A"),), expected_whole=frozenset({MONDAY}))
    assert required(session) == {"7A": (True, ""), "7B": (False, "no longer in the source's timetable")}
    assert not pull(session, minute=15, expected=(expected("7A"),), expected_whole=frozenset({MONDAY})).changed


@pytest.mark.parametrize("whole", [frozenset(), frozenset({MONDAY})], ids=["not read to the end", "empty"])
def test_a_timetable_that_was(session: Session, whole: frozenset[date]) -> None:
    pull(session, minute=5, expected=(expected("7A"), expected("7B")), expected_whole=frozenset({MONDAY}))
    pull(session, minute=10, expected=() if whole else (expected("7A"),), expected_whole=whole)
    assert all(needed for needed, _ in required(session).values()), "then every register stays required"
