"""The dashboard, the gate and the outbox on a real Prefect server: what needs a person is red; forced, killed and deleted runs.

In this order; each test starts where the last ended.
"""

import re
import subprocess
import sys
from datetime import date

import pytest
from tests.flows.conftest import RunningHouse

from cme.errors import Permanent
from cme.records import registers
from cme.records.alarms import clear_alarm, raise_alarm
from cme.records.database import APP, engine
from cme.records.outbox import confirm_sent
from cme.records.prefect_role import PREFECT
from cme.records.tables import AbsenceRequest, Case, CaseEvent, Decision, MissingReport, Outbox, PrefectRecord, PrefectRun, Pupil, Quarantine
from cme.records.verifying import verify
from cme.services.demo import PEOPLE
from cme.services.prefect_api import wait_for
from cme.services.prefect_server import prefect_server
from cme.sources.source import Contact, Mark, Pulled, RegisterDocument, TimeSemantics
from cme.sources.source import Pupil as PupilOfSource
from cme.steps import contact, decisions, missing_report, report_form, runs, view
from cme.tasks.operations import VIEW
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

CONTACT, REVIEW, ALARMED = "contact-parents", "review-case", "needs-a-person"


def artifact(house: RunningHouse) -> str:
    return str(house.api.client.get(f"/artifacts/{ALARMED}/latest").json()["data"])


def test_a_call_of_operations_is_a_mail_a_failed_run_and_a_red_artifact(house: RunningHouse) -> None:
    house.sweep()
    assert artifact(house).startswith("# Nothing needs a person now") and house.api.run_ids(ALARMED) == []
    with house.office.transaction() as session:
        raise_alarm(session, "report:99", "school", "Report 99 names no known child", house.office.stamp())
        raise_alarm(session, "pull:a", "school", "The register source 'a' cannot be read", house.office.stamp())
    house.sweep()                                       # it ends COMPLETED, or this waits in vain
    [run] = wait_for(lambda: house.api.run_ids(ALARMED), 120, "the run that fails")
    assert house.api.finish(run) == "FAILED"
    said = house.api.client.get(f"/flow_runs/{run}").json()["state"]["message"]
    assert "Report 99 names no known child" in said and "'a' cannot be read" in said
    shown = artifact(house)
    assert shown.startswith("# NEEDS A PERSON NOW \N{LARGE RED CIRCLE}") and "**called 1 x**" in shown
    [mail] = wait_for(lambda: house.post.to(PEOPLE["operations"]["email"]), 120, "the mail to operations")
    assert "The register source 'a' cannot be read" in " ".join(mail.split())


def test_the_same_call_is_shown_once_and_ends_with_its_alarm(house: RunningHouse) -> None:
    house.sweep()
    assert len(house.api.run_ids(ALARMED)) == 1
    with house.office.transaction() as session:
        for key in ("report:99", "pull:a"):
            clear_alarm(session, key, house.office.stamp("operations"), "seen to")
    house.sweep()
    assert artifact(house).startswith("# Nothing needs a person now") and len(house.api.run_ids(ALARMED)) == 1


def outcome(code: str) -> dict[str, str]:
    return {"outcome": contact.NO_ANSWER, "note": "", "code": code}


def decision(code: str) -> dict[str, object]:
    return {"decision": decisions.REFER, "actions": [decisions.HOME_VISIT], "reason": "No word for ten school days.", "code": code,
            "agencies": decisions.UNKNOWN, **dict.fromkeys(decisions.REASONS, decisions.UNKNOWN)}


def decided(house: RunningHouse) -> int:
    with house.office.transaction() as session:
        return len(session.scalars(select(Decision)).all())


def test_an_empty_click_is_refused_by_the_form(house: RunningHouse, two_cases: list[str]) -> None:
    with pytest.raises(Permanent, match="required"):
        house.api.resume(house.paused(CONTACT, two_cases[0]), {})


def test_a_forced_state_asks_again_and_decides_nothing(house: RunningHouse, two_cases: list[str]) -> None:
    run = house.paused(CONTACT, two_cases[0])
    before = house.api.state_id(run)
    house.api.force(run, "SCHEDULED")
    wait_for(lambda: house.api.state(run) == "PAUSED" and house.api.state_id(run) != before, 180, "the question to be asked again")
    assert house.state(two_cases[0]) == "parent contact"


