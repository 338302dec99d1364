"""The flows' runner as a process of the house."""

import sys
from pathlib import Path

from cme.errors import CmeError
from cme.services.prefect_api import PrefectApi
from cme.services.processes import ProcessSpec

LAST = "oversee"        # the last line of the timetable: once it is registered, all are


def runner(api: PrefectApi, data_dir: Path) -> ProcessSpec:
    """The process that registers the timetable and runs the flows. Its temporary files stay in ``data_dir``."""
    temporary = data_dir / "tmp"
    temporary.mkdir(mode=0o700, exist_ok=True)

    def ready() -> bool:
        try:
            return LAST in api.deployments()
        except CmeError:
            return False

    return ProcessSpec(name="runner", title="the flows' runner", command=[sys.executable, "-m", "cme.flows.serve"], ready=ready,
                       environment={"TMPDIR": str(temporary)}, timeout=120.0, grace=15.0)
