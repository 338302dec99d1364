"""The messages beside the case's own: day-one reports, sickness proposals, and what schools of registration hear."""

from datetime import date

from prefect import get_run_logger

from cme.steps import day_one_report, home_school, sickness
from cme.tasks.fate import office, stamp, step


@step("prepare day-one reports")
def prepare_day_one_reports() -> list[str]:
    """Render each day-one report that a person decided on and put it into the outbox; returns the references."""
    return day_one_report.prepare_all(office(), stamp())


@step("look for sickness returns")
def propose_sickness_returns(day: date) -> list[str]:
    """Propose a sickness return to the DSL for each child with fifteen school days of illness; returns the references of the cases."""
    done = sickness.watch(office(), day, stamp())
    if done.raised or done.retracted:
        get_run_logger().info("sickness returns proposed: %s; taken back: %d", ", ".join(done.raised) or "none", done.retracted)
    return done.raised


@step("tell schools of registration")
def tell_home_schools() -> int:
    """Tell the schools of registration what is new of children taught here; returns how many messages were queued."""
    done = home_school.watch(office(), stamp())
    if done.told or done.corrected:
        get_run_logger().info("schools of registration told of %d absences and %d corrections; to be rung: %d", done.told, done.corrected,
                              len(done.to_ring))
    return done.told + done.corrected
