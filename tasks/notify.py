"""Notify the local authority, and hand messages to the mail server."""

from prefect import get_run_logger

from cme.steps import notify, oversee
from cme.tasks.fate import office, stamp, step


@step("render the notification")
def prepare_notification(case: str) -> str | None:
    """Render the approved message once and put it into the outbox; returns the row, None when nothing is approved."""
    return notify.prepare(office(), case, stamp())


@step("hand messages to the mail server")
def send_mail() -> dict[str, int]:
    """Send what is due and see after what is stuck; returns the number of messages by outcome."""
    counts: dict[str, int] = {}
    for delivery in oversee.send_mail(office(), stamp()):
        counts[delivery.state] = counts.get(delivery.state, 0) + 1
    if counts:
        get_run_logger().info("messages: %s", ", ".join(f"{n} {outcome}" for outcome, n in sorted(counts.items())))
    return counts


@step("record what was accepted")
def settle_notified() -> list[str]:
    """Move each case whose message was accepted to "notified"; returns the references."""
    return oversee.settle_notified(office(), stamp())
