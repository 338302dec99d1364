"""Unexplained absences and the ladder of contact."""

from prefect import get_run_logger

from cme.steps import absence_answers, absences, ladder, professionals
from cme.tasks.fate import office, stamp, step


@step("look for unexplained absences")
def notice() -> tuple[int, bool]:
    """Open a request for each new one, end those that the registers have settled, tell the attendance officer and the professionals;
    returns how many are new, and whether a message to a parent is due, so that the registers ought to be read once more."""
    done = absences.watch(office(), stamp())
    professionals.tell_the_rest(office(), stamp())
    if done.opened or done.ended:
        get_run_logger().info("unexplained absences: %d new, %d ended by the registers", len(done.opened), done.ended)
    return len(done.opened), ladder.messages_due(office(), stamp())


@step("climb the ladder of contact")
def climb() -> bool:
    """Take every rung that is due; returns whether anything was done, so that mail must leave."""
    done = ladder.climb(office(), stamp())
    if done:
        get_run_logger().info("contact: %d messages queued, %d calls and %d visits asked for, to the DSL: %s", done.queued, done.calls, done.visits,
                              ", ".join(done.to_dsl) or "none")
    if done.held:
        get_run_logger().warning("messages to parents wait: %s", done.held)
    absence_answers.tell_changes(office(), stamp())
    return bool(done)
