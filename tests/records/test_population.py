"""The screen of the stored registers names every pupil in whom the readable rules find something that opens a case."""

import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cme.clock import wall
from cme.config.policies import load
from cme.records import population, registers
from cme.records.history import Stamp
from cme.records.population import Population, candidates, populations, pupils_on_roll
from cme.records.sheets import Sheet, sheets
from cme.records.tables import Pupil as PupilRow
from cme.rules.book import RuleBook
from cme.rules.judge import judge
from cme.rules.numbered_marks import Legend
from cme.rules.screen import SESSIONS, Screening
from cme.sources import demo_school
from cme.sources.demo_school import DEMO_DAY
from cme.sources.files import CsvFolder
from cme.sources.source import Mark, Pulled, Pupil, RegisterDocument, TimeSemantics

SCHOOL, OTHER = "330/1999", "330/2998"
POLICIES = load()
BOOK = POLICIES.rule_book()
EASY = BOOK.with_value("continuous_absence", 4).with_value("cumulative_absence", 6)
START, AS_OF = date(2025, 9, 1), date(2026, 11, 23)
MORNING = datetime(2026, 11, 23, 9, 0, tzinfo=timezone.utc)
DAYS = list(POLICIES.calendar.school_days(date(2026, 6, 15), AS_OF))


def store(session: Session, documents: Sequence[RegisterDocument], people: Sequence[Pupil] = (), *, school: str = SCHOOL,
          when: datetime = MORNING) -> None:
    registers.store(session, school, Pulled(registers=tuple(documents), pupils=tuple(people)), source="test",
                    codes=POLICIES.codes, stamp=Stamp("machine", when), time_semantics=TimeSemantics.OBSERVED)


def found_by_the_rules(session: Session, book: RuleBook, as_of: date = AS_OF, known_at: datetime | None = None,
                       school: str = SCHOOL) -> list[int]:
    return [record.pupil_id for record in registers.pupil_records(session, school, as_of, START, known_at)
            if any(f.opens_case for f in judge(record, as_of, book))]


def register(day: date, slot: str, group: str, marks: dict[str, str]) -> RegisterDocument:
    return RegisterDocument(day, "session", slot, group, tuple(Mark(pupil, code) for pupil, code in marks.items()))


def absent(pupil: str, group: str, days: Sequence[date], code: str = "N") -> list[RegisterDocument]:
    return [register(day, slot, group, {pupil: code}) for day in days for slot in SESSIONS]


def laid_out(part: Population, until: date = AS_OF) -> tuple[list[date], list[list[list[str]]]]:
    """The days, and the codes of (day, session, pupil)."""
    screening = Screening(BOOK, AS_OF)
    days, marks = part.laid_out(screening, np.arange(len(part.pupils)), START, until)
    return days, np.array([*screening.legend.codes, "either"])[marks].tolist()


def disputed_in(part: Population) -> set[int]:
    """In whom two registers of one session differ, one of them counting: found mark by mark."""
    seen: dict[tuple[int, int], set[str]] = {}
    for sheet in part.sheets:
        for session_number, marks in zip(sheet.sessions.tolist(), sheet.marks, strict=True):
            for pupil, code in zip(sheet.pupils.tolist(), Legend.of(BOOK.codes).numbers(marks.tobytes()).tolist(), strict=True):
                seen.setdefault((pupil, session_number), set()).add(code)
    return {pupil for (pupil, _), codes in seen.items() if len(codes - {0}) > 1}


# --- random schools ---------------------------------------------------------------------------------------------------

def random_people(chance: Random, count: int = 30) -> list[Pupil]:
    patterns = ("", "", "", "MonAM TueAM WedAM ThuAM FriAM", "TueAM TuePM ThuAM")
    return [Pupil(str(n), group=chance.choice("AB"), born=chance.choice((None, date(2013, 5, 1), date(2010, 5, 1), date(2021, 9, 2))),
                  admitted=chance.choice((None, date(2025, 1, 6), date(2026, 9, 14))),
                  left=chance.choice((None, None, None, date(2026, 8, 31), date(2026, 9, 1), date(2026, 10, 20))),
                  registration=chance.choice(("sole", "dual-main")), expected_pattern=chance.choice(patterns))
            for n in range(count)]


def random_registers(chance: Random, people: Sequence[Pupil]) -> list[RegisterDocument]:
    """Spells of absence, dual registration and no mark; some pupils move between groups, and some stand in both for a while."""
    away = {p.mis_id: chance.choice(("", "", "N", "N", "O", "D", "-", "I")) for p in people}
    made = []
    for day in DAYS:
        for p in people:
            if chance.random() < 0.12:
                away[p.mis_id] = chance.choice(("", "", "N", "O", "D", "-", "I"))
        for slot in SESSIONS:
            for group in "AB":
                of_group = [p for p in people if p.group == group or (chance.random() < 0.05 and int(p.mis_id) % 5 == 0)]
                marks = {p.mis_id: (away[p.mis_id] or "/") if chance.random() > 0.04 else chance.choice("/N-U") for p in of_group}
                made.append(register(day, slot, group, marks))
    return made


