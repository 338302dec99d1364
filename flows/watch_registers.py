"""Pull the registers and report those that are overdue."""

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State

from cme import clock
from cme.flows.contact_ladder import contact_unexplained
from cme.flows.names import by_minute
from cme.tasks import bell, day_one, detect, messages, notify, oversee, pull, timetable


@flow(name="watch-registers", flow_run_name=by_minute("watch-registers"), persist_result=False)
def watch_registers() -> str:
    """Every five minutes of school time: pull the registers; a register not marked ten minutes after its start is reported
    once to the attendance officer and the teacher, and read again just before the mail goes. A register is not a child. A child with a
    safeguarding flag who is absent without a known reason is before the designated safeguarding lead at once."""
    moment = clock.now()
    if not timetable.is_school_time(moment):
        get_run_logger().info("no school at this time")
        return "no school at this time"
    counts = pull.pull_registers(clock.today())
    day_one_now = [raise_day_one()]
    home_schools = messages.tell_home_schools(return_state=True)
    if detect.find_overdue_registers(moment):
        pull.pull_registers(clock.today())      # read again: it may have been marked meanwhile
        day_one_now.append(raise_day_one())
    if detect.report_overdue_registers(moment):
        notify.send_mail()
    if not home_schools.is_completed() or home_schools.result():
        notify.send_mail()                      # in the same session: not with the next sweep
    contact_unexplained(freshly_read=True)
    for state in (*day_one_now, home_schools):
        state.result()                          # a fault there held up no register, and is seen in this run
    return counts


def raise_day_one() -> State[list[str]]:
    """Put new day-one absences before the DSL, and begin parent contact beside it."""
    state: State[list[str]] = day_one.raise_absences(return_state=True)
    if not state.is_completed() or state.result():
        bell.start_missing_bells()
        for case in oversee.uncontacted_cases():
            bell.start_contact(case)
    return state
