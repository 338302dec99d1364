"""A social worker, youth justice worker or virtual school is told of an unexplained absence where the pupil's record names one.

Once for each request and role, in the same session. Where no mailbox is held somebody is asked to ring. Source: Working together to
improve school attendance (2026), para 52 (social worker and youth offending team worker).
"""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme.records import brakes
from cme.records.absences import name_of, note, subject_of
from cme.records.history import Stamp
from cme.records.tables import AbsenceRequest, Professional, ProfessionalNotice, Pupil
from cme.rules.message_brakes import SHARE
from cme.steps import duty
from cme.steps.home_school import SESSION_WORDS
from cme.steps.office import Office


def held(session: Session, pupil_id: int) -> list[Professional]:
    """The professionals held for a pupil today."""
    return list(session.scalars(select(Professional).where(Professional.pupil_id == pupil_id, Professional.valid_to.is_(None))
                                .order_by(Professional.role, Professional.id)))


def tell(office: Office, session: Session, request: AbsenceRequest, pupil: Pupil, stamp: Stamp) -> int:
    """Tell those held of one absence, in the caller's transaction; returns how many were told or are to be rung. The same again tells
    nobody. While a crowd of absences waits for a person's look, it waits with them."""
    if brakes.standing(session, SHARE):
        return 0
    told = set(session.scalars(select(ProfessionalNotice.role).where(ProfessionalNotice.request_id == request.id)))
    found = 0
    for each in held(session, pupil.id):
        if each.role in told:
            continue
        told.add(each.role)
        found += 1
        session.add(ProfessionalNotice(request_id=request.id, role=each.role, by_mail=bool(each.email), told_at=stamp.at))
        note(session, request, "absence.professional_told", stamp, "by e-mail" if each.email else "somebody must ring: no mailbox is held", role=each.role)
        if each.email:
            office.queue_letter(
                session, "professional_absence", to=each.email, subject_of=subject_of(session, request), stamp=stamp,
                dedupe_key=f"professional:{request.id}:{each.role}", reference=name_of(request), role=each.role,
                child=f"{pupil.forename} {pupil.surname}".strip() or "name not held", year=pupil.year_group or "year not held",
                date=f"{request.day:%A %-d %B %Y}", session=SESSION_WORDS.get(request.session, request.session),
                telephone=office.person(duty.OFFICER).telephone, dsl=office.person("dsl").telephone)
    return found


def tell_the_rest(office: Office, stamp: Stamp) -> int:
    """Tell of every open absence of whom nobody was told yet because messages were stopped; returns how many."""
    found = 0
    with office.transaction() as session:
        if brakes.standing(session, SHARE):
            return 0
        waiting = list(session.scalars(select(AbsenceRequest).join(Professional, Professional.pupil_id == AbsenceRequest.pupil_id).where(
            AbsenceRequest.school == office.school, AbsenceRequest.state.in_(("open", "with_dsl")), Professional.valid_to.is_(None),
            ~select(ProfessionalNotice.id).where(ProfessionalNotice.request_id == AbsenceRequest.id,
                                                 ProfessionalNotice.role == Professional.role).exists()).distinct()))
        for request in waiting:
            found += tell(office, session, request, session.get_one(Pupil, request.pupil_id, with_for_update=True), stamp)
    return found


def to_ring(session: Session, requests: Collection[int]) -> list[str]:
    """Which of ``requests`` (by number) have a professional who must be told by telephone: "ABS-12 (social worker)"."""
    rows = session.execute(select(ProfessionalNotice.request_id, ProfessionalNotice.role).where(
        ProfessionalNotice.request_id.in_(requests), ~ProfessionalNotice.by_mail).order_by(ProfessionalNotice.id))
    return [f"ABS-{number} ({role})" for number, role in rows]
