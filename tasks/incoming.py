"""Read the school's mailbox."""

from prefect import get_run_logger

from cme.steps import incoming
from cme.tasks.fate import office, stamp, step


@step("read the school's mailbox")
def read_mailbox() -> dict[str, int]:
    """Handle what came in since the last look; returns the number of mails by kind."""
    counts = incoming.read_mailbox(office(), stamp())
    if counts:
        get_run_logger().info("mails: %s", ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items())))
    return counts
