"""Keep what a rule has found: a finding is written once, with its event, and never rewritten; one that falls is retracted."""

from sqlalchemy.orm import Session

from cme.records.history import Stamp, record
from cme.records.tables import Case
from cme.records.tables import Finding as FindingRow
from cme.rules.finding import Finding


def keep(session: Session, school: str, case: Case, pupil_id: int, f: Finding, stamp: Stamp) -> FindingRow:
    """Write a finding about a pupil to its case, with the marks that caused it."""
    row = FindingRow(school=school, pupil_id=pupil_id, case_id=case.id, rule=f.rule, rule_version=f.rule_version,
                     as_of=f.as_of, reached_on=f.reached_on, episode_start=f.episode_start, count=f.count, threshold=f.threshold,
                     unit=f.unit, reason=f.reason, source=f.source, found_at=stamp.at,
                     marks=[[m.day.isoformat(), m.session, m.code] for m in f.marks])
    session.add(row)
    session.flush()
    record(session, case.reference, "finding.made", stamp, f.reason, {
        "finding": row.id, "rule": f.rule, "rule_version": f.rule_version, "source": f.source, "count": f.count,
        "reached_on": f.reached_on.isoformat(), "threshold": f.threshold, "unit": f.unit, "marks": len(f.marks)})
    return row


def retract(session: Session, row: FindingRow, reason: str, stamp: Stamp) -> None:
    """Say of a finding why it no longer holds. Its case goes on: only a person closes one."""
    row.retracted_at, row.retracted_reason = stamp.at, reason
    owner = session.get(Case, row.case_id)
    record(session, owner.reference if owner else "school", "finding.retracted", stamp, reason, {"finding": row.id, "rule": row.rule})
    session.flush()
