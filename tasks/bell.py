"""Prefect as the doorbell: start the run that rings for a question, read the answers given to it, see that it still rings.

The row is the gate. A run may be resumed, forced, retried, deleted or lost as it likes: only an answer whose code names a
person moves a case, and a question without a live bell is rung again. Prefect's copies of answers are deleted once read.
"""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from uuid import UUID

from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed
from prefect.types._datetime import now

from cme.records.reviews import CONFIRMATION, CONTACT_OUTCOME, MISSING_REPORT, SAFEGUARDING
from cme.steps import oversee, review, urgent
from cme.tasks import answers
from cme.tasks.fate import office, run_id, stamp, step

FLOW = {CONTACT_OUTCOME: "contact-parents", SAFEGUARDING: "review-case", CONFIRMATION: "confirm-decision",
        MISSING_REPORT: "ask-attendance-officer"}
RUN_NAME = {CONTACT_OUTCOME: "contact", SAFEGUARDING: "review", CONFIRMATION: "confirm", MISSING_REPORT: "report"}
TERMINAL = {StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED}
STALLED = timedelta(minutes=3)      # a bell works for seconds; one "running" for minutes has lost its process
PAGE = 200                          # runs at a time: the most that Prefect's server gives
UNRESUMABLE = timedelta(minutes=1)  # Prefect saves the form after the state; a crash between leaves a run nobody can resume


@step("read the answers given")
def read_answers(case: str, kind: str) -> int:
    """Record every answer Prefect holds for this run and delete Prefect's copies; returns how many there were."""
    with get_client(sync_client=True) as client:
        return _read_answers(client, case, kind, run_id() or "")


def _read_answers(client: SyncPrefectClient, case: str, kind: str, flow_run_id: str) -> int:
    read = 0
    for read, (key, answer) in enumerate(answers.given(client, flow_run_id), 1):
        taken = review.take_answer(office(), case, kind, key, answer, flow_run_id, stamp().task_run_id)
        get_run_logger().info("%s: an answer was %s", case, "accepted" if taken.accepted else f"not accepted: {taken.refusal}")
    return read


@step("ring for the person")
def ring(case: str, kind: str) -> review.Rung | None:
    """Make this run the bell of the open question and queue the mail with link and code; None when nothing is asked."""
    return review.ring(office(), case, kind, run_id() or "", stamp())


def whom_to_ring() -> str:
    """Whom to ring if a child may be in danger; stands above every form."""
    return urgent.heading(office())


@step("start the contact's run")
def start_contact(case: str) -> None:
    """Start the run that contacts the parent or carer of a case; the same call again starts nothing new."""
    _start_bell(case, CONTACT_OUTCOME, "question-1")


@step("start the runs that ask")
def start_missing_bells() -> list[str]:
    """Start a run for every open question that never had one; returns the references."""
    waiting = [question for question in oversee.waiting_questions(office()) if question.flow_run_id is None]
    for question in waiting:
        _start_bell(question.reference, question.kind, f"question-{question.number}")
    return [question.reference for question in waiting]


def _start_bell(case: str, kind: str, after: str) -> None:
    key = f"{kind}:{case}:{after}"
    while True:
        run = run_deployment(f"{FLOW[kind]}/{FLOW[kind]}", parameters={"case": case}, timeout=0, as_subflow=False, tags=[case],
                             flow_run_name=f"{RUN_NAME[kind]} {case}", idempotency_key=key)
        if run.state is None or run.state.type not in TERMINAL:
            return
        key = f"{kind}:{case}:{run.id}"      # that run died before it could ring: the next one comes after it


@step("see that every question has its bell")
def reconcile_bells() -> int:
    """Compare rows with Prefect: read answers left in lost runs, ring again where nothing rings, close bells of no question.

    Returns how many bells were started.
    """
    rung = 0
    with get_client(sync_client=True) as client:
        living = {str(run.id): run for flow in FLOW.values() for run in going(client, flow)}
        for question in oversee.waiting_questions(office()):
            run = living.get(question.flow_run_id or "") or _run(client, question.flow_run_id)
            if run is not None and _rings(client, run):
                continue
            if run is not None and _read_answers(client, question.reference, question.kind, str(run.id)):
                continue                     # the next sweep sees what the answer has changed
            _start_bell(question.reference, question.kind, question.flow_run_id or f"question-{question.number}")
            rung += 1
        _close_orphans(client)
    return rung


def going(client: SyncPrefectClient, flow: str) -> Iterator[FlowRun]:
    """The runs of a flow that have not ended; one that moves meanwhile may be missing or come twice."""
    states = FlowRunFilterState(type=FlowRunFilterStateType(any_=[state for state in StateType if state not in TERMINAL]))
    for page in count():
        runs = client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])), limit=PAGE, offset=page * PAGE,
                                     sort=FlowRunSort.ID_DESC, flow_run_filter=FlowRunFilter(state=states))
        yield from runs
        if len(runs) < PAGE:
            return


def _run(client: SyncPrefectClient, flow_run_id: str | None) -> FlowRun | None:
    try:
        return client.read_flow_run(UUID(flow_run_id)) if flow_run_id else None
    except ObjectNotFound:
        return None


def _rings(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Whether the run rings, or is about to. A run that lost its process, or cannot be resumed, is ended here."""
    state = run.state
    if state is None or state.type in TERMINAL:
        return False
    age = now("UTC") - state.timestamp
    if state.type is StateType.PAUSED:
        ends = state.state_details.pause_timeout       # ours have none; one that was given from outside can no longer be resumed after it
        if ends is not None and ends <= now("UTC"):
            client.set_flow_run_state(run.id, Crashed(message="suspended past Prefect's own timeout; asked again"), force=True)
            return False
        keyset = state.state_details.run_input_keyset or {}
        if age < UNRESUMABLE or (keyset and client.filter_flow_run_input(run.id, keyset["schema"], 1, set())):
            return True
        client.set_flow_run_state(run.id, Crashed(message="paused without a form; asked again"), force=True)
        return False
    if state.type in (StateType.RUNNING, StateType.PENDING, StateType.CANCELLING) and age > STALLED:
        client.set_flow_run_state(run.id, Crashed(message="its process was lost; asked again"), force=True)
        return False
    return True


def _close_orphans(client: SyncPrefectClient) -> None:
    """End the paused runs of questions that are no longer open, and the runs that lost their process after the answer."""
    open_bells = {question.flow_run_id for question in oversee.waiting_questions(office())}
    for kind in FLOW:
        for run in list(going(client, FLOW[kind])):
            if str(run.id) in open_bells or run.state is None:
                continue
            age = now("UTC") - run.state.timestamp
            if run.state.type is StateType.PAUSED and age > UNRESUMABLE:
                client.set_flow_run_state(run.id, Cancelled(message="the question has been answered or asked elsewhere"), force=True)
            elif run.state.type is StateType.RUNNING and age > STALLED:
                _read_answers(client, run.parameters["case"], kind, str(run.id))      # also deletes a copy left behind
                client.set_flow_run_state(run.id, Crashed(message="its process was lost; the sweep finishes its work"), force=True)
