"""What people were asked in a span of time, and when they answered: questions, decisions, attempts, and the events that say so."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from cme.records.arrays import among
from cme.records.reviews import CONFIRMATION, CONTACT_OUTCOME, DAY_ONE, MISSING_REPORT, SAFEGUARDING
from cme.records.tables import Case, CaseEvent, ContactAttempt, Decision, Review
from cme.rules.compliance import Required
from cme.rules.reasons import REASONS
from cme.steps.decisions import ANSWERS
from cme.steps.report_form import reference_of
from cme.steps.required_span import Span

_STEPS = {CONTACT_OUTCOME: "contact_outcome", CONFIRMATION: "confirmation"}
_ASKED = ("review.opened", "review.handed_over", "review.answered", "review.voided")


def events(session: Session, references: Collection[str], *what: str) -> dict[str, list[Row[Any]]]:
    """The events of those kinds, by the case's reference, oldest first."""
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in session.execute(select(CaseEvent.id, CaseEvent.subject, CaseEvent.at, CaseEvent.who, CaseEvent.what, CaseEvent.data).where(
            among(CaseEvent.subject, references), CaseEvent.what.in_(what)).order_by(CaseEvent.id)):
        found[row.subject].append(row)
    return found


def questions(session: Session, span: Span) -> list[Required]:
    """Every question of a kind that the procedure sets a time for. Late, it is held by whoever was asked when its time passed."""
    rows = session.execute(span.among(select(
        Review.id, Review.kind, Review.urgency, Review.due_at, Review.assigned_to, Case.reference, Case.pupil_id).join(
            Case, Case.id == Review.case_id).where(Review.kind != MISSING_REPORT), Review.due_at)).all()
    told: dict[int, list[Row[Any]]] = defaultdict(list)
    for own in events(session, {row.reference for row in rows}, *_ASKED).values():
        for event in own:
            told[event.data["review"]].append(event)
    found = []
    for row in rows:
        step = _STEPS.get(row.kind) or ("review_day_one" if row.urgency == DAY_ONE else "review_routine")
        answered = next((e for e in told[row.id] if e.what == "review.answered"), None)
        voided = next((e for e in told[row.id] if e.what == "review.voided"), None)
        in_time = answered is not None and answered.at <= row.due_at
        holder = answered.who if answered is not None and in_time else _held_at(told[row.id], row.due_at) or row.assigned_to
        found.append(span.row(step, row.reference, reference_of(row.pupil_id), row.due_at, answered.at if answered else None, holder,
                              f"event {answered.id}" if answered else f"review {row.id}", voided.at if voided else None))
    return span.kept(found)


def _held_at(told: list[Row[Any]], due: datetime) -> str:
    """Who was asked when the time of a question passed."""
    holder = ""
    for event in told:
        if event.at < due or not holder:
            holder = event.data.get("assigned_to") or event.data.get("to") or holder
    return holder


def appraisals(session: Session, span: Span) -> list[Required]:
    """Every decision: its risk appraisal answers each of the procedure's reasons with yes, no or unknown, or it is late for good."""
    rows = session.execute(span.among(select(Decision, Case.reference, Case.pupil_id).join(Case, Case.id == Decision.case_id),
                                      Decision.decided_at)).tuples()
    return span.kept([span.row("appraisal", reference, reference_of(pupil), d.decided_at,
                               d.decided_at if all(d.appraisal.get(key) in ANSWERS for key in REASONS) else None, d.decided_by, f"decision {d.id}")
                      for d, reference, pupil in rows])


def first_questions(session: Session) -> dict[int, datetime]:
    """By the number of the case, when the attendance officer was first asked anything about it."""
    return dict(session.execute(select(Review.case_id, func.min(Review.opened_at)).where(Review.kind.in_((CONTACT_OUTCOME, MISSING_REPORT)))
                                .group_by(Review.case_id)).tuples().all())


def first_attempts(session: Session) -> dict[int, tuple[datetime, int]]:
    """By the number of the case, its first attempt at contact: when, and the row's number."""
    found: dict[int, tuple[datetime, int]] = {}
    for case, at, number in session.execute(select(ContactAttempt.case_id, ContactAttempt.attempted_at, ContactAttempt.id)
                                            .order_by(ContactAttempt.attempted_at, ContactAttempt.id)).tuples():
        found.setdefault(case, (at, number))
    return found
