"""A second person confirms a decision of the designated safeguarding lead."""

from prefect import flow

from cme.flows.names import by_case
from cme.flows.question import ask
from cme.records.reviews import CONFIRMATION
from cme.tasks import bell, oversee


@flow(name="confirm-decision", flow_run_name=by_case("confirm"), persist_result=False)
def confirm_decision(case: str) -> None:
    """Wait for the second person's answer to a decision to close, or not to refer. Only the code of somebody else than who decided
    confirms it; without confirmation the case goes back to the designated safeguarding lead."""
    ask(case, CONFIRMATION)
    bell.start_missing_bells()
    oversee.publish_history(case)
