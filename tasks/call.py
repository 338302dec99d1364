"""Show on Prefect's dashboard that operations were called: one failed run for each call."""

from prefect import get_run_logger
from prefect.deployments import run_deployment

from cme.steps import alarms, runs
from cme.tasks.fate import office, step

AT_MOST = 20                # in one sweep; the others follow in the next


@step("put what needs a person on the dashboard")
def show_calls() -> int:
    """Start a run that fails for every call of operations that none shows yet; returns how many. Doing it twice starts no second one."""
    calls = alarms.calls_to_show(office())[:AT_MOST]
    for call in calls:
        run = run_deployment("needs-a-person/needs-a-person", parameters={"case": call.reference, "sentence": call.sentence}, timeout=0,
                       as_subflow=False, tags=[call.reference], idempotency_key=f"needs-a-person:{call.key}")
        alarms.shown(office(), call)
        runs.note_run(office(), str(run.id))
    if calls:
        get_run_logger().warning("operations were called: %s", ", ".join(call.reference for call in calls))
    return len(calls)
