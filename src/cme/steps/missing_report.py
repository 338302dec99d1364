"""A member of staff reports that a child may have run away or gone missing.

The attendance officer tries to establish with parents or carers what has happened; the case comes before the DSL in any event: at
once where there is a concern, where it is not established that the child is safe, or where nothing is recorded in time.
Source: the school's Children Missing in Education Procedure.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cme import clock
from cme.config.settings import require_role
from cme.errors import BadInput
from cme.records import cases, reviews
from cme.records.history import Stamp, record
from cme.records.missing_reports import ESTABLISHED, FOUND, NOT_ESTABLISHED, NOT_KNOWN, reports_of, still_missing
from cme.records.tables import Case, CaseEvent, ContactAttempt, Decision, MissingReport, Pupil, Quarantine, Review
from cme.rules.cases import CaseState
from cme.rules.reasons import REASONS
from cme.steps import contact, duty, unread_report, urgent
from cme.steps.calls import call
from cme.steps.dossier import dossier_of
from cme.steps.office import Office
from cme.steps.report_form import read

__all__ = ["ESTABLISHED", "FOUND", "NOT_ESTABLISHED", "NOT_KNOWN", "Received", "carry_out", "check", "not_kept", "receive", "record_found", "still_missing",
           "unanswered"]

WHY = "a member of staff reported that the child may have run away or gone missing"
CONCERN = "a member of staff is worried about the safety of a child reported missing"
SILENCE = "nothing was established in time about a child reported missing"


@dataclass(frozen=True)
class Received:
    """What became of a report: the case's reference ("" where no child could be named), and what its sender reads. Names no child."""

    reference: str
    sentence: str


def receive(office: Office, given: Any, source_key: str, stamp: Stamp) -> Received:
    """Take a report: its row, the child's open case or a new one, the attendance officer's question, and the DSL's where there is a
    concern, in one transaction. ``given`` are the form's parameters; ``source_key`` makes a second reading harmless.

    A report whose child is not known is kept as given, with an alarm and a call to the attendance officer and operations.
    """
    try:
        return _receive(office, given, source_key, stamp)
    except IntegrityError:       # another process opened the child's case in the same moment: the second time it is there
        return _receive(office, given, source_key, stamp)


def _receive(office: Office, given: Any, source_key: str, stamp: Stamp) -> Received:
    said = read(given, stamp.at)
    with office.transaction() as session:
        # two readings of one report: the second waits for the child's row, and finds what the first has written
        pupil = session.get(Pupil, said.pupil, with_for_update=True) if said.pupil is not None else None
        if pupil is None or pupil.school != office.school:
            return Received("", unread_report.keep(office, session, given, said, source_key, stamp))
        known = session.execute(select(MissingReport, Case.reference).join(Case, Case.id == MissingReport.case_id)
                                .where(MissingReport.source_key == source_key)).first()
        if known:
            return Received(known[1], _taken(office, known[1], known[0].concern, stamp))
        case = cases.open_case_of(session, pupil.id) or _open(office, session, pupil.id, stamp)
        report = MissingReport(case_id=case.id, source_key=source_key, reported_at=stamp.at, reported_by=said.reported_by, last_seen_at=said.seen_at,
                               last_seen_said=said.seen, last_seen_where=said.where, last_seen_by=said.seen_by, concern=said.concern)
        session.add(report)
        session.flush()
        record(session, case.reference, "report.made", stamp, WHY, {
            "report": report.id, "by": said.reported_by, "last_seen": said.seen, "where": said.where, "seen_by": said.seen_by,
            "concern": said.concern})
        _ask(office, session, case, stamp)
        if said.concern:
            urgent.to_dsl_now(office, session, case, stamp, CONCERN)
        urgent.show_anew(office, session, case, stamp)
        return Received(case.reference, _taken(office, case.reference, said.concern, stamp))


def not_kept(office: Office, source_keys: list[str]) -> list[str]:
    """Which of the runs or commands named by ``source_keys`` have left no report in the records, in their order."""
    with office.transaction() as session:
        kept = {*session.scalars(select(MissingReport.source_key).where(MissingReport.source_key.in_(source_keys))),
                *session.scalars(select(Quarantine.place).where(Quarantine.source == unread_report.SOURCE, Quarantine.place.in_(source_keys)))}
    return [key for key in source_keys if key not in kept]


def _open(office: Office, session: Session, pupil_id: int, stamp: Stamp) -> Case:
    return cases.open_case(session, school=office.school, pupil_id=pupil_id, episode_start=clock.local(stamp.at).date(), stamp=stamp, why=WHY,
                           due=_due(office, stamp), owner=duty.chain(office, reviews.MISSING_REPORT, stamp.at)[0], data={"rule": "report"},
                           origin=cases.REPORT)


def _due(office: Office, stamp: Stamp) -> Any:
    return stamp.at + timedelta(minutes=office.policies.school.report_answer_minutes)


def _ask(office: Office, session: Session, case: Case, stamp: Stamp) -> None:
    """Open the attendance officer's question; where it is open for an earlier report, show it anew and say so by mail."""
    before = reviews.current(session, case.id, reviews.MISSING_REPORT, lock=True)
    dossier = dossier_of(session, office, case)
    review = before or reviews.open_review(
        session, case, reviews.MISSING_REPORT, assigned_to=duty.chain(office, reviews.MISSING_REPORT, stamp.at)[0], due_at=_due(office, stamp),
        dossier=dossier, stamp=stamp, urgency=reviews.DAY_ONE, why="the attendance officer is asked what has happened to the child")
    if before and reviews.refreeze(session, review, dossier, stamp, case.reference) and review.flow_run_id:
        call(office, session, case, review, review.assigned_to, stamp)


