"""The report of compliance as people get it: on the screen, as pages, as tables; nobody's name in it."""

import csv
import io
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from sqlalchemy import update
from tests.mail.pdf_text import opened, text_of
from tests.steps.compliance_by_sql import figures
from tests.steps.answers import RUN, answer, code_for, shown
from tests.steps.school import MONDAY, School
from tests.steps.test_overdue import look, pull

from cme import clock
from cme.errors import BadInput
from cme.records.history import record
from cme.records.reviews import SAFEGUARDING
from cme.records.tables import RegisterVerdict
from cme.rules.compliance import LATE, NOT_DUE, ON_TIME, UNKNOWN, WITHDRAWN, Tally
from cme.steps import compliance, compliance_files, decisions, missing_report
from cme.steps.compliance import Report
from cme.steps.periods import period
from cme.steps.review import ring, take_answer

NAMES = ("Quilla", "Bramblewick", "aoife", "Quarrelby", "P207000016049")


def of(school: School, **asked: Any) -> Report:
    with school.transaction() as session:
        return compliance.report(school, session, period(school.policies.calendar, clock.today(), **asked), clock.now())


def verdicts(report: Report) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in report.rows:
        found.setdefault(row.step, []).append(row.verdict(report.at))
    return found


def test_a_case_that_goes_well_is_on_time_step_by_step(school: School, before_the_dsl: str) -> None:
    asked = ring(school, before_the_dsl, SAFEGUARDING, RUN, school.stamp())
    assert asked and take_answer(school, before_the_dsl, SAFEGUARDING, shown("k1", asked), answer(code_for(school, "dsl")), RUN).accepted
    said = verdicts(of(school, week=MONDAY))
    for step in ("absence_reported", "thresholds", "contact_begun", "contact_outcome", "review_routine", "appraisal"):
        assert said[step] == [ON_TIME] * len(said[step]), step
    with school.transaction() as session:
        rows = {row.step: row for row in compliance.report_of_case(school, session, before_the_dsl, clock.now()).rows}
    assert rows["actions"].verdict(clock.now()) == NOT_DUE and rows["notification"].due == clock.now() + timedelta(minutes=15)
    assert rows["review_routine"].held_by == "dsl" and rows["contact_outcome"].evidence.startswith("event ")


def test_a_question_nobody_answers_is_late_from_its_due_time_on_and_stays_so(school: School, before_the_dsl: str, set_clock: Callable[[str], None]) -> None:
    assert NOT_DUE in verdicts(of(school, since=MONDAY, until=MONDAY + timedelta(days=3)))["review_routine"]
    for moment in ("2026-11-24T15:00:00", "2026-12-20T09:00:00"):
        set_clock(moment)
        report = of(school, since=MONDAY, until=MONDAY + timedelta(days=3))
        assert report.steps["review_routine"] == Tally(late=1, waiting=1)
    [late] = [row for row in report.rows if row.step == "review_routine"]
    assert compliance.lateness(late, report.at) == "25 days 18 h" and late.held_by == "dsl"


def test_registers_on_time_late_overdue_and_those_of_which_nobody_can_say(school: School, set_clock: Callable[[str], None]) -> None:
    set_clock("2026-11-23T09:12:00")
    pull(school)
    look(school)
    assert of(school, week=MONDAY).steps["registers"] == Tally(late=1, waiting=1)
    set_clock("2026-11-23T09:40:00")
    pull(school, taken_at=clock.wall(MONDAY, "09:31"))
    report = of(school, week=MONDAY)
    [row] = [row for row in report.rows if row.step == "registers"]
    assert report.steps["registers"] == Tally(late=1) and row.actual == clock.wall(MONDAY, "09:31") and row.held_by == "TQA"
    with school.transaction() as session:
        session.execute(update(RegisterVerdict).values(verdict="unknown"))
    assert verdicts(of(school, week=MONDAY))["registers"] == [UNKNOWN]


def test_a_register_without_a_verdict_is_judged_as_known_now_and_never_left_out(school: School, set_clock: Callable[[str], None]) -> None:
    set_clock("2026-11-23T09:05:00")
    pull(school)
    assert verdicts(of(school, week=MONDAY))["registers"] == [NOT_DUE]
    set_clock("2026-11-23T09:30:00")            # the source was not seen again since: nobody can say
    assert verdicts(of(school, week=MONDAY))["registers"] == [UNKNOWN]
    pull(school)
    assert verdicts(of(school, week=MONDAY))["registers"] == [LATE]
    pull(school, required=False)
    assert "registers" not in verdicts(of(school, week=MONDAY))


def test_a_report_of_a_missing_child_is_answered_when_somebody_says_what_was_established(school: School, ten_days_gone: str,
                                                                                        set_clock: Callable[[str], None]) -> None:
    missing_report.receive(school, {"child": "P-1"}, "run-1", school.stamp())
    assert verdicts(of(school, week=MONDAY))["staff_report"] == [NOT_DUE]
    set_clock("2026-11-23T09:50:00")
    assert of(school, week=MONDAY).steps["staff_report"] == Tally(late=1, waiting=1)
    missing_report.record_found(school, ten_days_gone, "At home, seen by staff", school.stamp("attendance_officer"))
    report = of(school, week=MONDAY)
    assert report.steps["staff_report"] == Tally(late=1)
    assert next(row for row in report.rows if row.step == "staff_report").held_by == "attendance_officer"