def test_the_attendance_officers_answer_brings_the_case_before_the_dsl(house: RunningHouse, two_cases: list[str]) -> None:
    for reference in two_cases:
        run = house.paused(CONTACT, reference)
        house.api.resume(run, outcome(house.code("attendance_officer", reference)))
        house.paused(REVIEW, reference)
        assert house.state(reference) == "DSL review"


def test_prefect_keeps_no_copy_of_an_answer(house: RunningHouse, two_cases: list[str]) -> None:
    runs = house.api.run_ids(CONTACT)
    assert runs and all(not key.endswith("-response") for run in runs for key in house.api.input_keys(run))


def test_a_run_forced_to_completed_or_deleted_is_rung_again_by_the_sweep(house: RunningHouse, two_cases: list[str]) -> None:
    reference = two_cases[0]
    for end in (lambda run: house.api.force(run, "COMPLETED"), house.api.delete):
        run, mails = house.paused(REVIEW, reference), house.calls("dsl", reference)
        end(run)
        house.sweep()
        house.paused(REVIEW, reference, other_than=run)
        house.code("dsl", reference, after=mails)
        assert house.state(reference) == "DSL review" and decided(house) == 0


def test_a_question_survives_kill_nine_of_the_runner_and_ends_with_one_notification(house: RunningHouse, two_cases: list[str]) -> None:
    reference = two_cases[0]
    run = house.paused(REVIEW, reference)
    house.kill_runner()
    assert house.api.state(run) == "PAUSED"
    house.api.resume(run, decision(house.code("dsl", reference)))
    wait_for(lambda: house.state(reference) == "notified", 240, "the notification to be accepted")
    house.sweep()
    assert len(house.post.to(house.authority)) == 1


def test_kill_nine_while_the_notification_is_handed_over_sends_no_second_copy_and_loses_none(
        house: RunningHouse, two_cases: list[str]) -> None:
    reference = two_cases[1]
    house.post.hold = house.authority
    house.api.resume(house.paused(REVIEW, reference), decision(house.code("dsl", reference)))
    assert house.post.holding.wait(120)          # the server has the mail, and its answer is still to come
    house.kill_runner()
    house.post.release.set()
    house.sweep()
    with house.office.transaction() as session:
        row = session.scalars(select(Outbox).where(Outbox.subject_of == reference, Outbox.kind == "la_cme_referral")).one()
        assert row.state == "ambiguous"          # a machine cannot know: it tells a person and does not send again
        assert session.scalars(select(CaseEvent.what).where(CaseEvent.subject == reference, CaseEvent.what == "alarm.raised")).all()
    house.sweep()
    assert len([text for text in house.post.to(house.authority) if reference in text]) == 1
    with house.office.transaction() as session:
        confirm_sent(session, row.id, house.office.stamp("operations"), "the authority's officer has it, by telephone")
    house.sweep()
    assert house.state(reference) == "notified"
    assert len([text for text in house.post.to(house.authority) if reference in text]) == 1


def report(house: RunningHouse, child: str, **changes: str) -> dict[str, dict[str, str]]:
    return {"missing_child": {"child": child, "seen_on": "Today", "seen_at": "09:10", "where": "On the way to school", "reported_by": "TQA",
                              "seen_by": "A parent or carer", "concern": report_form.NOT_WORRIED, **changes}}


def children_without_a_case(house: RunningHouse) -> list[str]:
    with house.office.transaction() as session:
        rows = session.scalars(select(Pupil.id).where(Pupil.left.is_(None), Pupil.id.not_in(select(Case.pupil_id))).order_by(Pupil.id)).all()
    return [report_form.reference_of(row) for row in rows]


def taken(house: RunningHouse, run: str) -> str:
    """The reference of the case a report's run has led to; empty while there is none."""
    with house.office.transaction() as session:
        return session.scalar(select(Case.reference).join(MissingReport, MissingReport.case_id == Case.id)
                              .where(MissingReport.source_key == run)) or ""


