"""Day one: children with a safeguarding flag who are absent without a known reason."""

from prefect import get_run_logger

from cme.steps import day_one
from cme.tasks.fate import office, stamp, step


@step("look for day-one absences")
def raise_absences() -> list[str]:
    """Put each new one before the DSL at once, take back what was corrected; returns the references of the cases."""
    done = day_one.watch(office(), stamp())
    if done.raised or done.retracted:
        get_run_logger().info("day one: before the DSL: %s; findings taken back: %d", ", ".join(done.raised) or "none", done.retracted)
    return done.raised
