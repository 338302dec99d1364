"""What the records hold of registers, as known now or as known at a moment of the past."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, Select, Text, and_, select, true
from sqlalchemy.orm import Session, aliased

from cme.records.arrays import among, rows_of
from cme.records.pupils import enrolment
from cme.records.register_content import NOT_TAKEN, Held, Known, decoded
from cme.records.tables import ExpectedRegister, Pupil, RegisterVersion, Roster
from cme.rules.finding import PupilRecord
from cme.rules.marks import MISSING, SessionMark

_DUAL = "D"


@dataclass(frozen=True)
class RegisterState:
    """An expected register and what was last seen of it. ``status`` is "not taken" where no version of it exists."""

    local_date: date
    kind: str
    slot: str
    group: str
    starts_at: datetime
    ends_at: datetime
    staff: tuple[str, ...]
    required: bool
    not_required_reason: str
    status: str
    taken_from: datetime | None
    taken_to: datetime | None
    basis: str
    taken_by: str
    seen_at: datetime | None
    source: str
    rooms: tuple[str, ...] = ()
    version: int | None = None
    codes: frozenset[str] = frozenset()         # the different codes entered in it


@dataclass(frozen=True)
class StoredRegister:
    """One version of a register with its marks by pupil number, and what stands beside a mark."""

    version: int
    status: str
    taken_from: datetime | None
    taken_to: datetime | None
    basis: str
    taken_by: str
    seen_at: datetime
    source: str
    marks: dict[int, str]
    extras: dict[str, dict[str, object]]


def _latest_versions(school: Any, start: Any, end: Any, known_at: datetime | None = None) -> Select[tuple[RegisterVersion]]:
    """The newest version of each register from ``start`` to ``end``, as known at ``known_at`` (None: now)."""
    v = RegisterVersion
    newest = (select(v).where(v.school == school, v.local_date.between(start, end))
              .distinct(v.local_date, v.kind, v.slot, v.group_key)
              .order_by(v.local_date, v.kind, v.slot, v.group_key, v.id.desc()))
    return newest.where(v.seen_at <= known_at) if known_at else newest


def newest(session: Session, windows: Mapping[str, tuple[date, date]]) -> dict[tuple[str, date, str, str, str], Known]:
    """The newest version of every register of each school in its window of days, by (school, day, kind, slot, group)."""
    if not windows:
        return {}
    first, last = zip(*windows.values(), strict=True)
    w = rows_of(school=(Text(), list(windows)), first=(Date(), first), last=(Date(), last))
    one = aliased(RegisterVersion, _latest_versions(w.c.school, w.c.first, w.c.last).lateral())
    rows = session.execute(select(one.school, one.local_date, one.kind, one.slot, one.group_key, one.id, Roster.hash, one.taken_from,
                                  one.taken_to, one.basis, one.content_hash)
                           .select_from(w).join(one, true()).outerjoin(Roster, Roster.id == one.roster_id))
    return {tuple(row)[:5]: Known(row.id, bytes(row.hash or b""), row.taken_from, row.taken_to, row.basis, bytes(row.content_hash))
            for row in rows}


def held(session: Session, versions: Collection[int]) -> dict[int, Held]:
    """The marks of ``versions``, by their number."""
    if not versions:
        return {}
    rows = session.execute(select(RegisterVersion.id, RegisterVersion.roster_id, RegisterVersion.marks, RegisterVersion.extras)
                           .where(among(RegisterVersion.id, versions))).all()
    rosters = _rosters(session, {row.roster_id for row in rows})
    return {row.id: Held(rosters[row.roster_id], bytes(row.marks), row.extras) for row in rows}


def _rosters(session: Session, numbers: Collection[int]) -> dict[int, tuple[int, ...]]:
    if not numbers:
        return {}
    return {number: tuple(pupils) for number, pupils in session.execute(select(Roster.id, Roster.pupils)
                                                                        .where(Roster.id.in_(numbers)))}


def current_marks(session: Session, school: str, start: date, end: date, known_at: datetime | None = None,
                  pupils: Collection[int] | None = None) -> dict[int, tuple[SessionMark, ...]]:
    """Each pupil's session marks (AM and PM; lessons never count) from ``start`` to ``end``, both included, in order.

    Where a pupil stands in the registers of two groups for one session, an entered mark wins over one not entered, and D never
    hides another mark. Two other marks that differ are both given: the rules know what they mean and decide.
    A session without a mark entered is given with the code "-".
    """
    v = aliased(RegisterVersion, _latest_versions(school, start, end, known_at).subquery())
    query = select(v.local_date, v.slot, v.roster_id, v.marks).where(v.kind == "session",
                                                                     v.slot.in_(("AM", "PM"))).order_by(v.local_date, v.slot)
    wanted = frozenset(pupils) if pupils is not None else None
    if wanted is not None:
        query = query.where(v.roster_id.in_(select(Roster.id).where(Roster.pupils.overlap(sorted(wanted)))))
    rows = session.execute(query).all()
    rosters = _rosters(session, {row.roster_id for row in rows})
    found: dict[int, list[SessionMark]] = defaultdict(list)
    places = {number: [(2 * at, pupil) for at, pupil in enumerate(roster) if wanted is None or pupil in wanted]
              for number, roster in rosters.items()}
    for day, slot, roster_id, marks in rows:
        text = bytes(marks).decode("ascii")
        if len(text) != 2 * len(rosters[roster_id]):
            raise ValueError(f"a register of {day} {slot} does not hold two bytes for each pupil of roster {roster_id}")
        made: dict[str, SessionMark] = {}
        for at, pupil in places[roster_id]:
            code = text[at:at + 2]
            if code not in made:
                made[code] = SessionMark(day, slot, code.rstrip())
            found[pupil].append(made[code])
    return {pupil: tuple(_one_a_session(found[pupil])) for pupil in sorted(found)}


def _one_a_session(marks: list[SessionMark]) -> list[SessionMark]:
    """``marks`` come in order of day and session."""
    kept: list[SessionMark] = []
    for mark in marks:
        same = []
        while kept and (kept[-1].day, kept[-1].session) == (mark.day, mark.session):
            same.append(kept.pop())
        if not same:
            kept.append(mark)
            continue
        several = {*same, mark}
        for weak in (MISSING, _DUAL):
            several = {m for m in several if m.code != weak} or several
        kept += sorted(several)
    return kept


def pupil_records(session: Session, school: str, as_of: date, start: date, known_at: datetime | None = None,
                  pupils: Collection[int] | None = None) -> list[PupilRecord]:
    """Every pupil (or those of ``pupils``) with the marks from ``start`` to ``as_of``, as the rules take it, in order of the
    pupils' numbers.

    Pupils who left before ``start``, or come after ``as_of``, are not judged; the marks of both stay in the records.
    """
    marks = current_marks(session, school, start, as_of, known_at, pupils)
    query = select(Pupil).where(Pupil.school == school).order_by(Pupil.id)
    rows = session.scalars(query if pupils is None else query.where(Pupil.id.in_(pupils))).all()
    return [PupilRecord(pupil.id, enrolment(pupil, own[0].day if (own := marks.get(pupil.id, ())) else start), own)
            for pupil in rows if (pupil.left is None or pupil.left >= start)
            and (pupil.admitted is None or pupil.admitted <= as_of)]


def register_states(session: Session, school: str, day: date, known_at: datetime | None = None) -> list[RegisterState]:
    """Every register expected on ``day`` and what was last seen of it, in order of start, slot and group."""
    e = ExpectedRegister
    v = aliased(RegisterVersion, _latest_versions(school, day, day, known_at).subquery())
    rows = session.execute(select(e, v.status, v.taken_from, v.taken_to, v.basis, v.taken_by, v.seen_at, v.source, v.id, v.marks)
                           .outerjoin(v, and_(
        v.local_date == e.local_date, v.kind == e.kind, v.slot == e.slot, v.group_key == e.group_key))
        .where(e.school == school, e.local_date == day).order_by(e.starts_at, e.slot, e.group_key))
    return [RegisterState(row.local_date, row.kind, row.slot, row.group_key, row.starts_at, row.ends_at, tuple(row.staff),
                          row.required,
                          row.not_required_reason, status or NOT_TAKEN, taken_from, taken_to, basis or "", taken_by or "",
                          seen_at, source or "", tuple(row.rooms), version, frozenset(decoded(bytes(marks or b""))) - {MISSING})
            for row, status, taken_from, taken_to, basis, taken_by, seen_at, source, version, marks in rows]


def read_one(session: Session, school: str, day: date, kind: str, slot: str, group: str,
             known_at: datetime | None = None) -> StoredRegister | None:
    """One register as known at ``known_at`` (None: now), or None where it was not known at all."""
    v = RegisterVersion
    query = select(v).where(v.school == school, v.local_date == day, v.kind == kind, v.slot == slot, v.group_key == group)
    if known_at:
        query = query.where(v.seen_at <= known_at)
    row = session.scalar(query.order_by(v.id.desc()).limit(1))
    if row is None:
        return None
    pupils = session.scalar(select(Roster.pupils).where(Roster.id == row.roster_id)) or []
    return StoredRegister(row.id, row.status, row.taken_from, row.taken_to, row.basis, row.taken_by, row.seen_at, row.source,
                          dict(zip(pupils, decoded(bytes(row.marks)), strict=True)), row.extras)
