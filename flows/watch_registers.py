"""Pull the registers and report those that are overdue."""

from prefect import flow, get_run_logger

from cme import clock
from cme.flows.names import by_minute
from cme.tasks import detect, notify, pull, timetable


@flow(name="watch-registers", flow_run_name=by_minute("watch-registers"), persist_result=False)
def watch_registers() -> str:
    """Every five minutes of school time: pull the registers; a register not marked ten minutes after its start is reported
    once to the attendance officer and the teacher, and read again just before the mail goes. A register is not a child."""
    moment = clock.now()
    if not timetable.is_school_time(moment):
        get_run_logger().info("no school at this time")
        return "no school at this time"
    counts = pull.pull_registers(clock.today())
    if detect.find_overdue_registers(moment):
        pull.pull_registers(clock.today())      # read again: it may have been marked meanwhile
        detect.report_overdue_registers(moment)
        notify.send_mail()
    return counts
