"""The day-one report to children's services: laid out for the telephone, and mailed where the authority takes it in writing.

It rests on a person's decision, the action "Referral to children's services and the police today". The call is a task of its own and
stays one: nothing here ends it, and nothing here waits for it.
"""

import hashlib
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme.config.settings import require_role
from cme.errors import BadInput
from cme.mail.pdf import notification_pdf
from cme.records import cases
from cme.records.history import Stamp, record
from cme.records.tables import Action, Case, Decision, Outbox
from cme.rules.messages import DAY_ONE_REPORT, MESSAGES
from cme.steps.decisions import NOTIFICATION_KIND, URGENT
from cme.steps.notification_of import notification_of
from cme.steps.office import Office
from cme.steps.outgoing import queue_message
from cme.steps.police_pack import write_privately

_OLDEST = timedelta(days=1)        # a report of an earlier day is no day-one report: it was rung through, or an alarm says that it was not


def _key(action: Action) -> str:
    return f"day-one-report:{action.id}"


def prepare_all(office: Office, stamp: Stamp) -> list[str]:
    """Render and queue every day-one report that a person decided on and that is not in the outbox; returns the references. The same
    again queues nothing. Where the authority takes it by telephone only, nothing is mailed."""
    if office.policies.authority.messages[DAY_ONE_REPORT].channel != "mail":
        return []
    with office.transaction() as session:
        rows = session.execute(select(Action.id, Case.reference).join(Case, Case.id == Action.case_id).where(
            Action.kind == URGENT, Action.created_at > stamp.at - _OLDEST).order_by(Action.id)).all()
        queued = set(session.scalars(select(Outbox.dedupe_key).where(Outbox.kind == f"la_{DAY_ONE_REPORT}")))
    done, failed = [], []
    for number, reference in rows:
        try:
            if f"day-one-report:{number}" not in queued and _prepare(office, reference, number, stamp):
                done.append(reference)
        except Exception as error:       # one child's report never keeps another's waiting; it is seen when all were looked at
            failed.append(error)
    if failed:
        raise failed[0]
    return done


def _prepare(office: Office, reference: str, number: int, stamp: Stamp) -> str:
    with office.transaction() as session:
        case = cases.by_reference(session, reference, lock=True)
        action = session.get_one(Action, number)
        if session.scalar(select(Outbox.id).where(Outbox.dedupe_key == _key(action))):
            return ""
        notification = notification_of(session, office, case, DAY_ONE_REPORT, _decision_of(session, action), stamp.at, urgent=action)
        return queue_message(office, session, notification, to=office.policies.authority.messages[DAY_ONE_REPORT].mailbox, stamp=stamp,
                             dedupe_key=_key(action), kind=f"la_{DAY_ONE_REPORT}", data={"action": action.id})


def _decision_of(session: Session, action: Action) -> Decision | None:
    """The decision that chose the action; None where its answer was given to facts that had changed, and only this was carried out."""
    review = (action.task_key or "").split(":")[1:2]
    return session.scalar(select(Decision).where(Decision.review_id == int(review[0]))) if review and review[0].isdigit() else None


def draft(office: Office, reference: str, kind: str, stamp: Stamp, out: Path | None = None) -> tuple[Path, list[str]]:
    """Write a message of a case as it would leave now to a private file, for reading or for the telephone; returns the file and what the
    message lacks. Nothing is sent, nothing is decided; who made it is in the history."""
    require_role(stamp.who, office.settings.people)
    known = (*NOTIFICATION_KIND.values(), DAY_ONE_REPORT)
    if kind not in known:
        raise BadInput(f"{kind!r} is no message of a case; use one of {', '.join(known)}")
    with office.transaction() as session:
        case = cases.by_reference(session, reference)
        notification = notification_of(session, office, case, kind, None, stamp.at)
        pdf = notification_pdf(notification, stamp.at, exact_text=f"is shown by `cme show {case.reference}`")
        path = out or Path(f"{case.reference}.pdf")
        record(session, case.reference, "message.drafted", stamp, MESSAGES[kind].subject, {
            "kind": kind, "sha256": hashlib.sha256(pdf).hexdigest(), "not_held": list(notification.lacks)})
        write_privately(path, pdf)
    return path, notification.not_on_record
