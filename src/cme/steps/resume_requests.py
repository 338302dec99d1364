"""That somebody pressed Resume on a paused run, and as whom the school's own sign-in knew them.

Only the one-time code says who answers; this is kept beside it, because a code can be passed on.
"""

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cme.records.history import Stamp, record
from cme.records.tables import Case, ResumeRequest, Review
from cme.steps.office import Office

PATIENCE = "3s"                  # how long it may wait for a lock: the answer itself must not wait for this row


def note_resume(office: Office, flow_run_id: str, signed_in_as: str, stamp: Stamp) -> None:
    """Write that Resume was pressed on a run; ``signed_in_as`` is empty where no proxy names anybody.

    Raises OperationalError when the row cannot be written within three seconds.
    """
    with office.transaction() as session:
        session.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE}'"))
        session.add(ResumeRequest(flow_run_id=flow_run_id, at=stamp.at, signed_in_as=signed_in_as))
        reference = session.scalar(select(Case.reference).join(Review, Review.case_id == Case.id)
                                   .where(Review.flow_run_id == flow_run_id).limit(1))
        why = f"signed in as {signed_in_as}" if signed_in_as else "no sign-in of the school names a person"
        record(session, reference or "school", "resume.requested", stamp, why, {"flow_run": flow_run_id, "signed_in_as": signed_in_as})


def signed_in_as(session: Session, flow_run_id: str | None) -> str:
    """As whom the school's own sign-in knew whoever last pressed Resume on a run; empty where nobody did, or it names nobody."""
    return session.scalar(select(ResumeRequest.signed_in_as).where(ResumeRequest.flow_run_id == flow_run_id)
                          .order_by(ResumeRequest.id.desc()).limit(1)) or ""
