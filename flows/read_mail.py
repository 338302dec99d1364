"""Look into the school's mailbox: bounces and replies."""

from prefect import flow, get_run_logger

from cme.flows.names import by_minute
from cme.tasks import incoming, timetable


@flow(name="read-mail", flow_run_name=by_minute("read-mail"), persist_result=False)
def read_mail() -> dict[str, int]:
    """Every five minutes: look for messages that came back, are held up or were answered. Each mail is handled once and stays where it
    is; what needs a person becomes a task, an alarm, or a line of `cme mail`. Apart from the sweep, so that a slow mailbox holds nothing up."""
    with timetable.alone("read-mail") as first:
        if first:
            return incoming.read_mailbox()
        get_run_logger().info("another run reads the mailbox")
        return {}
