"""Everything on record about a child, in order, as plain text and numbers: for the bundle, before anything of it is left out."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from cme import clock
from cme.records import cases, held
from cme.records.contact_tables import AbsenceRequest, ParentMessage
from cme.records.missing_reports import reports_of
from cme.records.tables import (
    Action, Case, CaseEvent, Confirmation, Contact, ContactAttempt, Decision, DossierShown, Finding, Flag, Outbox, Pupil, Review)
from cme.rules.reasons import REASONS
from cme.steps.bundle_marks import KnownMark, marks_as_known, weeks
from cme.steps.office import Office
from cme.steps.report_form import reference_of
from cme.steps.staff import shown_then
from cme.steps.view import event_line

# of the history what only concerns the software's own work: in the CSV and JSON, not on the pages
HOUSEKEEPING = ("review.rung", "review.code", "review.reminded", "mail.queued", "alarm.", "action.called", "resume.", "review.dossier_changed")


@dataclass(frozen=True)
class Facts:
    """``tables`` by name are lists of rows (dicts of text); ``messages`` and ``dossiers`` are the rows whose content is attached."""

    reference: str
    pupil: Pupil
    case: Case | None
    contacts: list[Contact]
    tables: dict[str, list[dict[str, Any]]]
    marks: list[KnownMark]
    weeks: list[tuple[str, list[str]]]
    messages: list[Outbox]
    dossiers: list[tuple[DossierShown, str, str]]           # with the case and the kind of question
    references: list[str]


def facts_of(office: Office, session: Session, pupil: Pupil, case: Case | None, now: datetime) -> Facts:
    """All of the child, or of one case of it."""
    of = [case] if case else list(session.scalars(select(Case).where(Case.pupil_id == pupil.id).order_by(Case.id)))
    numbers, name = {each.id: each.reference for each in of}, reference_of(pupil.id)
    # the same list as what is erased and what is shown on request
    references = sorted((held.of_cases(session, numbers) if case else held.of_pupil(session, pupil.id, name)).references)
    first = office.policies.calendar.school_year_start(min([clock.local(now).date(), *(each.episode_start for each in of)]))
    tables = {
        "child": _child(session, pupil), "contacts": [], "cases": [_case(each) for each in of], "findings": _findings(session, numbers),
        "contact attempts": _attempts(office, session, numbers, None if case else pupil.id), "decisions": _decisions(office, session, numbers),
        "actions": _actions(office, session, numbers), "reports of a missing child": _reports(office, session, numbers),
        "chronology": _chronology(office, session, references)}
    contacts = list(session.scalars(select(Contact).where(Contact.pupil_id == pupil.id).order_by(Contact.valid_to.is_not(None), Contact.priority, Contact.id)))
    to_parents = select(ParentMessage.outbox_id).where(ParentMessage.case_id == case.id if case else ParentMessage.pupil_id == pupil.id)
    messages = list(session.scalars(select(Outbox).where(or_(Outbox.subject_of.in_(references), Outbox.id.in_(to_parents))).order_by(Outbox.created_at, Outbox.id)))
    dossiers = session.execute(select(DossierShown, Review.case_id, Review.kind).join(Review, Review.id == DossierShown.review_id).where(
        Review.case_id.in_(numbers)).order_by(DossierShown.frozen_at, DossierShown.id)).tuples()
    return Facts(case.reference if case else name, pupil, case, contacts, tables, marks_as_known(office, session, pupil.id, first if case else None),
                 list(weeks(office, session, pupil.id, first, clock.local(now).date())), messages,
                 [(shown, numbers[number], kind) for shown, number, kind in dossiers], [*references, name])


def when(moment: datetime | None) -> str:
    """A moment as it is written in a bundle: "2026-11-23 09:30:05", on the school's clock."""
    return f"{clock.local(moment):%Y-%m-%d %H:%M:%S}" if moment else ""


def _day(day: date | None) -> str:
    return f"{day:%-d %B %Y}" if day else ""


def _child(session: Session, pupil: Pupil) -> list[dict[str, Any]]:
    flags = session.execute(select(Flag.flag, Flag.valid_from, Flag.valid_to).where(Flag.pupil_id == pupil.id).order_by(Flag.valid_from, Flag.id)).all()
    rows = [("Name", f"{pupil.forename} {pupil.surname}".strip()), ("Date of birth", _day(pupil.born)), ("Sex", pupil.sex), ("UPN", pupil.upn),
            ("Year and group", ", ".join(filter(None, (pupil.year_group, pupil.group_key)))),
            ("Address", ", ".join(filter(None, (pupil.address, pupil.postcode)))), ("On roll since", _day(pupil.admitted)), ("Left", _day(pupil.left)),
            ("Registration", pupil.registration), ("Other school of registration", pupil.home_school), ("Number in the school's system", pupil.mis_id)]
    rows += [("Flag", f"{flag}, from {_day(clock.local(since).date())}" + (f" to {_day(clock.local(until).date())}" if until else ""))
             for flag, since, until in flags]
    return [{"field": label, "value": value} for label, value in rows]


