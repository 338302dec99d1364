"""What a pull writes of registers: rosters and versions, never an update; and which registers ought to be taken."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from sqlalchemy import Date, Text, and_, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from cme.records.arrays import among, rows_of
from cme.records.binary_copy import copy_rows
from cme.records.history import Stamp
from cme.records.named import PupilsInOrder
from cme.records.register_content import Content
from cme.records.tables import ExpectedRegister, RegisterVersion, Roster
from cme.sources.source import ExpectedRegister as Expected

_BATCH = 1000
_KEY = ("school", "local_date", "kind", "slot", "group_key")
_EXPECTED = ("starts_at", "ends_at", "staff", "required", "not_required_reason", "rooms", "cover")
NO_LONGER = "no longer in the source's timetable"
Key = tuple[str, date, str, str, str]       # school, day, kind, slot, group


@dataclass(frozen=True)
class NewVersion:
    """A register whose content was not there before."""

    key: Key
    content: Content
    content_hash: bytes


def write_versions(session: Session, source: str, pulls: Mapping[str, int], fresh: Sequence[NewVersion], stamp: Stamp) -> None:
    """Write the versions; ``pulls`` holds the number of each school's pull."""
    rosters = _rosters(session, [new.content.pupils for new in fresh])
    for start in range(0, len(fresh), _BATCH):
        copy_rows(session, RegisterVersion, [
            {"school": new.key[0], "local_date": new.key[1], "kind": new.key[2], "slot": new.key[3], "group_key": new.key[4],
             "seen_at": stamp.at, "source": source, "pull_id": pulls[new.key[0]], "status": c.status, "taken_from": c.taken_from,
             "taken_to": c.taken_to, "basis": c.basis, "taken_by": c.taken_by, "roster_id": rosters[c.pupils.hash],
             "marks": c.marks, "extras": c.extras, "content_hash": new.content_hash}
            for new in fresh[start:start + _BATCH] for c in [new.content]])


def _rosters(session: Session, wanted: Iterable[PupilsInOrder]) -> dict[bytes, int]:
    """The number of each roster by its hash. Another transaction may write the same one at the same time."""
    by_hash = {roster.hash: roster for roster in wanted}
    found = _numbers(session, by_hash)
    unknown = [{"hash": key, "pupils": list(roster.numbers)} for key, roster in by_hash.items() if key not in found]
    for start in range(0, len(unknown), _BATCH):
        session.execute(upsert(Roster).on_conflict_do_nothing(index_elements=["hash"]).returning(Roster.id),
                        unknown[start:start + _BATCH])
    return found | _numbers(session, [row["hash"] for row in unknown]) if unknown else found


def _numbers(session: Session, hashes: Iterable[bytes]) -> dict[bytes, int]:
    return {bytes(key): number for key, number in session.execute(select(Roster.hash, Roster.id).where(among(Roster.hash, hashes)))}


def keep_expected(session: Session, given: Mapping[str, Sequence[Expected]],
                  whole: Mapping[str, Collection[date]] = MappingProxyType({})) -> dict[str, int]:
    """Bring the registers that ought to be taken up to date; returns how many of each school were new or changed.

    On the days of ``whole`` all there are were given: another one known before is no longer required, unless none of its kind is
    given at all, which is a fault of the source rather than a day without lessons.
    """
    known: dict[Key, tuple[object, ...]] = {}
    if windows := {school: (min(e.local_date for e in own), max(e.local_date for e in own)) for school, own in given.items() if own}:
        first, last = zip(*windows.values(), strict=True)
        w = rows_of(school=(Text(), list(windows)), first=(Date(), first), last=(Date(), last))
        e = ExpectedRegister
        known = {tuple(row)[:5]: tuple(row)[5:] for row in session.execute(
            select(e.school, e.local_date, e.kind, e.slot, e.group_key, *(getattr(e, name) for name in _EXPECTED))
            .join(w, and_(e.school == w.c.school, e.local_date.between(w.c.first, w.c.last))))}
    changed: dict[str, int] = {}
    rows = []
    for school in windows:
        new_rows = {(school, e.local_date, e.kind, e.slot, e.group): _columns(e) for e in given[school]}
        days, kinds = whole.get(school, ()), {key[1:3] for key in new_rows}
        gone = {key: (*held[:3], False, NO_LONGER, *held[5:]) for key, held in known.items()
                if key[0] == school and key[1] in days and key not in new_rows and key[1:3] in kinds} if days else {}
        differing = {key: columns for key, columns in {**new_rows, **gone}.items() if known.get(key) != columns}
        changed[school] = len(differing)
        rows += [dict(zip((*_KEY, *_EXPECTED), (*key, *columns), strict=True)) for key, columns in differing.items()]
    new = upsert(ExpectedRegister)
    for start in range(0, len(rows), _BATCH):
        session.execute(new.on_conflict_do_update(index_elements=list(_KEY), set_={
            name: getattr(new.excluded, name) for name in _EXPECTED}).returning(ExpectedRegister.id), rows[start:start + _BATCH])
    return changed


def _columns(e: Expected) -> tuple[object, ...]:
    return e.starts_at, e.ends_at, list(e.staff), e.required, e.not_required_reason, list(e.rooms), list(e.cover)
