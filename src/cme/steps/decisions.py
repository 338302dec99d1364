"""What the DSL may decide, and what follows from each decision. The words are those the DSL reads in the form."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from cme.config.settings import require_role
from cme.errors import BadInput
from cme.records import cases, reviews
from cme.records.alarms import clear_alarm
from cme.records.history import Stamp, record
from cme.records.tables import Action, Case, Decision, Review
from cme.rules.cases import CaseState
from cme.steps.dossier import HOME_VISIT
from cme.steps.office import Office

REFER = "CME referral to the authority: whereabouts unknown"
ATTENDANCE_RETURN = "10-day attendance return to the authority"
KEEP_ENQUIRING = "Keep enquiring, and ask me again next school day"
ACTIONS_ONLY = "Take the chosen actions, and ask me again later"
CLOSE = "Close: the child is safe and back in education"
OUTCOMES = (REFER, ATTENDANCE_RETURN, KEEP_ENQUIRING, ACTIONS_ONLY, CLOSE)

# procedure.md: "The actions may include"; on day one where there is a concern about safety
ACTIONS = (HOME_VISIT, "Liaison with social worker or family support worker", "Liaison with parents or carers",
           "Communication with the referring school", "Communication with the police",
           "Referral to children's services and the police today")
URGENT = ACTIONS[-1]

NOTIFICATION_KIND = {REFER: "cme_referral", ATTENDANCE_RETURN: "attendance_return"}


@dataclass(frozen=True)
class SafeguardingAnswer:
    """A checked answer of the DSL: the decision, the chosen actions, the reason."""

    outcome: str
    actions: tuple[str, ...]
    reason: str


def check_answer(payload: dict[str, object]) -> tuple[SafeguardingAnswer | None, str]:
    """The answer of a form as a SafeguardingAnswer, or the sentence that says what is missing."""
    outcome, actions, reason = payload.get("decision"), payload.get("actions") or [], payload.get("reason")
    if outcome not in OUTCOMES:
        return None, "no decision was chosen"
    if not isinstance(actions, list) or any(a not in ACTIONS for a in actions):
        return None, "an action is not one of the procedure's"
    if not isinstance(reason, str) or len(reason.strip()) < 10:
        return None, "the reason is missing or shorter than ten characters"
    if outcome == ACTIONS_ONLY and not actions:
        return None, "actions were decided on, but none was chosen"
    return SafeguardingAnswer(str(outcome), tuple(dict.fromkeys(actions)), reason.strip()), ""


def carry_out(office: Office, session: Session, case: Case, review: Review, answer: SafeguardingAnswer, stamp: Stamp) -> None:
    """Write the decision, its actions and the case's next state in the caller's transaction. ``stamp.who`` decided."""
    session.add(Decision(review_id=review.id, case_id=case.id, outcome=answer.outcome, actions=list(answer.actions),
                         reason=answer.reason, decided_by=stamp.who, decided_at=stamp.at, shown_hash=review.dossier_hash))
    record(session, case.reference, "decision.made", stamp, answer.outcome, {
        "review": review.id, "actions": list(answer.actions), "reason": answer.reason, "shown": review.dossier_hash})
    for kind in answer.actions:
        _task(office, session, case, kind, stamp)
    follow_up = office.school_days_later(stamp.at, office.policies.school.follow_up_school_days)
    if answer.outcome in NOTIFICATION_KIND:
        cases.move(session, case, CaseState.NOTIFYING, stamp, why=answer.outcome, due=stamp.at + timedelta(minutes=15),
                   owner="operations", data={"review": review.id}, decided=True)
    elif answer.outcome == CLOSE:
        reviews.withdraw(session, case, stamp, "the case was closed")
        cases.move(session, case, CaseState.CLOSED, stamp, why=answer.outcome, due=None, data={"review": review.id}, decided=True)
    else:
        again = office.routine_due(stamp.at) if answer.outcome == KEEP_ENQUIRING else follow_up
        cases.move(session, case, CaseState.FOLLOWING_UP, stamp, why=answer.outcome, due=again, owner="dsl",
                   data={"review": review.id}, decided=True)


def finish_action(office: Office, reference: str, action_id: int, outcome: str, stamp: Stamp) -> None:
    """A person records that an action of a case was taken and what came of it; raises BadInput for what cannot be recorded."""
    require_role(stamp.who)
    if len(outcome.strip()) < 3:
        raise BadInput("say in a few words what came of the action")
    with office.transaction() as session:
        case = cases.by_reference(session, reference)
        action = session.get(Action, action_id, with_for_update=True)
        if action is None or action.case_id != case.id:
            raise BadInput(f"case {case.reference} has no action {action_id}; `cme show {case.reference}` lists them")
        if action.done_at:
            raise BadInput(f"action {action_id} was recorded as done already, by {action.done_by}")
        action.done_at, action.done_by, action.outcome = stamp.at, stamp.who, outcome.strip()
        record(session, case.reference, "action.done", stamp, action.kind, {"action": action.id, "outcome": outcome.strip()})
        clear_alarm(session, f"action:{action.id}", stamp, "the action was taken")


def _task(office: Office, session: Session, case: Case, kind: str, stamp: Stamp) -> None:
    due = stamp.at + timedelta(minutes=office.policies.school.day_one_minutes) if kind == URGENT else office.routine_due(stamp.at)
    owner = "dsl" if kind in (URGENT, ACTIONS[1], ACTIONS[4]) else "attendance_officer"
    action = Action(case_id=case.id, kind=kind, owner=owner, created_by=stamp.who, created_at=stamp.at, due_at=due)
    session.add(action)
    session.flush()
    record(session, case.reference, "action.chosen", stamp, kind, {"action": action.id, "owner": owner, "due": due.isoformat()})
