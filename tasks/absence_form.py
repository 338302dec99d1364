"""The form for the reason of an absence: what is asked, what was answered, and the forms that nobody answers."""

from datetime import timedelta

from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.states import Cancelled, Crashed
from prefect.types._datetime import now

from cme.steps import absence_form
from cme.steps.absence_form import Asked, Taken
from cme.tasks import answers, bell
from cme.tasks.fate import office, run_id, stamp, step

FLOW, PARAMETER = "record-contact", "absence"
WAITS = timedelta(hours=12)


@step("ask for the reason")
def ask(absence: str, refusal: str) -> Asked:
    """What the form shows; whoever is asked is mailed a code."""
    return absence_form.ask(office(), absence, run_id() or "", stamp(), refusal)


@step("read the reason given")
def take_answers(absence: str) -> Taken:
    """Record what was answered in this run and delete Prefect's copies; the accepted answer, or the last refusal."""
    with get_client(sync_client=True) as client:
        return _take_answers(client, absence, run_id() or "")


def _take_answers(client: SyncPrefectClient, absence: str, flow_run_id: str) -> Taken:
    taken = Taken()
    for key, answer in answers.given(client, flow_run_id):
        found = absence_form.take(office(), absence, key, answer, office().stamp(flow_run_id=flow_run_id))
        taken = taken if taken.done else found
    return taken


@step("look after forms nobody answered")
def tidy() -> int:
    """Read answers whose run lost its process, and end forms that wait for half a day; returns how many runs ended."""
    ended = 0
    with get_client(sync_client=True) as client:
        for run in list(bell.going(client, FLOW)):
            age = now("UTC") - run.state.timestamp if run.state else timedelta()
            lost = run.state is not None and run.state.type is StateType.RUNNING and age > bell.STALLED
            if lost or run.state is not None and run.state.type is StateType.PAUSED and age > WAITS:
                taken = _take_answers(client, str(run.parameters.get(PARAMETER, "")), str(run.id))
                if taken.done or taken.refusal:
                    get_run_logger().warning("an answer whose run was lost has been read: %s", taken.done or taken.refusal)
                client.set_flow_run_state(run.id, Crashed(message="its process was lost; start the form again") if lost else
                                          Cancelled(message="not answered; start the form again"), force=True)
                ended += 1
    return ended
