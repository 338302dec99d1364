"""Handing over the outbox's rows: claim, hand over, settle.

No database session is open while a server is talked to. The mark ``handing_over`` is committed between the message and its
final dot, only by the worker that still holds its claim; so one that was slow, or whose row a person took back, sends nothing.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Engine, Row, or_, select, update
from sqlalchemy.orm import Session

from cme.errors import Ambiguous, CmeError, Misconfigured, Permanent, Transient
from cme.records.alarms import clear_alarm, raise_alarm
from cme.records.brakes import not_stopped
from cme.records.history import MACHINE, Stamp, lock, record
from cme.records.sealing import Sealer
from cme.records.tables import Outbox

EMAIL, TEXT = "email", "text"              # the channels: a mail server, or a service that sends text messages
LEASE = timedelta(minutes=15)              # longer than connecting plus the ten minutes' wait for the reply to the final dot
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(minutes=30)
PLIGHT = {"queued": "cannot be sent until a person mends this: ", "failed": "will never be accepted as it is: ",
          "ambiguous": "may or may not have been accepted, and is not sent again by itself: "}


class Acceptance(Protocol):
    """The server's word that it has taken the message."""

    @property
    def text(self) -> str: ...


Run = tuple[str | None, str | None]
HandOver = Callable[[str, bytes, Callable[[], None]], Acceptance]
MayLeave = Callable[[str, str], None]      # (kind, recipient): raises what holds a message back, at the last moment


@dataclass(frozen=True)
class Delivery:
    """What became of one row: its new state, or "lost claim" where another worker or a person was first. ``held``: no server was asked."""

    outbox_id: str
    kind: str
    subject_of: str
    state: str
    sentence: str = ""
    held: bool = False


class _LostClaim(Exception):
    """The row is no longer this worker's: nothing may be sent."""


@dataclass(frozen=True)
class _Claim:
    """A row that one worker holds until the lease ends. ``tries`` grows with each claim, so it and ``worker`` are the fence."""

    row: Row[Any]
    worker: str
    run: Run

    @property
    def mine(self) -> tuple[Any, ...]:
        return Outbox.id == self.row.id, Outbox.worker == self.worker, Outbox.tries == self.row.tries


def named(row: Outbox | Row[Any]) -> dict[str, Any]:
    """What the history may say of a row: no recipient, no text."""
    return {"outbox": row.id, "kind": row.kind, "sha256": row.sha256, "dedupe_key": row.dedupe_key, "tries": row.tries}


def alarm(session: Session, row: Outbox | Row[Any], plight: str, stamp: Stamp) -> None:
    """Tell a person about a row, once while the alarm is open."""
    what = "Text" if row.channel == TEXT else "Mail"
    raise_alarm(session, alarm_key(row.id), row.subject_of, f"{what} {row.kind} of {row.subject_of} {plight}", stamp)


def asks_a_person(row: Outbox | Row[Any], state: str) -> bool:
    """Must a person hear at once that a row has got into ``state``? An uncertain text is looked up at its service first."""
    return state == "failed" or state == "ambiguous" and row.channel != TEXT


def alarm_key(row_id: str) -> str:
    return f"outbox:{row_id}"


def delay_key(row_id: str) -> str:
    """Of a message that a server on the way is still trying to pass on."""
    return f"outbox-delayed:{row_id}"


def deliver(engine: Engine, sealer: Sealer, hand_over: HandOver, *, clock: Callable[[], datetime], worker: str,
            only: str | None = None, limit: int = 20, lease: timedelta = LEASE, route: str | None = None, channel: str = EMAIL,
            flow_run_id: str | None = None, task_run_id: str | None = None,
            may_leave: MayLeave = lambda kind, recipient: None) -> list[Delivery]:
    """Hand over the rows of a channel that are due (of one ``route``, or of all), oldest first, at most ``limit``; return what became of
    each.

    After two in a row that must wait, the server is left alone until the next call: a dead one holds nobody up.
    ``worker`` names this process and life (a restarted process takes another name). No database session is open while the
    server is talked to. Outcomes are written with their history event; what a person must see raises an alarm.
    ``may_leave`` is asked before each. ``flow_run_id`` and ``task_run_id`` say where in Prefect this was done.
    """
    run = (flow_run_id, task_run_id)
    done: list[Delivery] = []
    while len(done) < limit and not _server_is_down(done, channel) and (
            claim := _claim(engine, worker, clock(), only, route, channel, lease, run)) is not None:
        done.append(_hand_over_one(engine, sealer, hand_over, claim, clock, may_leave))
    return done


def _server_is_down(done: list[Delivery], channel: str) -> bool:
    """Two in a row that must wait; of texts also two that nobody answered for, because each of them waits half a minute."""
    vain = ("queued", "ambiguous") if channel == TEXT else ("queued",)
    return len(done) > 1 and all(delivery.state in vain and not delivery.held for delivery in done[-2:])


