"""What each message would hold, and what of it is not there: looked at before the DSL is asked, and never a reason to wait.

All of it is read from a dossier, so that what was shown to the DSL, and what leaves, come from the same facts.
"""

from datetime import date, datetime
from typing import Any

from cme.mail.notification import AttemptLine, ContactLine, FindingLine, MarkLine, Notification, SendingSchool
from cme.rules.message_fields import ADDED_BY_THE_DECISION, lacking
from cme.rules.messages import ATTENDANCE_RETURN, CME_REFERRAL, DAY_ONE_REPORT, ELSEWHERE, MESSAGES, SICKNESS_RETURN, who_sends
from cme.rules.sickness import PROPOSED
from cme.steps.office import Office

HOME_VISIT = "Home visit"
SICKNESS_RULES = ("sickness_in_a_row", "sickness_together", "sickness_forecast")
FLAG_FIELDS = {"social worker": "social_care", "child protection plan": "social_care", "child in need": "social_care", "looked after": "social_care",
               "ehcp": "sen_ehcp", "sen": "sen_ehcp", "youth justice": "other_agencies", "traveller": "traveller_or_mobile"}
Dossier = dict[str, Any]


def completeness(office: Office, d: Dossier) -> list[dict[str, Any]]:
    """Each message that the DSL may decide on, with what the authority asks for and the school does not hold, in fixed words. What the
    decision itself adds is not missed before it."""
    authority, found = office.policies.authority, []
    sick = any(f["rule"] in SICKNESS_RULES and not f["retracted"] for f in d["findings"])
    for kind in (ATTENDANCE_RETURN, *([SICKNESS_RETURN] if sick else []), CME_REFERRAL, DAY_ONE_REPORT):
        practice = authority.messages[kind]
        passed_on = bool(who_sends(kind, d["pupil"]["registration"]) == ELSEWHERE
                         and office.policies.school.referring_school(d["pupil"]["home_school"]))
        lacks = [name for name in lacks_of(office, plain(office, d, kind)) if name not in ADDED_BY_THE_DECISION]
        found.append({"kind": kind, "name": MESSAGES[kind].subject, "asked_by": authority.name, "form": practice.form, "channel": practice.channel,
                      "lacks": [lacking(name) for name in lacks], "passed_on": passed_on})
    return found


def lacks_of(office: Office, notification: Notification) -> tuple[str, ...]:
    """The names of what law or the authority asks for in this message and the school does not hold."""
    asked = dict.fromkeys((*MESSAGES[notification.kind].required, *office.policies.authority.messages[notification.kind].required_fields))
    return tuple(notification.missing_fields(asked))


def plain(office: Office, d: Dossier, kind: str, made_at: str = "", answer_by: str = "") -> Notification:
    """A message of a kind as the dossier alone fills it: without the decision, its reasons and the history."""
    lines = findings(d, kind)
    codes = sorted({mark.code for finding in lines for mark in finding.marks})
    who = {c["id"]: f"{c['name']} ({c['relationship'] or 'relationship not held'})" for c in d["contacts"]}
    shown = office.settings.people.shown
    attempts = [AttemptLine(office.shown_time(datetime.fromisoformat(a["at"])), "e-mail" if a["channel"] == "email" else a["channel"],
                            who.get(a["contact"], ""), ". ".join(filter(None, [a["outcome"], a["note"]])),
                            shown(a["recorded_by"]) if a["recorded_by"] else "") for a in d["attempts"]]
    # a home visit is an enquiry, whoever set it as a task; one that was not possible is none
    visits = [AttemptLine(office.shown_time(datetime.fromisoformat(a["done"])), a["kind"].lower(), d["pupil"]["address"],
                          ". ".join(filter(None, [a["result"] if a["result"] != "done" else "", a["outcome"]])), shown(a["done_by"]))
              for a in d["actions"] if a["kind"] == HOME_VISIT and a.get("done") and a["result"] != "not possible"]
    return Notification(
        kind=kind, reference=d["reference"], made_at=made_at, authority=office.policies.authority.name, answer_by=answer_by,
        school=sending_school(office), pupil=pupil_fields(office, d, kind), findings=lines,
        codes={code: office.policies.codes.lookup(code, max(date.fromisoformat(day) for f in d["findings"] for day, _, c in f["marks"]
                                                            if c == code)).meaning for code in codes},
        contacts=[ContactLine(c["name"], c["relationship"], c["telephone"], c["email"]) for c in d["contacts"]], attempts=attempts + visits)


def sending_school(office: Office) -> SendingSchool:
    """The school that writes, and the designated safeguarding lead, who answers questions."""
    school, dsl = office.policies.school, office.person("dsl")
    return SendingSchool(school.name, school.laestab, school.urn, "", dsl.telephone, dsl.email, dsl.name, office.settings.people.title("dsl"))


def findings(d: Dossier, kind: str) -> list[FindingLine]:
    """The findings a message is about, with the marks that caused them: illness in a sickness return, and nowhere else."""
    return [FindingLine(_confirmed(f["reason"]), f["source"], shown_day(f["reached_on"]), [MarkLine(shown_day(day), slot, code) for day, slot, code in f["marks"]])
            for f in d["findings"] if not f["retracted"] and (f["rule"] in SICKNESS_RULES) == (kind == SICKNESS_RETURN)]


def _confirmed(reason: str) -> str:
    """A reason as it leaves: what was only proposed is confirmed by then."""
    plainly = reason.removeprefix(f"Sickness return {PROPOSED}: ")
    return plainly[:1].upper() + plainly[1:]


def pupil_fields(office: Office, d: Dossier, kind: str) -> dict[str, str]:
    """The child's fields that the records hold, by the names of ``FIELDS``."""
    p, own = d["pupil"], office.policies.school.name
    last_attended = shown_day(d["last_attended"])
    registered = {"sole": own, "dual-main": f"{own} (main) and {p['home_school'] or 'another school'}", "guest": p["home_school"],
                  "dual-subsidiary": f"{p['home_school'] or 'another school'} (main) and {own}"}
    fields = {
        "surname": p["surname"], "forename": p["forename"], "date_of_birth": shown_day(p["born"]), "sex": p["sex"], "year_group": p["year_group"],
        "upn": p["upn"], "last_known_address": ", ".join(filter(None, [p["address"], p["postcode"]])), "admitted": shown_day(p["admitted"]),
        "registration": p["registration"], "home_school": registered.get(p["registration"], p["home_school"]), "last_attended": last_attended,
        "other_registration": p["home_school"] if p["registration"] != "sole" else "none held",
        "attendance": "; ".join(each.sentence for each in findings(d, kind)) if kind != SICKNESS_RETURN else "",
        "sickness": "; ".join(each.sentence for each in findings(d, SICKNESS_RETURN)),
    }
    for flag in d["flags"]:
        if name := FLAG_FIELDS.get(flag.lower()):
            fields[name] = "; ".join(filter(None, [fields.get(name, ""), flag]))
    seen = [f"{r['last_seen']}, {r['last_seen_where'].lower()}, by {r['last_seen_by'].lower()}" for r in d["reports"]]
    fields["last_seen"] = "; ".join(seen) or (f"{last_attended}, by the school's register" if last_attended else "")
    return fields


def shown_day(day: str) -> str:
    """An ISO day as people read it: "Mon 23 Nov 2026"; empty stays empty."""
    return f"{date.fromisoformat(day):%a %-d %b %Y}" if day else ""
