"""Judge cumulative absence and begin parent contact."""

from datetime import date

from prefect import flow, get_run_logger

from cme import clock
from cme.flows.names import by_day
from cme.tasks import bell, compliance, detect, messages, oversee, pull, timetable


@flow(name="check-absence", flow_run_name=by_day("check-absence"), persist_result=False)
def check_absence(day: date | None = None) -> list[str]:
    """Each school day: judge every pupil against the thresholds (10 continuous and 10 cumulative school days without
    permission), open a case for each child who has crossed one, and begin contact with the parent or carer."""
    day = day or clock.today()
    if not timetable.is_school_day(day):
        get_run_logger().info("%s is not a school day", day)
        return []
    pull.pull_registers(clock.today())
    opened = detect.judge_absence(day)
    for case in oversee.uncontacted_cases():
        bell.start_contact(case)
    if messages.propose_sickness_returns(day):
        bell.start_missing_bells()
    compliance.publish_week()
    return opened
