"""The order of parent contact about unexplained absences, as part of the flows that read the registers and that sweep."""

from prefect import get_run_logger

from cme import clock
from cme.tasks import absences, bell, notify, pull


def contact_unexplained(*, freshly_read: bool) -> None:
    """Notice unexplained absences and take the rungs that are due. Before a parent is written to, the registers are read once more; where
    they cannot be, the marks held are used as long as they are young. New cases before the DSL get their bells."""
    new, due = absences.notice()
    if due and not freshly_read:
        if not pull.pull_registers.with_options(retries=0)(clock.today(), return_state=True).is_completed():
            get_run_logger().warning("the registers could not be read before writing to parents")
        new += absences.notice()[0]
    if absences.climb() or new:
        bell.start_missing_bells(return_state=True)
        notify.send_mail()
