"""Copy what Prefect recorded of the runs that worked for a case, before Prefect forgets it."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, LogFilter, LogFilterFlowRunId, LogFilterTimestamp
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.sorting import LogSort, TaskRunSort
from prefect.types._datetime import now

from cme.records.prefect_copies import LOST, Copied, Copy
from cme.records.tables import PrefectRun
from cme.steps import runs
from cme.tasks.bell import PAGE, TERMINAL
from cme.tasks.fate import office, stamp, step

AT_MOST = 20                            # runs in one sweep; the others follow in the next
LATE_LOGS = timedelta(seconds=30)       # a run's last lines reach the server some seconds after its end
OVERLAP = timedelta(seconds=5)          # lines are sent in batches and may arrive out of order; what comes twice is kept once


@step("copy what Prefect recorded")
def copy_runs() -> int:
    """Copy the flow runs, task runs, states and logs that are new of runs that worked for a case; returns how many records."""
    waiting = runs.runs_to_copy(office())
    if not waiting:
        return 0
    copied: list[Copied] = []
    with get_client(sync_client=True) as client:
        known = {str(run.id): run for start in range(0, len(waiting), PAGE) for run in client.read_flow_runs(
            limit=PAGE, flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[UUID(one.flow_run_id) for one in waiting[start:start + PAGE]])))}
        for one in waiting:
            run = known.get(one.flow_run_id)
            if run is None:
                copied.append(_lost(one))
            elif run.state is not None and (str(run.state.id) != one.state_id or run.state.type in TERMINAL):
                copied.append(_copy(client, one, run, run.state))
            if len(copied) == AT_MOST:
                break
    kept = runs.keep(office(), copied, stamp())
    if kept:
        get_run_logger().info("%d records of %d runs copied", kept, len(copied))
    return kept


def _lost(one: PrefectRun) -> Copied:
    """A run that Prefect no longer has: what was copied before is all there will be."""
    at = now("UTC")
    return Copied(one.flow_run_id, [Copy("flow run", f"{one.flow_run_id}:lost", at, {"said": LOST})], one.state_id, one.logs_up_to, True)


def _copy(client: SyncPrefectClient, one: PrefectRun, run: FlowRun, state: State[Any]) -> Copied:
    found = [Copy("flow run", f"{run.id}:{state.id}", state.timestamp, {
        "said": f"{run.name}: {state.name}", "name": run.name, "tags": run.tags, "parameters": run.parameters, "state": state.name,
        "started": _iso(run.start_time), "ended": _iso(run.end_time), "runs": run.run_count, "deployment": _text(run.deployment_id)})]
    found += [_state(s, run.name) for s in client.read_flow_run_states(run.id)]
    here = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
    for task in _pages(lambda offset: client.read_task_runs(flow_run_filter=here, limit=PAGE, offset=offset, sort=TaskRunSort.ID_DESC)):
        if task.state is not None:
            found.append(Copy("task run", f"{task.id}:{task.state.id}", task.state.timestamp, {
                "said": f"{task.name}: {task.state.name}", "id": str(task.id), "name": task.name, "state": task.state.name,
                "started": _iso(task.start_time), "ended": _iso(task.end_time), "runs": task.run_count}))
            found += [_state(s, task.name) for s in client.read_task_run_states(task.id)]
    since = LogFilterTimestamp(after_=one.logs_up_to - OVERLAP) if one.logs_up_to else None
    lines = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id]), timestamp=since)
    last = one.logs_up_to
    for log in _pages(lambda offset: client.read_logs(lines, limit=PAGE, offset=offset, sort=LogSort.TIMESTAMP_ASC)):
        found.append(Copy("log", str(log.id), log.timestamp, {"said": log.message, "level": log.level, "logger": log.name,
                                                              "task_run": _text(log.task_run_id)}))
        last = log.timestamp
    ended = state.type in TERMINAL and now("UTC") - state.timestamp > LATE_LOGS
    return Copied(one.flow_run_id, found, str(state.id), last, ended)


def _state(state: State[Any], of: str) -> Copy:
    return Copy("state", str(state.id), state.timestamp, {"said": f"{of}: {state.name}" + (f" ({state.message})" if state.message else ""),
                                                          "type": state.type.value, "name": state.name, "message": state.message or ""})


def _pages(read: Callable[[int], Sequence[Any]]) -> Iterator[Any]:
    for page in count():
        rows = read(page * PAGE)
        yield from rows
        if len(rows) < PAGE:
            return


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _text(id_: UUID | None) -> str | None:
    return str(id_) if id_ else None
