"""The demonstration school, judged by the rules themselves: two children reach a threshold that Monday, and nobody else."""

import csv
import filecmp
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cme.clock import local, wall
from cme.config.policies import load
from cme.records import registers
from cme.records.history import Stamp
from cme.records.tables import Pupil as PupilRow
from cme.rules.cumulative_absence import cumulative_absence
from cme.rules.identifiers import is_temporary_upn, upn
from cme.rules.judge import judge
from cme.rules.possible_sessions import attendance
from cme.sources import demo_school
from cme.sources.demo_school import DEMO_DAY, DemoFacts
from cme.sources.files import CsvFolder
from cme.sources.source import Pulled, TimeSemantics

POLICIES = load()
BOOK, CALENDAR = POLICIES.rule_book(), POLICIES.calendar
LIMIT = timedelta(minutes=10)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoFacts]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, demo_school.write(folder, CALENDAR)


def pull(folder: Path, days: list[date] | None = None) -> Pulled:
    return CsvFolder(folder, calendar=CALENDAR, clock=lambda: wall(DEMO_DAY, "10:00").timestamp()).pull(days)


def keep(session: Session, pulled: Pulled) -> registers.PullResult:
    return registers.store(session, "330/1999", pulled, source="demo", codes=POLICIES.codes,
                           stamp=Stamp("machine", wall(DEMO_DAY, "09:21")),
                           time_semantics=TimeSemantics.FIRST_COMPLETED)


def test_on_the_day_exactly_two_children_reach_a_threshold_one_in_a_row_and_one_together(session: Session,
                                                                                         demo: tuple[Path, DemoFacts]) -> None:
    folder, facts = demo
    result = keep(session, pull(folder))
    assert result.rows_quarantined == 0 and result.registers_incomplete == 0
    mis_ids = {row.id: row.mis_id for row in session.scalars(select(PupilRow))}
    opening, days_missed = {}, {}
    for pupil in registers.pupil_records(session, "330/1999", DEMO_DAY, date(2025, 9, 1)):
        found = [f for f in judge(pupil, DEMO_DAY, BOOK) if f.opens_case]
        if found:
            opening[mis_ids[pupil.pupil_id]] = {(f.rule, f.reached_on, f.count) for f in found}
        almost = cumulative_absence(attendance(pupil, DEMO_DAY, BOOK), BOOK.with_value("cumulative_absence", 7))
        if almost:
            days_missed[mis_ids[pupil.pupil_id]] = almost[0].count
    assert opening == {facts.continuous: {("continuous_absence", DEMO_DAY, 10), ("cumulative_absence", DEMO_DAY, 10)},
                       facts.cumulative: {("cumulative_absence", DEMO_DAY, 10)}}
    assert set(facts.close) <= set(days_missed) and all(7 <= days_missed[mis_id] <= 9 for mis_id in facts.close)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_story_does_not_hang_on_one_seed(session: Session, tmp_path: Path, seed: int) -> None:
    facts = demo_school.write(tmp_path, CALENDAR, seed=seed)
    keep(session, pull(tmp_path))
    mis_ids = {row.id: row.mis_id for row in session.scalars(select(PupilRow))}
    opening = {mis_ids[p.pupil_id] for p in registers.pupil_records(session, "330/1999", DEMO_DAY, date(2025, 9, 1))
               if any(f.opens_case for f in judge(p, DEMO_DAY, BOOK))}
    assert opening == {facts.continuous, facts.cumulative}


def test_the_day_before_nobody_has_reached_a_threshold(session: Session, demo: tuple[Path, DemoFacts]) -> None:
    keep(session, pull(demo[0]))
    friday = date(2026, 11, 20)
    assert not [f for p in registers.pupil_records(session, "330/1999", friday, date(2025, 9, 1)) for f in judge(p, friday, BOOK)
                if f.opens_case]


def test_one_register_is_missing_one_came_late_and_the_others_in_time(session: Session, demo: tuple[Path, DemoFacts]) -> None:
    folder, facts = demo
    keep(session, pull(folder, [DEMO_DAY]))
    states = [s for s in registers.register_states(session, "330/1999", DEMO_DAY) if s.slot == "AM"]
    assert len(states) == 10 and all(s.starts_at == wall(DEMO_DAY, "09:00") and s.staff and s.required for s in states)
    assert [s.group for s in states if s.status == "not taken"] == [facts.unmarked_group]
    taken = {s.group: s.taken_to - s.starts_at for s in states if s.taken_to}
    assert {group for group, after in taken.items() if after > LIMIT} == {facts.late_group}
    assert taken[facts.late_group] == timedelta(minutes=14) and all(s.status == "taken" for s in states if s.group in taken)


