"""One-time codes for the reason of an absence: six digits, kept as a keyed hash bound to the absence and one person.

Like the codes of reviews they expire, die after use or after five wrong tries, and are replaced only by a new mail.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme.records.absences import note
from cme.records.history import Stamp
from cme.records.one_time_codes import fresh, is_code_of, wrong_try
from cme.records.reviews import Identified
from cme.records.sealing import Sealer
from cme.records.tables import AbsenceCode, AbsenceRequest


def live(session: Session, request: AbsenceRequest, at: datetime) -> Sequence[AbsenceCode]:
    """The codes of an absence that would be accepted at that moment."""
    return session.scalars(select(AbsenceCode).where(AbsenceCode.request_id == request.id, AbsenceCode.used_for == "", AbsenceCode.void_at.is_(None),
                                                     AbsenceCode.expires_at > at).with_for_update()).all()


def issue(session: Session, sealer: Sealer, request: AbsenceRequest, person: str, stamp: Stamp, valid: timedelta) -> str:
    """A new code for one person. The caller holds the request's row and has seen that the person has no live one."""
    code = fresh()
    session.add(AbsenceCode(request_id=request.id, person=person, mac=sealer.mac("absence-code", str(request.id), person, code),
                            issued_at=stamp.at, expires_at=stamp.at + valid))
    session.flush()
    note(session, request, "absence.code_issued", stamp, "a one-time code was mailed", to=person)
    return code


def used_for(session: Session, request: AbsenceRequest, source_key: str) -> bool:
    """Whether this answer was accepted already, so that a second reading of it changes nothing."""
    return session.scalar(select(AbsenceCode.id).where(AbsenceCode.request_id == request.id, AbsenceCode.used_for == source_key)) is not None


def identify(session: Session, sealer: Sealer, request: AbsenceRequest, code: str, source_key: str, stamp: Stamp) -> Identified:
    """The person of a code for this absence. A right code is used up; a wrong one counts against every live code."""
    codes = live(session, request, stamp.at)
    for row in codes:
        if is_code_of(sealer, row, "absence-code", request.id, code):
            row.used_for = source_key
            return Identified(row.person)
    wrong_try(codes, stamp.at)
    return Identified(None, "the code is not right, or is for another absence" if codes else "the code is no longer valid; a new one is being mailed")
