"""Reviews: the questions that wait for a person. The row is the gate; Prefect's paused run is only the bell.

A one-time code names the person who answers. It is random, kept as a keyed hash bound to review and person, expires,
dies after use or after five wrong tries, and is replaced only by a new mail.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from cme.records.history import Stamp, record
from cme.records.one_time_codes import WRONG_TRIES, fresh, is_code_of, wrong_try
from cme.records.sealing import Sealer
from cme.records.tables import Answer, Case, DossierShown, Review, ReviewCode, ReviewLink

CONTACT_OUTCOME = "contact_outcome"        # asked of the attendance officer: what came of the contact
SAFEGUARDING = "safeguarding"              # asked of the DSL: the decision
CONFIRMATION = "confirmation"              # asked of a second person: whether a decision stands
MISSING_REPORT = "missing_report"          # asked of the attendance officer: what could be established about a reported child
ROUTINE, DAY_ONE = "routine", "day_one"    # how urgent a question is


def dossier_hash(dossier: dict[str, Any]) -> str:
    """What was shown, as one number: SHA-256 of its canonical JSON."""
    return hashlib.sha256(json.dumps(dossier, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def open_review(session: Session, case: Case, kind: str, *, assigned_to: str, due_at: datetime, dossier: dict[str, Any],
                stamp: Stamp, why: str, urgency: str = ROUTINE, barred: str = "", decision_id: int | None = None) -> Review:
    """Open a question of a kind on a case, or return the one that is open already; the dossier is frozen with its hash.

    ``barred`` is the person who may not answer it; ``decision_id`` what a confirmation is about.
    """
    existing = current(session, case.id, kind)
    if existing:
        return existing
    last = session.scalar(select(Review.number).where(Review.case_id == case.id, Review.kind == kind)
                          .order_by(Review.number.desc()).limit(1))
    review = Review(case_id=case.id, kind=kind, number=(last or 0) + 1, state="open", assigned_to=assigned_to, opened_at=stamp.at,
                    due_at=due_at, dossier=dossier, dossier_hash=dossier_hash(dossier), escalations=0, tries=0, urgency=urgency,
                    barred=barred, decision_id=decision_id)
    session.add(review)
    session.flush()
    _freeze(session, review, stamp)
    record(session, case.reference, "review.opened", stamp, why, {
        "review": review.id, "kind": kind, "number": review.number, "assigned_to": assigned_to, "due": due_at.isoformat(),
        "urgency": urgency, "dossier": review.dossier_hash})
    return review


def _freeze(session: Session, review: Review, stamp: Stamp) -> None:
    session.add(DossierShown(review_id=review.id, number=shown_number(session, review) + 1, dossier=review.dossier,
                             dossier_hash=review.dossier_hash, frozen_at=stamp.at))
    session.flush()


def refreeze(session: Session, review: Review, dossier: dict[str, Any], stamp: Stamp, subject: str) -> bool:
    """Show ``dossier`` from now on, if it differs from what is shown; what was shown before stays on record. True if it differed."""
    digest = dossier_hash(dossier)
    if digest == review.dossier_hash:
        return False
    record(session, subject, "review.dossier_changed", stamp, "the facts have changed; the question shows them anew",
           {"review": review.id, "before": review.dossier_hash, "dossier": digest})
    review.dossier, review.dossier_hash = dossier, digest
    _freeze(session, review, stamp)
    return True


def shown_number(session: Session, review: Review) -> int:
    """Which of the dossiers of a review is shown now: 1, 2, ...; 0 before the first."""
    return session.scalar(select(func.max(DossierShown.number)).where(DossierShown.review_id == review.id)) or 0


def shown(session: Session, review: Review, number: int | None) -> DossierShown:
    """The dossier of that number, or the one shown now."""
    query = select(DossierShown).where(DossierShown.review_id == review.id).order_by(DossierShown.number.desc()).limit(1)
    found = session.scalar(query.where(DossierShown.number == number)) if number else None
    return found or session.scalars(query).one()


def hasten(session: Session, review: Review, due_at: datetime, stamp: Stamp, subject: str, why: str) -> bool:
    """Make an open question urgent: due at ``due_at`` or earlier, escalations begin anew. Never later, never less urgent."""
    if review.urgency == DAY_ONE and review.due_at <= due_at:
        return False
    review.urgency, review.due_at = DAY_ONE, min(review.due_at, due_at)
    review.escalations, review.escalated_at = 0, None
    record(session, subject, "review.hastened", stamp, why, {"review": review.id, "due": review.due_at.isoformat()})
    return True


def current(session: Session, case_id: int, kind: str, *, lock: bool = False) -> Review | None:
    """The open review of a kind on a case, or None."""
    query = select(Review).where(Review.case_id == case_id, Review.kind == kind, Review.state == "open")
    return session.scalar(query.with_for_update() if lock else query)


def withdraw(session: Session, case: Case, stamp: Stamp, why: str) -> None:
    """Withdraw every open question of a case; their bells are closed by the sweep."""
    for review in session.scalars(select(Review).where(Review.case_id == case.id, Review.state == "open").with_for_update()):
        review.state = "void"
        record(session, case.reference, "review.voided", stamp, why, {"review": review.id, "kind": review.kind})


def live_codes(session: Session, review_id: int, at: datetime) -> list[ReviewCode]:
    """The codes of a review that would be accepted at that moment."""
    return list(session.scalars(select(ReviewCode).where(
        ReviewCode.review_id == review_id, ReviewCode.used_at.is_(None), ReviewCode.void_at.is_(None), ReviewCode.expires_at > at)))


def issue_code(session: Session, sealer: Sealer, review: Review, person: str, stamp: Stamp, valid: timedelta, subject: str) -> str:
    """A new code of six digits for one person; an older code of the same person for this review dies with it."""
    session.execute(update(ReviewCode).where(ReviewCode.review_id == review.id, ReviewCode.person == person,
                                             ReviewCode.used_at.is_(None), ReviewCode.void_at.is_(None)).values(void_at=stamp.at))
    code = fresh()
    session.add(ReviewCode(review_id=review.id, person=person, mac=sealer.mac("review-code", str(review.id), person, code), issued_at=stamp.at,
                           expires_at=stamp.at + valid, wrong_tries=0))
    session.flush()
    record(session, subject, "review.code_issued", stamp, "a one-time code was mailed", {"review": review.id, "person": person})
    return code


def issue_link(session: Session, sealer: Sealer, review: Review, person: str, stamp: Stamp, valid: timedelta) -> str:
    """A new token for the dossier's page of a review, for one person. Random; it says nothing; only its keyed hash is kept."""
    token = secrets.token_urlsafe(24)
    session.add(ReviewLink(review_id=review.id, person=person, mac=sealer.mac("review-link", token), issued_at=stamp.at,
                           expires_at=stamp.at + valid))
    session.flush()
    return token


