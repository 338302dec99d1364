"""What Prefect recorded of the runs of a case, from our own copy: whole after Prefect has forgotten it. Opaque, as Prefect's own."""

from collections.abc import Sequence
from dataclasses import dataclass

from cme import clock
from cme.records import cases, prefect_copies
from cme.records.history import Stamp
from cme.records.prefect_copies import Copied
from cme.records.tables import PrefectRun
from cme.steps.office import Office


@dataclass(frozen=True)
class RunLine:
    """One record of a run as people read it."""

    run: str
    when: str
    kind: str
    what: str


def runs_to_copy(office: Office) -> list[PrefectRun]:
    """The runs that worked for a case and of which more may have to be copied."""
    with office.transaction() as session:
        prefect_copies.note_runs(session)
    with office.transaction() as session:
        return prefect_copies.going(session)


def note_run(office: Office, flow_run_id: str) -> None:
    """Let a run be copied that does nothing in the records itself."""
    with office.transaction() as session:
        prefect_copies.note_run(session, flow_run_id)


def keep(office: Office, copied: Sequence[Copied], stamp: Stamp) -> int:
    """Keep what was found; returns how many records were new."""
    with office.transaction() as session:
        return prefect_copies.keep(session, copied, stamp)


def lines(office: Office, reference: str) -> list[RunLine]:
    """Everything Prefect recorded of the runs of a case, as far as it was copied."""
    with office.transaction() as session:
        case = cases.by_reference(session, reference)
        rows = prefect_copies.records_of(session, case.reference)
    return [RunLine(row.flow_run_id, f"{clock.local(row.at):%Y-%m-%d %H:%M:%S}", row.kind, str(row.content.get("said", ""))) for row in rows]
