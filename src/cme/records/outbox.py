"""The outbox: every message is a row first, and leaves by itself at most once.

::

    queued -> sending -> handing_over -> sent
      ^          |            |-> ambiguous   (a person: confirm_sent, resend, cancel)
      |----------| transient  |-> failed      (a person: retry, confirm_sent, cancel)
    cancelled: by a person, or past its ``expires_at``; sent -> failed: it came back (after_sending.py)

A row is claimed by a conditional update with a lease; its mark ``handing_over`` is committed just before the final dot goes
out, only by the worker that still holds that claim. So a worker that dies before the dot leaves a row that is safe to send,
one that dies after it leaves a row that only a person may send again. Exactly once does not exist over SMTP; this is
"never twice by itself, never lost silently". This module knows no mail: it is given a function that hands bytes over.
"""

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Engine, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cme.errors import BadInput
from cme.records.alarms import clear_alarm
from cme.records.delivery import (
    EMAIL, LEASE, PLIGHT, TEXT, Acceptance, Delivery, HandOver, Run, alarm, alarm_key, asks_a_person, delay_key, deliver, named)
from cme.records.history import MACHINE, Stamp, lock, record
from cme.records.sealing import Sealer
from cme.records.tables import Alarm, Outbox

SCHOOL, ALARM = "school", "alarm"           # by which mail server a message leaves: the school's own, or the second one

__all__ = ["ALARM", "EMAIL", "LEASE", "SCHOOL", "TEXT", "Acceptance", "Delivery", "HandOver", "cancel", "confirm_sent", "deliver", "expire", "found",
           "late_key", "needing_a_person", "new_row_id", "not_accepted", "old", "queue", "recover", "resend", "retry"]


def new_row_id() -> str:
    """A random name for a row, which says nothing about anyone."""
    return secrets.token_hex(12)


def queue(session: Session, *, sealer: Sealer, dedupe_key: str, kind: str, subject_of: str, recipient: str, mail_subject: str,
          message_id: str, wire: bytes, row_id: str, stamp: Stamp, keep_body: bool = True,
          expires_at: datetime | None = None, route: str = SCHOOL, channel: str = EMAIL) -> str:
    """Put a message into the outbox in the caller's transaction and return its row's id.

    ``dedupe_key`` names the reason for the message: the same key again queues nothing and returns the first row's id.
    ``keep_body=False`` blanks the bytes once sent or cancelled (one-time codes); ``expires_at`` cancels it unsent after that.
    ``route`` says which mail server it leaves by, ``channel`` whether it is a mail or a text.
    """
    lock(session)
    digest = hashlib.sha256(wire).hexdigest()
    created = session.execute(
        insert(Outbox).values(
            id=row_id, dedupe_key=dedupe_key, kind=kind, subject_of=subject_of, recipient=recipient, mail_subject=mail_subject,
            message_id=message_id, sealed=sealer.seal(wire), sha256=digest, keep_body=keep_body, route=route,
            channel=channel, state="queued", created_at=stamp.at, expires_at=expires_at, next_try_at=stamp.at)
        .on_conflict_do_nothing(index_elements=["dedupe_key"]).returning(Outbox.id)).scalar()
    if created is None:
        return session.execute(select(Outbox.id).where(Outbox.dedupe_key == dedupe_key)).scalar_one()
    record(session, subject_of, "mail.queued", stamp,
           data={"outbox": row_id, "kind": kind, "sha256": digest, "dedupe_key": dedupe_key})
    return row_id


def recover(engine: Engine, *, now: datetime, dead: Collection[str] = (), run: Run = (None, None)) -> list[Delivery]:
    """Take back the rows of workers whose lease has ended, or that are named as ``dead``.

    Before the dot: queued again. At or after it: ambiguous, with an alarm. Naming a living worker dead does no harm: its
    claim no longer holds at the dot, and its receipt still settles the row. ``run``: the flow run and task run that do it.
    """
    found, stamp = [], Stamp(MACHINE, now, *run)
    with Session(engine) as session, session.begin():
        lock(session)
        stale = session.scalars(
            select(Outbox).where(Outbox.state.in_(["sending", "handing_over"]),
                                 or_(Outbox.lease_until < now, Outbox.worker.in_(list(dead))))
            .order_by(Outbox.id).with_for_update(skip_locked=True)).all()
        for row in stale:
            if row.state == "sending":
                row.state, row.worker, row.next_try_at = "queued", None, now
                why = "its worker was lost before the message was complete"
            else:
                row.state, why = "ambiguous", "its worker was lost while the server may have been accepting it"
                if asks_a_person(row, "ambiguous"):
                    alarm(session, row, PLIGHT["ambiguous"] + why, stamp)
            row.lease_until, row.last_error = None, why
            record(session, row.subject_of, "mail.recovered" if row.state == "queued" else "mail.ambiguous",
                   stamp, why, named(row))
            found.append(Delivery(row.id, row.kind, row.subject_of, row.state, why))
    return found


def expire(engine: Engine, *, now: datetime, run: Run = (None, None)) -> list[Delivery]:
    """Cancel the queued rows whose time has passed: a code that no longer opens anything is not sent."""
    with Session(engine) as session, session.begin():
        lock(session)
        rows = session.scalars(select(Outbox).where(Outbox.state == "queued", Outbox.expires_at <= now)
                               .order_by(Outbox.id).with_for_update(skip_locked=True)).all()
        for row in rows:
            _cancelled(session, row, Stamp(MACHINE, now, *run), "its time has passed")
        return [Delivery(row.id, row.kind, row.subject_of, row.state, "its time has passed") for row in rows]