@pytest.mark.parametrize("seed", range(4))
def test_nobody_whom_the_rules_find_is_left_out_of_a_random_school(session: Session, seed: int) -> None:
    chance = Random(seed)
    people = random_people(chance)
    documents = random_registers(chance, people)
    store(session, documents, people, when=MORNING - timedelta(days=1))
    store(session, [d for d in random_registers(chance, people) if chance.random() < 0.1], when=MORNING)
    for book in (EASY, BOOK):
        for as_of in (AS_OF, date(2026, 9, 3), date(2026, 7, 10)):
            for known_at in (None, MORNING - timedelta(hours=1)):
                named = set(candidates(session, [SCHOOL], as_of, START, book, known_at))
                found = set(found_by_the_rules(session, book, as_of, known_at))
                disputed = {n for part in populations(session, [SCHOOL], as_of, START, known_at) for n in disputed_in(part)}
                assert found <= named, (as_of, known_at)
                assert named - found <= disputed, "beside those whose registers disagree, nobody is named in vain"
    assert found_by_the_rules(session, EASY), "a school in which nobody is found would prove nothing"


def test_the_demonstration_school_has_exactly_its_two_candidates(session: Session, tmp_path: Path) -> None:
    demo_school.write(tmp_path, POLICIES.calendar)
    pulled = CsvFolder(tmp_path, calendar=POLICIES.calendar, clock=lambda: wall(DEMO_DAY, "10:00").timestamp()).pull(None)
    registers.store(session, SCHOOL, pulled, source="demo", codes=POLICIES.codes, stamp=Stamp("machine", wall(DEMO_DAY, "09:21")),
                    time_semantics=TimeSemantics.FIRST_COMPLETED)
    named = candidates(session, [SCHOOL], DEMO_DAY, START, BOOK)
    assert named == found_by_the_rules(session, BOOK, DEMO_DAY) and len(named) == 2


# --- what the array holds -----------------------------------------------------------------------------------------------

def test_the_array_holds_the_newest_marks_in_their_place(session: Session) -> None:
    monday, tuesday = date(2026, 11, 16), date(2026, 11, 17)
    store(session, [register(monday, "AM", "A", {"1": "/", "2": "N"}), register(tuesday, "PM", "B", {"3": "\\", "2": "-"})])
    store(session, [register(monday, "AM", "A", {"1": "L", "2": "N"})], when=MORNING + timedelta(hours=1))
    [part] = populations(session, [SCHOOL], AS_OF, START)
    assert part.pupils.tolist() == sorted(session.scalars(select(PupilRow.id)))
    assert laid_out(part) == ([monday, tuesday], [[["L", "N", "-"], ["-", "-", "-"]], [["-", "-", "-"], ["-", "-", "\\"]]])
    assert laid_out(part, monday) == ([monday], [[["L", "N", "-"], ["-", "-", "-"]]])
    [then] = populations(session, [SCHOOL], AS_OF, START, MORNING)
    assert laid_out(then)[1][0][0] == ["/", "N", "-"]


def test_lessons_and_other_days_are_no_part_of_the_array(session: Session) -> None:
    store(session, [RegisterDocument(AS_OF, "lesson", "P1", "A", (Mark("1", "N"),)), register(AS_OF + timedelta(days=1), "AM", "A", {"1": "N"}),
                    register(START - timedelta(days=1), "AM", "A", {"1": "N"})])
    [part] = populations(session, [SCHOOL], AS_OF, START)
    assert laid_out(part) == ([], []) and len(part.pupils) == 1
    assert candidates(session, [SCHOOL], AS_OF, START, BOOK) == []


def test_a_school_of_which_nothing_is_known_has_no_candidates(session: Session) -> None:
    assert candidates(session, [SCHOOL], AS_OF, START, BOOK) == [] == list(populations(session, [SCHOOL], AS_OF, START))


def test_an_entered_mark_beats_one_not_entered_in_whatever_order_the_groups_come(session: Session) -> None:
    for groups in ("AB", "BA"):
        for group, code in zip(groups, "N-", strict=True):
            store(session, absent(f"in {groups}", group, DAYS[-10:], code))
    assert len(candidates(session, [SCHOOL], AS_OF, START, BOOK)) == 2


def test_a_pupil_whose_two_registers_disagree_is_named_and_left_to_the_rules(session: Session) -> None:
    store(session, [*absent("1", "A", DAYS[-10:], "N"), *absent("1", "B", DAYS[-10:], "/"), *absent("2", "A", DAYS[-11:-10], "N")])
    numbers = {row.mis_id: row.id for row in session.scalars(select(PupilRow))}
    assert candidates(session, [SCHOOL], AS_OF, START, BOOK) == [numbers["1"]]
    assert found_by_the_rules(session, BOOK) == []


