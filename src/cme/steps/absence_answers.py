"""What people find out about unexplained absences: reasons, calls and visits. Only a person's word ends a request as answered.

A reason never changes a register here: it says which code the school's own system must hold, and the item closes by itself when a
reading of the registers shows a settled code.
"""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme.config.settings import require_role
from cme.errors import BadInput
from cme.records import absences, outbox
from cme.records.absences import ANSWERED, OPEN, SEEN, WITH_DSL, name_of
from cme.records.history import Stamp
from cme.records.tables import AbsenceRequest, Case, ContactAttempt, Outbox, ParentMessage, Pupil
from cme.rules.marks import MISSING, UnknownCode
from cme.steps import duty
from cme.steps.office import Office

REASON = "Reason given by the parent or carer"


def of_case(session: Session, case: Case, note: str, stamp: Stamp) -> None:
    """The attendance officer wrote down a reason in the case's form: it answers the child's open absences; the code is still to be chosen."""
    for request in session.scalars(select(AbsenceRequest).where(AbsenceRequest.pupil_id == case.pupil_id, AbsenceRequest.state == OPEN).with_for_update()):
        request.reason, request.recorded_by, request.recorded_at = note, stamp.who, stamp.at
        absences.end(session, request, ANSWERED, stamp, "the attendance officer recorded a reason in the case")


def record_reason(office: Office, reference: str, reason: str, code: str, stamp: Stamp) -> str:
    """A person records the reason of an absence and the code it calls for; messages not yet sent are cancelled. Returns a sentence that
    says what must be changed in the school's own system. Raises BadInput for what cannot be recorded."""
    require_role(stamp.who, office.settings.people)
    if len(reason.strip()) < 3:
        raise BadInput("a reason was given, but not written down: say it in a few words")
    with office.transaction() as session:
        request = held(session, reference)
        return take_reason(office, session, request, reason.strip(), _code(office, code, request), stamp)


def take_reason(office: Office, session: Session, request: AbsenceRequest, reason: str, wanted: str, stamp: Stamp) -> str:
    """The same in the caller's transaction, for a request that is ``held`` and a statutory code that says more than that nobody knows."""
    request.reason, request.new_code, request.recorded_by, request.recorded_at = reason, wanted, stamp.who, stamp.at
    _outcome(session, request, REASON, reason, stamp)
    if request.state in (OPEN, SEEN):
        absences.end(session, request, ANSWERED, stamp, f"a reason was recorded; the code it calls for is {wanted}")
    else:
        absences.note(session, request, "absence.answered", stamp, f"a reason was recorded; the code it calls for is {wanted}")
    cancel_unsent(session, request, stamp)
    return (f"{name_of(request)}: recorded. In the school's own system the mark of {request.day:%A %-d %B %Y} {request.session} must become {wanted} "
            f"(it is {request.code}); this software changes no register, and the item closes when a reading shows the new code.")


def held(session: Session, reference: str) -> AbsenceRequest:
    """An absence of which a reason may still be recorded, its row held. Raises BadInput for one that is settled, or none."""
    found = absences.by_reference(session, reference)
    session.get_one(Pupil, found.pupil_id, with_for_update=True)
    request = absences.by_reference(session, reference, lock=True)
    session.refresh(request)
    if request.changed_at is not None or request.state == absences.CORRECTED:
        raise BadInput(f"{name_of(request)} is settled: the register holds {request.code} already")
    return request


def _code(office: Office, code: str, request: AbsenceRequest) -> str:
    """The statutory code a person chose, as it may be entered on that day."""
    try:
        wanted = office.policies.codes.statutory(code, request.day)
    except UnknownCode as error:
        raise BadInput(f"{error}; docs/rules.md lists the codes") from None
    if wanted == MISSING or wanted in office.policies.school.unexplained_codes:
        raise BadInput(f"the code {code!r} says that nobody knows why: give the code that the reason calls for, as I for illness")
    return wanted


def _outcome(session: Session, request: AbsenceRequest, outcome: str, note: str, stamp: Stamp) -> None:
    attempt = session.scalar(select(ContactAttempt).where(ContactAttempt.request_id == request.id, ContactAttempt.outcome.is_(None))
                             .order_by(ContactAttempt.id.desc()).limit(1))
    if attempt:
        attempt.outcome, attempt.note, attempt.recorded_by, attempt.recorded_at = outcome, note, stamp.who, stamp.at


def cancel_unsent(session: Session, request: AbsenceRequest, stamp: Stamp) -> None:
    """Somebody has answered: what has not left is not sent."""
    for row in session.scalars(select(Outbox.id).join(ParentMessage, ParentMessage.outbox_id == Outbox.id).where(
            ParentMessage.request_id == request.id, Outbox.state == "queued")).all():
        outbox.cancel(session, row, stamp, "an answer was recorded")


@dataclass(frozen=True)
class Change:
    """One line of `cme contact changes`: what must be changed in the school's own system. Names the child: for this machine's screen."""

    reference: str
    child: str
    day: date
    session: str
    code: str
    wanted: str
    since: str


def changes(office: Office) -> list[Change]:
    """What a person has found out and the register does not hold yet, oldest first; where no code was chosen, that is still to be done."""
    with office.transaction() as session:
        rows = session.execute(absences.of_pupils(session, office.school, ANSWERED, SEEN, WITH_DSL).join(Pupil, Pupil.id == AbsenceRequest.pupil_id)
                               .where(AbsenceRequest.changed_at.is_(None), (AbsenceRequest.reason.is_not(None)) | (AbsenceRequest.state == SEEN))
                               .add_columns(Pupil)).all()
    return [Change(name_of(r), f"{p.forename} {p.surname}".strip() or f"pupil {p.mis_id}", r.day, r.session, r.code,
                   r.new_code or ("reason not known yet" if r.reason is None else "code not chosen yet"),
                   office.shown_time(r.recorded_at or r.ended_at or r.opened_at)) for r, p in rows]


def tell_changes(office: Office, stamp: Stamp) -> int:
    """Once a day, when the afternoon is over: one mail to the attendance officer with how much is still to be changed; returns the number."""
    end = office.end_of_school_day(stamp.at, 0)
    if stamp.at < end or end.date() != stamp.at.date():
        return 0
    owed = changes(office)
    if owed:
        with office.transaction() as session:
            officer = duty.stand_in(office, duty.OFFICER, stamp.at)
            office.queue_letter(session, "register_changes", to=office.person(officer).email, subject_of="register", stamp=stamp,
                                dedupe_key=f"register-changes:{end:%Y-%m-%d}", number=len(owed),
                                lines=[f"{c.reference}: {c.day:%a %-d %b} {c.session}, {c.code} to {c.wanted}" for c in owed[:40]])
    return len(owed)
