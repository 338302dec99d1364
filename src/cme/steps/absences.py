"""Unexplained absences, session by session: noticed as soon as a register is in, told to the attendance officer, ended by the register.

Every absence whose code says that nobody knows why opens one request for the child and session, case or none. A mark not entered is
no absence; U and L are children who were seen. When the register says something else, or a later one has seen the child, the ladder of
contact ends; what is still owed stays on the list until the register holds a settled code.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme import clock
from cme.records import absences, cases
from cme.records.absences import ANSWERED, CORRECTED, OPEN, SEEN, WITH_DSL, name_of
from cme.records.history import Stamp, record
from cme.records.pupils import enrolment
from cme.records.registers import current_marks
from cme.records.tables import AbsenceRequest, Pupil
from cme.rules.marks import MISSING, SessionMark
from cme.rules.possible_sessions import category_of, expected, one_mark_a_session
from cme.steps import duty, professionals
from cme.steps.day_one import days_judged
from cme.steps.office import Office
from cme.steps.parent_messages import contacts_of

SHOWN = 40                   # so many references stand in one mail; `cme today` lists all
TOO_FEW = "{} contact(s) held; at least two people should be (KCSIE; Working together 2026, p. 20)"
_Known = dict[tuple[int, date, str], AbsenceRequest]


@dataclass
class Noticed:
    """What was done: names of the requests opened, and how many ended because of what the registers say now."""

    opened: list[str] = field(default_factory=list)
    ended: int = 0
    told: int = 0


def watch(office: Office, stamp: Stamp) -> Noticed:
    """Bring the requests up to date with the registers, one transaction a child with news, then tell the attendance officer of the new
    ones in one mail. The same again changes nothing; one child's failure keeps no other waiting."""
    result, failed, today = Noticed(), [], clock.local(stamp.at).date()
    floor = today - timedelta(days=office.policies.school.pull_window_days)
    with office.transaction() as session:
        days = days_judged(office, session, today)
        watched = absences.to_watch(session, office.school, days[0], floor)
        known = _by_place(watched)
        marks = current_marks(session, office.school, days[0], today)
        old = {request.pupil_id for request in watched if request.day < days[0]}
        if old:
            marks = marks | current_marks(session, office.school, min(r.day for r in watched), today, pupils=old)
    for pupil_id, own in marks.items():
        if _news(office, pupil_id, own, known, days):
            try:
                with office.transaction() as session:
                    pupil = session.get_one(Pupil, pupil_id, with_for_update=True)     # two at once: the second finds what the first wrote
                    now = _by_place(absences.to_watch(session, office.school, days[0], floor, [pupil_id]))
                    for mark, request, what in _news(office, pupil_id, own, now, days):
                        _write(office, session, pupil, mark, request, what, own, stamp, result)
            except Exception as error:
                failed.append(error)
    result.told = tell_officer(office, stamp)
    if failed:
        raise failed[0]
    return result


def _by_place(requests: Collection[AbsenceRequest]) -> _Known:
    return {(request.pupil_id, request.day, request.session): request for request in requests}


def _news(office: Office, pupil_id: int, marks: Collection[SessionMark], known: _Known, days: Collection[date]) -> list[tuple[SessionMark, AbsenceRequest | None, str]]:
    """What the registers say that the requests of a child do not know yet."""
    codes, unexplained = office.policies.codes, office.policies.school.unexplained_codes
    each, news = list(one_mark_a_session(list(marks), codes)), []
    for mark in each:
        request = known.get((pupil_id, mark.day, mark.session))
        absent, entered = mark.code in unexplained, mark.code != MISSING
        if request is None:
            what = "open" if absent and mark.day in days else ""
        elif request.state == CORRECTED:
            what = "reopen" if absent and mark.day in days else ""
        elif request.state == OPEN:
            what = "corrected" if not absent else "seen" if _seen_since(office, mark, each) else ""
        else:
            what = "settled" if entered and not absent and request.changed_at is None else ""
        if what:
            news.append((mark, request, what))
    return news


def _seen_since(office: Office, absent: SessionMark, marks: Collection[SessionMark]) -> SessionMark | None:
    """A later mark that saw the child in school or at its provision."""
    return next((mark for mark in marks if (mark.day, mark.session) > (absent.day, absent.session)
                 and (mark.code == "U" or category_of(mark, office.policies.codes).attended)), None)