def _claim(engine: Engine, worker: str, now: datetime, only: str | None, route: str | None, channel: str, lease: timedelta,
           run: Run) -> _Claim | None:
    due = (select(Outbox.id).where(Outbox.state == "queued", Outbox.next_try_at <= now, Outbox.channel == channel,
                                   or_(Outbox.expires_at.is_(None), Outbox.expires_at > now), not_stopped())
           .order_by(Outbox.next_try_at, Outbox.id).limit(1).with_for_update(skip_locked=True))
    if only is not None:
        due = due.where(Outbox.id == only)
    if route is not None:
        due = due.where(Outbox.route == route)
    with engine.begin() as connection:
        row = connection.execute(
            update(Outbox).where(Outbox.id == due.scalar_subquery(), Outbox.state == "queued")
            .values(state="sending", worker=worker, lease_until=now + lease, tries=Outbox.tries + 1)
            .returning(*Outbox.__table__.columns)).first()
    return None if row is None else _Claim(row, worker, run)


def _hand_over_one(engine: Engine, sealer: Sealer, hand_over: HandOver, claim: _Claim, clock: Callable[[], datetime],
                   may_leave: MayLeave) -> Delivery:
    row, beyond_the_dot = claim.row, False

    def point_of_no_return() -> None:
        nonlocal beyond_the_dot
        now = clock()
        with engine.begin() as connection:
            held = connection.execute(
                update(Outbox).where(*claim.mine, Outbox.state == "sending", Outbox.lease_until > now, not_stopped())
                .values(state="handing_over", handed_over_at=now))
            stopped = held.rowcount != 1 and connection.scalar(select(Outbox.id).where(*claim.mine, ~not_stopped()))
        if stopped:
            raise Transient("messages to parents were stopped in this moment")
        if held.rowcount != 1:
            raise _LostClaim
        beyond_the_dot = True

    try:
        may_leave(row.kind, row.recipient)
    except CmeError as error:
        return replace(_settle(engine, claim, clock(), error), held=True)
    try:
        wire = sealer.open(row.sealed) if row.sealed is not None else b""
        if hashlib.sha256(wire).hexdigest() != row.sha256:
            raise Permanent("the stored message is not the one that was queued: it was blanked or changed")
        acceptance = hand_over(row.recipient, wire, point_of_no_return)
    except _LostClaim:
        return Delivery(row.id, row.kind, row.subject_of, "lost claim")
    except CmeError as error:
        return _settle(engine, claim, clock(), error)
    except Exception as error:                       # a fault of ours or of the database: the dot alone decides what it means
        kind = Ambiguous if beyond_the_dot else Misconfigured
        return _settle(engine, claim, clock(), kind(f"handing over broke off unexpectedly ({type(error).__name__})"))
    return _settle(engine, claim, clock(), acceptance)


def _settle(engine: Engine, claim: _Claim, now: datetime, outcome: CmeError | Acceptance) -> Delivery:
    """Write what came of a claim, if it still stands. A receipt also settles a row that was given up as ambiguous."""
    row, stamp = claim.row, Stamp(MACHINE, now, *claim.run)
    if isinstance(outcome, CmeError):
        state, sentence, still_open = _fate(outcome), str(outcome), Outbox.state.in_(["sending", "handing_over"])
        values = {"last_error": sentence[:500], **({"next_try_at": now + _pause(row.tries)} if state == "queued" else {})}
    else:
        state, sentence, still_open = "sent", "", Outbox.state != "sent"
        values = {"sent_at": now, "server_reply": outcome.text[:500], **({} if row.keep_body else {"sealed": None})}
    with Session(engine) as session, session.begin():
        lock(session)
        kept = session.execute(update(Outbox).where(*claim.mine, still_open).values(state=state, lease_until=None, **values))
        if kept.rowcount != 1:
            if state == "sent" and session.scalar(select(Outbox.tries).where(Outbox.id == row.id)) != row.tries:
                record(session, row.subject_of, "mail.receipt_late", stamp, "accepted once before it was sent again", named(row))
                alarm(session, row, "was accepted once before it was sent again: the recipient may have it twice", stamp)
            return Delivery(row.id, row.kind, row.subject_of, "lost claim", sentence)
        record(session, row.subject_of, "mail.delayed" if state == "queued" else f"mail.{state}", stamp, sentence, named(row))
        if state == "sent":
            clear_alarm(session, alarm_key(row.id), stamp, "sent")
        elif asks_a_person(row, state) or isinstance(outcome, Misconfigured):
            alarm(session, row, PLIGHT[state] + sentence, stamp)
    return Delivery(row.id, row.kind, row.subject_of, state, sentence)


def _fate(error: CmeError) -> str:
    if isinstance(error, Ambiguous):
        return "ambiguous"
    return "queued" if isinstance(error, Transient) else "failed"


def _pause(tries: int) -> timedelta:
    """1, 2, 4, 8, 16, then 30 minutes."""
    return min(FIRST_PAUSE * 2 ** min(tries - 1, 10), LONGEST_PAUSE)
