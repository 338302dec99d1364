"""Ask a person and take the answer. Both questions, the attendance officer's and the DSL's, pass the same gate."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme.records import cases, reviews
from cme.records.history import Stamp, record
from cme.records.tables import Case, Review
from cme.steps import contact, decisions
from cme.steps.dossier import opaque_summary
from cme.steps.office import Office

LETTER = {reviews.SAFEGUARDING: "review_call", reviews.CONTACT_OUTCOME: "contact_call"}
KEPT_KEYS = {"decision", "actions", "reason", "outcome", "note"}      # of an answer: never the code


@dataclass(frozen=True)
class Rung:
    """A question that waits: what the form shows. Holds nothing that identifies a child."""

    review_id: int
    kind: str
    number: int
    tries: int
    summary: str
    refusal: str
    due: str


def ring(office: Office, reference: str, kind: str, flow_run_id: str, stamp: Stamp) -> Rung | None:
    """Make this run the bell of the open question, and mail the person a code and a link if they hold none for it.

    Returns None when no question of the kind is open. Doing it twice in one run sends one mail.
    """
    with office.transaction() as session:
        case = cases.by_reference(session, reference)
        review = reviews.current(session, case.id, kind, lock=True)
        if review is None:
            return None
        moved = review.flow_run_id != flow_run_id
        if moved:
            review.flow_run_id, review.rung_at = flow_run_id, stamp.at
            record(session, reference, "review.rung", stamp, "the paused step is ready", {"review": review.id, "kind": kind})
        refusal = reviews.last_refusal(session, review.id)
        holders = {code.person for code in reviews.live_codes(session, review.id, stamp.at)}
        if moved:
            call(office, session, case, review, review.assigned_to, stamp)
        elif review.assigned_to not in holders:
            call(office, session, case, review, review.assigned_to, stamp, "new_code", reason=refusal or "the code before has expired")
        return Rung(review.id, kind, review.number, review.tries, opaque_summary(review.dossier), refusal, office.shown_time(review.due_at))


def remind(office: Office, session: Session, case: Case, review: Review, person: str, stamp: Stamp) -> None:
    """Mail ``person``, who holds a code already, that the question still waits."""
    office.queue_letter(session, "review_reminder", to=office.person(person).email, subject_of=case.reference, stamp=stamp,
                        dedupe_key=f"reminder:{review.id}:{review.escalations}", reference=case.reference, link=_link(office, review),
                        due=office.shown_time(review.due_at))


def _link(office: Office, review: Review) -> str:
    # the new pages of Prefect's UI: in the old ones of 3.8.8 a choice list closes in the moment a mouse opens it
    return f"{office.settings.ui_url}/v2/runs/flow-run/{review.flow_run_id}"


def call(office: Office, session: Session, case: Case, review: Review, person: str, stamp: Stamp, letter: str = "", **fields: str) -> None:
    """Mail ``person`` the link to the paused run with a new one-time code; the code dies with its validity."""
    valid = timedelta(minutes=office.policies.school.code_valid_minutes)
    code = reviews.issue_code(session, office.sealer, review, person, stamp, valid, case.reference)
    office.queue_letter(
        session, letter or LETTER[review.kind], to=office.person(person).email, subject_of=case.reference, stamp=stamp, keep_body=False, valid=valid,
        dedupe_key=f"call:{review.id}:{person}:{office.sealer.mac('call', str(review.id), person, code)[:16]}",
        reference=case.reference, link=_link(office, review), code=code, due=office.shown_time(review.due_at),
        valid_until=office.shown_time(stamp.at + valid), **fields)


@dataclass(frozen=True)
class Taken:
    """What became of an answer. ``refusal`` is the sentence for the next form; empty when accepted."""

    accepted: bool
    refusal: str = ""


def take_answer(office: Office, reference: str, kind: str, source_key: str, payload: dict[str, Any], flow_run_id: str | None,
                task_run_id: str | None = None) -> Taken:
    """Record an answer once, and carry it out if its code names a person and its content is whole: one transaction.

    The first accepted answer decides; a second one is recorded as refused. ``source_key`` makes a second reading harmless.
    """
    at = office.stamp(flow_run_id=flow_run_id, task_run_id=task_run_id)
    with office.transaction() as session:
        case = cases.by_reference(session, reference, lock=True)
        review = session.scalar(select(Review).where(Review.case_id == case.id, Review.kind == kind).order_by(Review.id.desc())
                                .limit(1).with_for_update())
        if review is None:
            return Taken(False, "no question of this kind was ever asked on this case")
        known = reviews.known_answer(session, source_key)
        if known:
            return Taken(known.accepted, known.refusal)
        content = {key: value for key, value in payload.items() if key in KEPT_KEYS}
        identified, refusal, checked = reviews.Identified(None), "", None
        if review.state != "open":
            refusal = "the question has been answered already"
        else:
            checked, refusal = _check(kind, payload)
        if not refusal:
            identified = reviews.identify(session, office.sealer, review, str(payload.get("code", "")).strip(), at.at)
            refusal = identified.refusal
        stamp = Stamp(identified.person or at.who, at.at, flow_run_id, task_run_id)
        reviews.record_answer(session, review, source_key, identified, refusal, stamp, reference, content)
        if refusal or identified.person is None:
            return Taken(False, refusal)
        review.state = "answered"
        record(session, reference, "review.answered", stamp, "the question was answered", {"review": review.id, "kind": kind})
        _carry_out(office, session, case, review, checked, stamp)
        return Taken(True)


def _check(kind: str, payload: dict[str, Any]) -> tuple[Any, str]:
    if kind == reviews.SAFEGUARDING:
        return decisions.check_answer(payload)
    outcome, note = payload.get("outcome"), payload.get("note") or ""
    if outcome not in contact.OUTCOMES:
        return None, "no outcome was chosen"
    if outcome == contact.REASON_GIVEN and len(str(note).strip()) < 3:
        return None, "a reason was given, but not written down"
    return (outcome, str(note).strip()), ""


def _carry_out(office: Office, session: Session, case: Case, review: Review, checked: Any, stamp: Stamp) -> None:
    if review.kind == reviews.SAFEGUARDING:
        decisions.carry_out(office, session, case, review, checked, stamp)
    else:
        outcome, note = checked
        contact.take_contact_outcome(office, session, case, outcome, note, stamp)
