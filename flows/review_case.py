"""The review of one case by the designated safeguarding lead."""

from prefect import flow

from cme.flows.names import by_case
from cme.flows.notify_authority import notify_now
from cme.flows.question import ask
from cme.records.reviews import SAFEGUARDING
from cme.tasks import bell, messages, notify, oversee


@flow(name="review-case", flow_run_name=by_case("review"), persist_result=False)
def review_case(case: str) -> None:
    """Wait for the DSL's decision, then carry it out. Only an answer with the DSL's one-time code decides: an empty click,
    a forced state or a wrong code asks again."""
    ask(case, SAFEGUARDING)
    if messages.prepare_day_one_reports():
        notify.send_mail()
    if case in oversee.cases_to_notify():
        notify_now(case)
    bell.start_missing_bells()
    oversee.publish_history(case)
