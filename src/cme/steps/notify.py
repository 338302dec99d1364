"""Notify the local authority: render what the DSL approved once, to bytes that are stored and resent unchanged."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme.config.settings import require_role
from cme.errors import BadInput
from cme.mail.message import compose, message_id_for
from cme.mail.notification import Notification
from cme.mail.pdf import UncoveredText, notification_pdf
from cme.mail.render import notification_letter
from cme.records import cases, outbox
from cme.records.history import Stamp, record
from cme.records.tables import Case, Decision, Outbox
from cme.rules.cases import CaseState
from cme.steps.decisions import NOTIFICATION_KIND
from cme.steps.notification_of import notification_of
from cme.steps.office import Office


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
        notification = notification_of(session, office, case, kind, decision, stamp.at)
        text = notification_letter(notification)
        row_id = outbox.new_row_id()
        message_id = message_id_for(row_id, office.settings.mail_sender.partition("@")[2])
        attachments, uncovered = _pdf(notification, case.reference, stamp)
        wire = compose(office.settings.mail_sender, office.settings.mail_sender_name or office.policies.school.name,
                       office.policies.authority.mailbox, text.subject, text.text, message_id, stamp.at,
                       attachments=attachments, reply_to=office.person("dsl").email)
        missing = notification.missing_fields(office.policies.authority.required_fields)
        record(session, case.reference, "notification.rendered", stamp, f"{kind.replace('_', ' ')} rendered once", {
            "kind": kind, "outbox": row_id, "decision_review": decision.review_id, "not_held": missing, "without_pdf": uncovered, "shown": decision.shown_hash})
        return outbox.queue(session, sealer=office.sealer, dedupe_key=key, kind=f"la_{kind}", subject_of=case.reference,
                            recipient=office.policies.authority.mailbox, mail_subject=text.subject, message_id=message_id, wire=wire,
                            row_id=row_id, stamp=stamp, keep_body=True)


def _pdf(notification: Notification, reference: str, stamp: Stamp) -> tuple[tuple[tuple[str, str, bytes], ...], str]:
    """The notification as an attachment, and why there is none: a name that no font of ours can print never stops a referral."""
    try:
        return ((f"{reference}.pdf", "application/pdf", notification_pdf(notification, stamp.at)),), ""
    except UncoveredText as error:
        return (), str(error)


def acknowledge(office: Office, reference: str, authority_reference: str, person: str, stamp: Stamp) -> None:
    """A person records that the authority has acknowledged the notification, with its reference and who said so."""
    require_role(stamp.who, office.settings.people)
    if not authority_reference.strip() or not person.strip():
        raise BadInput("give the authority's reference and the name of the person who acknowledged")
    with office.transaction() as session:
        case = cases.by_reference(session, reference, lock=True)
        if CaseState(case.state) is not CaseState.NOTIFIED:
            raise BadInput(f"{case.reference} waits for no acknowledgement: it is in state {case.state!r}")
        due = office.school_days_later(stamp.at, office.policies.school.follow_up_school_days)
        cases.move(session, case, CaseState.FOLLOWING_UP, stamp, why="the local authority has acknowledged the message", due=due, owner="dsl",
                   data={"authority_reference": authority_reference.strip(), "person": person.strip()})


def settle_message(office: Office, row_id: str, *, by: str, confirm: str = "", resend: str = "", retry: str = "", cancel: str = "") -> None:
    """A person settles a message that no machine may: it did arrive, send it again, try again, or do not send it."""
    wishes = [(outbox.confirm_sent, confirm), (outbox.resend, resend), (outbox.retry, retry), (outbox.cancel, cancel)]
    chosen = [(act, reason) for act, reason in wishes if reason]
    if len(chosen) != 1:
        raise BadInput("say one of --confirm, --resend, --retry or --cancel, with the reason")
    require_role(by, office.settings.people)
    act, reason = chosen[0]
    with office.transaction() as session:
        act(session, row_id, office.stamp(by), reason)
