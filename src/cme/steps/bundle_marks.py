"""A child's registers as they were known: every mark with the moment at which it was first seen so, and each change of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from cme.records.register_content import decoded
from cme.records.registers import current_marks
from cme.records.tables import RegisterVersion, Roster
from cme.rules.marks import MISSING
from cme.steps.office import Office

HEADS = ("day", "kind", "session", "group", "code", "meaning", "known from", "taken at", "taken by", "source", "register version")


@dataclass(frozen=True)
class KnownMark:
    """What one version of a register said of the child; ``code`` is "" where the child stood on it no more."""

    day: date
    kind: str
    slot: str
    group: str
    code: str
    meaning: str
    seen_at: datetime
    taken_at: datetime | None
    taken_by: str
    source: str
    version: int


def marks_as_known(office: Office, session: Session, pupil: int, first: date | None = None) -> list[KnownMark]:
    """Every mark of the child (from ``first`` on), oldest day first, and for each day in the order in which it became known."""
    v = RegisterVersion
    key = (v.local_date, v.kind, v.slot, v.group_key)
    own = select(Roster.id).where(Roster.pupils.overlap([pupil]))
    keys = select(*key).where(v.school == office.school, v.roster_id.in_(own)).distinct()
    query = select(*key, v.seen_at, v.taken_to, v.taken_by, v.source, v.id, v.marks, v.roster_id).where(
        v.school == office.school, tuple_(*key).in_(keys)).order_by(*key, v.id)
    rows = session.execute(query.where(v.local_date >= first) if first else query).all()
    places = _places(session, pupil, {row.roster_id for row in rows})
    found: list[KnownMark] = []
    for row in rows:
        code = decoded(bytes(row.marks))[places[row.roster_id]] if row.roster_id in places else ""
        same = found[-1] if found and (found[-1].day, found[-1].kind, found[-1].slot, found[-1].group) == (
            row.local_date, row.kind, row.slot, row.group_key) else None
        if code != (same.code if same else ""):
            found.append(KnownMark(row.local_date, row.kind, row.slot, row.group_key, code, _meaning(office, code, row.local_date), row.seen_at,
                                   row.taken_to, row.taken_by or "", row.source, row.id))
    return found


def _places(session: Session, pupil: int, rosters: set[int]) -> dict[int, int]:
    return {number: list(pupils).index(pupil) for number, pupils in session.execute(select(Roster.id, Roster.pupils).where(
        Roster.id.in_(rosters), Roster.pupils.overlap([pupil])))}


def _meaning(office: Office, code: str, day: date) -> str:
    if code in ("", MISSING):
        return "no longer on this register" if not code else "no mark entered"
    return office.policies.codes.lookup(code, day).meaning


def weeks(office: Office, session: Session, pupil: int, first: date, last: date) -> Iterator[tuple[str, list[str]]]:
    """By week (of its Monday) the marks as they stand now, Monday to Friday, morning and afternoon: "/ N"."""
    days: dict[date, dict[str, str]] = {}
    for mark in current_marks(session, office.school, first, last, pupils=[pupil]).get(pupil, ()):
        days.setdefault(mark.day, {})[mark.session] = mark.code
    mondays = sorted({day - timedelta(days=day.weekday()) for day in days})
    for monday in mondays:
        shown = [days.get(monday + timedelta(days=n), {}) for n in range(5)]
        yield f"{monday:%-d %b %Y}", [f"{codes.get('AM', '') or '.'} {codes.get('PM', '') or '.'}" if codes else "" for codes in shown]
