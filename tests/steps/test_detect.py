"""Findings and cases: opened once, kept up to date, never closed by a machine."""

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from tests.steps.school import MONDAY, School, a_pupil

from cme.records import cases, findings
from cme.records.findings import registers_behind
from cme.records.history import events
from cme.records.tables import Case, CaseEvent, Finding, Pupil
from cme.records.verifying import verify
from cme.rules.cases import CaseState
from cme.steps import detect as detect_step
from cme.steps.detect import detect, end_of, judged


def absent(school: School, days: int, code: str = "N", until: date = MONDAY) -> dict[date, tuple[str, str]]:
    return {day: (code, code) for day in school.school_days_before(until, days)}


def test_nine_days_open_no_case_and_the_tenth_does(school: School) -> None:
    school.write(a_pupil(), absent(school, 9))
    assert detect(school, MONDAY, school.stamp()).opened == []
    school.write(a_pupil(), absent(school, 10))
    assert detect(school, MONDAY, school.stamp()).opened == ["CME-2026-0001"]


def test_a_second_check_of_the_same_day_changes_nothing(school: School, ten_days_gone: str) -> None:
    with school.transaction() as session:
        before = session.scalar(select(func.count()).select_from(CaseEvent))
    assert detect(school, MONDAY, school.stamp()).opened == []
    with school.transaction() as session:
        assert session.scalar(select(func.count()).select_from(CaseEvent)) == before


def test_a_child_who_crosses_two_thresholds_has_one_case_with_two_findings(school: School) -> None:
    school.write(a_pupil(), absent(school, 10))
    detect(school, MONDAY, school.stamp())
    with school.transaction() as session:
        assert session.scalars(select(Finding.rule).order_by(Finding.id)).all() == ["continuous_absence", "cumulative_absence"]
        assert len(session.scalars(select(Case)).all()) == 1


def test_a_finding_lists_the_marks_that_caused_it(school: School, ten_days_gone: str) -> None:
    with school.transaction() as session:
        finding = session.scalars(select(Finding)).first()
        assert finding is not None and len(finding.marks) == 20
        assert {code for _, _, code in finding.marks} == {"N"}


def test_a_correction_retracts_the_finding_and_the_case_says_so_and_stays_open(school: School, ten_days_gone: str) -> None:
    school.write(a_pupil(), {school.school_days_before(MONDAY, 5)[0]: ("/", "\\")})
    assert detect(school, MONDAY, school.stamp()).retracted == 2
    with school.transaction() as session:
        assert all(finding.retracted_reason for finding in session.scalars(select(Finding)))
        assert "finding.retracted" in [event.what for event in events(session, ten_days_gone)]
        assert cases.by_reference(session, ten_days_gone).closed_at is None


def closed(school: School, reference: str) -> None:
    with school.transaction() as session:
        case = cases.by_reference(session, reference, lock=True)
        due = school.stamp().at
        cases.move(session, case, CaseState.DSL_REVIEW, school.stamp(), why="for the test", due=due, owner="dsl")
        cases.move(session, case, CaseState.CLOSED, school.stamp("dsl"), why="for the test", due=None, decided=True)


def test_an_absence_that_goes_on_after_the_case_was_closed_opens_a_new_case(school: School, ten_days_gone: str, set_clock) -> None:  # type: ignore[no-untyped-def]
    closed(school, ten_days_gone)
    assert detect(school, MONDAY, school.stamp()).opened == []
    tuesday = MONDAY + timedelta(days=1)
    set_clock("2026-11-24T10:00:00")
    school.write(a_pupil(), {tuesday: ("N", "N")})
    again = detect(school, tuesday, school.stamp()).opened
    assert again == ["CME-2026-0002"]
    assert detect(school, tuesday, school.stamp()).opened == [] and detect(school, tuesday, school.stamp()).retracted == 0


