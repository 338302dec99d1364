"""What is known about a case, as the approver sees it: facts, marks, contact attempts and what is still missing.

The dossier names the child. It stays in the records and on the school's own machine; Prefect gets ``opaque_summary``.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme import clock
from cme.records.missing_reports import reports_of, shown
from cme.config.settings import TITLES
from cme.records.absences import name_of
from cme.records.registers import current_marks
from cme.records.tables import AbsenceRequest, Action, Case, Confirmation, Contact, ContactAttempt, Decision, Finding, Flag, HomeVisit, Pupil
from cme.steps.completeness import HOME_VISIT, completeness
from cme.steps.office import Office
from cme.steps.replies import replies_about

__all__ = ["HOME_VISIT", "RULES", "dossier_of", "last_attended", "missing_enquiries", "opaque_summary"]
RULES = {"continuous_absence": "Continuous absence without permission", "cumulative_absence": "Cumulative absence without permission",
         "vulnerable_absence": "Unexplained absence of a child with a safeguarding flag",
         "sickness_in_a_row": "Sickness in a row", "sickness_together": "Sickness, all days of the year together",
         "sickness_forecast": "Sickness expected by the school"}


def dossier_of(session: Session, office: Office, case: Case) -> dict[str, Any]:
    """Everything known about a case now, as plain JSON; the same facts give the same bytes."""
    pupil = session.get_one(Pupil, case.pupil_id)
    findings = session.scalars(select(Finding).where(Finding.case_id == case.id).order_by(Finding.id)).all()
    attempts = session.scalars(select(ContactAttempt).where(ContactAttempt.case_id == case.id).order_by(ContactAttempt.id)).all()
    actions = session.scalars(select(Action).where(Action.case_id == case.id).order_by(Action.id)).all()
    contacts = session.scalars(select(Contact).where(Contact.pupil_id == pupil.id, Contact.valid_to.is_(None))
                               .order_by(Contact.priority, Contact.id)).all()
    flags = session.scalars(select(Flag.flag).where(Flag.pupil_id == pupil.id, Flag.valid_to.is_(None)).order_by(Flag.flag)).all()
    decided = session.execute(select(Decision, Confirmation).outerjoin(Confirmation, Confirmation.decision_id == Decision.id)
                              .where(Decision.case_id == case.id).order_by(Decision.id)).all()
    absences = session.scalars(select(AbsenceRequest).where(AbsenceRequest.case_id == case.id).order_by(AbsenceRequest.day, AbsenceRequest.session)).all()
    visits = session.scalars(select(HomeVisit).join(AbsenceRequest, AbsenceRequest.id == HomeVisit.request_id)
                             .where(AbsenceRequest.case_id == case.id).order_by(HomeVisit.id)).all()
    dossier = {
        "reference": case.reference,
        "urgency": case.urgency,
        "pupil": {
            "surname": pupil.surname, "forename": pupil.forename, "born": _day(pupil.born), "sex": pupil.sex, "upn": pupil.upn,
            "year_group": pupil.year_group, "group": pupil.group_key, "address": pupil.address, "postcode": pupil.postcode,
            "admitted": _day(pupil.admitted), "registration": pupil.registration, "home_school": pupil.home_school,
            "id_in_school_system": pupil.mis_id},
        "flags": list(flags),
        "last_attended": _day(last_attended(session, office, case.pupil_id)),
        "contacts": [{"id": c.id, "priority": c.priority, "name": c.name, "relationship": c.relationship, "email": c.email,
                      "telephone": c.telephone, "do_not_contact": c.do_not_contact or c.court_order} for c in contacts],
        "findings": [{"rule": f.rule, "rule_version": f.rule_version, "reached_on": _day(f.reached_on), "count": f.count,
                      "threshold": f.threshold, "unit": f.unit, "reason": f.reason, "source": f.source, "marks": f.marks,
                      "retracted": f.retracted_reason} for f in findings],
        "attempts": [{"at": a.attempted_at.isoformat(), "contact": a.contact_id, "channel": a.channel, "outcome": a.outcome, "note": a.note,
                      "recorded_by": a.recorded_by} for a in attempts],
        "actions": [{"id": a.id, "kind": a.kind, "owner": a.owner, "due": a.due_at.isoformat(), "outcome": a.outcome,
                     "result": a.result, "evidence": a.evidence, "done": a.done_at.isoformat() if a.done_at else "",
                     "done_by": a.done_by or ""} for a in actions],
        "decisions": [{"outcome": d.outcome, "by": d.decided_by, "name": d.decided_by_name, "at": d.decided_at.isoformat(), "reason": d.reason,
                       "appraisal": d.appraisal, "agencies": d.agencies, "actions": d.actions, "needs_confirmation": d.needs_confirmation,
                       "confirmed": c.confirmed if c else None, "confirmed_by": c.decided_by if c else None,
                       "confirmation_reason": c.reason if c else None} for d, c in decided],
        "reports": [shown(report) for report in reports_of(session, case.id)],
        "absences": [{"reference": name_of(r), "day": _day(r.day), "session": r.session, "code": r.code, "state": r.state, "reason": r.reason or "",
                      "register_changed": r.changed_at is not None} for r in absences],
        "visits": [{"on": _day(v.visited_on), "half": v.half, "address": v.address, "spoken_to": v.spoken_to, "result": v.result, "outcome": v.outcome,
                    "recorded_by": v.recorded_by} for v in visits],
        "replies": replies_about(office, session, {case.reference, *(name_of(r) for r in absences)}, contacts),
        "missing": missing_enquiries(contacts, attempts, actions, visits),
    }
    return {**dossier, "messages": completeness(office, dossier)}


def last_attended(session: Session, office: Office, pupil_id: int) -> date | None:
    """The last day on which a register shows the child attended (present or at approved education), or None."""
    today = clock.today()
    start = office.policies.calendar.school_year_start(today).replace(year=today.year - 1)
    marks = current_marks(session, office.school, start, today, pupils=[pupil_id]).get(pupil_id, ())
    codes = office.policies.codes
    return max((m.day for m in marks if codes.category(m.code, m.day).attended), default=None)


def missing_enquiries(contacts: Sequence[Contact], attempts: Sequence[ContactAttempt], actions: Sequence[Action],
                      visits: Sequence[HomeVisit] = ()) -> list[str]:
    """Which reasonable enquiries are not on record yet (Children Missing Education guidance; authority forms)."""
    missing = []
    if len(contacts) < 2:
        missing.append("a second emergency contact")
    if not any(a.outcome for a in attempts):
        missing.append("an answer from a parent or carer")
    if not visits and not any(a.kind == HOME_VISIT and a.done_at for a in actions):
        missing.append("a home visit")
    return missing


def opaque_summary(dossier: dict[str, Any]) -> str:
    """What may cross into Prefect: counts, dates and rules, nothing that identifies a child. Markdown."""
    lines = [f"**Case {dossier['reference']}**", ""]
    lines += [f"- {RULES.get(f['rule'], f['rule'])}: {f['count']} {f['unit']} (threshold {f['threshold']}), reached on {f['reached_on']}."
              + (" *Retracted after a correction.*" if f["retracted"] else "") for f in dossier["findings"]]
    answered = sum(bool(a["outcome"]) for a in dossier["attempts"])
    lines.append(f"- Contacts held: {len(dossier['contacts'])}; attempts: {len(dossier['attempts'])}; with an outcome: {answered}.")
    for attempt in dossier["attempts"]:
        lines.append(f"- Contact by {attempt['channel']}: {(attempt['outcome'] or 'no outcome recorded').lower()}.")
    for report in dossier["reports"]:
        lines.append(f"- Reported missing by a member of staff; concern about safety: {'yes' if report['concern'] else 'no'}; "
                     f"{'the attendance officer has recorded what was established' if report['established'] else 'nothing established yet'}.")
    waiting = [d for d in dossier["decisions"] if d["needs_confirmation"] and d["confirmed"] is None]
    lines += [f"- Waits for a second person: **{d['outcome']}**, decided by the {TITLES.get(d['by'], 'deputy')}." for d in waiting]
    for message in dossier.get("messages", []):
        to = "the child's school of registration, which makes it" if message["passed_on"] else message["asked_by"]
        lines.append(f"- {message['name']} to {to}: would lack {'; '.join(message['lacks']) or 'nothing that is asked for'}.")
    if dossier.get("messages"):
        lines.append("- What a message lacks is said in it, and holds nothing back.")
    if absences := dossier.get("absences"):
        answered = sum(bool(a["reason"]) for a in absences)
        lines.append(f"- Sessions of which a parent or carer was asked: {len(absences)}; with a reason recorded: {answered}.")
    if replies := dossier.get("replies"):
        waiting = sum(not r["outcome"] for r in replies)
        lines.append(f"- Replies of parents or carers: {len(replies)}; not yet seen to by a person: {waiting}.")
    if dossier["missing"]:
        lines.append(f"- Not on record yet: {', '.join(dossier['missing'])}.")
    return "\n".join(lines)


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""
