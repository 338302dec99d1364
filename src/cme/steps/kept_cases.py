"""Which cases are kept and why: what the rules of retention need to know of each, read from the rows."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from cme import clock
from cme.records import cases
from cme.records.absences import name_of
from cme.records.tables import (
    AbsenceRequest, Action, Alarm, Case, Decision, Flag, LegalHold, MissingReport, Outbox, Pupil, ReceivedMessage, Review, RightsRequest)
from cme.rules.day_one import watched_flags
from cme.rules.retention import Kept, keep_case
from cme.steps.decisions import POLICE, REFER, SOCIAL_WORKER, URGENT, YES
from cme.steps.office import Office

SETTLED_MAIL = ("sent", "cancelled")


@dataclass(frozen=True)
class KeptCase:
    """A case by number, reference and pupil, and how long it is kept."""

    number: int
    reference: str
    pupil: int
    kept: Kept


def held_pupils(session: Session, school: str) -> set[int]:
    """The pupils of whom nothing may go, because a legal hold stands."""
    return set(session.scalars(select(LegalHold.pupil_id).where(LegalHold.school == school, LegalHold.lifted_at.is_(None))))


def asking_pupils(session: Session, school: str) -> set[int]:
    """The pupils about whose records somebody has asked and is not answered yet."""
    return set(session.scalars(select(RightsRequest.pupil_id).where(RightsRequest.school == school, RightsRequest.decided_at.is_(None))))


def kept_cases(office: Office, session: Session) -> list[KeptCase]:
    """Every case of the school with how long it is kept."""
    held, asking, protected = held_pupils(session, office.school), asking_pupils(session, office.school), _protection(office, session)
    waiting, years = unfinished(session), office.policies.retention
    born: dict[int, date | None] = dict(session.execute(select(Pupil.id, Pupil.born).where(Pupil.school == office.school)).tuples().all())
    return [KeptCase(case.id, case.reference, case.pupil_id, keep_case(
        clock.local(case.closed_at).date() if case.closed_at else None, born.get(case.pupil_id), protection=case.id in protected,
        unfinished=case.reference in waiting or case.id in waiting, held=case.pupil_id in held, asked=case.pupil_id in asking,
        case_years=years.case_years, protection_years=years.child_protection_years))
        for case in session.scalars(select(Case).where(Case.school == office.school).order_by(Case.id))]


def _protection(office: Office, session: Session) -> set[int]:
    """The cases that are a child protection matter: by how they came, by what the child was ever known for, by what was decided."""
    found = set(session.scalars(select(Case.id).where(or_(Case.urgency == "day_one", Case.origin.in_((cases.DAY_ONE, cases.REPORT))))))
    found |= set(session.scalars(select(MissingReport.case_id)))
    known: dict[int, set[str]] = defaultdict(set)
    for pupil, flag in session.execute(select(Flag.pupil_id, Flag.flag)):
        known[pupil].add(flag)
    flagged = {pupil for pupil, flags in known.items() if watched_flags(tuple(sorted(flags)), office.policies.school.day_one_flags)}
    found |= {number for number, pupil in session.execute(select(Case.id, Case.pupil_id)) if pupil in flagged}
    for decision in session.scalars(select(Decision)):
        if decision.outcome == REFER or {SOCIAL_WORKER, POLICE, URGENT} & set(decision.actions) or YES in decision.appraisal.values():
            found.add(decision.case_id)
    return found


def unfinished(session: Session) -> set[str | int]:
    """References, and cases by number, with which something still waits for a person or a machine."""
    found: set[str | int] = set(session.scalars(select(Outbox.subject_of).where(Outbox.state.not_in(SETTLED_MAIL))))
    found |= set(session.scalars(select(Alarm.subject).where(Alarm.cleared_at.is_(None))))
    found |= {reference for about in session.scalars(select(ReceivedMessage.about).where(ReceivedMessage.state == "open")) for reference in about}
    found |= set(session.scalars(select(Action.case_id).where(Action.done_at.is_(None))))
    found |= set(session.scalars(select(AbsenceRequest.case_id).where(AbsenceRequest.state == "open", AbsenceRequest.case_id.is_not(None))))
    found |= {name_of(request) for request in session.scalars(select(AbsenceRequest).where(AbsenceRequest.state == "open"))}
    return found | set(session.scalars(select(Review.case_id).where(Review.state == "open")))
