"""Cumulative absence: judge every pupil, keep the findings, open a case where a threshold is crossed.

A finding that no longer holds after a correction is retracted with its reason; the case says so and goes on, because only a
person closes a case.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from cme import clock
from cme.records import cases, findings
from cme.records.history import Stamp
from cme.records.population import candidates, pupils_on_roll
from cme.records.registers import current_marks, pupil_records
from cme.records.tables import Case
from cme.records.tables import Finding as FindingRow
from cme.rules.book import RuleBook
from cme.rules.continuous_absence import RULE as CONTINUOUS
from cme.rules.corrections import retraction
from cme.rules.finding import Finding
from cme.rules.judge import OPENING, OPENS_A_CASE, RULES, Rule, contradicted, judge
from cme.rules.marks import SessionMark
from cme.rules.possible_sessions import one_mark_a_session
from cme.steps.office import Office
from cme.steps.replay import end_of, marks_from

__all__ = ["Detected", "detect", "end_of", "judged"]
AT_ONCE = 10        # pupils written together; whoever else writes history waits that long


@dataclass
class Detected:
    """What a check found: numbers and references, nothing that names a child."""

    as_of: date
    pupils: int = 0
    findings: int = 0
    retracted: int = 0
    opened: list[str] = field(default_factory=list)


def judged(office: Office, session: Session, as_of: date, known_at: datetime | None = None,
           pupils: Collection[int] | None = None, rules: Sequence[Rule] = RULES) -> dict[int, tuple[Finding, ...]]:
    """The findings (of ``rules``) of every pupil (or of those in ``pupils``) on ``as_of``, from what was known at ``known_at``
    (None: now). Writes nothing."""
    book = office.policies.rule_book()
    return {record.pupil_id: judge(record, as_of, book, rules)
            for record in pupil_records(session, office.school, as_of, marks_from(book.calendar, as_of), known_at, pupils)}


def detect(office: Office, as_of: date, stamp: Stamp) -> Detected:
    """Bring findings and cases up to date for the whole roll on ``as_of``, in short transactions, each of some pupils with news. Raises
    the first fault once everybody else has been written, or once nobody of ten could be.

    The screen looks at everybody; judged in full are those in whom it sees something, and those with a finding that may fall.
    """
    result = Detected(as_of)
    book = office.policies.rule_book()
    start = marks_from(book.calendar, as_of)
    with office.transaction() as session:       # short: it also keeps where the screen stands, for the checks to come
        named = candidates(session, [office.school], as_of, start, book, None, office.policies.school.pull_window_days)
    with office.transaction() as session:
        result.pupils = pupils_on_roll(session, [office.school], as_of, start)
        live = _live(office, session)
        with_case = set(session.scalars(select(Case.pupil_id).where(Case.school == office.school, Case.closed_at.is_(None))))
        found = judged(office, session, as_of, pupils={*named, *live}, rules=OPENING)
    # the longest absence first, so that a backlog begins with the child who has been gone longest
    ordered = sorted(found, key=lambda p: (min((f.reached_on for f in found[p]), default=date.max), p))
    result.findings = sum(map(len, found.values()))
    news = [p for p in ordered if _news(found[p], live.get(p, ()), p in with_case, as_of, book)]
    failed: list[Exception] = []
    for some in (news[n:n + AT_ONCE] for n in range(0, len(news), AT_ONCE)):
        faults = _keep_together(office, {pupil_id: found[pupil_id] for pupil_id in some}, as_of, stamp, result)
        failed += faults
        if len(faults) == len(some):        # nobody could be written: it is no child's, and waiting for each of them would help none
            break
    if failed:
        raise failed[0]
    return result


def _keep_together(office: Office, found: Mapping[int, tuple[Finding, ...]], as_of: date, stamp: Stamp, result: Detected) -> list[Exception]:
    """Write what is new about some pupils in one transaction: a commit waits for the disk. Where it fails, each by itself, so that one
    who cannot be written takes nobody along; returns why those could not."""
    written = Detected(as_of)
    try:
        with office.transaction() as session:
            for pupil_id, opening in found.items():
                _keep(office, session, pupil_id, opening, as_of, stamp, written)
    except Exception as error:
        if len(found) == 1:
            return [error]
        return [why for one in found.items() for why in _keep_together(office, dict([one]), as_of, stamp, result)]
    result.opened += written.opened
    result.retracted += written.retracted
    return []


def _live(office: Office, session: Session) -> dict[int, list[Row[Any]]]:
    """For each pupil the findings that stand, with the moment at which their case was closed."""
    live: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in session.execute(select(FindingRow.pupil_id, FindingRow.rule, FindingRow.episode_start, FindingRow.reached_on, Case.closed_at)
                               .outerjoin(Case, Case.id == FindingRow.case_id)
                               .where(FindingRow.school == office.school, FindingRow.rule.in_(OPENS_A_CASE),
                                      FindingRow.retracted_at.is_(None))):
        live[row.pupil_id].append(row)
    return live


def _news(opening: Sequence[Finding], live: Sequence[Row[Any]], open_case: bool, as_of: date, book: RuleBook) -> bool:
    """Whether there may be something to write about a pupil, as far as was seen before: ``_keep`` looks again and decides."""
    known = {(row.rule, row.episode_start): row for row in live}
    return any(_fell(row, opening, as_of, book) for row in live) or any(
        (row := known.get((f.rule, f.episode_start))) is None or not open_case and (
            row.closed_at is None or any(mark.day > clock.local(row.closed_at).date() for mark in f.marks)) for f in opening)


def _fell(row: FindingRow | Row[Any], opening: Sequence[Finding], as_of: date, book: RuleBook) -> bool:
    """Whether a finding that stands no longer holds."""
    # a finding made again after a closed case starts later than the rule's own episode, and lives as long as that does
    still = any(f.rule == row.rule and f.episode_start <= row.episode_start for f in opening)
    return not still and contradicted(row.reached_on, as_of, book)


def _keep(office: Office, session: Session, pupil_id: int, opening: tuple[Finding, ...], as_of: date, stamp: Stamp, result: Detected) -> None:
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
        if _fell(row, opening, as_of, office.policies.rule_book()):
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