def _write(office: Office, session: Session, pupil: Pupil, mark: SessionMark, request: AbsenceRequest | None, what: str,
           marks: Collection[SessionMark], stamp: Stamp, result: Noticed) -> None:
    if what in ("open", "reopen"):
        if not _expected_here(pupil, mark):
            return
        since = max(stamp.at, clock.wall(mark.day, office.policies.school.sessions[mark.session].closes))
        if request is None:
            request = absences.open_request(session, pupil=pupil, day=mark.day, slot=mark.session, code=mark.code, since=since,
                                            case=cases.open_case_of(session, pupil.id), stamp=stamp)
            _incomplete(session, pupil, request, stamp)
            professionals.tell(office, session, request, pupil, stamp)
        else:
            absences.reopen(session, request, mark.code, since, stamp, "the register holds the absence again")
        result.opened.append(name_of(request))
    elif request is not None and what == "settled":
        absences.settled(session, request, mark.code, stamp)
    elif request is not None:
        seen = _seen_since(office, mark, list(one_mark_a_session(list(marks), office.policies.codes)))
        now = "no mark is entered now" if mark.code == MISSING else f"the register holds {mark.code} now"
        why = f"seen since: {seen.code} on {seen.day:%-d %B %Y} {seen.session}; the reason is still owed" if seen and what == "seen" else now
        request.code = mark.code
        absences.end(session, request, what, stamp, why)
        result.ended += 1


def _expected_here(pupil: Pupil, mark: SessionMark) -> bool:
    if (pupil.admitted and mark.day < pupil.admitted) or (pupil.left and mark.day > pupil.left):
        return False
    return expected(enrolment(pupil, mark.day), mark.day, mark.session)


def _incomplete(session: Session, pupil: Pupil, request: AbsenceRequest, stamp: Stamp) -> None:
    """Fewer than two contacts is itself reported, once a day for a child."""
    held = len(contacts_of(session, pupil.id))
    first = session.scalar(select(AbsenceRequest.id).where(AbsenceRequest.pupil_id == pupil.id, AbsenceRequest.day == request.day,
                                                           AbsenceRequest.id != request.id).limit(1)) is None
    if held < 2 and first:
        record(session, absences.subject_of(session, request), "contact.incomplete", stamp, TOO_FEW.format(held), {"held": held, "request": name_of(request)})


def tell_officer(office: Office, stamp: Stamp) -> int:
    """One mail to the attendance officer about every request they have not heard of; returns how many it is about. Opaque."""
    with office.transaction() as session:
        new = list(session.scalars(absences.of_pupils(session, office.school, OPEN).where(AbsenceRequest.told_at.is_(None))
                                   .with_for_update(skip_locked=True)))
        if not new:
            return 0
        officer = duty.stand_in(office, duty.OFFICER, stamp.at)
        few = [name_of(r) for r in new if len(contacts_of(session, r.pupil_id)) < 2]
        ring = professionals.to_ring(session, [r.id for r in new])
        for request in new:
            request.told_at = stamp.at
            absences.note(session, request, "absence.told", stamp, "the attendance officer was told", to=officer)
        lines = [f"{name_of(r)}: {r.day:%a %-d %b} {r.session}, mark {r.code}" for r in new[:SHOWN]]
        lines += [f"and {len(new) - SHOWN} more"] if len(new) > SHOWN else []
        office.queue_letter(session, "absences_officer", to=office.person(officer).email, subject_of="register", stamp=stamp,
                            dedupe_key=f"absences:{new[0].id}:{new[-1].id}:{stamp.at.isoformat()}", number=len(new), lines=lines,
                            few=", ".join(few[:SHOWN]) or "none", ring=", ".join(ring[:SHOWN]) or "none", officer=officer)
        return len(new)


def owed(session: Session, office: Office) -> list[AbsenceRequest]:
    """Absences that are over but not settled: a person must still find the reason, or change the code in the school's system."""
    return list(session.scalars(absences.of_pupils(session, office.school, ANSWERED, SEEN, WITH_DSL).where(AbsenceRequest.changed_at.is_(None))))
