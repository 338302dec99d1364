"""``python -m cme.flows.serve``: register the timetable with Prefect and run what is due. `cme up` and `cme demo` start it."""

import os

from prefect import serve

from cme.flows.timetable import TIMETABLE


def main() -> None:
    # without pause_on_shutdown=False an old process pauses the schedules, which can land after the new one has started
    serve(*(line.deployment() for line in TIMETABLE), pause_on_shutdown=False, limit=int(os.environ.get("CME_RUNNER_LIMIT", "5")))


if __name__ == "__main__":
    main()
