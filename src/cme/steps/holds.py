"""Legal holds: while one stands, nothing of the child is erased. A person sets it and a person lifts it, each with a reason."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme.errors import BadInput
from cme.config.settings import require_role
from cme.records import cases
from cme.records.history import Stamp, record
from cme.records.tables import LegalHold, Pupil
from cme.steps.office import Office
from cme.steps.report_form import pupil_number, reference_of


def pupil_of(office: Office, session: Session, reference: str) -> tuple[int, str]:
    """(number, reference as it is written) of the child whom a reference means: the child's own (P-1042) or a case's (CME-2026-0012).

    Raises BadInput for one that nothing has.
    """
    if reference.strip().upper().startswith("CME-"):
        case = cases.by_reference(session, reference)
        return case.pupil_id, case.reference
    number = pupil_number(reference)
    pupil = session.get(Pupil, number)
    if pupil is None or pupil.school != office.school:
        raise BadInput(f"no pupil has the reference {reference!r}; `cme pupil NAME` finds it")
    return number, reference_of(number)


def hold(office: Office, reference: str, reason: str, stamp: Stamp) -> int:
    """Keep everything of the child whom ``reference`` means; returns the hold's number. Raises BadInput without a reason."""
    require_role(stamp.who, office.settings.people)
    if len(reason.strip()) < 5:
        raise BadInput("say with --reason why nothing may be erased")
    with office.transaction() as session:
        pupil, about = pupil_of(office, session, reference)
        row = LegalHold(school=office.school, pupil_id=pupil, about=about, reason=reason.strip(), set_by=stamp.who, set_at=stamp.at)
        session.add(row)
        session.flush()
        record(session, about, "hold.set", stamp, "nothing of this child may be erased", {"hold": row.id, "reason": reason.strip()})
        return row.id


def lift(office: Office, number: int, reason: str, stamp: Stamp) -> None:
    """Lift a hold. Raises BadInput for no such hold, without a reason, and for anybody but the DSL, the deputies and the head."""
    if stamp.who not in office.settings.people.safeguarding:
        raise BadInput(f"only {', '.join(office.settings.people.safeguarding)} may lift a hold, not {stamp.who!r}")
    if len(reason.strip()) < 10:
        raise BadInput("say with --reason, in a sentence, why the hold is over")
    with office.transaction() as session:
        row = session.get(LegalHold, number, with_for_update=True)
        if row is None or row.school != office.school:
            raise BadInput(f"there is no hold {number}; `cme hold` lists them")
        if row.lifted_at is not None:
            raise BadInput(f"hold {number} was lifted already, by {row.lifted_by}")
        row.lifted_by, row.lifted_at, row.lifted_reason = stamp.who, stamp.at, reason.strip()
        record(session, row.about, "hold.lifted", stamp, "a hold is over", {"hold": row.id, "reason": reason.strip()})


def standing(office: Office) -> Sequence[LegalHold]:
    """The holds that stand, oldest first."""
    with office.transaction() as session:
        return session.scalars(select(LegalHold).where(LegalHold.school == office.school, LegalHold.lifted_at.is_(None)).order_by(LegalHold.id)).all()
