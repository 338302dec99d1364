"""Detect overdue registers and cumulative absence."""

from datetime import date, datetime

from prefect import get_run_logger

from cme.steps import detect as absence
from cme.steps import overdue, safeguarding_record
from cme.tasks.fate import office, stamp, step


@step("find overdue registers")
def find_overdue_registers(moment: datetime) -> int:
    """How many registers look overdue at ``moment`` and have not been reported."""
    return len(overdue.candidates(office(), moment))


@step("report overdue registers")
def report_overdue_registers(moment: datetime) -> int:
    """Report each overdue register once, to its teachers and the attendance officer; returns how many."""
    reported = overdue.report(office(), moment, stamp())
    get_run_logger().info("overdue registers reported: %d", reported)
    return reported


@step("judge cumulative absence")
def judge_absence(day: date) -> list[str]:
    """Judge the roll on ``day``; returns the references of the cases opened."""
    found = absence.detect(office(), day, stamp())
    get_run_logger().info("%d pupils judged, %d thresholds crossed, %d retracted, cases opened: %s", found.pupils, found.findings,
                          found.retracted, ", ".join(found.opened) or "none")
    if tasks := safeguarding_record.set_tasks(office(), stamp()):
        get_run_logger().info("persistent absence to be reported through the safeguarding record: %s", ", ".join(tasks))
    return found.opened