def _cancelled(session: Session, row: Outbox, stamp: Stamp, why: str) -> None:
    row.state, row.lease_until = "cancelled", None
    if not row.keep_body:
        row.sealed = None
    record(session, row.subject_of, "mail.cancelled", stamp, why, named(row))
    clear_alarm(session, alarm_key(row.id), stamp, f"cancelled: {why}")


def cancel(session: Session, row_id: str, stamp: Stamp, reason: str) -> None:
    """A person decides that a message is not to be sent (again). One that is on its way is stopped if the dot is not yet out."""
    _cancelled(session, _row_in(session, row_id, reason, "cancelled", "queued", "sending", "failed", "ambiguous"), stamp, reason)


def retry(session: Session, row_id: str, stamp: Stamp, reason: str) -> None:
    """A person has mended something: a queued or failed message is due now. It was certainly not accepted before."""
    row = _row_in(session, row_id, reason, "tried again", "queued", "failed")
    if row.sealed is None:
        raise BadInput(f"message {row_id} held a one-time code and its text was not kept: ask for a new code")
    _due_now(session, row, stamp, "mail.retried", reason)


def resend(session: Session, row_id: str, stamp: Stamp, reason: str) -> None:
    """A person sends an ambiguous or sent message again: the same bytes, the same Message-ID and Date.

    Raises BadInput for a message whose bytes were not kept: a one-time code is never sent twice, a new one is issued.
    """
    row = _row_in(session, row_id, reason, "sent again", "ambiguous", "sent")
    if not row.keep_body:
        raise BadInput(f"message {row_id} held a one-time code and is never sent twice: ask for a new code")
    _due_now(session, row, stamp, "mail.resent", reason)


def confirm_sent(session: Session, row_id: str, stamp: Stamp, reason: str) -> None:
    """A person has found out that a message did arrive (message trace, a telephone call), whatever a machine thought of it; or has seen to
    one of which nobody ever said what became of it."""
    row = _row_in(session, row_id, reason, "confirmed", "ambiguous", "failed", "sent")
    ended = [clear_alarm(session, key, stamp, f"confirmed: {reason}") for key in (alarm_key(row.id), late_key(row.id), delay_key(row.id))]
    if row.state == "sent" and not any(ended):
        raise BadInput(f"message {row_id} is sent: only one that is ambiguous, failed or held up can be confirmed")
    row.state, row.sent_at = "sent", row.sent_at or stamp.at
    if not row.keep_body:
        row.sealed = None
    record(session, row.subject_of, "mail.confirmed", stamp, reason, named(row))


def found(session: Session, row: Outbox, service_id: str, stamp: Stamp) -> None:
    """The text service has an uncertain text under its reference: it was accepted. That is its word, not a guess."""
    row.state, row.sent_at, row.server_reply = "sent", row.handed_over_at or stamp.at, service_id
    if not row.keep_body:
        row.sealed = None
    record(session, row.subject_of, "mail.found", stamp, "the text service has accepted it", {**named(row), "service_id": service_id})
    clear_alarm(session, alarm_key(row.id), stamp, "found: the text service has accepted it")


def not_accepted(session: Session, row: Outbox, stamp: Stamp, *, many: int) -> None:
    """The text service does not know an uncertain text, some minutes after it was handed over: it is due again, the same bytes.
    After ``many`` tries a person hears of it."""
    _due_now(session, row, stamp, "mail.not_accepted", "the text service does not know it: it was certainly not accepted")
    if row.tries >= many:
        alarm(session, row, f"was not accepted in {row.tries} tries; it is tried again, but a person should ring instead", stamp)


def late_key(row_id: str) -> str:
    """The key of the alarm about a text that is neither delivered nor given up."""
    return f"outbox-late:{row_id}"


def _row_in(session: Session, row_id: str, reason: str, wish: str, *states: str) -> Outbox:
    if not reason.strip():
        raise BadInput(f"message {row_id} was not {wish}: say why")
    lock(session)
    row = session.scalar(select(Outbox).where(Outbox.id == row_id).with_for_update().execution_options(populate_existing=True))
    if row is None:
        raise BadInput(f"there is no message {row_id} in the outbox")
    if row.state not in states:
        raise BadInput(f"message {row_id} is {row.state}: only one that is {' or '.join(states)} can be {wish}")
    return row


def _due_now(session: Session, row: Outbox, stamp: Stamp, what: str, reason: str) -> None:
    row.state, row.next_try_at, row.lease_until = "queued", stamp.at, None
    record(session, row.subject_of, what, stamp, reason, named(row))
    clear_alarm(session, alarm_key(row.id), stamp, f"{what.removeprefix('mail.')}: {reason}")


def old(session: Session, now: datetime, older_than: timedelta) -> list[Outbox]:
    """The messages queued longer than ``older_than`` ago that are still not with the server, oldest first."""
    return list(session.scalars(
        select(Outbox).where(Outbox.state.in_(["queued", "sending", "handing_over"]), Outbox.created_at < now - older_than)
        .order_by(Outbox.created_at, Outbox.id)))


def needing_a_person(session: Session) -> list[Outbox]:
    """The messages that only a person can settle, or that an open alarm is about, oldest first."""
    stuck = select(func.split_part(Alarm.key, ":", 2)).where(Alarm.cleared_at.is_(None), Alarm.key.like("outbox%"))
    return list(session.scalars(select(Outbox).where(or_(Outbox.state.in_(["failed", "ambiguous"]), Outbox.id.in_(stuck)))
                                .order_by(Outbox.created_at, Outbox.id)))
