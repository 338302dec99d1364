"""Keep what a rule has found: a finding is written once, with its event, and never rewritten; one that falls is retracted."""

import hashlib
import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme.records.history import Stamp, record
from cme.records.tables import Case, RegisterVersion, Roster
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
        "reached_on": f.reached_on.isoformat(), "threshold": f.threshold, "unit": f.unit, "marks": len(f.marks),
        **registers_behind(session, school, pupil_id, f)})
    return row


def registers_behind(session: Session, school: str, pupil_id: int, f: Finding, up_to: int | None = None) -> dict[str, Any]:
    """The registers in which the marks of a finding stand, as they are known (``up_to``: as they were when that version was the newest):
    how many, the newest of their versions, and one SHA-256 over the numbers and content hashes of all."""
    v = RegisterVersion
    days = {mark.day for mark in f.marks}
    query = (select(v.id, v.content_hash).distinct(v.local_date, v.kind, v.slot, v.group_key)
             .join(Roster, Roster.id == v.roster_id).where(v.school == school, v.local_date.in_(days), Roster.pupils.any(pupil_id))
             .order_by(v.local_date, v.kind, v.slot, v.group_key, v.id.desc()))
    found = sorted((row.id, bytes(row.content_hash).hex()) for row in session.execute(query if up_to is None else query.where(v.id <= up_to)))
    return {"registers": len(found), "newest_version": found[-1][0] if found else None,
            "source_hash": hashlib.sha256(json.dumps(found).encode()).hexdigest()}


def retract(session: Session, row: FindingRow, reason: str, stamp: Stamp) -> None:
    """Say of a finding why it no longer holds. Its case goes on: only a person closes one."""
    row.retracted_at, row.retracted_reason = stamp.at, reason
    owner = session.get(Case, row.case_id)
    record(session, owner.reference if owner else "school", "finding.retracted", stamp, reason, {"finding": row.id, "rule": row.rule})
    session.flush()
