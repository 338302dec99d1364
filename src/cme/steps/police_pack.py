"""The police report pack of a case: made for whoever rings, on the school's own machine, never sent by a machine."""

import hashlib
import os
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme import clock
from cme.config.settings import require_role
from cme.errors import BadInput
from cme.mail.police_pack import PolicePack, pack_pdf
from cme.records import cases
from cme.records.history import Stamp, record
from cme.records.tables import Case, Pupil
from cme.rules.reasons import REASONS
from cme.steps.dossier import dossier_of
from cme.steps.office import Office

# which words of a flag say something about which question; every flag is named under "services" as well
_FLAGS = {"medical": ("medical", "health", "medication", "disab", "allerg", "epilep", "asthma", "diabet", "ehcp", "sen"),
          "self_harm": ("self-harm", "self harm", "suicid"), "victim": ("at risk", "victim"),
          "exploitation": ("protection plan", "exploit", "abuse", "cse", "cce", "county lines")}
# which of the reasons of the procedure says something about which question
_REASONS = {"exploitation": ("neglect_or_abuse",), "services": ("youth_justice",), "concerns": ("forced_marriage", "asylum", "highly_mobile")}


def make_pack(office: Office, reference: str, stamp: Stamp, out: Path | None = None) -> Path:
    """Write the pack of a case to ``out`` (by default "<reference>.pdf" here), readable by nobody else, and record who made it, when,
    and its hash. Raises BadInput where the file cannot be written."""
    require_role(stamp.who, office.settings.people)
    with office.transaction() as session:
        case = cases.by_reference(session, reference)
        pdf = pack_pdf(pack_of(office, session, case, stamp), stamp.at)
        path = out or Path(f"{case.reference}.pdf")
        record(session, case.reference, "police_pack.made", stamp, "a police report pack was made", {
            "sha256": hashlib.sha256(pdf).hexdigest(), "bytes": len(pdf)})
        write_privately(path, pdf)
    return path


