"""Sickness returns: fifteen school days of illness propose one, or a person's own forecast; the DSL confirms it, or does not.

Once for each period of sickness. A proposal is a finding on the child's open case, or on one opened for it, which is before the DSL
at once: parents are not written to, because the register says that the child is ill. Source: rules/sickness.py.
"""

from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme import clock
from cme.config.settings import require_role
from cme.errors import BadInput
from cme.records import cases, findings
from cme.records.counted_marks import with_marks
from cme.records.history import Stamp
from cme.records.registers import pupil_records
from cme.records.reviews import SAFEGUARDING
from cme.records.tables import Case, Pupil
from cme.records.tables import Finding as FindingRow
from cme.rules.finding import Finding
from cme.rules.judge import contradicted
from cme.rules.possible_sessions import attendance
from cme.rules.sickness import FORECAST, IN_A_ROW, NUMBER, TOGETHER, by_forecast, sickness_in_a_row, sickness_together
from cme.steps import contact, duty, urgent
from cme.steps.office import Office
from cme.steps.replay import marks_from
from cme.steps.report_form import pupil_number

COUNTED = (IN_A_ROW, TOGETHER)
WHY = "a sickness return is proposed: a person confirms it, or does not"


@dataclass
class Proposed:
    """What was done: references of the cases on which a return is proposed, and how many proposals were taken back."""

    raised: list[str] = field(default_factory=list)
    retracted: int = 0


def watch(office: Office, as_of: date, stamp: Stamp) -> Proposed:
    """Bring the proposals that counting makes up to date, one transaction a pupil with news; the same again changes nothing."""
    result, book = Proposed(), office.policies.rule_book()
    number = book.number(NUMBER, as_of)
    if number is None:
        return result
    start = marks_from(book.calendar, as_of)
    with office.transaction() as session:
        named = with_marks(session, [office.school], number.codes, number.value, start, as_of)
        live = session.scalars(select(FindingRow.pupil_id).where(
            FindingRow.school == office.school, FindingRow.rule.in_(COUNTED), FindingRow.retracted_at.is_(None)))
        wanted = sorted({*named, *live})
        records = pupil_records(session, office.school, as_of, start, pupils=wanted) if wanted else ()
    for record in records:
        judged = attendance(record, as_of, book)
        found = (*sickness_in_a_row(judged, book), *sickness_together(judged, book))
        with office.transaction() as session:
            _keep(office, session, record.pupil_id, found, as_of, stamp, result)
    return result


def _keep(office: Office, session: Session, pupil_id: int, found: tuple[Finding, ...], as_of: date, stamp: Stamp, result: Proposed) -> None:
    session.get_one(Pupil, pupil_id, with_for_update=True)
    live = {(row.rule, row.episode_start): row for row in session.scalars(select(FindingRow).where(
        FindingRow.school == office.school, FindingRow.pupil_id == pupil_id, FindingRow.rule.in_(COUNTED), FindingRow.retracted_at.is_(None)))}
    for row in live.values():
        if not any((f.rule, f.episode_start) == (row.rule, row.episode_start) for f in found) and contradicted(
                row.reached_on, as_of, office.policies.rule_book()):
            findings.retract(session, row, f"judged again on {as_of:%-d %B %Y}, the marks no longer make {row.threshold} school days of illness", stamp)
            result.retracted += 1
    if new := [f for f in found if (f.rule, f.episode_start) not in live]:
        result.raised.append(_propose(office, session, pupil_id, new, stamp).reference)


def _propose(office: Office, session: Session, pupil_id: int, new: list[Finding], stamp: Stamp) -> Case:
    """Put the findings on the child's open case, or on a new one that is before the DSL."""
    case = cases.open_case_of(session, pupil_id)
    opened = case is None
    if case is None:
        case = cases.open_case(session, school=office.school, pupil_id=pupil_id, episode_start=new[0].episode_start, stamp=stamp,
                               due=office.routine_due(stamp.at), owner=duty.chain(office, SAFEGUARDING, stamp.at)[0], why=WHY,
                               data={"rule": new[0].rule, "reached_on": new[0].reached_on.isoformat()}, origin=cases.SICKNESS)
    for finding in new:
        findings.keep(session, office.school, case, pupil_id, finding, stamp)
    if opened:
        contact.to_dsl(office, session, case, stamp, WHY)
    else:
        urgent.show_anew(office, session, case, stamp)
    return case


def forecast(office: Office, pupil: str, first: date, until: date, stamp: Stamp) -> str:
    """A person records how long an illness is expected to last; returns the case's reference, or "" where it is too short for a return.

    ``pupil`` is a reference like P-1042. Raises BadInput for days in the wrong order and for a pupil who is not known.
    """
    require_role(stamp.who, office.settings.people)
    if until < first:
        raise BadInput(f"the illness cannot end on {until} before it begins on {first}; correct the days")
    today = clock.local(stamp.at).date()
    finding = by_forecast(first, until, today, office.policies.rule_book())
    with office.transaction() as session:
        row = session.get(Pupil, pupil_number(pupil), with_for_update=True)
        if row is None or row.school != office.school:
            raise BadInput(f"no pupil has the reference {pupil!r}; `cme pupil NAME` finds it")
        if finding is None:
            return ""
        known = session.scalar(select(FindingRow).where(FindingRow.pupil_id == row.id, FindingRow.rule == FORECAST,
                                                        FindingRow.episode_start == first, FindingRow.retracted_at.is_(None)))
        if known:
            owner = session.get(Case, known.case_id)
            return owner.reference if owner else ""
        return _propose(office, session, row.id, [finding], stamp).reference
