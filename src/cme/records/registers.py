"""Keep what a pull brought: one transaction, register versions append-only, nothing lost and nothing written twice.

A register's version is written only when its content differs from the last one, so a second pull of the same export writes
nothing. The readers of what is kept stand in ``register_views`` and ``quarantine`` and are offered here as well.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from cme import clock
from cme.records import pupils
from cme.records.history import Stamp, record
from cme.records.quarantine import Refused, quarantine, quarantined, resolve
from cme.records.register_content import Content, content_of
from cme.records.register_views import (RegisterState, StoredRegister, current_marks, latest, pupil_records, read_one,
                                        register_states)
from cme.records.tables import ExpectedRegister, Pull, RegisterVersion, Roster
from cme.rules.marks import CodeTable, UnknownCode
from cme.sources.source import Pulled, TimeSemantics
from cme.sources.source import ExpectedRegister as Expected

__all__ = ["PullResult", "RegisterState", "StoredRegister", "current_marks", "pupil_records", "quarantined", "read_one",
           "register_states",
           "resolve", "store"]
_STORE_LOCK = 0x434D4550
_BATCH = 1000
_Key = tuple[date, str, str, str]


@dataclass
class PullResult:
    """What one pull brought and changed: numbers only, fit for a log."""

    pull_id: int = 0
    rows_read: int = 0
    rows_accepted: int = 0
    rows_quarantined: int = 0
    quarantined_new: int = 0
    registers_new: int = 0
    registers_changed: int = 0
    registers_unchanged: int = 0
    registers_incomplete: int = 0        # rows of them could not be read; the marks known before were kept
    pupils_new: int = 0
    pupils_changed: int = 0
    contacts_changed: int = 0
    expected_changed: int = 0
    files_waiting: int = 0
    outcome: str = "ok"

    @property
    def changed(self) -> bool:
        """Whether anything was written beside the row of the pull itself."""
        return any((self.quarantined_new, self.registers_new, self.registers_changed, self.pupils_new, self.pupils_changed,
                    self.contacts_changed, self.expected_changed))

    def __str__(self) -> str:
        said = [f"{self.rows_read} rows read", f"{self.registers_new} new registers", f"{self.registers_changed} changed"]
        said += [f"{number} {what}" for number, what in (
            (self.rows_quarantined, "rows in quarantine"), (self.registers_incomplete, "registers not read whole"),
            (self.files_waiting, "files still being written")) if number]
        return ", ".join(said)


def store(session: Session, school: str, pulled: Pulled, *, source: str, codes: CodeTable, stamp: Stamp,
          time_semantics: TimeSemantics) -> PullResult:
    """Keep ``pulled`` in the caller's transaction: pupils, staff, expected registers, register versions, quarantine, the
    row of the pull, and one event in the history if anything changed. Two pulls of one school wait for each other."""
    session.execute(text("SELECT pg_advisory_xact_lock(:lock, hashtext(:school))"), {"lock": _STORE_LOCK, "school": school})
    pull = Pull(school=school, source=source, started_at=stamp.at, source_as_of=pulled.as_of)
    session.add(pull)
    session.flush()
    roll = pupils.keep_pupils(session, school, pulled.pupils, {m.pupil for r in pulled.registers for m in r.marks}, stamp)
    result = PullResult(pull.id, pulled.rows_read, files_waiting=len(pulled.waiting), pupils_new=roll.new,
                        pupils_changed=roll.changed,
                        contacts_changed=roll.contacts_changed + roll.flags_changed)
    result.expected_changed = pupils.keep_staff(session, school, pulled.staff) + _keep_expected(session, school, pulled.expected)
    refused = [Refused(row.where, row.line, row.reason, row.raw) for row in pulled.bad_rows]
    refused += _keep_registers(session, school, pulled, pull, roll, codes, stamp, time_semantics, result)
    result.quarantined_new = quarantine(session, school, source, refused, stamp.at)
    result.rows_quarantined, result.rows_accepted = len(refused), pulled.rows_read - len(refused)
    result.outcome = _outcome(pulled, clock.local(stamp.at).date())
    pull.finished_at, pull.outcome = max(clock.now(), stamp.at), result.outcome
    for name in ("rows_accepted", "rows_quarantined", "rows_read", "registers_new", "registers_changed"):
        setattr(pull, name, getattr(result, name))
    if result.changed:
        record(session, "register", "registers.pulled", stamp, str(result), {
            "source": source, "pull": pull.id, **{name: value for name, value in vars(result).items()
                                                  if isinstance(value, int) and name != "pull_id"}})
    session.flush()
    return result


def _outcome(pulled: Pulled, today: date) -> str:
    """"ok" only for a pull that has seen the whole of today: such a pull is evidence of what was not yet taken."""
    said = list(pulled.notes)
    if pulled.waiting:
        said.append(f"{len(pulled.waiting)} file(s) still being written, left for the next pull")
    if pulled.days is not None and today not in pulled.days:
        said.append("for other days than today only")
    if any(row.line is None for row in pulled.bad_rows):
        said.append("something could not be read at all, see the quarantine")
    return "; ".join(said) or "ok"


def _last_open(session: Session, school: str, source: str, pull: Pull) -> datetime | None:
    """The last moment today at which the whole source was seen before this pull; no later than the source's own age."""
    midnight = datetime.combine(clock.local(pull.started_at).date(), datetime.min.time(), clock.LONDON)
    return session.scalar(select(func.max(func.least(Pull.started_at, func.coalesce(Pull.source_as_of, Pull.started_at)))).where(
        Pull.school == school, Pull.source == source, Pull.outcome == "ok", Pull.started_at >= midnight, Pull.id < pull.id))


