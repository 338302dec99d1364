"""See that nothing waits in silence."""

from prefect import get_run_logger
from prefect.artifacts import create_markdown_artifact

from cme.steps import alarms, anchor, feed, oversee, staff, view
from cme.tasks.fate import office, stamp, step


@step("move on what has waited its time")
def move_on() -> list[str]:
    """Take cases whose waiting time has ended to the DSL; returns the references."""
    moved = oversee.move_on(office(), stamp())
    if moved:
        get_run_logger().info("moved on to the DSL: %s", ", ".join(moved))
    return moved


@step("escalate what waits")
def escalate() -> list[str]:
    """Notice staff changes; remind, hand over and call for questions and tasks; returns the references of late questions."""
    if staff.notice_changes(office(), stamp()):
        get_run_logger().info("the people file has changed; codes of those who left have ended")
    late = oversee.escalate(office(), stamp())
    oversee.watch_tasks(office(), stamp())
    alarms.call_about_the_rest(office(), stamp())
    if late:
        get_run_logger().warning("questions past their due time: %s", ", ".join(late))
    return late


@step("watch the source of registers")
def watch_feed() -> list[str]:
    """Alarm where registers are due and their source is silent, stale or gives none; returns what stands."""
    standing = feed.watch(office(), stamp())
    if standing:
        get_run_logger().warning("the source of registers: %s", ", ".join(standing))
    return standing


@step("anchor the record")
def anchor_record() -> int | None:
    """Once a day: note the head of the history outside the database; returns the event's number."""
    made = anchor.make_when_due(office(), stamp())
    return made.event if made else None


@step("find cases without contact")
def uncontacted_cases() -> list[str]:
    """The references of cases whose parent contact has not begun."""
    return oversee.uncontacted_cases(office())


@step("find approved cases")
def cases_to_notify() -> list[str]:
    """The references of approved cases whose message is not accepted yet."""
    return oversee.cases_to_notify(office())


@step("publish the history")
def publish_history(case: str) -> None:
    """The case's history as an opaque Markdown artifact on the run's page."""
    create_markdown_artifact(key=f"history-{case.lower()}", markdown=view.opaque_history(office(), case),
                             description=f"What happened in case {case}, who did it and when")
