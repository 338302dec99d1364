"""Requests of people about their own or their child's records: recorded, decided by a person, and never overdue in silence.

The school's own system is the master of what it holds: a correction names what must change there, and is settled when that was done.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme import clock
from cme.config.settings import require_role
from cme.errors import BadInput
from cme.records.alarms import clear_alarm, raise_alarm
from cme.records.history import Stamp, record
from cme.records.tables import RightsRequest
from cme.rules.retention import answer_due, months_later
from cme.steps.holds import pupil_of
from cme.steps.office import Office
from cme.steps.report_form import reference_of

ACCESS, CORRECTION = "access", "correction"
GRANTED, PARTLY, REFUSED = "granted", "partly", "refused"
DECISIONS = (GRANTED, PARTLY, REFUSED)


@dataclass(frozen=True)
class Asked:
    """A request as it came in: about whom, of which kind, by whom, what was asked, on which day it arrived."""

    child: str
    kind: str
    asked_by: str
    asked: str
    received: date


def take(office: Office, asked: Asked, stamp: Stamp) -> RightsRequest:
    """Record a request; its deadline begins on the day it arrived, not on the day it is recorded. Raises BadInput for what is missing."""
    require_role(stamp.who, office.settings.people)
    if asked.kind not in (ACCESS, CORRECTION):
        raise BadInput(f"{asked.kind!r} is no kind of request; use {ACCESS} or {CORRECTION}")
    if not asked.asked_by.strip() or len(asked.asked.strip()) < 5:
        raise BadInput("say who asked (--asker) and what was asked (--asked), in their own words where you can")
    if asked.received > clock.local(stamp.at).date():
        raise BadInput(f"{asked.received} has not come yet; give the day on which the request arrived")
    due = answer_due(asked.received, office.policies.retention.answer_months, _working_day(office))
    with office.transaction() as session:
        pupil, _ = pupil_of(office, session, asked.child)
        row = RightsRequest(reference=f"RIGHTS-{stamp.at.year}-{secrets.token_hex(3).upper()}", school=office.school, pupil_id=pupil, kind=asked.kind,
                            asked_by=asked.asked_by.strip(), asked=asked.asked.strip(), received_on=asked.received, due_on=due,
                            recorded_by=stamp.who, recorded_at=stamp.at)
        session.add(row)
        record(session, reference_of(pupil), "rights.asked", stamp, f"{asked.kind}: to be answered by {due.isoformat()}", {
            "request": row.reference, "kind": asked.kind, "received": asked.received.isoformat(), "due": due.isoformat()})
        return row


def extend(office: Office, reference: str, reason: str, stamp: Stamp) -> date:
    """Give an open request the longer time that the law allows, once, with the reason that the person was told; returns the new last day."""
    require_role(stamp.who, office.settings.people)
    if len(reason.strip()) < 10:
        raise BadInput("say with --extend, in a sentence, why it takes longer; the person must be told the same within the first month")
    years = office.policies.retention
    with office.transaction() as session:
        row = _open(office, reference, session)
        if row.extended_reason:
            raise BadInput(f"{row.reference} was given more time already; it is due on {row.due_on}")
        if clock.local(stamp.at).date() > row.due_on:
            raise BadInput(f"{row.reference} was due on {row.due_on}: it is too late to take more time; answer it now")
        row.due_on = answer_due(months_later(row.received_on, years.answer_months), years.extended_months, _working_day(office))
        row.extended_reason = reason.strip()
        clear_alarm(session, _alarm(row), stamp, "it was given more time")
        record(session, reference_of(row.pupil_id), "rights.extended", stamp, f"to be answered by {row.due_on.isoformat()}",
               {"request": row.reference, "reason": reason.strip(), "due": row.due_on.isoformat()})
        return row.due_on


def decide(office: Office, reference: str, decision: str, reason: str, changed: str, stamp: Stamp) -> None:
    """A person's decision on an open request: granted, partly or refused, with the reason. Raises BadInput for a correction that is
    granted without saying what was changed where, and for anybody who may not decide."""
    if stamp.who not in office.settings.people.safeguarding:
        raise BadInput(f"only {', '.join(office.settings.people.safeguarding)} may decide on a request, not {stamp.who!r}")
    if decision not in DECISIONS:
        raise BadInput(f"{decision!r} is no decision; use one of {', '.join(DECISIONS)}")
    if len(reason.strip()) < 5:
        raise BadInput("say with --reason why; a person who is refused must be told it, and of their right to complain")
    with office.transaction() as session:
        row = _open(office, reference, session)
        if row.kind == CORRECTION and decision != REFUSED and len(changed.strip()) < 5:
            raise BadInput("say with --changed what was changed, and where: the school's own system first, since it is the master and the next "
                           "reading brings its data back; then the authority, where it was told the old fact")
        row.decision, row.reason, row.changed, row.decided_by, row.decided_at = decision, reason.strip(), changed.strip() or None, stamp.who, stamp.at
        for key in (_alarm(row), f"{_alarm(row)}:late"):
            clear_alarm(session, key, stamp, "a person has decided")
        record(session, reference_of(row.pupil_id), "rights.decided", stamp, decision, {
            "request": row.reference, "kind": row.kind, "reason": reason.strip(), "changed": changed.strip(), "due": row.due_on.isoformat()})


def requests(office: Office, *, decided_too: bool = False) -> Sequence[RightsRequest]:
    """The open requests, the earliest due first; with ``decided_too`` all of them."""
    query = select(RightsRequest).where(RightsRequest.school == office.school).order_by(RightsRequest.due_on, RightsRequest.id)
    with office.transaction() as session:
        return session.scalars(query if decided_too else query.where(RightsRequest.decided_at.is_(None))).all()


def watch(office: Office, stamp: Stamp) -> list[str]:
    """Raise an alarm for each open request whose last day is near or past; returns their references."""
    today = clock.local(stamp.at).date()
    near = [row for row in requests(office) if row.due_on - timedelta(days=office.policies.retention.warned_days) <= today]
    with office.transaction() as session:
        for row in near:
            if row.due_on < today:
                clear_alarm(session, _alarm(row), stamp, "its last day has passed")
            raise_alarm(session, _alarm(row) + (":late" if row.due_on < today else ""), row.reference,
                        f"A request about a child's records ({row.kind}) {'was' if row.due_on < today else 'is'} to be answered by "
                        f"{row.due_on:%-d %B %Y}: `cme rights` says more", stamp)
    return [row.reference for row in near]


def _alarm(row: RightsRequest) -> str:
    return f"rights:{row.reference}"


def _open(office: Office, reference: str, session: Session) -> RightsRequest:
    row = session.scalar(select(RightsRequest).where(RightsRequest.school == office.school,
                                                     RightsRequest.reference == reference.strip().upper()).with_for_update())
    if row is None:
        raise BadInput(f"there is no request {reference!r}; `cme rights` lists them")
    if row.decided_at is not None:
        raise BadInput(f"{row.reference} was decided already: {row.decision}, by {row.decided_by}")
    return row


def _working_day(office: Office) -> Callable[[date], bool]:
    holidays = office.policies.calendar.bank_holidays
    return lambda day: day.isoweekday() < 6 and day not in holidays