@pytest.fixture(scope="module")
def put_off(house: RunningHouse, two_cases: list[str]) -> str:
    """A report that somebody put off to a time long from now, and whose run nobody will see."""
    return house.api.start("report-missing", "put off", report(house, children_without_a_case(house)[5]), at="2036-01-01T00:00:00Z")


def test_a_report_of_a_member_of_staff_asks_the_attendance_officer_and_then_the_dsl_at_once(
        house: RunningHouse, two_cases: list[str], put_off: str) -> None:
    run = house.api.start("report-missing", "report", report(house, children_without_a_case(house)[0]))
    assert house.api.finish(run) == "COMPLETED"
    reference = taken(house, run)
    assert f"Your report is case {reference}. The attendance officer is being called" in house.api.message(run)
    asked = house.paused("ask-attendance-officer", reference)
    code = house.code("attendance_officer", reference)
    house.api.resume(asked, {"outcome": missing_report.NOT_KNOWN, "where": "", "tried": "Rang both parents", "known": [], "code": code})
    house.paused(REVIEW, reference)
    house.code("dsl", reference)
    assert any(reference in text and "RING NOW" in text for text in house.post.to(PEOPLE["dsl"]["email"]))


def test_a_report_with_an_unknown_reference_fails_in_one_sentence_that_says_whom_to_ring(house: RunningHouse, two_cases: list[str]) -> None:
    run = house.api.start("report-missing", "report", report(house, "P-999999"))
    assert house.api.finish(run) == "FAILED"
    said = house.api.message(run)
    assert said.startswith("No pupil has the reference P-999999") and PEOPLE["attendance_officer"]["telephone"] in said
    with house.office.transaction() as session:
        assert session.scalars(select(Quarantine.place).where(Quarantine.source == "report-missing")).all() == [run]


def test_a_name_in_place_of_the_reference_is_refused_by_the_form(house: RunningHouse, two_cases: list[str]) -> None:
    with pytest.raises(Permanent, match="409"):
        house.api.start("report-missing", "report", report(house, "Quilla Bramblewick"))


def test_a_report_started_past_the_form_or_put_off_does_not_vanish(house: RunningHouse, two_cases: list[str], put_off: str) -> None:
    past = house.api.start("report-missing", "report", {"missing_child": {"child": children_without_a_case(house)[1]}}, checked=False)
    assert house.api.finish(past) == "COMPLETED" and taken(house, past)
    wait_for(lambda: house.sweep() or taken(house, put_off), 300, "the sweep to take the report that was put off")
    assert house.paused("ask-attendance-officer", taken(house, put_off))


def test_the_reason_of_an_absence_is_recorded_by_the_form_and_prefect_keeps_nothing_of_it(house: RunningHouse, two_cases: list[str]) -> None:
    with house.office.transaction() as session:
        registers.store(session, house.office.school, Pulled(
            registers=(RegisterDocument(date(2026, 11, 23), "session", "AM", "8C", (Mark("F1", "N"),)),),
            pupils=(PupilOfSource("F1", "Quilla", "Bramblewick", contacts=(Contact("Aoife Bramblewick", "mother", 1, "aoife@home.example"),)),)),
            source="test", codes=house.office.policies.codes, stamp=house.office.stamp(), time_semantics=TimeSemantics.FIRST_COMPLETED)
    house.sweep()
    with house.office.transaction() as session:
        number = session.scalars(select(AbsenceRequest.id).join(Pupil, Pupil.id == AbsenceRequest.pupil_id).where(Pupil.mis_id == "F1")).one()
    absence = f"ABS-{number}"
    run = house.api.start("record-contact", "record-contact by a test", {"absence": absence})
    code = house.code("attendance_officer", absence)

    def paused(other_than: str = "") -> str:
        return str(wait_for(lambda: house.api.state(run) == "PAUSED" and (state := house.api.state_id(run)) != other_than and state, 180, "the form"))

    first = paused()
    house.api.resume(run, {"reason": "Ill", "code": f"{(int(code) + 1) % 10**6:06d}"})
    paused(other_than=first)
    house.api.resume(run, {"reason": "Ill", "code": code})
    assert house.api.finish(run) == "COMPLETED" and "must become I" in house.api.message(run)
    assert [key for key in house.api.input_keys(run) if key.endswith("-response")] == []
    assert house.api.client.get(f"/flow_runs/{run}").json()["parameters"] == {"absence": absence}
    with house.office.transaction() as session:
        request = session.get_one(AbsenceRequest, number)
        assert (request.state, request.reason, request.new_code, request.recorded_by) == ("answered", "Ill", "I", "attendance_officer")
    again = house.api.start("record-contact", "record-contact again", {"absence": "ABS-9999"})
    assert house.api.finish(again) == "FAILED" and "no absence" in house.api.message(again)


