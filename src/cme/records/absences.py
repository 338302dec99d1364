"""Unexplained absences of which a parent must be asked: opened once for a child and session, ended with a reason, never deleted."""

import re
from collections.abc import Collection
from datetime import date, datetime

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from cme.errors import BadInput
from cme.records.history import Stamp, record
from cme.records.tables import AbsenceRequest, Case, ContactAttempt, Pupil

OPEN, ANSWERED, SEEN, WITH_DSL, CORRECTED = "open", "answered", "seen", "with_dsl", "corrected"
UNSETTLED = (OPEN, ANSWERED, SEEN, WITH_DSL)


def name_of(request: AbsenceRequest) -> str:
    """How a request is named where names may not stand: "ABS-1042"."""
    return f"ABS-{request.id}"


def subject_of(session: Session, request: AbsenceRequest) -> str:
    """Whose history a request belongs to: its case's, or its own where there is no case."""
    case = session.get(Case, request.case_id) if request.case_id else None
    return case.reference if case else name_of(request)


def by_reference(session: Session, reference: str, *, lock: bool = False) -> AbsenceRequest:
    """The request of a reference such as ABS-1042; raises BadInput when there is none. ``lock`` holds it until the transaction ends."""
    number = re.fullmatch(r"ABS-?\s?(\d{1,9})", reference.strip(), re.IGNORECASE)
    request = session.get(AbsenceRequest, int(number[1]), with_for_update=lock or None) if number else None
    if request is None:
        raise BadInput(f"there is no absence {reference!r} such as ABS-1042; `cme today` lists them")
    return request


def open_request(session: Session, *, pupil: Pupil, day: date, slot: str, code: str, since: datetime, case: Case | None, stamp: Stamp) -> AbsenceRequest:
    """Open the request of a child and session. The caller holds the pupil's row and has seen that there is none yet."""
    request = AbsenceRequest(school=pupil.school, pupil_id=pupil.id, day=day, session=slot, code=code, case_id=case.id if case else None, state=OPEN,
                             opened_at=stamp.at, since=since)
    session.add(request)
    session.flush()
    _event(session, request, "absence.noticed", stamp, "the register holds an absence without a known reason")
    return request


def reopen(session: Session, request: AbsenceRequest, code: str, since: datetime, stamp: Stamp, why: str) -> None:
    """The absence stands again: the ladder begins anew."""
    request.state, request.code, request.since, request.told_at = OPEN, code, since, None
    request.ended_at = request.ended_by = request.call_asked_at = request.visit_asked_at = request.changed_at = None
    _event(session, request, "absence.reopened", stamp, why)


def end(session: Session, request: AbsenceRequest, state: str, stamp: Stamp, why: str) -> None:
    """End a request in one of its states. ``why`` is made of fixed words and codes."""
    request.state, request.ended_at, request.ended_by = state, stamp.at, stamp.who
    _event(session, request, {CORRECTED: "absence.corrected", SEEN: "absence.seen", WITH_DSL: "absence.to_dsl",
                              ANSWERED: "absence.answered"}[state], stamp, why)


def settled(session: Session, request: AbsenceRequest, code: str, stamp: Stamp) -> None:
    """The register holds a settled code now: nothing is owed any more."""
    request.code, request.changed_at = code, stamp.at
    asked = f"; a person had asked for {request.new_code}" if request.new_code and request.new_code != code else ""
    _event(session, request, "absence.register_changed", stamp, f"the register holds {code} now{asked}")


def join_case(session: Session, request: AbsenceRequest, case: Case, stamp: Stamp) -> None:
    """A case stands for the child now: the request and what was tried belong to its history from here on."""
    if request.case_id == case.id:
        return
    request.case_id = case.id
    for attempt in session.scalars(select(ContactAttempt).where(ContactAttempt.request_id == request.id, ContactAttempt.case_id.is_(None))):
        attempt.case_id = case.id
    _event(session, request, "absence.joined", stamp, f"{name_of(request)} belongs to this case")


def note(session: Session, request: AbsenceRequest, what: str, stamp: Stamp, why: str, **data: object) -> None:
    """One event about a request, under its case or itself."""
    _event(session, request, what, stamp, why, **data)


def _event(session: Session, request: AbsenceRequest, what: str, stamp: Stamp, why: str, **data: object) -> None:
    record(session, subject_of(session, request), what, stamp, why, {
        "request": name_of(request), "day": request.day.isoformat(), "session": request.session, "code": request.code, **data})


def of_pupils(session: Session, school: str, *states: str) -> Select[tuple[AbsenceRequest]]:
    """The requests of a school in ``states``, oldest first."""
    return select(AbsenceRequest).where(AbsenceRequest.school == school, AbsenceRequest.state.in_(states)).order_by(
        AbsenceRequest.day, AbsenceRequest.session, AbsenceRequest.id)


def to_watch(session: Session, school: str, first: date, floor: date, pupils: Collection[int] | None = None) -> list[AbsenceRequest]:
    """The requests that a reading of the registers may still change: those from ``first`` on, and older unsettled ones back to ``floor``."""
    query = select(AbsenceRequest).where(AbsenceRequest.school == school, AbsenceRequest.day >= floor, or_(
        AbsenceRequest.day >= first, AbsenceRequest.state.in_(UNSETTLED) & AbsenceRequest.changed_at.is_(None)))
    return list(session.scalars(query if pupils is None else query.where(AbsenceRequest.pupil_id.in_(pupils))))


def absent_without_explanation(session: Session, school: str, day: date, slot: str) -> int:
    """How many children are absent from a session and nobody knows why."""
    return session.scalar(select(func.count()).select_from(AbsenceRequest).where(
        AbsenceRequest.school == school, AbsenceRequest.day == day, AbsenceRequest.session == slot,
        AbsenceRequest.state.in_((OPEN, WITH_DSL)), AbsenceRequest.changed_at.is_(None))) or 0
