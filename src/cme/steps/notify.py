"""Notify the local authority: render what the DSL approved once, to bytes that are stored and resent unchanged."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme.config.settings import require_role
from cme.errors import BadInput
from cme.records import after_sending, cases, outbox
from cme.records.actions import set_task
from cme.records.history import Stamp
from cme.records.tables import Case, Decision, Outbox, Pupil
from cme.rules.cases import CaseState
from cme.rules.messages import HERE, who_sends
from cme.steps.decisions import NOTIFICATION_KIND
from cme.steps.notification_of import notification_of
from cme.steps.office import Office
from cme.steps.outgoing import queue_message

ONE_REFERRER = "Agree with the child's school of registration who refers, and record that it has"


def _decision(session: Session, case: Case) -> Decision | None:
    decision = session.scalar(select(Decision).where(Decision.case_id == case.id).order_by(Decision.id.desc()).limit(1))
    return decision if decision and decision.outcome in NOTIFICATION_KIND else None


def notification_key(session: Session, case: Case) -> str | None:
    """What makes the notification one message: the case, its kind and the review that approved it. None: nothing approved."""
    decision = _decision(session, case)
    return f"la:{case.reference}:{NOTIFICATION_KIND[decision.outcome]}:{decision.review_id}" if decision else None


def prepare(office: Office, reference: str, stamp: Stamp) -> str | None:
    """Render the approved notification and put it into the outbox, in one transaction; returns the row's id.

    Doing it again returns the same row: the bytes, the Date and the Message-ID are made once. None: nothing is approved.
    """
    with office.transaction() as session:
        case = cases.by_reference(session, reference, lock=True)
        decision, key = _decision(session, case), notification_key(session, case)
        if decision is None or key is None or CaseState(case.state) is not CaseState.NOTIFYING:
            return None
        existing = session.scalar(select(Outbox.id).where(Outbox.dedupe_key == key))
        if existing:
            return existing
        kind = NOTIFICATION_KIND[decision.outcome]
        to, data = _recipient(office, session, case, kind, stamp)
        notification = notification_of(session, office, case, kind, decision, stamp.at, passed_on="passed_on" in data)
        return queue_message(office, session, notification, to=to, dedupe_key=key, kind=f"la_{kind}", stamp=stamp,
                             data={"decision_review": decision.review_id, "shown": decision.shown_hash, **data})


def _recipient(office: Office, session: Session, case: Case, kind: str, stamp: Stamp) -> tuple[str, dict[str, str]]:
    """To whom a message goes: the authority, or, about a child on another school's roll, that school, which makes the return.

    Where the other school cannot be written to, the authority hears of the child from us: two copies are better than none. In both
    cases a person is asked to agree with that school who refers.
    """
    authority, pupil = office.policies.authority.messages[kind].mailbox, session.get_one(Pupil, case.pupil_id)
    if who_sends(kind, pupil.registration) == HERE:
        return authority, {}
    set_task(session, case, ONE_REFERRER, owner="dsl", due=office.routine_due(stamp.at), stamp=stamp, task_key=f"one-referrer:{case.reference}:{kind}")
    school = office.policies.school.referring_school(pupil.home_school)
    if school is None:
        return authority, {"not_passed_on": "the school of registration has no mailbox in school.yaml, referring_schools"}
    return school.mailbox, {"passed_on": "to the school of registration"}


def settle_message(office: Office, row_id: str, *, by: str, confirm: str = "", resend: str = "", retry: str = "", cancel: str = "",
                   anew: str = "") -> None:
    """A person settles a message that no machine may: it did arrive, send it again, try again, do not send it, or make it anew for the
    mailbox that is named now (a notification of a case)."""
    wishes = [(outbox.confirm_sent, confirm), (outbox.resend, resend), (outbox.retry, retry), (outbox.cancel, cancel), (_anew, anew)]
    chosen = [(act, reason) for act, reason in wishes if reason]
    if len(chosen) != 1:
        raise BadInput("say one of --confirm, --resend, --retry, --cancel or --anew, with the reason")
    require_role(by, office.settings.people)
    act, reason = chosen[0]
    with office.transaction() as session:
        act(session, row_id, office.stamp(by), reason)


def _anew(session: Session, row_id: str, stamp: Stamp, reason: str) -> None:
    """The sweep renders it again, from the same decision, within a minute."""
    row = session.get(Outbox, row_id)
    case = session.scalar(select(Case).where(Case.reference == row.subject_of).with_for_update()) if row else None
    if row and (case is None or row.dedupe_key != notification_key(session, case) or case.state != CaseState.NOTIFYING):
        raise BadInput(f"message {row_id} is not the notification that its case waits for: only such a one can be made anew")
    after_sending.put_aside(session, row_id, stamp, reason)
