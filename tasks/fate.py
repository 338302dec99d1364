"""What Prefect does when a step fails: the error's type is its fate."""

from collections.abc import Callable
from functools import cache
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run, task_run
from sqlalchemy.exc import OperationalError

from cme.errors import Transient
from cme.records.history import Stamp
from cme.steps.office import Office, open_office


def machine_may_retry(_task: object, _run: object, state: State[Any]) -> bool:
    """True for what is certainly not done and may go better later; Permanent and Ambiguous go to a person instead."""
    try:
        state.result()
    except (Transient, OperationalError):
        return True
    except BaseException:
        return False
    return False


def step(name: str) -> Callable[[Callable[..., Any]], Any]:
    """A task named for people, retried by the error's type, never cached: what must happen once is a row, not a cache."""
    return task(name=name, retries=3, retry_delay_seconds=[2, 10, 30], retry_condition_fn=machine_may_retry,
                cache_policy=NO_CACHE, persist_result=False)


@cache
def office() -> Office:
    """The office of this process, opened once."""
    return open_office()


def stamp(who: str = "machine") -> Stamp:
    """Who and now, with the flow run and task run that do it."""
    return office().stamp(who, flow_run_id=run_id(), task_run_id=task_run.id)


def run_id() -> str | None:
    """The id of the flow run this process works for."""
    return flow_run.id