def test_the_missing_register_comes_in_later_and_only_it_changes(session: Session, tmp_path: Path) -> None:
    facts = demo_school.write(tmp_path, CALENDAR)
    keep(session, pull(tmp_path, [DEMO_DAY]))
    demo_school.add_late_register(tmp_path, CALENDAR)
    again = keep(session, pull(tmp_path, [DEMO_DAY]))
    assert (again.registers_new, again.registers_changed, again.registers_unchanged) == (1, 0, 9)
    state, = (s for s in registers.register_states(session, "330/1999", DEMO_DAY) if s.slot == "AM"
              and s.group == facts.unmarked_group)
    assert state.status == "taken" and state.taken_to is not None and local(state.taken_to).strftime("%H:%M") == "09:31"


def test_the_morning_can_be_seen_as_it_stood_at_any_minute(tmp_path: Path) -> None:
    for at, count in (("08:59", 0), ("09:11", 8), ("09:14", 9), ("10:30", 9)):
        demo_school.write(tmp_path, CALENDAR, at=at)
        assert len([r for r in pull(tmp_path, [DEMO_DAY]).registers]) == count, at


def test_the_same_seed_writes_the_same_files(demo: tuple[Path, DemoFacts], tmp_path: Path) -> None:
    assert demo_school.write(tmp_path, CALENDAR) == demo[1]
    names = sorted(path.name for path in tmp_path.iterdir())
    assert filecmp.cmpfiles(demo[0], tmp_path, names, shallow=False)[0] == names


def test_the_school_has_about_120_pupils_in_ten_groups_and_three_terms_of_marks(demo: tuple[Path, DemoFacts]) -> None:
    folder, facts = demo
    pulled = pull(folder)
    assert facts.pupils == 120 and len({r.group for r in pulled.registers}) == 10
    assert sorted(path.name for path in folder.iterdir()) == ["contacts.csv", "pupils.csv", "registers-2026-11-23.csv",
                                                              "registers-2026-autumn.csv",
                                                              "registers-2026-spring.csv", "registers-2026-summer.csv",
                                                              "staff.csv", "timetable.csv"]
    days = {r.local_date for r in pulled.registers}
    assert days == set(CALENDAR.school_days(date(2026, 1, 5), DEMO_DAY)), "every school day, and no other"
    assert any(p.left and p.left < DEMO_DAY for p in pulled.pupils) and any(p.admitted and p.admitted > date(2026, 9, 10)
                                                                            for p in pulled.pupils)


def test_its_marks_are_valid_codes_of_many_kinds(demo: tuple[Path, DemoFacts]) -> None:
    codes = Counter(m.code for r in pull(demo[0]).registers for m in r.marks if POLICIES.codes.lookup(m.code, r.local_date))
    assert {"/", "\\", "L", "U", "N", "O", "G", "I", "M", "C", "C1", "C2", "B", "K", "V", "D", "E", "#", "Y1", "Y3"} <= set(codes)
    assert 0.7 < (codes["/"] + codes["\\"]) / (sum(codes.values()) - codes["D"]) < 0.9


def test_no_mark_without_reason_is_left_open_for_longer_than_the_law_allows(demo: tuple[Path, DemoFacts]) -> None:
    oldest = min(r.local_date for r in pull(demo[0]).registers for m in r.marks if m.code == "N")
    assert CALENDAR.add_school_days(oldest, 5) >= DEMO_DAY


def test_every_number_and_address_is_fictional_and_well_formed(demo: tuple[Path, DemoFacts]) -> None:
    folder, facts = demo
    with (folder / "pupils.csv").open(encoding="utf-8", newline="") as file:
        pupils = list(csv.DictReader(file))
    with (folder / "contacts.csv").open(encoding="utf-8", newline="") as file:
        contacts = list(csv.DictReader(file))
    upns = [upn(row["upn"]) for row in pupils if row["upn"]]
    assert len(set(upns)) == len(upns) == len(pupils) - 2 and sum(map(is_temporary_upn, upns)) == 1
    assert all(row["postcode"].startswith("ZZ99 ") for row in pupils)
    assert all(row["email"].endswith(".example") for row in contacts if row["email"])
    assert all(row["telephone"].startswith(("07700 900", "0121 496 0")) for row in contacts)
    assert len({row["surname"] for row in pupils}) == len(pupils) and {"Zoë", "Łukasz"} & {row["forename"] for row in pupils}
    number = Counter(row["pupil_id"] for row in contacts)
    assert {number[row["pupil_id"]] for row in pupils} == {0, 1, 2} and number[facts.no_contact] == 0
    first = next(row for row in contacts if row["pupil_id"] == facts.do_not_contact and row["priority"] == "1")
    assert first["do_not_contact"] == "yes"
    assert all(next(c for c in contacts if c["pupil_id"] == child and c["priority"] == "1")["email"]
               for child in (facts.continuous, facts.cumulative))
