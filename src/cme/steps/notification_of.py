"""Fill a message from the records and the decision that approved it. What the school does not hold is said in words there."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from cme import clock
from cme.mail.notification import ActionLine, DecisionLine, HistoryLine, Notification
from cme.records.history import events
from cme.records.tables import Action, Case, Decision
from cme.rules.messages import CME_REFERRAL, DAY_ONE_REPORT, SICKNESS_RETURN
from cme.rules.reasons import REASONS
from cme.steps.completeness import Dossier, lacks_of, plain
from cme.steps.dossier import dossier_of
from cme.steps.office import Office
from cme.steps.staff import shown_then
from cme.steps.urgent import due as urgent_due
from cme.steps.view import OPAQUE_WHY, WORDS

# what of the history the authority needs; codes, mail and the software's own affairs stay at the school
TOLD = {"case.opened", "finding.made", "finding.retracted", "contact.attempted", "contact.incomplete", "contact.outcome", "case.to_dsl",
        "case.back_to_dsl", "decision.made", "action.chosen", "action.done", "report.made", "report.established"}


def notification_of(session: Session, office: Office, case: Case, kind: str, decision: Decision | None, made_at: datetime,
                    passed_on: bool = False, urgent: Action | None = None) -> Notification:
    """The message of a case as the records are now, for the decision that approved it (a day-one report: for the task ``urgent`` that a
    person's decision set; None for a draft)."""
    d, people, shown = dossier_of(session, office, case), office.settings.people, shown_then(office, session)
    made = plain(office, d, kind, office.shown_time(made_at), office.shown_time(_answer_by(office, kind, made_at)))
    made = replace(
        made, form=office.policies.authority.messages[kind].form, passed_on=passed_on,
        pupil={**made.pupil, **_decided(d, office, kind, decision)}, decision=_decision(office, decision, urgent),
        actions=[ActionLine(a["kind"], a["owner"].replace("_", " "), office.shown_time(datetime.fromisoformat(a["due"])), a["outcome"] or "")
                 for a in d["actions"]],
        history=[HistoryLine(f"{clock.local(e.at):%d %b %Y %H:%M}", shown(e.who, e.at),
                             WORDS[e.what] + (f": {e.why}" if e.what in OPAQUE_WHY else ""))
                 for e in events(session, case.reference) if e.what in TOLD])
    if passed_on:
        made = replace(made, authority=d["pupil"]["home_school"])
    return replace(made, lacks=lacks_of(office, made))


def _answer_by(office: Office, kind: str, made_at: datetime) -> datetime:
    """When the school rings if nothing was heard: a concern about safety waits for minutes, not for days."""
    if kind == DAY_ONE_REPORT:
        return urgent_due(office, made_at)
    return office.end_of_school_day(made_at, office.policies.authority.acknowledgement_school_days)


def _decision(office: Office, decision: Decision | None, urgent: Action | None) -> DecisionLine | None:
    people = office.settings.people
    if urgent is not None:
        reason = decision.reason if decision else ""
        return DecisionLine(urgent.kind, reason, people.shown(urgent.created_by), office.shown_time(urgent.created_at))
    if decision is None:
        return None
    approver = decision.decided_by_name or people.of(decision.decided_by).name      # whoever held the key then may have left
    return DecisionLine(decision.outcome, decision.reason, f"{approver}, {people.title(decision.decided_by)}",
                        office.shown_time(decision.decided_at))


def _decided(d: Dossier, office: Office, kind: str, decision: Decision | None) -> dict[str, str]:
    """What the decision adds to the child's fields."""
    told = [a["kind"] for a in d["actions"] if "children's services" in a["kind"] or "police" in a["kind"]]
    if kind == DAY_ONE_REPORT:
        return {"childrens_services_told": "; ".join(told), "concern": decision.reason if decision else ""}
    if decision is None:
        return {}
    if kind == SICKNESS_RETURN:
        name = decision.decided_by_name or office.person(decision.decided_by).name
        return {"confirmed_by": f"{name}, {office.settings.people.title(decision.decided_by)}, {office.shown_time(decision.decided_at)}"}
    if kind == CME_REFERRAL:
        appraisal = ". ".join([*(f"{title}: {decision.appraisal.get(key, 'not appraised').lower()}" for key, title in REASONS.items()),
                               decision.reason])
        return {"criterion": "no contact; whereabouts unknown to the school", "risk_appraisal": appraisal,
                "childrens_services_told": "; ".join(told)}
    return {}
