"""Look whether records wait for a person: past their time, or asked for."""

from prefect import get_run_logger

from cme.steps import retention, rights
from cme.tasks.fate import office, stamp, step


@step("look for records past their time")
def watch_retention() -> bool:
    """Alarm where a list of what may be erased has waited too long for a person. Erases nothing."""
    late = retention.watch(office(), stamp())
    if late:
        get_run_logger().warning("records past their time wait for a person: cme retention")
    return late


@step("look for requests about records")
def watch_requests() -> list[str]:
    """Alarm about each open request whose last day is near or past; returns their references."""
    near = rights.watch(office(), stamp())
    if near:
        get_run_logger().warning("requests about records to be answered: %s", ", ".join(near))
    return near
