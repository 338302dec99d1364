"""Reports by members of staff that a child may have run away or gone missing, as the records hold them."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme.records.tables import Case, MissingReport

# what the attendance officer may establish; the words are those the officer reads in the form
FOUND = "Found and safe"
NOT_ESTABLISHED = "Not established: nobody could say where the child is"
NOT_KNOWN = "The parents or carers do not know where the child is"
ESTABLISHED = (FOUND, NOT_ESTABLISHED, NOT_KNOWN)


def reports_of(session: Session, case_id: int) -> list[MissingReport]:
    """The reports of a case, oldest first."""
    return list(session.scalars(select(MissingReport).where(MissingReport.case_id == case_id).order_by(MissingReport.id)))


def still_missing(session: Session, case: Case) -> bool:
    """Whether a report of the case stands about which no person has recorded that the child was found."""
    return any(not (report.established or "").startswith(FOUND) for report in reports_of(session, case.id))


def shown(report: MissingReport) -> dict[str, Any]:
    """A report as the dossier shows it. The words of staff stand in it: never for Prefect."""
    return {"at": report.reported_at.isoformat(), "by": report.reported_by, "last_seen_at": report.last_seen_at.isoformat(),
            "last_seen": report.last_seen_said, "last_seen_where": report.last_seen_where, "last_seen_by": report.last_seen_by,
            "concern": report.concern, "established": report.established, "established_by": report.established_by,
            "tried": report.tried, "known": report.known}