def test_the_history_of_the_whole_day_is_unbroken(house: RunningHouse, two_cases: list[str]) -> None:
    with house.office.transaction() as session:
        assert verify(session) == []


def test_the_timetable_itself_starts_the_sweep_every_minute(house: RunningHouse, two_cases: list[str]) -> None:
    wait_for(lambda: house.api.scheduled_and_done("oversee"), 360, "a sweep that the timetable has started")


def test_every_run_is_forked_from_a_process_that_has_imported_everything_and_opened_nothing(house: RunningHouse, two_cases: list[str]) -> None:
    [parent] = [process for process in house.runner().children() if "forkserver" in " ".join(process.cmdline())]
    assert parent.num_threads() == 1 and parent.net_connections("inet") == []       # what a fork must not inherit
    run = house.api.start("oversee", "oversee by a test")
    seen: set[int] = set()
    wait_for(lambda: seen.update(fork.pid for fork in parent.children()) or house.api.state(run) in ("COMPLETED", "CANCELLED"), 240, "a sweep")
    assert seen


def of_case(house: RunningHouse, reference: str) -> list[str]:
    """The flow runs that the history names in a case."""
    with house.office.transaction() as session:
        return list(session.scalars(select(CaseEvent.flow_run_id).where(CaseEvent.subject == reference, CaseEvent.flow_run_id.is_not(None))
                                    .distinct()))


def test_every_event_of_a_case_that_a_flow_has_written_names_its_flow_run_and_its_task_run(house: RunningHouse, two_cases: list[str]) -> None:
    with house.office.transaction() as session:
        rows = session.execute(select(CaseEvent.what, CaseEvent.flow_run_id, CaseEvent.task_run_id).where(
            CaseEvent.subject.in_(two_cases), CaseEvent.what != "mail.confirmed")).all()
    # Resume is noted at the door, before Prefect hears of it
    without = {row.what for row in rows if not (row.flow_run_id and row.task_run_id)} - {"resume.requested", "alarm.cleared"}
    assert len(rows) > 30 and not without


def test_what_prefect_recorded_of_a_case_is_whole_in_our_copy_before_it_forgets(house: RunningHouse, two_cases: list[str]) -> None:
    reference = two_cases[0]
    ours = set(of_case(house, reference)) - house.killed

    def copied() -> bool:
        house.sweep()
        with house.office.transaction() as session:
            done = session.scalars(select(PrefectRun.flow_run_id).where(PrefectRun.ended)).all()
        return ours <= set(done)

    wait_for(copied, 480, "all runs of the case to be copied")
    with house.office.transaction() as session:
        lost = session.scalars(select(PrefectRecord.flow_run_id).where(PrefectRecord.key.like("%:lost"))).all()
        rows = session.scalars(select(PrefectRecord).where(PrefectRecord.flow_run_id.in_(ours))).all()
    for run in ours - set(lost):                         # the one that a test above has deleted went before it could be copied
        assert {r.key for r in rows if r.flow_run_id == run and r.kind == "state"} >= set(house.api.state_ids(run))
        assert sorted(r.content["said"] for r in rows if r.flow_run_id == run and r.kind == "log") == sorted(house.api.log(run).splitlines())
        assert {r.content["name"] for r in rows if r.flow_run_id == run and r.kind == "task run"} == set(house.api.task_names(run))
    surnames = set(house.surnames())
    assert len(rows) > 50 and not [r for r in rows if any(name in str(r.content) for name in surnames)]