def write_privately(path: Path, content: bytes) -> None:
    """Write a file that only this user can read; raises BadInput where it cannot be written."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        part.replace(path)
    except OSError as error:
        raise BadInput(f"the file cannot be written to {path.parent}: {error.strerror}; give another place with --out") from error


def pack_of(office: Office, session: Session, case: Case, stamp: Stamp) -> PolicePack:
    """What the records hold of a case, laid out by what the police ask. What is not held stays open, and is never guessed."""
    d, school, a = dossier_of(session, office, case), office.policies.school, office.policies.authority
    pupil, person = d["pupil"], office.person(stamp.who)
    who = f"{person.name}, {office.settings.people.title(stamp.who)}"
    return PolicePack(
        reference=case.reference, made_at=office.shown_time(stamp.at), made_by=who, school=school.name,
        phones=[("Police, in an emergency", a.police_emergency), ("Police, otherwise", a.police),
                (f"Children's services ({a.name})", a.childrens_services),
                ("Children's services, out of hours", a.childrens_services_out_of_hours)],
        sections=[
            ("The child", [("Name", f"{pupil['forename']} {pupil['surname']}".strip()), ("Date of birth", _day(pupil["born"])),
                           ("Sex", pupil["sex"]), ("Home address", ", ".join(filter(None, (pupil["address"], pupil["postcode"])))),
                           ("Description: height, build, hair, clothing", ""), ("Mobile telephone, accounts the child uses", ""),
                           ("Group and year", ", ".join(filter(None, (pupil["group"], f"Year {pupil['year_group']}" if pupil["year_group"] else "")))),
                           ("Other school of registration", pupil["home_school"])]),
            ("Last seen", _last_seen(office, d)),
            ("The school, and who rings", [("School", school.name), ("LAESTAB and URN", f"{school.laestab}, {school.urn}"),
                                           ("Who rings", who), ("Telephone", person.telephone), ("E-mail", person.email)])],
        contacts=[(c["name"], c["relationship"], c["telephone"], "the school may not contact this person" if c["do_not_contact"] else "")
                  for c in d["contacts"]],
        tried=_tried(office, d), answers=_answers(session, case, d))


def _last_seen(office: Office, d: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [(f"Reported at {_moment(r['at'])}, by staff code {r['by']}",
             f"last seen {r['last_seen']}\n{_low(r['last_seen_where'])}; by {_low(r['last_seen_by'])}\n"
             f"worried about the child's safety: {'yes' if r['concern'] else 'no'}"
             + (f"\n{r['established']}" if r["established"] else "")) for r in d["reports"]]
    marks = [f"{_day(day)} {slot}: {code} ({_low(office.policies.codes.lookup(code, date.fromisoformat(day)).meaning)})" for f in d["findings"] if not f["retracted"] for day, slot, code in f["marks"]]
    return [*rows, ("Last attended, by the registers", _day(d["last_attended"])),
            ("Last sessions missed", "\n".join(dict.fromkeys(marks[-4:])))]


def _tried(office: Office, d: dict[str, Any]) -> list[tuple[str, str, str]]:
    names = {c["id"]: c["name"] for c in d["contacts"]}
    rows = [(_moment(a["at"]), "e-mail to " + names.get(a["contact"], "a contact") if a["channel"] == "email" else a["channel"],
             ". ".join(filter(None, (a["outcome"] or "no answer on record", a["note"])))) for a in d["attempts"]]
    return rows + [(_moment(a["due"]), a["kind"], f"{a['outcome']} ({a['result']})") for a in d["actions"] if a["outcome"]]


def _answers(session: Session, case: Case, d: dict[str, Any]) -> dict[str, list[str]]:
    """By question what is on record. A missing fact is left open, for the person who rings."""
    found: dict[str, list[str]] = {"services": [f"on record: {flag}" for flag in d["flags"]]}
    for flag in d["flags"]:
        for question, words in _FLAGS.items():
            if any(word in flag.casefold().split() or (len(word) > 3 and word in flag.casefold()) for word in words):
                found.setdefault(question, []).append(f"on record: {flag}")
    named = {key: f"named by the attendance officer: {REASONS[key].lower()}" for r in d["reports"] for key in r["known"]}
    if d["decisions"]:
        named |= {key: f"risk appraisal of the designated safeguarding lead: {REASONS[key].lower()}"
                  for key, said in d["decisions"][-1]["appraisal"].items() if said == "Yes" and key in REASONS}
    for key, sentence in named.items():
        question = next((q for q, keys in _REASONS.items() if key in keys), "concerns")
        found.setdefault(question, []).append(sentence)
    found["character"] = _episodes(session, case)
    found["intentions"] = [f"tried: {r['tried']}" for r in d["reports"] if r["tried"]]
    found["concerns"] = found.get("concerns", []) + ["a member of staff is worried about the child's safety"
                                                     for _ in range(any(r["concern"] for r in d["reports"]))]
    return found


def _episodes(session: Session, case: Case) -> list[str]:
    """The pupil's earlier cases: how often, from when to when, and whether the child had been reported missing."""
    rows = session.scalars(select(Case).where(Case.pupil_id == case.pupil_id, Case.id != case.id).order_by(Case.id)).all()
    what = {"report": "reported missing", "day_one": "absent without a known reason", "threshold": "absent for many days", "sickness": "ill for many days", "unanswered": "absent, and no answer of a parent or carer"}
    on_roll = session.get_one(Pupil, case.pupil_id).first_seen
    none = [f"no earlier case on record since {clock.local(on_roll):%-d %B %Y}"]
    return [f"earlier: {what.get(row.origin, row.origin)}, from {_date(row.opened_at)} to {_date(row.closed_at) if row.closed_at else 'now'} "
            f"({row.reference})" for row in rows] or none


def _date(moment: datetime) -> str:
    return f"{clock.local(moment):%-d %B %Y}"


def _moment(text: str) -> str:
    return f"{clock.local(datetime.fromisoformat(text)):%a %-d %b %Y, %H:%M}"


def _day(text: str) -> str:
    return f"{datetime.fromisoformat(text):%a %-d %b %Y}" if text else ""


def _low(text: str) -> str:
    return text[:1].lower() + text[1:]
