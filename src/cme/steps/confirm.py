"""Two pairs of eyes: a decision to close, or not to refer, takes effect only when a second person has confirmed it.

Source: the school's ``second_person_for``. Nobody confirms their own decision: whoever made it is barred from the question.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme.records import cases, reviews
from cme.records.history import Stamp, record
from cme.records.tables import Case, Confirmation, Decision, Review
from cme.rules.cases import CaseState
from cme.steps import contact, duty
from cme.steps.dossier import dossier_of
from cme.steps.office import Office

CONFIRM = "Yes: I have read the dossier and confirm the decision"
SEND_BACK = "No: back to the designated safeguarding lead, with my reason"
CHOICES = (CONFIRM, SEND_BACK)


@dataclass(frozen=True)
class SecondAnswer:
    """What the second person said, and why."""

    confirmed: bool
    reason: str


def ask(office: Office, session: Session, case: Case, decision: Decision, stamp: Stamp) -> None:
    """Put a decision before a second person, in the transaction that wrote it."""
    due = office.routine_due(stamp.at)
    asked = duty.chain(office, reviews.CONFIRMATION, stamp.at, barred=decision.decided_by)[0]
    cases.move(session, case, CaseState.CONFIRMING, stamp, why=decision.outcome, due=due, owner=asked, data={"review": decision.review_id},
               decided=True)
    reviews.open_review(session, case, reviews.CONFIRMATION, assigned_to=asked, due_at=due, dossier=dossier_of(session, office, case),
                        stamp=stamp, why="a second person is asked to confirm the decision", barred=decision.decided_by,
                        decision_id=decision.id)


def proposed(session: Session, case: Case) -> Decision | None:
    """The decision of a case that waits for its second person, or None."""
    review = reviews.current(session, case.id, reviews.CONFIRMATION)
    return session.get(Decision, review.decision_id) if review else None


def check(payload: dict[str, object]) -> tuple[SecondAnswer | None, str]:
    """The answer of the form as a SecondAnswer, or the sentence that says what is missing."""
    said, reason = payload.get("confirmation"), payload.get("reason")
    if said not in CHOICES:
        return None, "neither yes nor no was chosen"
    if not isinstance(reason, str) or len(reason.strip()) < 10:
        return None, "the reason is missing or shorter than ten characters"
    return SecondAnswer(said == CONFIRM, reason.strip()), ""


def write(office: Office, session: Session, case: Case, review: Review, answer: SecondAnswer, stamp: Stamp, shown_hash: str) -> Decision:
    """Write the confirmation row and its event; returns the decision it is about. Sent back: the DSL is asked again."""
    decision = session.scalars(select(Decision).where(Decision.id == review.decision_id)).one()
    name = office.person(stamp.who).name
    session.add(Confirmation(decision_id=decision.id, review_id=review.id, case_id=case.id, confirmed=answer.confirmed, reason=answer.reason,
                             decided_by=stamp.who, decided_by_name=name, decided_at=stamp.at, shown_hash=shown_hash))
    record(session, case.reference, "decision.confirmed" if answer.confirmed else "decision.not_confirmed", stamp, decision.outcome, {
        "review": review.id, "decision_review": decision.review_id, "reason": answer.reason, "name": name, "shown": shown_hash})
    if not answer.confirmed:
        contact.to_dsl(office, session, case, stamp, "the second person does not confirm the decision")
    return decision
