"""The sweep that runs every minute, so that nothing waits in silence."""

from prefect import flow, get_run_logger

from cme.flows.names import by_minute
from cme.flows.notify_authority import notify_authority
from cme.tasks import bell, call, notify, oversee, timetable


@flow(name="oversee", flow_run_name=by_minute("oversee"), persist_result=False)
def oversee_all() -> None:
    """Every minute: move on what has waited its time, bring unanswered questions and tasks to the next person on duty, send mail that
    is due, ring again where no run rings, finish approved notifications, and publish what needs a person. It decides nothing about
    a child."""
    with timetable.alone("oversee") as first:
        if first:
            sweep()
        else:
            get_run_logger().info("another sweep is at work")


def sweep() -> None:
    """One round. What only needs rows comes first, so that neither the mail server nor Prefect can hold it up."""
    oversee.move_on()
    oversee.escalate()
    notify.send_mail()
    call.show_calls()
    notify.settle_notified()
    for case in oversee.uncontacted_cases():
        bell.start_contact(case)
    bell.reconcile_bells()
    for case in oversee.cases_to_notify():
        notify_authority(case)
    notify.send_mail()
    oversee.publish_day()
