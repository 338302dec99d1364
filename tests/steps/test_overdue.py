"""Overdue registers: reported once, after a second look, and no pupil is ever named."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from tests.steps.school import MONDAY, School, a_pupil

from cme import clock
from cme.records import registers
from cme.records.tables import CaseEvent, RegisterVerdict
from cme.sources.source import ExpectedRegister, Mark, Pulled, RegisterDocument, Staff, TimeSemantics
from cme.steps import oversee, overdue

NINE = clock.wall(MONDAY, "09:00")
TEACHER = Staff("TQA", "Tansy Quarrelby", "tquarrelby@school.example")


def pull(school: School, *, taken_at: datetime | None = None, code: str = "/", required: bool = True) -> None:
    """A whole pull: the register of 9A is expected at nine; taken at ``taken_at``, or not there."""
    marked = () if taken_at is None else (RegisterDocument(MONDAY, "session", "AM", "9A", (Mark("P001", code),), taken_at=taken_at),)
    expected = ExpectedRegister(MONDAY, "session", "AM", "9A", NINE, NINE + timedelta(hours=3), ("TQA",), required)
    with school.transaction() as session:
        registers.store(session, school.school, Pulled(registers=marked, expected=(expected,), pupils=(a_pupil(),), staff=(TEACHER,)),
                        source="test", codes=school.policies.codes, stamp=school.stamp(), time_semantics=TimeSemantics.FIRST_COMPLETED)


def look(school: School) -> int:
    found = overdue.report(school, clock.now(), school.stamp())
    oversee.send_mail(school, school.stamp())
    return found


def told(school: School) -> list[str]:
    return sorted(to for to, _ in school.post.accepted)


BOTH = sorted(["tquarrelby@school.example", "attendance@larkspur-bridge.example"])


@pytest.mark.parametrize(("moment", "expected"), [("09:10:00", 0), ("09:10:01", 1)])
def test_a_register_is_overdue_only_after_the_tenth_minute(school: School, set_clock: Any, moment: str, expected: int) -> None:
    set_clock(f"2026-11-23T{moment}")
    pull(school)
    assert look(school) == expected


def test_an_overdue_register_is_reported_once_to_the_teacher_and_the_attendance_officer(school: School, set_clock: Any) -> None:
    for moment in ("09:12", "09:17", "09:22"):
        set_clock(f"2026-11-23T{moment}:00")
        pull(school)
        look(school)
    assert told(school) == BOTH


def test_no_pupil_is_named_in_the_message_about_a_register(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:12:00")
    pull(school)
    look(school)
    for _, wire in school.post.accepted:
        assert b"9A" in wire and b"Quilla" not in wire and b"Bramblewick" not in wire


def test_a_register_that_came_in_between_the_first_look_and_the_second_is_not_reported(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:12:00")
    pull(school)
    assert len(overdue.candidates(school, clock.now())) == 1
    pull(school, taken_at=clock.wall(MONDAY, "09:07"))
    assert look(school) == 0 and told(school) == []


def test_a_register_taken_late_is_recorded_as_late_and_nobody_is_written_to(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:17:00")
    pull(school, taken_at=clock.wall(MONDAY, "09:14"))
    assert look(school) == 1 and told(school) == []
    with school.transaction() as session:
        assert session.scalars(select(RegisterVerdict.verdict)).all() == ["late"]


def test_a_register_that_is_not_required_is_never_reported(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:30:00")
    pull(school, required=False)
    assert look(school) == 0


def test_without_a_fresh_pull_after_the_due_time_nobody_can_say_and_nobody_is_told(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:08:00")
    pull(school)
    set_clock("2026-11-23T09:30:00")
    assert look(school) == 0


def test_a_later_correction_never_makes_a_register_late(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:06:00")
    pull(school, taken_at=clock.wall(MONDAY, "09:05"))
    set_clock("2026-11-23T11:00:00")
    pull(school, taken_at=clock.wall(MONDAY, "09:05"), code="L")
    assert look(school) == 0


def test_the_verdict_is_frozen_with_its_evidence_and_its_event(school: School, set_clock: Any) -> None:
    set_clock("2026-11-23T09:12:00")
    pull(school)
    look(school)
    pull(school, taken_at=clock.wall(MONDAY, "09:20"))
    look(school)
    with school.transaction() as session:
        [row] = session.scalars(select(RegisterVerdict)).all()
        assert row.verdict == "overdue" and row.evidence["status"] == "not taken"
        assert session.scalar(select(func.count()).select_from(CaseEvent).where(CaseEvent.what == "register.overdue")) == 1
