"""When a run that waits still rings, judged without a server: what Prefect says of the run, and what is left of its form."""

from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Suspended

from cme.tasks import bell


class Server:
    """Holds the form of every run, and notes which states it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[UUID, str, bool]] = []

    def filter_flow_run_input(self, *_: Any) -> list[str]:
        return ["the form"]

    def set_flow_run_state(self, run: UUID, state: State[Any], force: bool = False) -> None:
        self.told.append((run, state.name or "", force))


def suspended(minutes_left: float | None, since: timedelta = timedelta(hours=1)) -> FlowRun:
    state: State[Any] = Suspended()
    state.timestamp = datetime.now(timezone.utc) - since
    state.state_details.run_input_keyset = {"schema": "safeguarding-1-schema"}
    state.state_details.pause_timeout = datetime.now(timezone.utc) + timedelta(minutes=minutes_left) if minutes_left is not None else None
    return FlowRun(id=uuid4(), flow_id=uuid4(), state=state)


def test_our_own_suspended_run_rings_for_ever() -> None:
    server = Server()
    assert bell._rings(server, suspended(None, timedelta(days=100))) and server.told == []      # type: ignore[arg-type]


def test_a_run_with_a_timeout_rings_until_it_has_passed() -> None:
    server = Server()
    assert bell._rings(server, suspended(5)) and server.told == []                              # type: ignore[arg-type]


@pytest.mark.parametrize("since", [timedelta(seconds=5), timedelta(hours=1)])
def test_a_run_suspended_past_prefects_own_timeout_is_ended_and_so_rung_again(since: timedelta) -> None:
    """Prefect refuses to resume it, form or no form."""
    server, run = Server(), suspended(-0.01, since)
    assert not bell._rings(server, run)                                                          # type: ignore[arg-type]
    assert server.told == [(run.id, "Crashed", True)]
