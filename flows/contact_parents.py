"""Contact with the parent or carer of one case."""

from prefect import flow

from cme.flows.names import by_case
from cme.flows.question import ask
from cme.records.reviews import CONTACT_OUTCOME
from cme.tasks import bell, contact, oversee


@flow(name="contact-parents", flow_run_name=by_case("contact"), persist_result=False)
def contact_parents(case: str) -> None:
    """Write the approved text to the first contact, then wait for the attendance officer to record what came of it.

    Whatever it was, the case goes on to the DSL. Without an outcome in the configured time it goes there by itself."""
    contact.begin_contact(case)
    ask(case, CONTACT_OUTCOME)
    bell.start_missing_bells()
    oversee.publish_history(case)
