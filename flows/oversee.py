"""The sweep that runs every minute, so that nothing waits in silence."""

from prefect import flow, get_run_logger

from cme.flows.contact_ladder import contact_unexplained
from cme.flows.names import by_minute
from cme.flows.notify_authority import notify_authority
from cme.tasks import absence_form, bell, call, day_one, messages, notify, operations, oversee, report, runs, texts, timetable


@flow(name="oversee", flow_run_name=by_minute("oversee"), persist_result=False)
def oversee_all() -> None:
    """Every minute: look again for day-one absences and for reports whose run was lost, move on what has waited its time, bring unanswered questions and tasks to the next person on duty, send mail that
    is due, ring again where no run rings, finish approved notifications, and publish what needs a person. It decides nothing about
    a child."""
    with timetable.alone("oversee") as first:
        if first:
            sweep()
        else:
            get_run_logger().info("another sweep is at work")


def sweep() -> None:
    """One round. What only needs rows comes first, so that neither the mail server nor Prefect can hold it up. A step that fails holds
    up no other; it fails the run at the end, so that it is seen."""
    failed = []
    for each in (report.unanswered, day_one.raise_absences, messages.prepare_day_one_reports, oversee.move_on, oversee.watch_feed,
                 oversee.escalate, climb_ladder, notify.send_mail, call.show_calls,
                 notify.settle_notified, report.take_lost_reports, absence_form.tidy, begin_contacts, bell.reconcile_bells, finish_notifications,
                 notify.send_mail, texts.look_after, oversee.anchor_record, runs.copy_runs, operations.tell_escalations,
                 operations.publish_operations):
        try:
            each()
        except Exception as error:
            failed.append(error)
    if failed:
        raise failed[0]


def climb_ladder() -> None:
    """Take the rungs of parent contact that are due."""
    contact_unexplained(freshly_read=False)


def begin_contacts() -> None:
    """Start the contact of every case that has none yet."""
    for case in oversee.uncontacted_cases():
        bell.start_contact(case)


def finish_notifications() -> None:
    """Carry every approved notification to its end."""
    for case in oversee.cases_to_notify():
        notify_authority(case)