@pytest.mark.parametrize(("then", "acknowledgement", "chase"), [
    ([], Tally(late=1, waiting=1), Tally(late=1, waiting=1)),
    ([("case.acknowledged", 30)], Tally(on_time=1), Tally()),
    ([("case.acknowledged", 90)], Tally(late=1), Tally()),
    ([("case.acknowledged", 200)], Tally(late=1), Tally(late=1)),
    ([("case.chased", 60), ("case.acknowledged", 500)], Tally(late=1), Tally(on_time=1)),
    ([("case.chased", 60), ("case.chased", 300), ("case.back_to_dsl", 600)], Tally(late=1), Tally(on_time=1)),
    ([("case.back_to_dsl", 300)], Tally(late=1), Tally(late=1)), ([("case.back_to_dsl", 20)], Tally(withdrawn=1), Tally(on_time=1)),
    ([("case.returned", 20), ("case.notified", 30), ("case.acknowledged", 40)], Tally(on_time=1, withdrawn=1), Tally()),
    ([("case.returned", 300), ("case.notified", 330)], Tally(late=2, waiting=1), Tally(late=2, waiting=1))])
def test_after_a_message_the_authority_s_word_or_somebody_who_asks_for_it(
        school: School, ten_days_gone: str, set_clock: Callable[[str], None], then: list[tuple[str, int]], acknowledgement: Tally, chase: Tally) -> None:
    start, now = clock.now(), clock.now() + timedelta(minutes=1000)
    with school.transaction() as session:
        for what, after in [("case.approved", 0), ("case.notified", 0), *then]:
            at = start + timedelta(minutes=after)
            due = at + timedelta(minutes=15) if what in ("case.approved", "case.returned") else at + timedelta(minutes=60)
            record(session, ten_days_gone, what, replace(school.stamp(), at=at), "", {"due": due.isoformat()})
    set_clock(now.isoformat())
    shown_now = of(school, since=MONDAY, until=MONDAY + timedelta(days=1))
    assert (shown_now.steps["acknowledgement"], shown_now.steps["chase"]) == (acknowledgement, chase)
    with school.transaction() as session:
        counted, waiting = figures(session, MONDAY, MONDAY + timedelta(days=1), now)
    for step, tally in (("acknowledgement", acknowledgement), ("chase", chase)):
        assert {verdict: sum(n for (s, _, v), n in counted.items() if (s, v) == (step, verdict)) for verdict in (ON_TIME, LATE, WITHDRAWN)} == {
            ON_TIME: tally.on_time, LATE: tally.late, WITHDRAWN: tally.withdrawn} and waiting[step] == tally.waiting


def test_the_procedure_past_its_own_review_date_is_late_in_every_report(school: School) -> None:
    assert of(school, week=date(2025, 9, 8)).steps["procedure_review"] == Tally(late=1, waiting=1)
    assert of(school, week=date(2024, 7, 15)).steps["procedure_review"] == Tally()


def test_the_files_are_the_makers_alone_name_nobody_and_agree_with_each_other(school: School, before_the_dsl: str, tmp_path: Path) -> None:
    report = of(school, term="autumn")
    folder = tmp_path / "report"
    paths = compliance_files.write(school, report, folder, children=True)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700 and all(stat.S_IMODE(p.stat().st_mode) == 0o600 for p in paths)
    said = text_of(opened((folder / "compliance.pdf").read_bytes()))
    for word in ("How the procedure was kept: autumn term 2026", before_the_dsl, "Child P-1", f"{report.total.judged} things that the procedure required"):
        assert word in said, word
    tables = {name: list(csv.DictReader(io.StringIO((folder / f"compliance-{name}.csv").read_text("utf-8-sig")))) for name in ("steps", "weeks", "rows")}
    assert len(tables["rows"]) == len(report.rows) and sum(int(row["late"]) for row in tables["weeks"]) == report.total.late
    assert sum(int(row["on time"]) for row in tables["steps"]) == report.total.on_time == sum(row["verdict"] == "on time" for row in tables["rows"])
    for text in (said, *((folder / f"compliance-{name}.csv").read_text("utf-8-sig") for name in tables)):
        assert not [name for name in NAMES if name.casefold() in text.casefold()]
    with pytest.raises(BadInput, match="is there already, and nothing is written over"):
        compliance_files.write(school, report, folder)


def test_the_pages_are_tagged_with_a_text_for_every_plot(school: School, before_the_dsl: str) -> None:
    report = of(school, term="autumn")
    data = compliance_files.pages(school, report)
    pdf = opened(compliance_files.pdf(school, report))
    assert pdf.Root.MarkInfo.Marked and len(data["plots"]) >= 4
    said = {str(each.Alt) for each in pdf.objects if isinstance(each, pikepdf.Dictionary) and "/Alt" in each}
    assert said == {plot["alt"] for plot in data["plots"]}


def test_of_a_span_with_nothing_in_it_no_report_is_written(school: School, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nothing was required in week of Monday 15 July 2024"):
        compliance_files.write(school, of(school, week=date(2024, 7, 15)), tmp_path / "report")
    assert list(tmp_path.glob("*report*")) == []


def test_the_week_to_date_holds_counts_and_no_reference(school: School, before_the_dsl: str) -> None:
    with school.transaction() as session:
        shown_week = compliance.week_to_date(school, session, clock.now())
    assert "| Contact with parents begun | attendance officer | 1 of 1 (100.0 %) | 0 |" in shown_week
    assert "CME-" not in shown_week and "P-1" not in shown_week and not [name for name in NAMES if name in shown_week]


def test_the_task_publishes_the_week_as_an_artifact(school: School, before_the_dsl: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from cme.tasks import compliance as task

    published: list[dict[str, str]] = []
    monkeypatch.setattr(task, "office", lambda: school)
    monkeypatch.setattr(task, "create_markdown_artifact", lambda **given: published.append(given))
    task.publish_week.fn()
    assert published[0]["key"] == "compliance" and "This week against the procedure" in published[0]["markdown"]
