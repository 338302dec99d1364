"""Stopping and releasing messages to parents: the emergency stop and the brakes, by a person, with a reason. Works without Prefect."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from cme import clock
from cme.config.settings import require_role
from cme.errors import BadInput
from cme.records import brakes, outbox
from cme.records.history import MACHINE, Stamp
from cme.records.tables import AbsenceRequest, Contact, MessageStop, Outbox, ParentMessage
from cme.rules.message_brakes import PERSON, SHARE
from cme.steps import unanswered
from cme.steps.office import Office
from cme.steps.parent_messages import known_to_be_elsewhere, mark_now, session_now


def stop(office: Office, reason: str, stamp: Stamp) -> int:
    """A person stops every message to parents at once, those on their way to the mail server included; returns how many now wait."""
    _check(office, reason, stamp)
    with office.transaction() as session:
        if not brakes.standing(session, PERSON):
            brakes.stop(session, PERSON, reason.strip(), clock.local(stamp.at).date(), session_now(office, stamp), stamp)
        return len(brakes.unsent(session))


def resume(office: Office, reason: str, stamp: Stamp) -> int:
    """A person lifts the emergency stop; returns how many messages may leave now (0 where a brake still holds them)."""
    return _release(office, reason, stamp, (PERSON,), "messages are not stopped by anybody")


def go(office: Office, reason: str, stamp: Stamp) -> int:
    """A person has seen the numbers of a brake and says that they are true: messages go on. Returns how many may leave now."""
    return _release(office, reason, stamp, brakes.BRAKES, "no brake holds messages back",
                    lambda session, row: unanswered.begin_anew(office, session, row, stamp) if row.kind == SHARE else 0)


def _release(office: Office, reason: str, stamp: Stamp, kinds: tuple[str, ...], none: str,
             after: Callable[[Session, MessageStop], int] = lambda session, row: 0) -> int:
    _check(office, reason, stamp)
    with office.transaction() as session:
        rows = brakes.standing(session, *kinds)
        if not rows:
            raise BadInput(f"{none}; `cme messages` and `cme today` say what stands")
        for row in rows:
            after(session, row)                  # first: it locks requests, which everybody locks before the history
        brakes.release(session, rows, stamp, reason.strip())
        return 0 if brakes.standing(session) else len(brakes.unsent(session))


def _check(office: Office, reason: str, stamp: Stamp) -> None:
    require_role(stamp.who, office.settings.people)
    if len(reason.strip()) < 5:
        raise BadInput("say in a few words why, without a child's name")


def state(office: Office) -> list[str]:
    """What holds messages to parents back now, one sentence each; opaque. A person's own words stay on the machine."""
    with office.transaction() as session:
        return [f"Messages to parents are stopped since {office.shown_time(row.stopped_at)}"
                + (" by a person." if row.kind == PERSON else f": {row.why}.") for row in brakes.standing(session)]


def reconcile(office: Office, stamp: Stamp) -> int:
    """Just before messages are handed over: cancel those to parents that are no longer true or no longer allowed; returns how many.

    The mark is read once more (late corrections, trips, a closed school), so is what the contact's record forbids, and whether somebody
    has answered meanwhile.
    """
    with office.transaction() as session:
        waiting = [row.id for _, row in brakes.unsent(session)]
    cancelled = 0
    for row_id in waiting:
        with office.transaction() as session:
            found = next(((message, row) for message, row in brakes.unsent(session) if row.id == row_id), None)
            why = _untrue(office, session, *found) if found else ""
            if why:
                outbox.cancel(session, row_id, Stamp(MACHINE, stamp.at, stamp.flow_run_id, stamp.task_run_id), why)
                cancelled += 1
    return cancelled


def _untrue(office: Office, session: Session, message: ParentMessage, row: Outbox) -> str:
    contact = session.get(Contact, message.contact_id)
    if contact is None or contact.do_not_contact or contact.court_order or contact.no_responsibility:
        return "the contact's record forbids it"
    mark = mark_now(office, session, message.pupil_id, message.day, message.session)
    request = session.get(AbsenceRequest, message.request_id) if message.request_id else None
    if request is not None:
        if mark.code not in office.policies.school.unexplained_codes:
            return f"the register holds {mark.code} now: reconciled just before sending"
        return f"the absence is {request.state.replace('_', ' ')}: no message is needed" if request.state not in ("open", "with_dsl") else ""
    return f"the register holds {mark.code} now: reconciled just before sending" if known_to_be_elsewhere(office, mark) else ""