def _taken(office: Office, reference: str, concern: bool, stamp: Stamp) -> str:
    asked = "The attendance officer and the designated safeguarding lead are being called" if concern else "The attendance officer is being called"
    return (f"Your report is case {reference}. {asked}. If nobody speaks to you soon, {unread_report.whom_to_ring(office, stamp)}. "
            f"If the child may be in danger, ring {office.policies.authority.police_emergency} now.")


@dataclass(frozen=True)
class Answer:
    """What the attendance officer says: one of ESTABLISHED, where the child is if found, whom they tried, and which of the eight
    reasons (keys of REASONS) they know or suspect."""

    outcome: str
    where: str
    tried: str
    known: tuple[str, ...]


def check(payload: dict[str, Any]) -> tuple[Answer | None, str]:
    """The officer's answer, or the sentence that says what is missing."""
    where, tried = (str(payload.get(name) or "").strip() for name in ("where", "tried"))
    known, keys = payload.get("known") or [], {title: key for key, title in REASONS.items()}
    if payload.get("outcome") not in ESTABLISHED:
        return None, "what was established was not chosen"
    if not isinstance(known, list) or any(title not in keys for title in known):
        return None, "a reason is not one of the procedure's"
    if len(tried) < 3:
        return None, "whom you tried, and how, is not written down"
    if payload["outcome"] == FOUND and len(where) < 3:
        return None, "the child is found, but where, and who has seen the child, is not written down"
    return Answer(payload["outcome"], where, tried, tuple(dict.fromkeys(keys[title] for title in known))), ""


def carry_out(office: Office, session: Session, case: Case, review: Review, answer: Answer, stamp: Stamp, shown_hash: str) -> None:
    """Write what was established to the reports it answers, and bring the case before the DSL: at once unless the child is safe."""
    for report in reports_of(session, case.id):
        if report.established is None:
            report.established = f"{FOUND}: {answer.where}" if answer.outcome == FOUND else answer.outcome
            report.established_by, report.established_at, report.tried, report.known = stamp.who, stamp.at, answer.tried, list(answer.known)
    session.add(ContactAttempt(case_id=case.id, channel="by the attendance officer", attempted_at=stamp.at, answer_due_at=stamp.at,
                               outcome=answer.outcome, note=answer.tried, recorded_by=stamp.who, recorded_at=stamp.at))
    record(session, case.reference, "report.established", stamp, answer.outcome, {
        "review": review.id, "where": answer.where, "tried": answer.tried, "known": list(answer.known), "shown": shown_hash})
    session.flush()
    if answer.outcome == FOUND:
        _routine(office, session, case, stamp)
    else:
        urgent.to_dsl_now(office, session, case, stamp, f"a child was reported missing; {answer.outcome[0].lower()}{answer.outcome[1:]}")
    urgent.show_anew(office, session, case, stamp)


def _routine(office: Office, session: Session, case: Case, stamp: Stamp) -> None:
    """Found and safe closes nothing: the DSL hears of it as a routine matter, or in the question that is before them already."""
    if CaseState(case.state) in (CaseState.PARENT_CONTACT, CaseState.FOLLOWING_UP, CaseState.NOTIFIED):
        contact.to_dsl(office, session, case, stamp, "a child reported missing was found and is safe")


def record_found(office: Office, reference: str, where: str, stamp: Stamp) -> None:
    """A person records later that a child reported missing was found, and where; raises BadInput where no report waits for it."""
    require_role(stamp.who, office.settings.people)
    if len(where.strip()) < 3:
        raise BadInput("say in a few words where the child was found, and who has seen the child")
    with office.transaction() as session:
        case = cases.by_reference(session, reference, lock=True)
        missing = [report for report in reports_of(session, case.id) if not (report.established or "").startswith(FOUND)]
        if not missing or case.closed_at:
            raise BadInput(f"case {case.reference} holds no report of a child who is still missing")
        for report in missing:
            report.established, report.established_by, report.established_at = f"{FOUND}: {where.strip()}", stamp.who, stamp.at
        record(session, case.reference, "report.established", stamp, FOUND, {"where": where.strip(), "reports": [r.id for r in missing]})
        session.flush()
        _routine(office, session, case, stamp)
        urgent.show_anew(office, session, case, stamp)


def unanswered(office: Office, stamp: Stamp) -> list[str]:
    """Put each case before the DSL at once whose report nobody has answered in time and the DSL has not decided on since; once a
    question. Returns the references. The officer's question stays open and goes on from person to person."""
    with office.transaction() as session:
        late = session.execute(select(Case.reference, Review.id).join(Review, Review.case_id == Case.id).where(
            Review.kind == reviews.MISSING_REPORT, Review.state == "open", Review.due_at <= stamp.at).order_by(Review.due_at)).all()
    return [reference for reference, review in late if _silence(office, reference, review, stamp)]


def _silence(office: Office, reference: str, review_id: int, stamp: Stamp) -> bool:
    with office.transaction() as session:
        case = cases.by_reference(session, reference, lock=True)
        review = session.get_one(Review, review_id, with_for_update=True)
        said = select(CaseEvent.id).where(CaseEvent.subject == case.reference, CaseEvent.what == "report.unanswered",
                                          CaseEvent.data["review"].as_integer() == review.id)
        decided = select(Decision.id).where(Decision.case_id == case.id, Decision.decided_at >= review.opened_at)
        if review.state != "open" or session.scalar(said) or session.scalar(decided.limit(1)):
            return False
        record(session, case.reference, "report.unanswered", stamp, SILENCE, {"review": review.id, "due": review.due_at.isoformat()})
        urgent.to_dsl_now(office, session, case, stamp, SILENCE)
        return True
