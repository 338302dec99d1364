"""Cumulative absence: judge every pupil, keep the findings, open a case where a threshold is crossed.

A finding that no longer holds after a correction is retracted with its reason; the case says so and goes on, because only a
person closes a case.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme import clock
from cme.records import cases, findings
from cme.records.history import Stamp
from cme.records.population import candidates, pupils_on_roll
from cme.records.registers import current_marks, pupil_records
from cme.records.tables import Case
from cme.records.tables import Finding as FindingRow
from cme.rules.continuous_absence import RULE as CONTINUOUS
from cme.rules.corrections import retraction
from cme.rules.finding import Finding
from cme.rules.judge import OPENS_A_CASE, contradicted, judge
from cme.rules.marks import SessionMark
from cme.rules.possible_sessions import one_mark_a_session
from cme.steps.office import Office
from cme.steps.replay import end_of, marks_from

__all__ = ["Detected", "detect", "end_of", "judged"]


@dataclass
class Detected:
    """What a check found: numbers and references, nothing that names a child."""

    as_of: date
    pupils: int = 0
    findings: int = 0
    retracted: int = 0
    opened: list[str] = field(default_factory=list)


def judged(office: Office, session: Session, as_of: date, known_at: datetime | None = None,
           pupils: Collection[int] | None = None) -> dict[int, tuple[Finding, ...]]:
    """The findings of every pupil (or of those in ``pupils``) on ``as_of``, from what was known at ``known_at`` (None: now).
    Writes nothing."""
    book = office.policies.rule_book()
    return {record.pupil_id: judge(record, as_of, book)
            for record in pupil_records(session, office.school, as_of, marks_from(book.calendar, as_of), known_at, pupils)}


def detect(office: Office, as_of: date, stamp: Stamp) -> Detected:
    """Bring findings and cases up to date for the whole roll on ``as_of``, one transaction a pupil with news.

    The screen looks at everybody; judged in full are those in whom it sees something, and those with a finding that may fall.
    """
    result = Detected(as_of)
    book = office.policies.rule_book()
    start = marks_from(book.calendar, as_of)
    with office.transaction() as session:       # short: it also keeps where the screen stands, for the checks to come
        named = candidates(session, [office.school], as_of, start, book, None, office.policies.school.pull_window_days)
    with office.transaction() as session:
        result.pupils = pupils_on_roll(session, [office.school], as_of, start)
        live = session.scalars(select(FindingRow.pupil_id).where(FindingRow.school == office.school, FindingRow.rule.in_(OPENS_A_CASE),
                                                                 FindingRow.retracted_at.is_(None)))
        found = judged(office, session, as_of, pupils={*named, *live})
    # the longest absence first, so that a backlog begins with the child who has been gone longest
    order = sorted(found, key=lambda p: (min((f.reached_on for f in found[p] if f.opens_case), default=date.max), p))
    for pupil_id in order:
        with office.transaction() as session:
            _keep(office, session, pupil_id, found[pupil_id], as_of, stamp, result)
    return result


def _keep(office: Office, session: Session, pupil_id: int, found: tuple[Finding, ...], as_of: date, stamp: Stamp, result: Detected) -> None:
    opening = [f for f in found if f.opens_case]
    result.findings += len(opening)
    # those of day one are judged and taken back elsewhere (steps/day_one.py)
    live = {(row.rule, row.episode_start): row for row in session.scalars(
        select(FindingRow).where(FindingRow.school == office.school, FindingRow.pupil_id == pupil_id, FindingRow.rule.in_(OPENS_A_CASE),
                                 FindingRow.retracted_at.is_(None)))}
    case = cases.open_case_of(session, pupil_id) if opening or live else None
    for finding in opening:
        known = live.get((finding.rule, finding.episode_start))
        if known and (case or not (finding := _again(office, session, known, finding))):
            continue
        if case is None:
            case = cases.case_of_episode(session, pupil_id, finding.episode_start) or _open(office, session, pupil_id, finding,
                                                                                          stamp, result)
        findings.keep(session, office.school, case, pupil_id, finding, stamp)
    for row in live.values():
        # a finding made again after a closed case starts later than the rule's own episode, and lives as long as that does
        still = any(f.rule == row.rule and f.episode_start <= row.episode_start for f in opening)
        if not still and contradicted(row.reached_on, as_of, office.policies.rule_book()):
            findings.retract(session, row, _fallen(office, session, row, as_of), stamp)
            result.retracted += 1


def _fallen(office: Office, session: Session, row: FindingRow, as_of: date) -> str:
    """Why a finding no longer holds: which of its marks read otherwise now, by day and session."""
    caused = [SessionMark(date.fromisoformat(day), slot, code) for day, slot, code in row.marks]
    first = min((mark.day for mark in caused), default=row.reached_on)
    now = current_marks(session, office.school, first, as_of, pupils=[row.pupil_id]).get(row.pupil_id, ())
    return f"judged again on {as_of:%-d %B %Y}, it {retraction(caused, one_mark_a_session(list(now), office.policies.codes))}"


def _again(office: Office, session: Session, known: FindingRow, finding: Finding) -> Finding | None:
    """The finding anew, when the absence went on after a person closed the case that stood for it; else None.

    A continuous run that was never broken contradicts "back in education" on its first further day; cumulative absence does
    after as many further days as the school has set.
    """
    case = session.get(Case, known.case_id)
    if case is None or case.closed_at is None:
        return None
    closed = clock.local(case.closed_at).date()
    since = tuple(m for m in finding.marks if m.day > closed)
    days = sorted({m.day for m in since})
    needed = 1 if finding.rule == CONTINUOUS else office.policies.school.absent_again_days
    if len(days) < needed or cases.case_of_episode(session, known.pupil_id, days[0]):
        return None
    return replace(finding, episode_start=days[0], reached_on=days[needed - 1],
                   reason=f"{finding.reason} Absent on {len(days)} more day(s) since case {case.reference} was closed.")


def _open(office: Office, session: Session, pupil_id: int, finding: Finding, stamp: Stamp, result: Detected) -> Case:
    minutes = office.policies.school.contact_answer_minutes
    case = cases.open_case(session, school=office.school, pupil_id=pupil_id, episode_start=finding.episode_start,
                           due=stamp.at + timedelta(minutes=minutes), owner="attendance_officer", stamp=stamp, why=finding.reason,
                           data={"rule": finding.rule, "reached_on": finding.reached_on.isoformat()})
    result.opened.append(case.reference)
    return case
