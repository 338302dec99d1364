"""From the documents that a pull brought to the versions that have to be written: what is unchanged gives none."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy.orm import Session

from cme import clock
from cme.records.history import Stamp
from cme.records.named import Named, Naming
from cme.records.pupils import Roll, ask_enrolments
from cme.records.quarantine import Refused
from cme.records.register_columns import Columns, columns_of
from cme.records.register_content import CodesOf, Content, Known, Seen, content_of
from cme.records.register_versions import Key, NewVersion
from cme.records.register_views import held, newest
from cme.rules.marks import CodeTable
from cme.sources.source import Pulled, TimeSemantics


@dataclass
class Brought:
    """What was pulled for a school, its registers read, and what follows from it."""

    school: str
    pulled: Pulled
    columns: Sequence[Columns]                                      # one a register
    new: int = 0                                                    # registers never seen before
    fresh: list[NewVersion] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)            # marks that are no code

    def named(self) -> set[Named]:
        return {columns.named for columns in self.columns}

    def window(self) -> tuple[date, date]:
        days = [document.local_date for document in self.pulled.registers]
        return min(days), max(days)


@dataclass(frozen=True)
class _Register:
    brought: Brought
    roll: Roll
    columns: Columns
    key: Key
    before: Known | None
    by_columns: bool


class Reading:
    """The reading of one pull's registers: first the documents, then, with the pupils known, their contents."""

    def __init__(self, codes: CodeTable) -> None:
        self._codes = codes
        self._codes_of: dict[date, CodesOf] = {}

    def documents(self, school: str, pulled: Pulled) -> Brought:
        """Read the documents of a school."""
        naming = Naming()
        for document in pulled.registers:
            if document.local_date not in self._codes_of:
                self._codes_of[document.local_date] = CodesOf(self._codes, document.local_date)
        return Brought(school, pulled, [columns_of(document, naming, self._codes_of[document.local_date]) for document in pulled.registers])

    def contents(self, session: Session, brought: Sequence[Brought], rolls: Mapping[str, Roll], stamp: Stamp,
                 last_open: Mapping[str, datetime], semantics: TimeSemantics) -> None:
        """Fill ``new``, ``fresh`` and ``refused`` of each school. ``last_open`` says when its source was last seen whole today."""
        registers = _after_known(session, brought, rolls)
        if not registers:
            return
        marks = held(session, [r.before.version for r in registers if r.before and (r.columns.unknown or not r.by_columns)])
        ask_enrolments(session, _without_a_mark(registers), rolls, min(self._codes_of), max(self._codes_of))
        today = clock.local(stamp.at).date()
        for r in registers:
            d, roll = r.columns.document, r.roll
            seen = Seen(semantics, stamp.at, last_open.get(r.brought.school) if d.local_date == today else None)
            before = marks.get(r.before.version) if r.before else None
            _compare(r, r.columns.content(r.before, before, roll, seen) if r.by_columns else
                     content_of(d, r.before, before, roll, self._codes_of[d.local_date], seen))


def _after_known(session: Session, brought: Sequence[Brought], rolls: Mapping[str, Roll]) -> list[_Register]:
    known = newest(session, {b.school: b.window() for b in brought if b.columns})
    found = []
    for b in brought:
        for columns in b.columns:
            d = columns.document
            key = (b.school, d.local_date, d.kind, d.slot, d.group)
            before = known.get(key)
            found.append(_Register(b, rolls[b.school], columns, key, before, columns.suffice(before)))
    return found


def _without_a_mark(registers: Sequence[_Register]) -> dict[str, set[int]]:
    """The pupils of each school for whom it matters whether a mark was expected."""
    asked: dict[str, set[int]] = defaultdict(set)
    for r in registers:
        asked[r.brought.school].update(r.columns.without_mark(r.roll))
    return asked


def _compare(r: _Register, content: Content) -> None:
    d = r.columns.document
    r.brought.refused += [Refused(f"register {d.local_date} {d.slot} {d.group}", None, reason, f"{pupil},{code}")
                          for pupil, code, reason in content.unknown]
    digest = content.hash()
    if r.before is None:
        r.brought.new += 1
    elif r.before.content_hash == digest:
        return
    r.brought.fresh.append(NewVersion(r.key, content, digest))
