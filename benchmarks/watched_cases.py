"""What must hold of every case at every moment, read from the rows alone: nothing waits in silence, and time decides nothing."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import exists, func, select

from cme.records import reviews
from cme.records.tables import Action, Alarm, Answer, Case, CaseEvent, Confirmation, Decision, Review, ReviewCode
from cme.rules.cases import CaseState
from cme.steps import decisions, duty
from cme.steps.escalation import pause
from cme.steps.office import Office
from cme.steps.task_watch import urgency

ASKS = {CaseState.DSL_REVIEW: reviews.SAFEGUARDING, CaseState.CONFIRMING: reviews.CONFIRMATION}
# events that a machine may never write by itself
BY_A_PERSON = ("decision.made", "decision.confirmed", "decision.not_confirmed", "case.approved", "case.followed_up", "case.closed", "action.done",
               "review.answered", "contact.outcome", "report.established")


def faults(office: Office, now: datetime, step: timedelta, said: Counter[str]) -> Iterator[str]:
    """Each open question and task that is past its time (or was not, but is with nobody on duty), one sentence a fault."""
    with office.transaction() as session:
        alarms = {alarm.key: alarm for alarm in session.scalars(select(Alarm).where(Alarm.cleared_at.is_(None)))}
        holds = exists().where(ReviewCode.review_id == Review.id, ReviewCode.person == Review.assigned_to, ReviewCode.used_at.is_(None),
                               ReviewCode.void_at.is_(None), ReviewCode.expires_at > now)
        asked = session.execute(select(Review.id, Review.kind, Review.urgency, Review.assigned_to, Review.barred, Review.opened_at, Review.due_at,
                                       Review.escalated_at, Review.case_id, holds.label("called"), Case.reference, Case.state).join(
            Case, Case.id == Review.case_id).where(Review.state == "open")).all()
        tasks = session.execute(select(Action, Case.reference).join(Case, Case.id == Action.case_id).where(
            Action.done_at.is_(None), Action.due_at <= now)).all()
        waiting = session.execute(select(Case.id, Case.reference, Case.state, Case.next_step_due).where(Case.closed_at.is_(None))).all()
    said["most questions open at once"] = max(said["most questions open at once"], len(asked))
    longest = timedelta(days=office.policies.school.longest_wait_days)
    chain = cache(lambda kind, barred: duty.chain(office, kind, now, barred))
    uncovered = cache(lambda kind, barred: duty.uncovered(office, kind, now, barred))
    for q in asked:
        about = f"{q.reference}: question {q.kind}, asked of {q.assigned_to}"
        if q.due_at - q.opened_at > longest:
            yield f"{about}: may wait longer than {longest.days} days"
        if q.assigned_to not in chain(q.kind, q.barred):
            yield f"{about}: who is not on duty"
        if q.assigned_to == q.barred:
            yield f"{about}: who may not answer it"
        if not q.called:
            yield f"{about}: who holds no code"
        if uncovered(q.kind, q.barred):
            said["steps with nobody at all on duty"] += 1
            alarm = alarms.get(f"duty:{q.kind}")
            if alarm is None or not alarm.calls:
                yield f"{about}: nobody is on duty, and operations were not called"
        if q.due_at > now:
            continue
        said["looks at a question past its time"] += 1
        if q.kind == reviews.CONTACT_OUTCOME:
            if q.state == CaseState.PARENT_CONTACT:
                yield f"{about}: past its time, and the DSL was not asked"
        elif q.escalated_at is None or q.escalated_at + max(pause(office, q.urgency), step) < now:
            yield f"{about}: past its time, and nobody was brought to it since {q.escalated_at}"
        elif f"review:{q.id}" not in alarms:
            yield f"{about}: past its time without an alarm"
    for task, reference in tasks:
        said["looks at a task past its time"] += 1
        about = f"{reference}: task {task.id} of {task.owner}, told {task.called or 'nobody'}"
        if task.called not in (duty.stand_in(office, task.owner, now), *duty.chain(office, reviews.SAFEGUARDING, now)):
            yield f"{about}: who is not on duty"
        if task.escalated_at is None or task.escalated_at + max(pause(office, urgency(office, task)), step) < now:
            yield f"{about}: past its time, and nobody was told since {task.escalated_at}"
    held = {(q.case_id, q.kind) for q in asked}
    for case in waiting:
        kind = ASKS.get(CaseState(case.state))
        if kind and (case.id, kind) not in held:
            yield f"{case.reference}: {case.state} without an open question"
        elif not kind and case.next_step_due <= now and not (case.state == CaseState.NOTIFYING and f"notifying:{case.id}" in alarms):
            yield f"{case.reference}: {case.state} since before {case.next_step_due}, and nobody was asked"


def bypassed(office: Office) -> list[str]:
    """Every decision, closure and end of a task that is not a known person's own, by an accepted answer where the gate asks for one."""
    found = []
    with office.transaction() as session:
        machine = session.execute(select(CaseEvent.id, CaseEvent.what, CaseEvent.subject).where(
            CaseEvent.what.in_(BY_A_PERSON), CaseEvent.who == "machine")).all()
        found += [f"{subject}: {what} (event {number}) was written by the machine" for number, what, subject in machine]
        answers = dict(session.execute(select(Answer.review_id, func.min(Answer.person)).where(Answer.accepted).group_by(Answer.review_id)
                                       .having(func.count() == 1)).tuples().all())
        answered = session.scalars(select(Review.id).where(Review.state == "answered")).all()
        found += [f"question {review} counts as answered without one accepted answer" for review in answered if review not in answers]
        made = session.scalars(select(Decision)).all()
        confirmed = {c.decision_id: c for c in session.scalars(select(Confirmation))}
        found += [f"decision {d.id} is not its answer's" for d in made if answers.get(d.review_id) != d.decided_by]
        found += [f"confirmation {c.id} is not its answer's" for c in confirmed.values() if answers.get(c.review_id) != c.decided_by]
        found += [f"decision {d.id} was confirmed by who made it" for d in made if d.id in confirmed and confirmed[d.id].decided_by == d.decided_by]
        closing = {d.case_id: d for d in sorted(made, key=lambda d: d.id) if d.outcome == decisions.CLOSE}
        for case in session.scalars(select(Case).where(Case.state == CaseState.CLOSED)):
            d = closing.get(case.id)
            if d is None or d.needs_confirmation and not (d.id in confirmed and confirmed[d.id].confirmed):
                found.append(f"{case.reference}: closed without two people's word")
        found += [f"task {a.id} ended without a person" for a in session.scalars(select(Action).where(Action.done_at.is_not(None)))
                  if not a.done_by or a.done_by == "machine" or not a.outcome]
    return found
