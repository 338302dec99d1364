"""Look whether records wait for a person."""

from prefect import flow

from cme.flows.names import by_day
from cme.tasks import records


@flow(name="watch-records", flow_run_name=by_day("watch-records"), persist_result=False)
def watch_records() -> None:
    """Every morning: call operations where records past their time, or a request about a child's records, have waited too long for a
    person. It erases nothing and decides nothing."""
    states = [records.watch_requests(return_state=True), records.watch_retention(return_state=True)]
    for state in states:
        state.result()
