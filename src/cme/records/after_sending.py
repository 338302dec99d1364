"""What becomes of a message after the server has taken it: it comes back, is held up, or has arrived. A person may have it made anew."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme.errors import BadInput
from cme.records import outbox
from cme.records.alarms import clear_alarm, raise_alarm
from cme.records.delivery import alarm, delay_key, named
from cme.records.history import Stamp, lock, record
from cme.records.tables import Outbox


def came_back(session: Session, row_id: str, stamp: Stamp, said: str) -> Outbox:
    """A server could not deliver a message: one that was sent, or uncertain, has failed, and a person is told. One that is on its way again
    stays what it is. ``said``: the server's status, without addresses."""
    row = _locked(session, row_id)
    why = f"it came back undelivered: {said}".rstrip(": ")
    if row.state in ("sent", "ambiguous"):
        row.state, row.last_error = "failed", why[:500]
    record(session, row.subject_of, "mail.bounced", stamp, why, {**named(row), "state": row.state})
    clear_alarm(session, delay_key(row.id), stamp, "it came back")
    alarm(session, row, f"was not delivered: {why}", stamp)
    return row


def held_up(session: Session, row_id: str, stamp: Stamp, said: str) -> None:
    """A server on the way is still trying: noted, and a person is told. The message stays sent."""
    row = _locked(session, row_id)
    record(session, row.subject_of, "mail.held_up", stamp, f"a server on the way is still trying: {said}".rstrip(": "), named(row))
    raise_alarm(session, delay_key(row.id), row.subject_of, f"Mail {row.kind} of {row.subject_of} is held up on its way; ring the recipient if it is "
                "urgent. When it has arrived: `cme outbox ROW --confirm`", stamp)


def arrived(session: Session, row_id: str, stamp: Stamp, what: str, why: str) -> None:
    """Something shows that the message reached a mailbox. It is no acknowledgement, and a message that has failed stays so."""
    row = _locked(session, row_id)
    record(session, row.subject_of, what, stamp, why, named(row))
    clear_alarm(session, delay_key(row.id), stamp, why)


def put_aside(session: Session, row_id: str, stamp: Stamp, reason: str) -> Outbox:
    """A person wants the message made anew, for the mailbox that is named now: this row is cancelled, and its reason for being is free.

    Raises BadInput for a message that may have arrived: settle that first.
    """
    row = _locked(session, row_id)
    if row.state in ("queued", "failed"):
        outbox.cancel(session, row_id, stamp, f"made anew: {reason}")
    elif row.state != "cancelled":
        raise BadInput(f"message {row_id} is {row.state}: only one that is queued, failed or cancelled can be made anew")
    row.dedupe_key = f"{row.dedupe_key}:until:{row.id}"
    record(session, row.subject_of, "mail.made_anew", stamp, reason, named(row))
    return row


def _locked(session: Session, row_id: str) -> Outbox:
    lock(session)
    row = session.scalar(select(Outbox).where(Outbox.id == row_id).with_for_update().execution_options(populate_existing=True))
    if row is None:
        raise BadInput(f"there is no message {row_id} in the outbox")
    return row