def _keep_registers(session: Session, school: str, pulled: Pulled, pull: Pull, roll: pupils.Roll, codes: CodeTable, stamp: Stamp,
                    semantics: TimeSemantics, result: PullResult) -> list[Refused]:
    if not pulled.registers:
        return []
    known = latest(session, school, min(r.local_date for r in pulled.registers), max(r.local_date for r in pulled.registers))
    today = clock.local(stamp.at).date()
    last_open = _last_open(session, school, pull.source, pull) if pulled.one_moment else None
    refused: list[Refused] = []
    fresh: list[tuple[_Key, Content, bytes]] = []
    cache: dict[tuple[str, date], str | UnknownCode] = {}
    for document in pulled.registers:
        key = (document.local_date, document.kind, document.slot, document.group)
        before = known.get(key)
        content = content_of(document, before, roll, _statutory(codes, document.local_date, cache), semantics=semantics,
                             seen_at=stamp.at,
                             last_seen_open=last_open if document.local_date == today else None)
        refused += [Refused(f"register {document.local_date} {document.slot} {document.group}", None, reason, f"{pupil},{code}")
                    for pupil, code, reason in content.unknown]
        result.registers_incomplete += not document.complete
        digest = content.hash()
        if before is None:
            result.registers_new += 1
        elif before.content_hash == digest:
            result.registers_unchanged += 1
            continue
        else:
            result.registers_changed += 1
        fresh.append((key, content, digest))
    _write(session, school, pull, fresh, stamp)
    return refused


def _statutory(codes: CodeTable, day: date, cache: dict[tuple[str, date], str | UnknownCode]) -> Callable[[str], str]:
    def statutory(raw: str) -> str:
        if (raw, day) not in cache:
            try:
                cache[raw, day] = codes.statutory(raw, day)
            except UnknownCode as unknown:
                cache[raw, day] = unknown
        found = cache[raw, day]
        if isinstance(found, UnknownCode):
            raise found
        return found
    return statutory


def _write(session: Session, school: str, pull: Pull, fresh: list[tuple[_Key, Content, bytes]], stamp: Stamp) -> None:
    rosters = _rosters(session, {content.pupils for _, content, _ in fresh})
    rows = [{"school": school, "local_date": key[0], "kind": key[1], "slot": key[2], "group_key": key[3], "seen_at": stamp.at,
             "source": pull.source, "pull_id": pull.id, "status": c.status, "taken_from": c.taken_from, "taken_to": c.taken_to,
             "basis": c.basis,
             "taken_by": c.taken_by, "roster_id": rosters[c.pupils], "marks": c.marks, "extras": c.extras, "content_hash": digest}
            for key, c, digest in fresh]
    for start in range(0, len(rows), _BATCH):
        session.execute(insert(RegisterVersion), rows[start:start + _BATCH])


def _rosters(session: Session, wanted: Iterable[tuple[int, ...]]) -> dict[tuple[int, ...], int]:
    by_hash = {hashlib.sha256(",".join(map(str, roster)).encode()).digest(): roster for roster in wanted}
    hashes = list(by_hash)
    found: dict[tuple[int, ...], int] = {}
    for start in range(0, len(hashes), _BATCH):
        part = hashes[start:start + _BATCH]
        session.execute(upsert(Roster).on_conflict_do_nothing(index_elements=["hash"]).returning(Roster.id),
                        [{"hash": h, "pupils": list(by_hash[h])} for h in part])
        found |= {by_hash[h]: number for number, h in session.execute(select(Roster.id, Roster.hash)
                                                                      .where(Roster.hash.in_(part)))}
    return found


def _keep_expected(session: Session, school: str, expected: Sequence[Expected]) -> int:
    if not expected:
        return 0
    columns = ("starts_at", "ends_at", "staff", "required", "not_required_reason")
    first, last = min(e.local_date for e in expected), max(e.local_date for e in expected)
    known = {tuple(row)[:4]: tuple(row)[4:] for row in session.execute(
        select(*(getattr(ExpectedRegister, name) for name in ("local_date", "kind", "slot", "group_key", *columns)))
        .where(ExpectedRegister.school == school, ExpectedRegister.local_date.between(first, last)))}
    rows = [{"school": school, "local_date": e.local_date, "kind": e.kind, "slot": e.slot, "group_key": e.group,
             "starts_at": e.starts_at,
             "ends_at": e.ends_at, "staff": list(e.staff), "required": e.required, "not_required_reason": e.not_required_reason}
            for e in expected if known.get((e.local_date, e.kind, e.slot, e.group))
            != (e.starts_at, e.ends_at, list(e.staff), e.required, e.not_required_reason)]
    new = upsert(ExpectedRegister)
    for start in range(0, len(rows), _BATCH):
        session.execute(new.on_conflict_do_update(index_elements=["school", "local_date", "kind", "slot", "group_key"], set_={
            name: getattr(new.excluded, name) for name in columns}).returning(ExpectedRegister.id), rows[start:start + _BATCH])
    return len(rows)
