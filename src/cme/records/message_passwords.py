"""The passwords of protected messages: sealed, told by another route than the message, each reading an event."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme.records.history import Stamp, record
from cme.records.sealing import Sealer
from cme.records.tables import MessagePassword


def keep_password(session: Session, sealer: Sealer, outbox_id: str, reference: str, password: str, stamp: Stamp) -> None:
    """Keep the password of a message's PDF, sealed, beside its row of the outbox."""
    session.add(MessagePassword(outbox_id=outbox_id, reference=reference, sealed=sealer.seal(password.encode()), made_at=stamp.at))
    record(session, reference, "password.made", stamp, "the file of a message was protected", {"outbox": outbox_id})


def read_passwords(session: Session, sealer: Sealer, reference: str, told: str, stamp: Stamp) -> list[tuple[str, str]]:
    """(outbox row, password) of every protected message of a reference, the newest first; each reading is an event that says to whom
    it is told."""
    rows = session.scalars(select(MessagePassword).where(MessagePassword.reference == reference).order_by(MessagePassword.id.desc())).all()
    for row in rows:
        record(session, reference, "password.read", stamp, f"told to: {told}", {"outbox": row.outbox_id})
    return [(row.outbox_id, sealer.open(row.sealed).decode()) for row in rows]
