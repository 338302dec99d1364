"""Ask a person and take the answer. All questions, the attendance officer's, the DSL's and the second person's, pass the same gate."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme.records import cases, reviews
from cme.records.history import Stamp, record
from cme.records.tables import Answer, Case, Review
from cme.steps import confirm, contact, decisions, missing_report, staff
from cme.steps.calls import call, remind
from cme.steps.changes import changes
from cme.steps.dossier import dossier_of, opaque_summary
from cme.steps.office import Office
from cme.steps.resume_requests import signed_in_as

__all__ = ["KINDS", "Kind", "Rung", "Taken", "call", "remind", "ring", "take_answer"]
LONGEST = 20_000        # characters of one field of an answer
# of an answer what is kept: never the code
KEPT_KEYS = {"decision", "actions", "agencies", "reason", "outcome", "note", "confirmation", "where", "tried",
             "known", *decisions.REASONS}
_SHOWN = re.compile(r"-d(\d+)-[0-9a-f]{8}")       # in the key of a form: which of the review's dossiers stood above it


@dataclass(frozen=True)
class Kind:
    """What is particular to one kind of question. ``check`` gives the checked answer or why not; ``agrees`` looks whether the records
    forbid it; ``carry_out`` writes what follows, given the hash of what was shown. ``fresh``: facts must be as shown."""

    check: Callable[[dict[str, Any]], tuple[Any, str]]
    carry_out: Callable[[Office, Session, Case, Review, Any, Stamp, str], None]
    fresh: bool = False
    agrees: Callable[[Session, Case, Any], str] = lambda session, case, answer: ""


@dataclass(frozen=True)
class Rung:
    """A question that waits: what the form shows. Holds nothing that identifies a child."""

    review_id: int
    kind: str
    number: int
    dossier: int
    tries: int
    summary: str
    refusal: str
    due: str


def ring(office: Office, reference: str, kind: str, flow_run_id: str, stamp: Stamp) -> Rung | None:
    """Make this run the bell of the open question, and mail the person a code and links if they hold none for it.

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
        refusal, answered_by = _last_refusal(session, review)
        holders = {code.person for code in reviews.live_codes(session, review.id, stamp.at)}
        known = office.settings.people.keys          # whoever has left is called no more: the sweep brings the question to the next
        if review.assigned_to in known and moved:
            call(office, session, case, review, review.assigned_to, stamp)
        elif review.assigned_to in known and review.assigned_to not in holders:
            call(office, session, case, review, review.assigned_to, stamp, "new_code", reason=refusal or "the code before has expired")
        if answered_by in known and answered_by not in {*holders, review.assigned_to, review.barred}:
            call(office, session, case, review, answered_by, stamp, "new_code", reason=refusal)    # their code was used up by a stale answer
        return Rung(review.id, kind, review.number, reviews.shown_number(session, review), review.tries, opaque_summary(review.dossier),
                    refusal, office.shown_time(review.due_at))


def _last_refusal(session: Session, review: Review) -> tuple[str, str]:
    """Why the latest answer was refused, and whom its code had named; empty where none was."""
    answer = session.scalar(select(Answer).where(Answer.review_id == review.id).order_by(Answer.id.desc()).limit(1))
    return (answer.refusal, answer.person or "") if answer else ("", "")


@dataclass(frozen=True)
class Taken:
    """What became of an answer. ``refusal`` is the sentence for the next form; empty when accepted."""

    accepted: bool
    refusal: str = ""


def take_answer(office: Office, reference: str, kind: str, source_key: str, payload: dict[str, Any], flow_run_id: str | None,
                task_run_id: str | None = None) -> Taken:
    """Record an answer once, and carry it out if its code names a person, its content is whole and the facts are as they were shown:
    one transaction.

    The first accepted answer decides; a second one is recorded as refused. ``source_key`` makes a second reading harmless. Where
    the facts have changed the answer is kept and the question asks again; what it chose to do today is done all the same.
    """
    at = office.stamp(flow_run_id=flow_run_id, task_run_id=task_run_id)
    staff.notice_changes(office, at)            # a code ends with the role of whoever held it, not a minute later
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
        if oversized := [key for key, value in content.items() if len(str(value)) > LONGEST]:
            content |= {key: str(content[key])[:LONGEST] for key in oversized}      # no form sends so much: past its checks
        identified, refusal, checked = reviews.Identified(None), "", None
        number = _SHOWN.search(source_key)
        shown = reviews.shown(session, review, int(number[1]) if number else None)
        if review.state != "open":
            refusal = "the question has been answered already"
        else:
            checked, refusal = KINDS[kind].check(payload)
            refusal = (f"a field of the answer holds more than {LONGEST:,} characters: shorten it" if oversized else refusal) or KINDS[kind].agrees(session, case, checked)
        if not refusal:
            identified = reviews.identify(session, office.sealer, review, str(payload.get("code", "")).strip(), at.at)
            refusal = identified.refusal
        stamp = Stamp(identified.person or at.who, at.at, flow_run_id, task_run_id)
        if not refusal and KINDS[kind].fresh:
            refusal = _stale(office, session, case, review, shown.dossier, checked, stamp)
        reviews.record_answer(session, review, source_key, identified, refusal, stamp, reference, content, shown_hash=shown.dossier_hash,
                              signed_in_as=signed_in_as(session, flow_run_id))
        if refusal or identified.person is None:
            return Taken(False, refusal)
        review.state = "answered"
        record(session, reference, "review.answered", stamp, "the question was answered", {"review": review.id, "kind": kind})
        KINDS[kind].carry_out(office, session, case, review, checked, stamp, shown.dossier_hash)
        return Taken(True)


def _stale(office: Office, session: Session, case: Case, review: Review, shown: dict[str, Any], checked: Any, stamp: Stamp) -> str:
    """Why the answer cannot stand: what has changed since its dossier was shown; empty where nothing has."""
    now = dossier_of(session, office, case)
    different = changes(shown, now)
    if not different:
        return ""
    if isinstance(checked, decisions.SafeguardingAnswer) and decisions.URGENT in checked.actions:
        decisions.take_actions(office, session, case, review, (decisions.URGENT,), stamp)
        different.append("the referral to children's services and the police today was made a task all the same")
        now = dossier_of(session, office, case)
    reviews.refreeze(session, review, now, stamp, case.reference)
    return f"the facts have changed since they were shown to you: {'; '.join(different)}"


def _take_contact_outcome(office: Office, session: Session, case: Case, review: Review, checked: tuple[str, str], stamp: Stamp, shown: str) -> None:
    contact.take_contact_outcome(office, session, case, *checked, stamp)


def _take_confirmation(office: Office, session: Session, case: Case, review: Review, checked: confirm.SecondAnswer, stamp: Stamp,
                       shown: str) -> None:
    decision = confirm.write(office, session, case, review, checked, stamp, shown)
    if checked.confirmed:
        decisions.conclude(office, session, case, decision, stamp, confirmed=True)


KINDS: dict[str, Kind] = {
    reviews.SAFEGUARDING: Kind(decisions.check_answer, decisions.carry_out, fresh=True, agrees=decisions.agrees),
    reviews.CONFIRMATION: Kind(confirm.check, _take_confirmation, fresh=True, agrees=decisions.may_stand),
    reviews.CONTACT_OUTCOME: Kind(contact.check, _take_contact_outcome),
    reviews.MISSING_REPORT: Kind(missing_report.check, missing_report.carry_out),
}
