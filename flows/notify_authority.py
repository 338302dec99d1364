"""The message to the local authority."""

from prefect import flow

from cme.flows.names import by_case
from cme.tasks import notify, oversee


@flow(name="notify-authority", flow_run_name=by_case("notify"), persist_result=False)
def notify_authority(case: str) -> list[str]:
    """Render the approved notification once, hand it to the mail server, and record its acceptance. Started again, it sends
    no second copy."""
    settled = notify_now(case)
    oversee.publish_history(case)
    return settled


def notify_now(case: str) -> list[str]:
    """The same within a run that publishes the history itself: a run of its own would make the message wait for its start."""
    notify.prepare_notification(case)
    notify.send_mail()
    return notify.settle_notified()
