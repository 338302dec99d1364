"""Parent contact: the first contact in order gets an approved text; the attendance officer records what came of it.

No answer in the configured time moves the case on to the DSL. A late answer is accepted and recorded all the same.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme import clock
from cme.records import cases, reviews
from cme.records.history import Stamp, record
from cme.records.tables import Case, Contact, ContactAttempt, Review
from cme.rules.cases import CaseState
from cme.rules.contact_ladder import EMAIL
from cme.steps import absence_answers, duty
from cme.steps.dossier import dossier_of
from cme.steps.office import Office
from cme.steps.parent_messages import (About, contacts_of, known_to_be_elsewhere, mark_now, person_of, send, session_now,
                                       written_to)

REASON_GIVEN = "Reason given by the parent or carer"
NO_ANSWER = "No answer"
WRONG_NUMBER = "Number or address is wrong"
NOT_WHERE_BELIEVED = "The child is not where the parent or carer believes"
OUTCOMES = (REASON_GIVEN, NO_ANSWER, WRONG_NUMBER, NOT_WHERE_BELIEVED)


def check(payload: dict[str, Any]) -> tuple[tuple[str, str] | None, str]:
    """The officer's answer as (outcome, note), or the sentence that says what is missing."""
    outcome, note = payload.get("outcome"), str(payload.get("note") or "").strip()
    if outcome not in OUTCOMES:
        return None, "no outcome was chosen"
    if outcome == REASON_GIVEN and len(note) < 3:
        return None, "a reason was given, but not written down"
    return (str(outcome), note), ""


def begin_contact(office: Office, reference: str, stamp: Stamp) -> int | None:
    """Write to the first contact that may be written to, and open the attendance officer's question; returns the review.

    Doing it twice changes nothing. Who may not be contacted is never written to. Where nobody can be written to, the
    question still goes to the attendance officer, who rings. Returns None once the question has been answered.
    """
    with office.transaction() as session:
        case = cases.by_reference(session, reference, lock=True)
        if case.closed_at is not None:
            return None
        existing = session.scalar(select(Review).where(Review.case_id == case.id, Review.kind == reviews.CONTACT_OUTCOME)
                                  .order_by(Review.id.desc()).limit(1))
        if existing:
            return existing.id if existing.state == "open" else None
        beside = case.urgency == reviews.DAY_ONE or case.origin == cases.SICKNESS      # before the DSL already; contact goes on beside it
        if CaseState(case.state) is not CaseState.PARENT_CONTACT and not beside:
            return None
        due = stamp.at + timedelta(minutes=office.policies.school.contact_answer_minutes)
        held = contacts_of(session, case.pupil_id)
        attempt, why = _write(office, session, case, held, stamp)
        attempt.case_id, attempt.attempted_at, attempt.answer_due_at = case.id, stamp.at, due
        session.add(attempt)
        session.flush()
        record(session, case.reference, "contact.attempted", stamp, why, {
            "attempt": attempt.id, "contact": attempt.contact_id, "channel": attempt.channel, "contacts_held": len(held),
            "not_to_be_contacted": sum(c.do_not_contact or c.court_order for c in held), "answer_due": due.isoformat()})
        if len(held) < 2:
            record(session, case.reference, "contact.incomplete", stamp,
                   f"{len(held)} contact(s) held; at least two people should be (KCSIE; Working together 2026, p. 20)", {"held": len(held)})
        if CaseState(case.state) is CaseState.PARENT_CONTACT:
            case.next_step_due = due
        return reviews.open_review(session, case, reviews.CONTACT_OUTCOME, due_at=due, dossier=dossier_of(session, office, case),
                                   assigned_to=duty.chain(office, reviews.CONTACT_OUTCOME, stamp.at)[0], stamp=stamp, urgency=case.urgency,
                                   why="the attendance officer is asked what came of the contact").id


def _write(office: Office, session: Session, case: Case, held: Sequence[Contact], stamp: Stamp) -> tuple[ContactAttempt, str]:
    """Write to the first contact who may be written to, unless a message about this session has gone already or must not go now."""
    today, slot = clock.local(stamp.at).date(), session_now(office, stamp)
    if earlier := written_to(session, case.pupil_id, today, slot):
        return (ContactAttempt(contact_id=earlier.contact_id, channel=earlier.channel, outbox_id=earlier.outbox_id),
                "a parent or carer was written to about this session already; nobody is written to twice")
    if known_to_be_elsewhere(office, mark_now(office, session, case.pupil_id, today, slot)):
        return ContactAttempt(channel="not sent"), "the register does not hold an absence now: nobody is written to, the attendance officer rings"
    usable = next((c for c in held if c.email and person_of(office, c).may_be_written_to), None)
    if usable is None:
        return ContactAttempt(channel="none held"), "no contact held may be written to by e-mail; the attendance officer rings"
    sent = send(office, session, About(case.pupil_id, today, slot, case.reference, case_id=case.id), usable, EMAIL, usable.email, stamp)
    if sent.held:
        return ContactAttempt(contact_id=usable.id, channel="held back"), f"{sent.held}; the attendance officer rings"
    return ContactAttempt(contact_id=usable.id, channel=EMAIL, outbox_id=sent.outbox_id), "the contact with the highest priority was written to"


def take_contact_outcome(office: Office, session: Session, case: Case, outcome: str, note: str, stamp: Stamp) -> None:
    """Write the outcome the attendance officer gave to the attempt, and hand the case to the DSL, whatever it was."""
    attempt = session.scalar(select(ContactAttempt).where(ContactAttempt.case_id == case.id).order_by(ContactAttempt.id.desc()).limit(1))
    if attempt:
        attempt.outcome, attempt.note, attempt.recorded_by, attempt.recorded_at = outcome, note, stamp.who, stamp.at
    if outcome == REASON_GIVEN:
        absence_answers.of_case(session, case, note, stamp)
    late = CaseState(case.state) is not CaseState.PARENT_CONTACT
    record(session, case.reference, "contact.outcome", stamp, outcome, {"attempt": attempt.id if attempt else None, "late": late})
    if not late:
        to_dsl(office, session, case, stamp, f"contact has an outcome: {outcome.lower()}")


def to_dsl(office: Office, session: Session, case: Case, stamp: Stamp, why: str, *, urgency: str = reviews.ROUTINE,
           due_at: datetime | None = None) -> None:
    """Put a case before the DSL: the state, the deadline and the question in one transaction."""
    due = due_at or office.routine_due(stamp.at)
    asked = duty.chain(office, reviews.SAFEGUARDING, stamp.at)[0]
    cases.move(session, case, CaseState.DSL_REVIEW, stamp, why=why, due=due, owner=asked)
    reviews.open_review(session, case, reviews.SAFEGUARDING, assigned_to=asked, due_at=due, stamp=stamp, why=why, urgency=urgency,
                        dossier=dossier_of(session, office, case))


def contact_overdue(office: Office, reference: str, stamp: Stamp) -> bool:
    """Move a case on to the DSL when no answer came in time; True when it was moved. The officer's question stays open."""
    with office.transaction() as session:
        case = cases.by_reference(session, reference, lock=True)
        if CaseState(case.state) is not CaseState.PARENT_CONTACT or case.next_step_due is None or case.next_step_due > stamp.at:
            return False
        attempt = session.scalar(select(ContactAttempt).where(ContactAttempt.case_id == case.id).order_by(ContactAttempt.id.desc()))
        if attempt is None:
            why = "parent contact could not begin in the configured time"
        else:
            why = f"no answer within {office.policies.school.contact_answer_minutes} minutes of the contact"
        to_dsl(office, session, case, stamp, why)
        return True