def _case(case: Case) -> dict[str, Any]:
    return {"case": case.reference, "opened": when(case.opened_at), "because of": case.origin, "episode from": case.episode_start.isoformat(),
            "urgency": case.urgency.replace("_", " "), "state": case.state, "closed": when(case.closed_at)}


def _findings(session: Session, of: dict[int, str]) -> list[dict[str, Any]]:
    rows = session.scalars(select(Finding).where(Finding.case_id.in_(of)).order_by(Finding.found_at, Finding.id))
    return [{"case": of[f.case_id or 0], "found": when(f.found_at), "reached on": f.reached_on.isoformat(), "rule": f.rule.replace("_", " "), "reason": f.reason,
             "number": f.rule_version, "source": f.source, "marks": "; ".join(f"{day} {slot} {code}" for day, slot, code in f.marks),
             "retracted": f.retracted_reason or ""} for f in rows]


def _attempts(office: Office, session: Session, of: dict[int, str], pupil: int | None) -> list[dict[str, Any]]:
    """Those of the cases; of a whole child also those about an unexplained absence that led to no case."""
    shown = shown_then(office, session)
    about: list[ColumnElement[bool]] = [ContactAttempt.case_id.in_(of)]
    if pupil is not None:
        about.append(ContactAttempt.request_id.in_(select(AbsenceRequest.id).where(AbsenceRequest.pupil_id == pupil)))
    rows = session.execute(select(ContactAttempt, Contact.name).outerjoin(Contact, Contact.id == ContactAttempt.contact_id).where(
        or_(*about)).order_by(ContactAttempt.attempted_at, ContactAttempt.id)).tuples()
    return [{"case": of.get(a.case_id or 0, f"ABS-{a.request_id}"), "when": when(a.attempted_at), "how": a.channel, "whom": name or "", "outcome": a.outcome or "no answer on record",
             "note": a.note or "", "recorded by": shown(a.recorded_by, a.recorded_at or a.attempted_at) if a.recorded_by else ""} for a, name in rows]


def _decisions(office: Office, session: Session, of: dict[int, str]) -> list[dict[str, Any]]:
    shown = shown_then(office, session)
    rows = session.execute(select(Decision, Confirmation).outerjoin(Confirmation, Confirmation.decision_id == Decision.id).where(
        Decision.case_id.in_(of)).order_by(Decision.id)).tuples()
    return [{"case": of[d.case_id], "when": when(d.decided_at), "decision": d.outcome, "by": shown(d.decided_by, d.decided_at), "reason": d.reason,
             "appraisal": "; ".join(f"{title}: {d.appraisal.get(key, 'not appraised').lower()}" for key, title in REASONS.items()),
             "known to other agencies": d.agencies, "actions": "; ".join(d.actions), "shown": d.shown_hash,
             "second person": (f"{'confirmed' if c.confirmed else 'not confirmed'} by {shown(c.decided_by, c.decided_at)}, {when(c.decided_at)}: {c.reason}"
                               if c else "asked, no answer yet" if d.needs_confirmation else "not asked")} for d, c in rows]


def _actions(office: Office, session: Session, of: dict[int, str]) -> list[dict[str, Any]]:
    people, shown = office.settings.people, shown_then(office, session)
    rows = session.scalars(select(Action).where(Action.case_id.in_(of)).order_by(Action.id))
    return [{"case": of[a.case_id], "what": a.kind, "owner": people.title(a.owner), "set": when(a.created_at), "due": when(a.due_at), "done": when(a.done_at),
             "by": shown(a.done_by, a.done_at) if a.done_by and a.done_at else "", "result": a.result or "", "outcome": a.outcome or "",
             "evidence": a.evidence or ""} for a in rows]


def _reports(office: Office, session: Session, of: dict[int, str]) -> list[dict[str, Any]]:
    return [{"case": reference, "reported": when(r.reported_at), "last seen": r.last_seen_said, "where": r.last_seen_where, "seen by": r.last_seen_by,
             "concern about safety": "yes" if r.concern else "no", "established": r.established or "", "tried": r.tried,
             "named": "; ".join(REASONS.get(key, key) for key in r.known)} for number, reference in of.items() for r in reports_of(session, number)]


def _chronology(office: Office, session: Session, references: list[str]) -> list[dict[str, Any]]:
    shown = shown_then(office, session)
    found = []
    for event in session.scalars(select(CaseEvent).where(CaseEvent.subject.in_(references)).order_by(CaseEvent.id)):
        line = event_line(event, shown(event.who, event.at))
        found.append({"event": event.id, "when": line.when, "when (UTC)": event.at.isoformat(), "of": event.subject, "who": line.who, "what": line.what,
                      "why": line.why, "kind": event.what, "hash": event.hash})
    return found


def the_pupil(session: Session, school: str, number: int) -> Pupil | None:
    """The pupil of that number, of this school."""
    return session.scalar(select(Pupil).where(Pupil.id == number, Pupil.school == school))


def the_case(session: Session, reference: str) -> Case:
    """The case of a reference; raises BadInput where there is none."""
    return cases.by_reference(session, reference)
