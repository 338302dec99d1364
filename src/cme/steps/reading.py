"""Read the dossier of a question: who holds the link sees what was frozen for it, and what has changed since.

Every reading is in the history, under the person to whom the link was mailed. Reading decides nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cme.records import reviews
from cme.records.history import Stamp, record
from cme.records.tables import Case, Review
from cme.steps.changes import changes
from cme.steps.dossier import dossier_of
from cme.steps.office import Office
from cme.steps.view import Line, history


@dataclass(frozen=True)
class Reading:
    """What the holder of a link may see. Names the child: for the page behind the sign-in only.

    ``reader`` is the person to whom the link was mailed; ``dossier`` was frozen at ``frozen_at`` with ``dossier_hash``;
    ``changed`` says what is different now; ``flow_run_id`` is the paused run that takes the answer, None where none waits.
    """

    reference: str
    case_state: str
    kind: str
    urgency: str
    open: bool
    due_at: datetime
    assigned_to: str
    reader: str
    flow_run_id: str | None
    dossier: dict[str, Any]
    dossier_hash: str
    number: int
    frozen_at: datetime
    changed: list[str]
    history: list[Line]
    read_at: datetime


def read_dossier(office: Office, token: str, signed_in_as: str = "", *, looked: bool = True) -> Reading | None:
    """The dossier behind a link, or None where the token is unknown, expired or withdrawn.

    ``signed_in_as`` is whom the school's own sign-in names. ``looked`` is False where nobody sees the answer (HEAD): then nothing
    is written.
    """
    at = office.stamp().at
    with office.transaction() as session:
        link = reviews.link_holder(session, office.sealer, token, at)
        if link is None:
            return None
        review = session.get_one(Review, link.review_id)
        case = session.get_one(Case, review.case_id)
        shown = reviews.shown(session, review, None)
        now = dossier_of(session, office, case)
        if looked:
            record(session, case.reference, "dossier.read", Stamp(link.person, at), f"signed in as {signed_in_as}" if signed_in_as else "",
                   {"review": review.id, "dossier": shown.dossier_hash, "signed_in_as": signed_in_as})
        found = dict(
            reference=case.reference, case_state=case.state, kind=review.kind, urgency=review.urgency, open=review.state == "open",
            due_at=review.due_at, assigned_to=review.assigned_to, reader=link.person, dossier=shown.dossier,
            flow_run_id=review.flow_run_id if review.state == "open" else None, dossier_hash=shown.dossier_hash, number=shown.number,
            frozen_at=shown.frozen_at, changed=changes(shown.dossier, now))
    return Reading(**found, history=history(office, found["reference"]), read_at=at)