def test_a_past_day_is_replayed_with_what_was_known_then(school: School, set_clock) -> None:  # type: ignore[no-untyped-def]
    school.write(a_pupil(), absent(school, 10))
    set_clock("2026-11-25T10:00:00")
    school.write(a_pupil(), {MONDAY: ("/", "\\")})
    with school.transaction() as session:
        then = judged(school, session, MONDAY, end_of(MONDAY))
        now = judged(school, session, MONDAY)
    assert [f.rule for f in next(iter(then.values())) if f.opens_case] == ["continuous_absence", "cumulative_absence"]
    assert not [f for f in next(iter(now.values())) if f.opens_case]


def test_a_missing_mark_opens_nothing(school: School) -> None:
    school.write(a_pupil(), absent(school, 30, "-"))
    assert detect(school, MONDAY, school.stamp()).opened == []


def test_references_are_numbered_without_gaps(school: School) -> None:
    for n in range(3):
        school.write(a_pupil(mis_id=f"P{n}", group=f"G{n}"), absent(school, 10))
    assert detect(school, MONDAY, school.stamp()).opened == ["CME-2026-0001", "CME-2026-0002", "CME-2026-0003"]


@pytest.mark.parametrize("at_once", [2, 10])
def test_a_child_who_cannot_be_written_takes_nobody_along_and_the_fault_is_told(school: School, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    for n in range(3):
        school.write(a_pupil(mis_id=f"P{n}", group=f"G{n}"), absent(school, 12 - n))
    with school.transaction() as session:
        second = session.scalars(select(Pupil.id).where(Pupil.mis_id == "P1")).one()
    keep = findings.keep

    def failing(session: Session, of_school: str, case: Case, pupil_id: int, *more: Any) -> Finding:
        if pupil_id == second:
            raise RuntimeError("cannot be written")
        return keep(session, of_school, case, pupil_id, *more)
    monkeypatch.setattr(detect_step, "AT_ONCE", at_once)
    monkeypatch.setattr(findings, "keep", failing)
    with pytest.raises(RuntimeError, match="cannot be written"):
        detect(school, MONDAY, school.stamp())
    with school.transaction() as session:
        assert second not in session.scalars(select(Case.pupil_id)).all() and len(cases.all_cases(session)) == 2
        assert verify(session) == []
    monkeypatch.setattr(findings, "keep", keep)
    assert detect(school, MONDAY, school.stamp()).opened == ["CME-2026-0003"]


def test_where_nobody_can_be_written_the_check_gives_up_after_the_first_of_them(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(3):
        school.write(a_pupil(mis_id=f"P{n}", group=f"G{n}"), absent(school, 10))
    tried: list[int] = []

    def failing(session: Session, of_school: str, case: Case, pupil_id: int, *more: Any) -> Finding:
        tried.append(pupil_id)
        raise RuntimeError("the database is gone")
    monkeypatch.setattr(detect_step, "AT_ONCE", 2)
    monkeypatch.setattr(findings, "keep", failing)
    with pytest.raises(RuntimeError, match="the database is gone"):
        detect(school, MONDAY, school.stamp())
    with school.transaction() as session:
        assert len(set(tried)) == 2 and cases.all_cases(session) == []


def test_a_finding_names_the_registers_behind_it_by_one_hash_that_can_be_made_again(school: School, ten_days_gone: str) -> None:
    with school.transaction() as session:
        event = session.scalars(select(CaseEvent).where(CaseEvent.subject == ten_days_gone, CaseEvent.what == "finding.made")).first()
        assert event is not None
        row = session.get_one(Finding, event.data["finding"])
        marks = tuple(SimpleNamespace(day=date.fromisoformat(day)) for day, _, _ in row.marks)
        again = registers_behind(session, school.school, row.pupil_id, SimpleNamespace(marks=marks), event.data["newest_version"])  # type: ignore[arg-type]
    assert event.data["registers"] == 20 and again == {key: event.data[key] for key in ("registers", "newest_version", "source_hash")}
    school.write(a_pupil(), {MONDAY: ("/", "N")})
    with school.transaction() as session:
        now = registers_behind(session, school.school, row.pupil_id, SimpleNamespace(marks=marks))  # type: ignore[arg-type]
        then = registers_behind(session, school.school, row.pupil_id, SimpleNamespace(marks=marks), event.data["newest_version"])  # type: ignore[arg-type]
    assert now["source_hash"] != again["source_hash"] and then == again
