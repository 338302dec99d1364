"""See after text messages: receipts, uncertain ones, replies."""

from prefect import get_run_logger

from cme.steps import texts
from cme.tasks.fate import office, stamp, step


@step("look after text messages")
def look_after() -> None:
    """Settle uncertain texts, read receipts, and alarm where the text service cannot be read."""
    seen = texts.look_after(office(), stamp())
    if seen:
        get_run_logger().info("texts: %s", seen)
