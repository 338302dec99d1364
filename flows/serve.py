"""``python -m cme.flows.serve``: register the timetable with Prefect and run what is due. `cme up` and `cme demo` start it."""

import asyncio
import multiprocessing
import os
from multiprocessing import forkserver
from types import SimpleNamespace

from prefect import flow_engine
from prefect.exceptions import TerminationSignal
from prefect.runner import Runner

from cme.flows import timetable


def fork_runs() -> None:
    """Let the runner fork the process of each run from one that has imported everything and opened nothing.

    Prefect starts a new Python for each, which imports for two to three seconds of processor before it does anything.
    """
    multiprocessing.set_forkserver_preload([flow_engine.__name__, timetable.__name__])
    forkserver.ensure_running()
    flow_engine.multiprocessing = SimpleNamespace(get_context=lambda _: multiprocessing.get_context("forkserver"))  # type: ignore[assignment]


def main() -> None:
    fork_runs()
    # without pause_on_shutdown=False an old process pauses the schedules, which can land after the new one has started
    runner = Runner(pause_on_shutdown=False, limit=int(os.environ.get("CME_RUNNER_LIMIT", "5")))
    for line in timetable.TIMETABLE:
        runner.add_flow(line.flow, **line.deployment())      # a flow that the runner holds it runs itself; `prefect.serve` holds none
    try:
        asyncio.run(runner.start())
    except (KeyboardInterrupt, TerminationSignal):
        pass


if __name__ == "__main__":
    main()
