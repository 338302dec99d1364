"""What the text service says of sent texts, and when it was last read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cme.records.delivery import TEXT, named
from cme.records.history import Stamp, record
from cme.records.tables import Outbox, TextReading, TextReceipt

FAILED = ("permanent-failure", "temporary-failure", "technical-failure")
SETTLED = ("delivered", "sent", *FAILED)       # "sent": to a foreign network, which says no more


@dataclass(frozen=True)
class Receipt:
    """What became of one text. ``state`` is the outbox's (queued, sent, failed, ambiguous, cancelled, ...); ``status`` is the text
    service's word, "" as long as it has said nothing; ``since`` is when we first read that word, or None."""

    outbox_id: str
    state: str
    status: str
    since: datetime | None

    @property
    def delivered(self) -> bool:
        """The telephone has it (for a foreign number: its network has). Not: somebody has read it."""
        return self.status in ("delivered", "sent")

    @property
    def failed(self) -> bool:
        """It will not arrive: refused, cancelled, or given up by the network. This attempt has failed; another may follow."""
        return self.state in ("failed", "cancelled") or self.status in FAILED

    @property
    def wrong_number(self) -> bool:
        """The network knows no such number, or refuses it: the number held must be corrected."""
        return self.status == "permanent-failure"


def receipt_of(session: Session, outbox_id: str) -> Receipt | None:
    """What became of the text of an outbox row; None: there is no such text."""
    row = session.execute(select(Outbox.id, Outbox.state, TextReceipt.status, TextReceipt.since)
                          .outerjoin(TextReceipt, TextReceipt.outbox_id == Outbox.id)
                          .where(Outbox.id == outbox_id, Outbox.channel == TEXT)).first()
    return None if row is None else Receipt(row.id, row.state, row.status or "", row.since)


def awaited(session: Session, since: datetime) -> Sequence[Outbox]:
    """The texts accepted after ``since`` of which the service has not said the last word, oldest first."""
    return session.scalars(select(Outbox).outerjoin(TextReceipt, TextReceipt.outbox_id == Outbox.id)
                           .where(Outbox.channel == TEXT, Outbox.state == "sent", Outbox.sent_at > since,
                                  or_(TextReceipt.status.is_(None), TextReceipt.status.not_in(SETTLED)))
                           .order_by(Outbox.sent_at, Outbox.id)).all()


def keep_status(session: Session, row: Outbox, service_id: str, status: str, stamp: Stamp) -> bool:
    """Note what the service says of a text, with its event; False where it says nothing new."""
    held = session.get(TextReceipt, row.id, with_for_update=True)
    if held is not None and (held.service_id, held.status) == (service_id, status):
        return False
    new = insert(TextReceipt).values(outbox_id=row.id, service_id=service_id, status=status, since=stamp.at)
    session.execute(new.on_conflict_do_update(index_elements=["outbox_id"], set_={
        "service_id": service_id, "status": status, "since": stamp.at}))
    record(session, row.subject_of, "text.receipt", stamp, status.replace("-", " "), {**named(row), "status": status, "service_id": service_id})
    return True


def last_read(session: Session, school: str, now: datetime) -> datetime:
    """When the text service last answered; ``now``, and noted so, where it was never asked."""
    session.execute(insert(TextReading).values(school=school, read_at=now).on_conflict_do_nothing())
    return session.scalars(select(TextReading.read_at).where(TextReading.school == school)).one()


def was_read(session: Session, school: str, now: datetime) -> None:
    """The text service has answered just now."""
    last_read(session, school, now)
    session.get_one(TextReading, school).read_at = now
