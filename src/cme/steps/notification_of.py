"""Fill the local authority's notification from the records. What the school does not hold stays out, and is said in words there."""

from datetime import date, datetime

from sqlalchemy.orm import Session

from cme import clock
from cme.config.settings import TITLES
from cme.mail.notification import (ActionLine, AttemptLine, ContactLine, DecisionLine, FindingLine, HistoryLine, MarkLine, Notification,
                                   SendingSchool)
from cme.records.history import events
from cme.records.tables import Case, Decision
from cme.steps.decisions import REASONS
from cme.steps.dossier import dossier_of
from cme.steps.office import Office
from cme.steps.staff import shown_then
from cme.steps.view import OPAQUE_WHY, WORDS

RETURN, REFERRAL = "attendance_return", "cme_referral"
# what of the history the authority needs; codes, mail and the software's own affairs stay at the school
TOLD = {"case.opened", "finding.made", "finding.retracted", "contact.attempted", "contact.incomplete", "contact.outcome", "case.to_dsl",
        "case.back_to_dsl", "decision.made", "action.chosen", "action.done", "report.made", "report.established"}
FLAG_FIELDS = {"social worker": "social_care", "child protection plan": "social_care", "child in need": "social_care", "looked after": "social_care",
               "ehcp": "sen_ehcp", "sen": "sen_ehcp", "youth justice": "other_agencies", "traveller": "traveller_or_mobile"}


def notification_of(session: Session, office: Office, case: Case, kind: str, decision: Decision, made_at: datetime) -> Notification:
    """The notification of a case as the records are now, for the decision that approved it."""
    d, school, authority = dossier_of(session, office, case), office.policies.school, office.policies.authority
    officer, people, shown = office.person("dsl"), office.settings.people, shown_then(office, session)
    approver = decision.decided_by_name or people.of(decision.decided_by).name      # whoever held the key then may have left
    who = {c["id"]: f"{c['name']} ({c['relationship'] or 'relationship not held'})" for c in d["contacts"]}
    codes = sorted({code for finding in d["findings"] for _, _, code in finding["marks"]})
    return Notification(
        kind=kind, reference=case.reference, made_at=office.shown_time(made_at), authority=authority.name,
        answer_by=office.shown_time(office.end_of_school_day(made_at, authority.acknowledgement_school_days)),
        school=SendingSchool(school.name, school.laestab, school.urn, "", officer.telephone, officer.email, officer.name, TITLES["dsl"]),
        pupil=_pupil(d, decision, kind),
        findings=[FindingLine(f["reason"], f["source"], _shown(f["reached_on"]),
                              [MarkLine(_shown(day), session_name, code) for day, session_name, code in f["marks"]])
                  for f in d["findings"] if not f["retracted"]],
        codes={code: office.policies.codes.lookup(code, clock.local(made_at).date()).meaning for code in codes},
        contacts=[ContactLine(c["name"], c["relationship"], c["telephone"], c["email"]) for c in d["contacts"]],
        attempts=[AttemptLine(office.shown_time(datetime.fromisoformat(a["at"])), "e-mail" if a["channel"] == "email" else a["channel"],
                              who.get(a["contact"], ""), ". ".join(filter(None, [a["outcome"], a["note"]])),
                              office.settings.people.shown(a["recorded_by"]) if a["recorded_by"] else "") for a in d["attempts"]],
        decision=DecisionLine(decision.outcome, decision.reason, f"{approver}, {people.title(decision.decided_by)}",
                              office.shown_time(decision.decided_at)),
        actions=[ActionLine(a["kind"], a["owner"].replace("_", " "), office.shown_time(datetime.fromisoformat(a["due"])), a["outcome"] or "")
                 for a in d["actions"]],
        history=[HistoryLine(f"{clock.local(e.at):%d %b %Y %H:%M}", shown(e.who, e.at),
                             WORDS[e.what] + (f": {e.why}" if e.what in OPAQUE_WHY else ""))
                 for e in events(session, case.reference) if e.what in TOLD])


def _pupil(d: dict, decision: Decision, kind: str) -> dict[str, str]:  # type: ignore[type-arg]
    p = d["pupil"]
    fields = {
        "surname": p["surname"], "forename": p["forename"], "date_of_birth": _shown(p["born"]), "sex": p["sex"], "year_group": p["year_group"],
        "upn": p["upn"], "last_known_address": ", ".join(filter(None, [p["address"], p["postcode"]])), "admitted": _shown(p["admitted"]),
        "registration": p["registration"], "home_school": p["home_school"], "last_attended": _shown(d["last_attended"]),
        "lives_with": "", "attendance": "; ".join(f["reason"] for f in d["findings"] if not f["retracted"]),
    }
    for flag in d["flags"]:
        if name := FLAG_FIELDS.get(flag.lower()):
            fields[name] = "; ".join(filter(None, [fields.get(name, ""), flag]))
    if kind == REFERRAL:
        fields["last_seen"] = "; ".join(f"{r['last_seen']}, {r['last_seen_where'].lower()}, by {r['last_seen_by'].lower()}" for r in d["reports"])
        fields["criterion"] = "no contact; whereabouts unknown to the school"
        fields["risk_appraisal"] = ". ".join([*(f"{title}: {decision.appraisal.get(key, 'not appraised').lower()}"
                                               for key, title in REASONS.items()), decision.reason])
        told = [a["kind"] for a in d["actions"] if "children's services" in a["kind"] or "police" in a["kind"]]
        fields["childrens_services_told"] = "; ".join(told)
    return fields


def _shown(day: str) -> str:
    return f"{date.fromisoformat(day):%a %-d %b %Y}" if day else ""
