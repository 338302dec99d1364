"""Questions that wait: a reminder before their time, then from person to person on duty, then operations, until somebody answers.

Time decides nothing about a child. It only brings the question to another person; a late answer of the first is accepted.
"""

from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, defer

from cme.records import cases, reviews
from cme.records.alarms import clear_alarm, open_alarms, raise_alarm
from cme.records.history import Stamp, record
from cme.records.tables import Case, Review, ReviewCode
from cme.steps import alarms, duty
from cme.steps.calls import call, numbers, remind
from cme.steps.office import Office

# the attendance officer's question about contact is not among them: when that is late, the whole case moves on to the DSL
LADDER = (reviews.SAFEGUARDING, reviews.CONFIRMATION, reviews.MISSING_REPORT)
OWNED = (reviews.SAFEGUARDING, reviews.CONFIRMATION)      # the case's next step belongs to whoever is asked
EARLY = 0.75                                              # of the time: nobody first hears of a question when it is late
NOBODY = "duty:"


def pause(office: Office, urgency: str) -> timedelta:
    """How long one person is given before the next is asked."""
    school = office.policies.school
    return timedelta(minutes=school.day_one_reminder_minutes if urgency == reviews.DAY_ONE else school.overdue_review_reminder_minutes)


def escalate(office: Office, stamp: Stamp) -> list[str]:
    """See after every open question; returns the references of those that are past their time and were brought to somebody now."""
    code = exists().where(ReviewCode.review_id == Review.id, ReviewCode.person == Review.assigned_to, ReviewCode.used_at.is_(None),
                          ReviewCode.void_at.is_(None), ReviewCode.expires_at > stamp.at)
    with office.transaction() as session:
        rows = session.execute(select(Review, Case.reference, code).join(Case, Case.id == Review.case_id)
                               .where(Review.state == "open").order_by(Review.due_at, Review.id).options(defer(Review.dossier))).all()
    on_duty = cache(lambda kind, barred: duty.chain(office, kind, stamp.at, barred))
    found = [(review.id, reference) for review, reference, called in rows
             if _matter(office, review, called, on_duty(review.kind, review.barred), stamp.at)]
    late = [reference for review_id, reference in found if _see_to(office, review_id, reference, stamp)]
    _watch_cover(office, {(review.kind, review.barred) for review, _, _ in rows}, stamp)
    return late


def _matter(office: Office, review: Review, called: bool, on_duty: tuple[str, ...], now: datetime) -> str:
    """What a question needs now; empty: nothing. ``called``: the person asked holds a code that works."""
    if review.kind in LADDER and review.due_at <= now:
        last = review.escalated_at
        if last is None or last + pause(office, review.urgency) <= now:
            return "late"
    if review.assigned_to not in on_duty:
        return "uncovered"
    if review.flow_run_id and not called:
        return "uncalled"
    early = review.opened_at + (review.due_at - review.opened_at) * EARLY
    if review.kind in LADDER and review.urgency == reviews.ROUTINE and review.reminded_at is None and early <= now < review.due_at:
        return "early"
    return ""


def _see_to(office: Office, review_id: int, reference: str, stamp: Stamp) -> bool:
    """Look again under lock, and do what the question needs; True where it was late."""
    with office.transaction() as session:
        case = cases.by_reference(session, reference, lock=True)
        review = session.get_one(Review, review_id, with_for_update=True)
        if review.state != "open":
            return False
        holders = {code.person for code in reviews.live_codes(session, review.id, stamp.at)}
        on_duty = duty.chain(office, review.kind, stamp.at, review.barred)
        matter = _matter(office, review, review.assigned_to in holders, on_duty, stamp.at)
        if matter == "late":
            _step(office, session, case, review, holders, on_duty, stamp)
            return True
        if matter == "uncovered":
            person = duty.next_after(office, review.kind, stamp.at, review.assigned_to, review.barred, review.escalations)
            known = review.assigned_to in office.settings.people.keys
            _bring(office, session, case, review, person, holders, stamp, "the person asked is away" if known else "the person asked has left")
            review.escalated_at = stamp.at if review.due_at <= stamp.at else review.escalated_at
        elif matter == "uncalled":
            call(office, session, case, review, review.assigned_to, stamp, "new_code", reason="the code before no longer works")
        elif matter == "early":
            review.reminded_at = stamp.at
            _bring(office, session, case, review, review.assigned_to, holders, stamp, "most of the time to answer has passed")
        return False


def _step(office: Office, session: Session, case: Case, review: Review, holders: set[str], on_duty: tuple[str, ...], stamp: Stamp) -> None:
    """One step of the ladder: the one asked once more, then one after another, round and round; from the last one on, operations."""
    stays = review.escalations == 0 and review.assigned_to in on_duty
    person = review.assigned_to if stays else duty.next_after(office, review.kind, stamp.at, review.assigned_to, review.barred,
                                                              review.escalations)
    review.escalations, review.escalated_at = review.escalations + 1, stamp.at
    _bring(office, session, case, review, person, holders, stamp, "the question is past its due time")
    key = f"review:{review.id}"
    raise_alarm(session, key, case.reference,
                f"{case.reference}: a question of kind {review.kind!r} is past its due time and unanswered", stamp)
    if review.escalations >= len(on_duty):
        alarms.call_operations(office, session, key, stamp)


def _bring(office: Office, session: Session, case: Case, review: Review, person: str, holders: set[str], stamp: Stamp, why: str) -> None:
    """Ask ``person`` from now on: remind who holds a code, else call with a new one. Codes of those before go on working."""
    moved = person != review.assigned_to
    record(session, case.reference, "review.handed_over" if moved else "review.reminded", stamp, why,
           {"review": review.id, "from": review.assigned_to, "to": person, "due": review.due_at.isoformat()})
    review.assigned_to = person
    if review.kind in OWNED and case.next_step_due is not None:
        case.next_step_owner = person
    if not review.flow_run_id:
        office.queue_letter(session, "question_waits", to=office.person(person).email, subject_of=case.reference, stamp=stamp,
                            dedupe_key=f"waits:{review.id}:{person}:{review.escalations}:{stamp.at:%Y%m%d%H%M}", reference=case.reference,
                            due=office.shown_time(review.due_at), **numbers(office))
    elif person in holders:
        remind(office, session, case, review, person, stamp)
    else:
        passed = moved and review.kind == reviews.SAFEGUARDING and review.urgency == reviews.ROUTINE
        call(office, session, case, review, person, stamp, "review_handover" if passed else "")


def _watch_cover(office: Office, asked: set[tuple[str, str]], stamp: Stamp) -> None:
    """Alarm where a question is open and nobody who may answer it is on duty; all of them are asked all the same."""
    bare = {kind for kind, barred in asked if duty.uncovered(office, kind, stamp.at, barred)}
    with office.transaction() as session:
        for kind in sorted(bare):
            raise_alarm(session, f"{NOBODY}{kind}", "school", f"Nobody who may answer questions of kind {kind!r} is on duty; "
                        "correct the cover calendar in the people file", stamp)
        for alarm in open_alarms(session):
            if alarm.key.startswith(NOBODY) and alarm.key.removeprefix(NOBODY) not in bare:
                clear_alarm(session, alarm.key, stamp, "somebody is on duty again, or nothing is asked any more")
