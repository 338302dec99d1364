"""Rows that could not be read: a person settles one that need not be read any more."""

from cme.errors import BadInput
from cme.records.history import Stamp
from cme.records.quarantine import resolve
from cme.records.tables import Quarantine
from cme.steps import unread_report
from cme.steps.office import Office


def settle_row(office: Office, number: int, why: str, stamp: Stamp) -> None:
    """Take a row out of quarantine, with the reason. Raises BadInput for no such row, no reason, or a report that a child may be
    missing, which is settled by its own command."""
    with office.transaction() as session:
        row = session.get(Quarantine, number)
        if row is not None and row.source == unread_report.SOURCE:
            raise BadInput(f"row {number} is a report that a child may be missing: `cme reports {number}` settles it")
        resolve(session, office.school, number, stamp, why)
