"""What the DSL may decide, and what follows from each decision. The words are those the DSL reads in the form."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from cme.config.settings import require_role
from cme.errors import BadInput
from cme.records import cases, reviews
from cme.records.actions import set_task
from cme.records.alarms import clear_alarm
from cme.records.history import Stamp, record
from cme.records.missing_reports import still_missing
from cme.records.tables import Action, Case, Decision, Review
from cme.rules import messages
from cme.rules.cases import CaseState
from cme.rules.reasons import REASONS
from cme.steps import confirm, day_one, safeguarding_record, urgent
from cme.steps.dossier import HOME_VISIT
from cme.steps.office import Office

REFER = "CME referral to the authority: whereabouts unknown"
ATTENDANCE_RETURN = "10-day attendance return to the authority"
SICKNESS_RETURN = "15-day sickness return to the authority: I confirm the forecast"
NO_REFERRAL = "No referral now: follow up on the school's date"
KEEP_ENQUIRING = "Keep enquiring, and ask me again next school day"
ACTIONS_ONLY = "Take the chosen actions, and ask me again later"
CLOSE = "Close: the child is safe and back in education"
OUTCOMES = (REFER, ATTENDANCE_RETURN, SICKNESS_RETURN, NO_REFERRAL, KEEP_ENQUIRING, ACTIONS_ONLY, CLOSE)

# what the school calls them in second_person_for
SECOND_PERSON = {NO_REFERRAL: "no referral", CLOSE: "close"}

# procedure.md: "The actions may include"; on day one where there is a concern about safety
SOCIAL_WORKER = "Liaison with social worker or family support worker"
POLICE = "Communication with the police"
URGENT = "Referral to children's services and the police today"
ACTIONS = (HOME_VISIT, SOCIAL_WORKER, "Liaison with parents or carers", "Communication with the referring school", POLICE, URGENT)

YES, NO, UNKNOWN = "Yes", "No", "Unknown"
ANSWERS = (YES, NO, UNKNOWN)

NOTIFICATION_KIND = {REFER: messages.CME_REFERRAL, ATTENDANCE_RETURN: messages.ATTENDANCE_RETURN, SICKNESS_RETURN: messages.SICKNESS_RETURN}
RESULTS = ("done", "no entry", "not possible")
BLOCKED_VISIT = "Police welfare check, or children's services: nobody opened at a home visit"


@dataclass(frozen=True)
class SafeguardingAnswer:
    """A checked answer of the DSL: the decision, the chosen actions, the risk appraisal (each of REASONS: yes, no or unknown), whether
    the child is known to other agencies, the reason."""

    outcome: str
    actions: tuple[str, ...]
    reason: str
    appraisal: dict[str, str]
    agencies: str


def check_answer(payload: dict[str, object]) -> tuple[SafeguardingAnswer | None, str]:
    """The answer of a form as a SafeguardingAnswer, or the sentence that says what is missing."""
    outcome, actions, reason = payload.get("decision"), payload.get("actions") or [], payload.get("reason")
    if outcome not in OUTCOMES:
        return None, "no decision was chosen"
    if not isinstance(actions, list) or any(a not in ACTIONS for a in actions):
        return None, "an action is not one of the procedure's"
    appraisal = {key: str(payload.get(key)) for key in REASONS}
    missing = [REASONS[key] for key, value in appraisal.items() if value not in ANSWERS]
    if missing:
        return None, f"the risk appraisal is incomplete: {'; '.join(missing).lower()}: answer yes, no or unknown"
    if payload.get("agencies") not in ANSWERS:
        return None, "whether the child is known to other agencies was not answered"
    if not isinstance(reason, str) or len(reason.strip()) < 10:
        return None, "the reason is missing or shorter than ten characters"
    if outcome == ACTIONS_ONLY and not actions:
        return None, "actions were decided on, but none was chosen"
    return SafeguardingAnswer(str(outcome), tuple(dict.fromkeys(actions)), reason.strip(), appraisal, str(payload["agencies"])), ""


def agrees(session: Session, case: Case, answer: SafeguardingAnswer) -> str:
    """Why the procedure does not allow this decision on what is recorded; empty where it does.

    A child who is missing and not known to other agencies is reported to the authority's CME officer (the school's procedure), and
    nobody closes the case of a child who is still missing.
    """
    if not still_missing(session, case):
        return ""
    if answer.outcome == CLOSE:
        return (f"a member of staff reported the child missing, and nobody has recorded that the child was found; record that first "
                f"(`cme found {case.reference}`), then decide")
    if answer.agencies == NO and answer.outcome != REFER:
        return "the child is missing and not known to other agencies: the procedure asks for the CME referral now, with whatever else you choose"
    return ""


def may_stand(session: Session, case: Case, answer: confirm.SecondAnswer) -> str:
    """What ``agrees`` says today of the decision that a second person would confirm; it can be sent back at any time."""
    decision = confirm.proposed(session, case)
    if decision is None or not answer.confirmed:
        return ""
    return agrees(session, case, SafeguardingAnswer(decision.outcome, tuple(decision.actions), decision.reason, decision.appraisal,
                                                    decision.agencies))


def carry_out(office: Office, session: Session, case: Case, review: Review, answer: SafeguardingAnswer, stamp: Stamp, shown_hash: str) -> None:
    """Write the decision, its actions and the case's next state in the caller's transaction. ``stamp.who`` decided.

    A decision that needs a second person takes its actions at once and moves the case only to the confirmation.
    """
    two = SECOND_PERSON.get(answer.outcome) in office.policies.school.second_person_for
    decision = Decision(review_id=review.id, case_id=case.id, outcome=answer.outcome, actions=list(answer.actions), reason=answer.reason,
                        decided_by=stamp.who, decided_by_name=office.person(stamp.who).name, decided_at=stamp.at, shown_hash=shown_hash,
                        appraisal=answer.appraisal, agencies=answer.agencies, needs_confirmation=two)
    session.add(decision)
    session.flush()
    record(session, case.reference, "decision.made", stamp, answer.outcome, {
        "review": review.id, "actions": list(answer.actions), "reason": answer.reason, "shown": shown_hash, "appraisal": answer.appraisal,
        "agencies": answer.agencies, "name": decision.decided_by_name, "needs_confirmation": two})
    take_actions(office, session, case, review, answer.actions, stamp)
    if two:
        confirm.ask(office, session, case, decision, stamp)
    else:
        conclude(office, session, case, decision, stamp, decided=True)


def conclude(office: Office, session: Session, case: Case, decision: Decision, stamp: Stamp, *, decided: bool = False,
             confirmed: bool = False) -> None:
    """Take the case where its decision says. Exactly one of ``decided`` and ``confirmed`` says by whose row."""
    outcome, school, data = decision.outcome, office.policies.school, {"review": decision.review_id}
    if outcome in NOTIFICATION_KIND:
        cases.move(session, case, CaseState.NOTIFYING, stamp, why=outcome, due=stamp.at + timedelta(minutes=15), owner="operations",
                   data=data, decided=decided)
    elif outcome == CLOSE:
        reviews.withdraw(session, case, stamp, "the case was closed")
        cases.move(session, case, CaseState.CLOSED, stamp, why=outcome, due=None, data=data, decided=decided, confirmed=confirmed)
    else:
        again = (office.routine_due(stamp.at) if outcome == KEEP_ENQUIRING else
                 office.school_days_later(stamp.at, school.follow_up_school_days))
        cases.move(session, case, CaseState.FOLLOWING_UP, stamp, why=outcome, due=again, owner="dsl", data=data, decided=decided,
                   confirmed=confirmed)


def take_actions(office: Office, session: Session, case: Case, review: Review, kinds: tuple[str, ...], stamp: Stamp) -> None:
    """Make each chosen action a task with owner and due time, once for a review; the urgent one is due within the day-one minutes."""
    for kind in kinds:
        due = urgent.due(office, stamp.at) if kind == URGENT else office.routine_due(stamp.at)
        owner = "dsl" if kind in (URGENT, SOCIAL_WORKER, POLICE) else "attendance_officer"
        set_task(session, case, kind, owner=owner, due=due, stamp=stamp, task_key=f"review:{review.id}:{kind}")
        if kind == URGENT:
            day_one.follow_up_tasks(office, session, case, stamp)


def finish_action(office: Office, reference: str, action_id: int, outcome: str, stamp: Stamp, *, result: str = RESULTS[0],
                  evidence: str = "") -> None:
    """A person records that an action of a case was taken, what came of it and where the evidence is.

    A home visit at which nobody opened ("no entry") sets a task for the DSL at once and makes the case a day-one one. Raises
    BadInput for what cannot be recorded.
    """
    require_role(stamp.who, office.settings.people)
    if len(outcome.strip()) < 3:
        raise BadInput("say in a few words what came of the action")
    if result not in RESULTS:
        raise BadInput(f"{result!r} is no result of an action; use one of {', '.join(RESULTS)}")
    with office.transaction() as session:
        case = cases.by_reference(session, reference, lock=True)
        action = session.get(Action, action_id, with_for_update=True)
        if action is None or action.case_id != case.id:
            raise BadInput(f"case {case.reference} has no action {action_id}; `cme show {case.reference}` lists them")
        if action.done_at:
            raise BadInput(f"action {action_id} was recorded as done already, by {action.done_by}")
        action.done_at, action.done_by, action.outcome = stamp.at, stamp.who, outcome.strip()
        evidence = evidence.strip() or safeguarding_record.evidence_of(session, case, action)
        action.result, action.evidence = result, evidence or None
        record(session, case.reference, "action.done", stamp, action.kind,
               {"action": action.id, "outcome": outcome.strip(), "result": result, "evidence": evidence})
        clear_alarm(session, f"action:{action.id}", stamp, "the action was taken")
        if action.kind == HOME_VISIT and result == "no entry" and case.closed_at is None:
            set_task(session, case, BLOCKED_VISIT, owner="dsl", due=urgent.due(office, stamp.at), stamp=stamp,
                     task_key=f"blocked-visit:{action.id}")
            urgent.to_dsl_now(office, session, case, stamp, "nobody opened at a home visit")
