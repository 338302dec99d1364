"""Seeing after the texts: uncertain ones are looked up, receipts are read, and what does not arrive is told to a person.

The text service is asked with no transaction open. What it says is a fact of its own ("certainly accepted", "delivered"); it decides
nothing about a child.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cme.errors import CmeError, Misconfigured
from cme.mail.texts import SafeTexts, Status
from cme.records import outbox
from cme.records.alarms import clear_alarm, raise_alarm
from cme.records.delivery import PLIGHT, alarm
from cme.records.history import Stamp
from cme.records.tables import Alarm, Outbox, TextReceipt
from cme.records.text_receipts import FAILED, SETTLED, Receipt, awaited, keep_status, last_read, receipt_of, was_read
from cme.steps import replies
from cme.steps.office import Office

__all__ = ["Receipt", "counts", "look_after", "receipt_of"]

UNKNOWN_AFTER = timedelta(minutes=5)        # what the service does not know so long after it was handed over, it never accepted
UNREAD_AFTER = timedelta(minutes=15)        # how long the service may not answer before a person hears of it
TOO_LONG = timedelta(hours=72)              # how long a network tries (the service's documentation); then it is a person's matter
HELD = timedelta(days=7)                    # how long the service keeps what it was given
MANY = 3                                    # tries after which an unaccepted text is a person's matter too
AT_ONCE = 50
_ADVICE = {
    "permanent-failure": "The number is wrong or the network refuses it: ask for the right one, and correct it in the school's system.",
    "temporary-failure": "The telephone was off, without signal or full for three days.",
    "technical-failure": "The text service could not pass it on; the number may be right.",
}


@dataclass
class Seen:
    """What one look at the text service has come to: counts, and what kept it from being read."""

    found: int = 0
    not_accepted: int = 0
    receipts: int = 0
    replies: int = 0
    trouble: list[CmeError] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.found or self.not_accepted or self.receipts or self.replies or self.trouble)

    def __str__(self) -> str:
        return (f"{self.found} uncertain text(s) found, {self.not_accepted} certainly not accepted, {self.receipts} receipt(s), "
                f"{self.replies} reply(ies)"
                + ("; the text service could not be read" if self.trouble else ""))


def look_after(office: Office, stamp: Stamp) -> Seen:
    """Settle uncertain texts by what the service says, read receipts and replies, alarm where the service cannot be read, and bring
    replies that nobody reads to the next person."""
    seen = Seen()
    try:
        service = office.text_service()
    except CmeError as error:
        service = None
        seen.trouble.append(error)
    parts: tuple[Callable[..., None], ...] = (_settle_uncertain, _read_receipts, _read_replies)
    for part in parts:
        try:
            part(office, service, stamp, seen)
        except CmeError as error:
            seen.trouble.append(error)
    with office.transaction() as session:
        if service is not None or seen.trouble:
            _say_whether_it_answers(office, session, seen, stamp)
        _too_long(session, stamp)
    replies.watch(office, stamp)
    return seen


def _read_replies(office: Office, service: SafeTexts | None, stamp: Stamp, seen: Seen) -> None:
    if service is not None:
        seen.replies = replies.read_texts(office, service, stamp)


def counts(office: Office) -> dict[str, int]:
    """How many texts stand where: in the outbox, or, once accepted, as the network says."""
    with office.transaction() as session:
        rows = session.execute(select(Outbox.state, TextReceipt.status, func.count()).outerjoin(TextReceipt, TextReceipt.outbox_id == Outbox.id)
                               .where(Outbox.channel == outbox.TEXT).group_by(Outbox.state, TextReceipt.status).order_by(Outbox.state)).all()
    return {f"{state}{f', {status}' if status else ''}": n for state, status, n in rows}


def _settle_uncertain(office: Office, service: SafeTexts | None, stamp: Stamp, seen: Seen) -> None:
    with office.transaction() as session:
        uncertain = session.execute(_uncertain().with_only_columns(Outbox.id, Outbox.handed_over_at).limit(AT_ONCE)).all()
    silent: CmeError | None = None if service else Misconfigured("there is no text channel here to ask")
    for row_id, handed_over in uncertain:
        answer: list[Status] | CmeError | None = silent           # it is asked once more only in the next round: each question may take long
        if answer is None and service:
            try:
                answer = service.find(row_id)
            except CmeError as error:
                answer = silent = error
        with office.transaction() as session:
            row = session.scalar(_uncertain().where(Outbox.id == row_id).with_for_update())
            old = handed_over is None or handed_over + UNKNOWN_AFTER <= stamp.at
            if row is None:
                continue
            if isinstance(answer, CmeError):
                if old:
                    alarm(session, row, f"{PLIGHT['ambiguous']}the text service cannot be asked ({answer})", stamp)
            elif answer:
                outbox.found(session, row, answer[0].service_id, stamp)
                keep_status(session, row, answer[0].service_id, answer[0].status, stamp)
                seen.found += 1
            elif old:
                outbox.not_accepted(session, row, stamp, many=MANY)
                seen.not_accepted += 1


def _uncertain():  # type: ignore[no-untyped-def]
    return select(Outbox).where(Outbox.channel == outbox.TEXT, Outbox.state == "ambiguous").order_by(Outbox.id)


def _read_receipts(office: Office, service: SafeTexts | None, stamp: Stamp, seen: Seen) -> None:
    if service is None:
        return
    with office.transaction() as session:
        waiting = {row.id: row for row in awaited(session, stamp.at - HELD)}
    by_service_id = {row.server_reply: row.id for row in waiting.values()}
    said: dict[str, Status] = {}
    for status in service.statuses():                   # asked even if nothing is awaited: a key that is refused is to be noticed
        row_id = by_service_id.get(status.service_id, status.reference)
        if row_id in waiting:
            said.setdefault(row_id, status)             # the newest of one reference comes first
        if len(said) == len(waiting):
            break
    for row_id, status in said.items():
        with office.transaction() as session:
            row = session.get_one(Outbox, row_id)
            if keep_status(session, row, status.service_id, status.status, stamp):
                seen.receipts += 1
                if status.status in FAILED:
                    _tell(office, session, row, status.status, stamp)


def _tell(office: Office, session: Session, row: Outbox, status: str, stamp: Stamp) -> None:
    """The attendance officer hears of a text that did not arrive."""
    office.queue_letter(session, "text_not_delivered", to=office.person("attendance_officer").email, subject_of=row.subject_of, stamp=stamp,
                        dedupe_key=f"text-not-delivered:{row.id}:{status}", reference=row.subject_of, row=row.id,
                        status=status.replace("-", " "), advice=_ADVICE[status])


def _too_long(session: Session, stamp: Stamp) -> None:
    """A text that after three days is neither delivered nor given up is a person's matter, until the network says more or a person
    confirms it (`cme outbox ROW --confirm`)."""
    waiting = {row.id: row for row in awaited(session, stamp.at - HELD)}
    told = {key: cleared for key, cleared in session.execute(select(Alarm.key, Alarm.cleared_at).where(Alarm.key.like(outbox.late_key("%"))))}
    for row in waiting.values():
        if row.sent_at and row.sent_at + TOO_LONG <= stamp.at and outbox.late_key(row.id) not in told:
            raise_alarm(session, outbox.late_key(row.id), row.subject_of, "A text to a parent or carer is after three days neither delivered "
                        "nor given up: ring instead, then `cme outbox`", stamp)
    for key, cleared in told.items():
        receipt = receipt_of(session, key.partition(":")[2]) if cleared is None else None
        if receipt and receipt.status in SETTLED:
            clear_alarm(session, key, stamp, f"the network has said what became of it: {receipt.status.replace('-', ' ')}")


def _say_whether_it_answers(office: Office, session: Session, seen: Seen, stamp: Stamp) -> None:
    """Alarm where the service refuses us, at once, or has not answered for some time; until then nobody can say what parents replied."""
    if not seen.trouble:
        was_read(session, office.school, stamp.at)
        clear_alarm(session, "texts:service", stamp, "the text service answers")
    elif any(isinstance(error, Misconfigured) for error in seen.trouble) or last_read(session, office.school, stamp.at) + UNREAD_AFTER <= stamp.at:
        raise_alarm(session, "texts:service", "school", "The text service cannot be read: receipts and replies of parents do not come in; "
                    "look at CME_NOTIFY_KEY and at the service's status page", stamp)
