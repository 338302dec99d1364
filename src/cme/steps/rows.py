"""Rows that could not be read: read again once they are corrected, or settled by a person because they need not be read any more."""

from cme.errors import BadInput
from cme.records.history import Stamp
from cme.records.quarantine import quarantined, resolve
from cme.records.registers import PullResult
from cme.records.tables import Quarantine
from cme.sources.source import place_of
from cme.steps import unread_report
from cme.steps.office import Office
from cme.steps.pull import pull


def settle_row(office: Office, number: int, why: str, stamp: Stamp) -> None:
    """Take a row out of quarantine, with the reason. Raises BadInput for no such row, no reason, or a report that a child may be
    missing, which is settled by its own command."""
    with office.transaction() as session:
        row = session.get(Quarantine, number)
        if row is not None and row.source == unread_report.SOURCE:
            raise BadInput(f"row {number} is a report that a child may be missing: `cme reports {number}` settles it")
        resolve(session, office.school, number, stamp, why)


def row_in_full(office: Office, number: int) -> tuple[str, str, str]:
    """Where a row in quarantine stands, why it is there, and the row as it came, which may name a child. Raises BadInput for no such row."""
    with office.transaction() as session:
        row = session.get(Quarantine, number)
        if row is None or row.school != office.school:
            raise BadInput(f"there is no row {number} in quarantine: see the list for the numbers")
        return f"{row.source}: {place_of(row.place, row.line or row.record)}", row.reason, row.raw


def read_again(office: Office, stamp: Stamp) -> PullResult | None:
    """Read the days of the waiting rows again, however old; everything where a row's day is not known. None: no row of a source waits.

    Raises whatever the source raises; what is corrected leaves quarantine.
    """
    with office.transaction() as session:
        waiting = [row.day for row in quarantined(session, office.school) if row.source != unread_report.SOURCE]
    if not waiting:
        return None
    return pull(office, None if None in waiting else sorted({day for day in waiting if day is not None}), stamp, afresh=True)