def link_holder(session: Session, sealer: Sealer, token: str, at: datetime) -> ReviewLink | None:
    """The link of a token (whose person reads which review), or None where it is unknown, expired or withdrawn."""
    link = session.scalar(select(ReviewLink).where(ReviewLink.mac.in_(sealer.macs("review-link", token))))
    return link if link and link.void_at is None and link.expires_at > at else None


@dataclass(frozen=True)
class Identified:
    """Whom a code named, or the sentence that says why it named nobody."""

    person: str | None
    refusal: str = ""


def identify(session: Session, sealer: Sealer, review: Review, code: str, at: datetime) -> Identified:
    """The person of a code for this review. A right code is used up; a wrong one counts against every live code."""
    for row in session.scalars(select(ReviewCode).where(ReviewCode.review_id == review.id)):
        if not is_code_of(sealer, row, "review-code", review.id, code):
            continue
        if row.used_at or row.void_at:
            continue            # an older code of the same digits: look on, a live one may be the same by chance
        if row.expires_at <= at:
            return Identified(None, "the code has expired; a new one is being mailed")
        row.used_at = at
        if row.person == review.barred:
            return Identified(None, "nobody confirms their own decision; another person must answer")
        return Identified(row.person)
    live = live_codes(session, review.id, at)
    wrong_try(live, at)
    if live and all(row.void_at for row in live):
        return Identified(None, f"the code is not right, for the {WRONG_TRIES}th time; a new code is being mailed")
    return Identified(None, "the code is not right, or is for another review" if live else
                      "the code is no longer valid; a new one is being mailed")


def known_answer(session: Session, source_key: str) -> Answer | None:
    """The answer already recorded under Prefect's key of it, so that a second reading changes nothing."""
    return session.scalar(select(Answer).where(Answer.source_key == source_key))


def record_answer(session: Session, review: Review, source_key: str, identified: Identified, refusal: str, stamp: Stamp,
                  subject: str, content: dict[str, Any], *, shown_hash: str = "", signed_in_as: str = "") -> Answer:
    """Write down that an answer came, accepted (``refusal`` empty) or not, with what it said (never the code), which dossier had
    been shown, and whom the school's own sign-in named."""
    answer = Answer(review_id=review.id, source_key=source_key, received_at=stamp.at, person=identified.person,
                    accepted=not refusal, refusal=refusal, content=content, shown_hash=shown_hash, signed_in_as=signed_in_as)
    session.add(answer)
    review.tries += 1
    if refusal:
        record(session, subject, "review.answer_refused", stamp, refusal, {"review": review.id, "person": identified.person,
                                                                                  "signed_in_as": signed_in_as})
    session.flush()
    return answer


def last_refusal(session: Session, review_id: int) -> str:
    """Why the latest answer was refused, for the next form; empty when none was."""
    answer = session.scalar(select(Answer).where(Answer.review_id == review_id).order_by(Answer.id.desc()).limit(1))
    return answer.refusal if answer else ""
