"""Persistent absence becomes a task once for a case, and a concern becomes files that a person uploads."""

import csv
import hashlib
import io
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update
from tests.mail.pdf_text import opened, text_of
from tests.steps.school import MONDAY, School, a_pupil

from cme.errors import BadInput
from cme.records.history import events
from cme.records.tables import Action, Pupil
from cme.steps import compliance, decisions
from cme.steps.concern import export_concern
from cme.steps.detect import detect
from cme.steps.periods import period
from cme.steps.safeguarding_record import TASK, set_tasks


@pytest.fixture
def persistent(school: School) -> str:
    """A case of a child absent for the last ten of thirty school days: 20 of 60 sessions."""
    days = school.school_days_before(MONDAY, 30)
    school.write(a_pupil(), {day: ("N", "N") if n >= 20 else ("/", "\\") for n, day in enumerate(days)})
    [reference] = detect(school, MONDAY, school.stamp()).opened
    return reference


def tasks(school: School) -> list[Action]:
    with school.transaction() as session:
        return list(session.scalars(select(Action).where(Action.kind == TASK)))


def test_persistent_absence_is_a_task_of_the_attendance_officer_once_for_a_case(school: School, persistent: str) -> None:
    assert set_tasks(school, school.stamp()) == [persistent] and set_tasks(school, school.stamp()) == []
    [task] = tasks(school)
    assert (task.owner, task.done_at) == ("attendance_officer", None) and task.due_at == school.routine_due(school.stamp().at)
    decisions.finish_action(school, persistent, task.id, "Entered as concern 77", school.stamp("attendance_officer"), evidence="MyConcern 77")
    assert set_tasks(school, school.stamp()) == [] and len(tasks(school)) == 1


def test_few_sessions_say_little_and_set_no_task(school: School, ten_days_gone: str) -> None:
    assert set_tasks(school, school.stamp()) == []           # 20 of 20 sessions: fewer than the school's forty


def test_no_task_is_set_for_a_child_without_a_case_or_below_ten_per_cent(school: School) -> None:
    days = school.school_days_before(MONDAY, 30)
    school.write(a_pupil(), {day: ("N", "N") if n in (3, 9, 15, 22) else ("/", "\\") for n, day in enumerate(days)})
    assert detect(school, MONDAY, school.stamp()).opened == [] and set_tasks(school, school.stamp()) == []


def test_the_step_is_measured_until_a_person_ends_it(school: School, persistent: str, set_clock: Callable[[str], None]) -> None:
    set_tasks(school, school.stamp())
    set_clock("2026-11-25T09:30:00")
    with school.transaction() as session:
        shown = compliance.report(school, session, period(school.policies.calendar, MONDAY, week=MONDAY), school.stamp().at)
    assert (shown.steps["safeguarding_record"].late, shown.steps["safeguarding_record"].waiting, shown.steps["actions"].judged) == (1, 1, 0)


def test_a_concern_is_pages_a_text_and_a_table_for_its_maker_alone(school: School, persistent: str, tmp_path: Path) -> None:
    set_tasks(school, school.stamp())
    paths = export_concern(school, persistent.lower(), tmp_path / "out", school.stamp("attendance_officer"))
    assert [path.name for path in paths] == [f"{persistent}-concern.pdf", f"{persistent}-concern.txt", f"{persistent}-actions.csv"]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in paths) and stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    pdf, text = text_of(opened(paths[0].read_bytes())), paths[1].read_text("utf-8-sig")
    for word in (f"Concern {persistent}", "Quilla Bramblewick", "10 school days in a row", "case opened", TASK):
        assert word in pdf, word
    assert "Quilla Bramblewick" in text and "CHRONOLOGY" in text and all(len(line) <= 104 for line in text.splitlines())
    [row] = csv.DictReader(io.StringIO(paths[2].read_text("utf-8-sig")))
    assert row["what"] == TASK and row["done"] == ""
    [task] = tasks(school)
    with school.transaction() as session:
        [event] = [e for e in events(session, persistent) if e.what == "concern.exported"]
    assert event.who == "attendance_officer" and event.data["sha256"] == hashlib.sha256(paths[0].read_bytes()).hexdigest()
    assert task.done_at is None         # an upload is a person's word
    decisions.finish_action(school, persistent, task.id, "Uploaded", school.stamp("attendance_officer"))
    assert tasks(school)[0].evidence == f"exported for upload: event {event.id}"


def test_an_export_without_such_a_task_notes_none_and_a_second_one_needs_its_own_folder(school: School, ten_days_gone: str, tmp_path: Path) -> None:
    export_concern(school, ten_days_gone, tmp_path / "out", school.stamp("dsl"))
    with pytest.raises(BadInput, match="nothing is written over"):
        export_concern(school, ten_days_gone, tmp_path / "out", school.stamp("dsl"))
    for reference, by, words in (("CME-1999-0001", "dsl", "there is no case"), (ten_days_gone, "machine", "not a role")):
        with pytest.raises(BadInput, match=words):
            export_concern(school, reference, tmp_path / "other", school.stamp(by))
    with school.transaction() as session:
        [event] = [e for e in events(session, ten_days_gone) if e.what == "concern.exported"]
    assert event.data["files"] == 3 and not (tmp_path / "other").exists()


def test_a_name_our_fonts_lack_and_markup_are_text(school: School, ten_days_gone: str, tmp_path: Path) -> None:
    with school.transaction() as session:
        session.execute(update(Pupil).values(forename="\u674e #panic()"))
    paths = export_concern(school, ten_days_gone, tmp_path / "out", school.stamp("dsl"))
    assert "[U+674E] #panic() Bramblewick" in text_of(opened(paths[0].read_bytes())) and "\u674e" in paths[1].read_text("utf-8-sig")