@pytest.mark.parametrize(("one", "other", "taken"), [
    ("N", "/", "either"), ("/", "N", "either"), ("N", "I", "either"), ("N", "O", "either"), ("D", "/", "D"), ("/", "X", "X"), ("I", "/", "I"),
    ("-", "/", "/"), ("N", "-", "N"), ("D", "G", "either"), ("X", "I", "X"), ("I", "X", "X")])
def test_of_two_marks_of_a_session_the_one_with_which_more_is_found_is_taken(session: Session, one: str, other: str, taken: str) -> None:
    store(session, [register(AS_OF, "AM", "A", {"1": one}), register(AS_OF, "AM", "B", {"1": other, "2": "/"})])
    [part] = populations(session, [SCHOOL], AS_OF, START)
    assert laid_out(part)[1][0][0][0] == taken


def test_a_third_register_does_not_settle_what_two_others_left_open(session: Session) -> None:
    store(session, [register(AS_OF, "AM", group, {"1": code, f"only in {group}": "/"}) for group, code in zip("ABC", "/N/", strict=True)])
    [part] = populations(session, [SCHOOL], AS_OF, START)
    assert laid_out(part)[1][0][0][0] == "either"


def test_two_groups_with_the_same_pupils_in_one_session_are_told_apart(session: Session) -> None:
    store(session, [*absent("1", "A", DAYS[-10:], "N"), *absent("1", "B", DAYS[-10:], "-")])
    assert len(candidates(session, [SCHOOL], AS_OF, START, BOOK)) == 1
    store(session, absent("1", "B", DAYS[-1:], "/"), when=MORNING + timedelta(hours=1))
    [part] = populations(session, [SCHOOL], AS_OF, START)
    assert laid_out(part)[1][-1] == [["either"], ["either"]]


def test_a_group_whose_pupils_changed_counts_once_with_those_of_its_newest_version(session: Session) -> None:
    store(session, [register(AS_OF, "AM", "A", {"1": "N"})])
    store(session, [register(AS_OF, "AM", "A", {"1": "/", "2": "N"})], when=MORNING + timedelta(hours=1))
    [part] = populations(session, [SCHOOL], AS_OF, START)
    assert laid_out(part)[1][0][0] == ["/", "N"]


# --- who is looked at ---------------------------------------------------------------------------------------------------

def test_only_pupils_on_roll_are_looked_at(session: Session) -> None:
    people = [Pupil("1", left=START - timedelta(days=1)), Pupil("2", admitted=AS_OF + timedelta(days=1)), Pupil("3"),
              Pupil("4", left=START), Pupil("5", admitted=AS_OF)]
    store(session, [register(day, slot, "A", {p.mis_id: "N" for p in people}) for day in DAYS[-10:] for slot in SESSIONS], people)
    named = candidates(session, [SCHOOL], AS_OF, START, BOOK)
    assert [session.get_one(PupilRow, number).mis_id for number in named] == ["3"] and pupils_on_roll(session, [SCHOOL], AS_OF, START) == 3


def test_several_schools_give_the_same_candidates_together_as_one_by_one(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed, school in enumerate((SCHOOL, OTHER, "330/3997")):
        chance = Random(seed)
        people = random_people(chance, 15)
        store(session, random_registers(chance, people), people, school=school)
    schools = [SCHOOL, OTHER, "330/3997"]
    alone = sorted(n for school in schools for n in candidates(session, [school], AS_OF, START, EASY))
    assert alone and candidates(session, schools, AS_OF, START, EASY) == alone
    monkeypatch.setattr(population, "_AT_ONCE", 20)
    assert len(list(populations(session, schools, AS_OF, START))) == 3
    assert candidates(session, schools, AS_OF, START, EASY) == alone and candidates(session, [], AS_OF, START, EASY) == []


def test_many_schools_are_read_by_two_connections_unless_only_this_one_sees_them(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    schools = [f"330/{n}999" for n in range(1, 7)]
    for school in schools:
        store(session, absent("1", "A", DAYS[-10:]), school=school)
    monkeypatch.setattr(population, "_AT_ONCE", 1)
    readers = set()

    def noted(reader: Session, *asked: Any) -> list[Sheet]:
        readers.add(id(reader.connection().connection.driver_connection))
        time.sleep(0.02)                          # so that each has its turn
        return sheets(reader, *asked)

    monkeypatch.setattr(population, "sheets", noted)
    for connections in (1, 2):
        assert len(candidates(session, schools, AS_OF, START, BOOK)) == 6 and len(readers) == connections
        session.commit()
    readers.clear()
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    assert len(candidates(session, schools, AS_OF, START, BOOK)) == 6 and len(readers) == 1


def test_records_of_some_pupils_are_the_same_as_among_all(session: Session) -> None:
    chance = Random(1)
    people = random_people(chance, 12)
    store(session, random_registers(chance, people), people)
    everyone = registers.pupil_records(session, SCHOOL, AS_OF, START)
    some = [record.pupil_id for record in everyone][::3]
    assert registers.pupil_records(session, SCHOOL, AS_OF, START, pupils=some) == [r for r in everyone if r.pupil_id in some]