def prefects_own(house: RunningHouse, statement: str) -> int:
    """Run a statement in Prefect's database, again where it met Prefect's own work; returns the number of rows."""
    def done() -> list[int]:
        try:
            with engine(house.house.records.cluster.url("prefect")).begin() as connection:       # type: ignore[union-attr]
                return [int(connection.execute(text(statement)).rowcount)]
        except OperationalError as error:
            if "deadlock" not in str(error):
                raise
            return []
    return int(wait_for(done, 120, "Prefect's tables")[0])


def shown(house: RunningHouse, references: list[str]) -> list[object]:
    """Each line that `cme history` and `cme history --runs` show of the cases."""
    return [line for reference in references for line in (*view.history(house.office, reference), *runs.lines(house.office, reference))]


def test_it_is_still_whole_after_prefects_own_vacuum(house: RunningHouse, two_cases: list[str]) -> None:
    def ended() -> int:
        return prefects_own(house, "SELECT 1 FROM flow_run WHERE end_time < now() - interval '60 days' AND parent_task_run_id IS NULL")

    before = shown(house, two_cases)
    prefects_own(house, "UPDATE flow_run SET end_time = end_time - interval '60 days' "
                        "WHERE state_type IN ('COMPLETED', 'FAILED', 'CRASHED', 'CANCELLED')")
    assert ended() > 5
    spec = prefect_server(0, house.house.data_dir / "prefect", house.house._prefect_database())
    vacuum = ("import asyncio; from prefect.server.database import provide_database_interface as database; "
              "from prefect.server.services import db_vacuum; asyncio.run(db_vacuum.vacuum_old_flow_runs(db=database()))")
    subprocess.run([sys.executable, "-c", vacuum], env={**house.house.environment, **spec.environment}, check=True, timeout=120)
    assert ended() == 0
    house.sweep()
    after = shown(house, two_cases)
    assert len(before) > 50 and not [line for line in before if line not in after]


def test_it_is_still_whole_when_prefect_has_deleted_its_runs_and_lost_its_tables(house: RunningHouse, two_cases: list[str]) -> None:
    reference, before = two_cases[0], shown(house, two_cases)
    house.api.delete_all(of_case(house, reference)[:5])
    house.sweep()
    after = shown(house, two_cases)
    assert not [line for line in before if line not in after]
    prefects_own(house, "TRUNCATE flow_run, log, artifact, artifact_collection CASCADE")
    house.sweep()
    after = shown(house, two_cases)
    assert not [line for line in before if line not in after] and any(line.kind == "log" for line in runs.lines(house.office, reference))
    assert prefects_own(house, "SELECT 1 FROM artifact_collection") >= len(VIEW)         # operations see all again
    with house.office.transaction() as session:
        assert verify(session) == []


def test_no_secret_of_the_settings_stands_in_any_log(house: RunningHouse, two_cases: list[str]) -> None:
    settings = house.office.settings
    cluster = house.house.records.cluster
    assert cluster
    secrets = {*settings.secrets(), settings.password(), cluster.server.password(), cluster.password(APP), cluster.password(PREFECT),
               *(found[1] for _, wire in house.post.mails if (found := re.search(r"One-time code:\s+(\d{6})", wire.decode(errors="replace"))))}
    logs = [*(house.house.data_dir / "logs").iterdir(), cluster.server.log]
    written = "".join(file.read_text(errors="replace") for file in logs)
    assert len(written) > 1000 and len(secrets) > 5 and not [secret for secret in secrets if re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", written)]
    with house.office.transaction() as session:
        copies = str(session.scalars(select(PrefectRecord.content)).all())
    assert not [secret for secret in secrets if len(secret) > 6 and secret in copies]


def test_prefects_server_has_met_no_fault_of_its_own(house: RunningHouse, two_cases: list[str]) -> None:
    # SQLAlchemy 2.1 made the scheduler of Prefect 3.8.8 fail at every round, and nothing but its log said so
    assert "Traceback" not in house.house.log("prefect").read_text()
