"""Reports of staff that a child is missing: taken by their own run, and by the sweep where that run was lost."""

from datetime import timedelta
from typing import Any

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter, FlowRunFilterExpectedStartTime
from prefect.client.schemas.sorting import FlowRunSort
from prefect.types._datetime import now

from cme.steps import missing_report, unread_report
from cme.steps.missing_report import Received
from cme.tasks.fate import office, run_id, stamp, step

FLOW = "report-missing"
PARAMETER = "missing_child"
PATIENCE = timedelta(minutes=1)      # a report's own run begins within seconds; one that has not is read by the sweep
LOOKED_BACK = timedelta(days=7)


@step("take the report")
def receive(given: Any) -> Received:
    """Keep the report and ask whom it concerns; the same run again changes nothing."""
    return missing_report.receive(office(), given, run_id() or "", stamp())


def receive_now(given: Any) -> Received:
    """The same, with a sentence for its sender also where it could not be kept: the sweep reads it again until it is."""
    try:
        return receive(given)
    except Exception as error:
        get_run_logger().error("the report could not be kept yet (%s)", type(error).__name__)
        return Received("", f"Your report could not be kept yet and is tried again every minute; nobody is looking so far. {_whom()} now and say "
                        "which child you mean; if the child may be in danger, ring 999 first.")


def _whom() -> str:
    try:
        sentence = unread_report.whom_to_ring(office(), stamp())
    except Exception:
        sentence = "ring the attendance officer"
    return f"{sentence[0].upper()}{sentence[1:]}"


@step("take reports whose run was lost")
def take_lost_reports() -> list[str]:
    """Read every report of the last days that no run has kept: crashed, cancelled, forced, waiting for a slot, or put off to a later time.
    Returns the references of their cases."""
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[FLOW])), sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=200,
            flow_run_filter=FlowRunFilter(expected_start_time=FlowRunFilterExpectedStartTime(after_=now("UTC") - LOOKED_BACK)))
    old = {str(run.id): run.parameters.get(PARAMETER) for run in runs if run.created is not None and now("UTC") - run.created > PATIENCE}
    found = []
    for key in missing_report.not_kept(office(), list(old)):
        received = missing_report.receive(office(), old[key], key, stamp())
        get_run_logger().warning("a report whose run was lost has been taken: %s", received.reference or "it names no known child")
        found += [received.reference] if received.reference else []
    return found


@step("look for reports nobody has answered")
def unanswered() -> list[str]:
    """Put each case before the DSL at once whose report the attendance officer has not answered in time; returns the references."""
    return missing_report.unanswered(office(), stamp())
