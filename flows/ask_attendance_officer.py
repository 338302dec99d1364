"""Ask the attendance officer what has happened to a child whom a member of staff reported missing."""

from prefect import flow

from cme.flows.names import by_case
from cme.flows.question import ask
from cme.records.reviews import MISSING_REPORT
from cme.tasks import bell, oversee


@flow(name="ask-attendance-officer", flow_run_name=by_case("report"), persist_result=False)
def ask_attendance_officer(case: str) -> None:
    """Wait for what the attendance officer finds out about a child reported missing. Whatever it is, the case goes before the designated
    safeguarding lead: at once where it is not established that the child is safe, or where nothing is recorded in time."""
    ask(case, MISSING_REPORT)
    bell.start_missing_bells()
    oversee.publish_history(case)
