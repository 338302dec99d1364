"""Pull registers from the school's source."""

from datetime import date

from prefect import get_run_logger

from cme.steps import pull as steps
from cme.tasks.fate import office, stamp, step


@step("pull registers")
def pull_registers(today: date) -> str:
    """Read the pull window up to ``today`` and keep what changed; returns counts only."""
    result = steps.pull(office(), steps.window(office(), today), stamp())
    sentence = str(result)
    get_run_logger().info("%s", sentence)
    return sentence
