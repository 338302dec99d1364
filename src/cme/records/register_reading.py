"""From the documents that a pull brought to the versions that have to be written: what is unchanged gives none."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy.orm import Session

from cme import clock
from cme.records.history import Stamp
from cme.records.pupils import Roll, ask_enrolments
from cme.records.quarantine import Refused
from cme.records.register_columns import Columns, Named, columns_of
from cme.records.register_content import CodesOf, Content, Known, Seen, content_of, not_entered
from cme.records.register_versions import Key, NewVersion
from cme.records.register_views import held, newest
from cme.rules.marks import CodeTable
from cme.sources.source import Pulled, RegisterDocument, TimeSemantics


@dataclass
class Brought:
    """What was pulled for a school, whom each of its registers names, and what follows from it."""

    school: str
    pulled: Pulled
    named: Sequence[Named]
    new: int = 0                                                    # registers never seen before
    fresh: list[NewVersion] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)            # marks that are no code

    def names(self) -> list[list[str]]:
        return [named.names for named in set(self.named)]


@dataclass(frozen=True)
class _Register:
    brought: Brought
    document: RegisterDocument
    key: Key
    before: Known | None
    columns: Columns | None


def read_registers(session: Session, brought: Sequence[Brought], rolls: Mapping[str, Roll], codes: CodeTable, stamp: Stamp,
                   last_open: Mapping[str, datetime], semantics: TimeSemantics) -> None:
    """Fill ``new``, ``fresh`` and ``refused`` of each school. ``last_open`` says when its source was last seen whole today."""
    days = [document.local_date for b in brought for document in b.pulled.registers]
    if not days:
        return
    codes_of = {day: CodesOf(codes, day) for day in set(days)}
    registers = _with_columns(session, brought, rolls, codes_of)
    marks = held(session, [r.before.version for r in registers if r.before and (r.columns is None or r.columns.unknown)])
    ask_enrolments(session, _without_a_mark(registers, rolls), rolls, min(days), max(days))
    today = clock.local(stamp.at).date()
    for r in registers:
        roll = rolls[r.brought.school]
        seen = Seen(semantics, stamp.at, last_open.get(r.brought.school) if r.document.local_date == today else None)
        before = marks.get(r.before.version) if r.before else None
        _compare(r, r.columns.content(r.before, before, roll, seen) if r.columns else
                 content_of(r.document, r.before, before, roll, codes_of[r.document.local_date], seen))


def _with_columns(session: Session, brought: Sequence[Brought], rolls: Mapping[str, Roll], codes_of: Mapping[date, CodesOf]) -> list[_Register]:
    known = newest(session, {b.school: (min(d.local_date for d in own), max(d.local_date for d in own))
                             for b in brought if (own := b.pulled.registers)})
    found = []
    for b in brought:
        roll = rolls[b.school]
        for named in set(b.named):
            named.place(roll.ids)
        for document, named in zip(b.pulled.registers, b.named, strict=True):
            key = (b.school, document.local_date, document.kind, document.slot, document.group)
            before = known.get(key)
            found.append(_Register(b, document, key, before, columns_of(document, named, before, roll, codes_of[document.local_date])))
    return found


def _without_a_mark(registers: Sequence[_Register], rolls: Mapping[str, Roll]) -> dict[str, set[int]]:
    """The pupils of each school for whom it matters whether a mark was expected."""
    asked: dict[str, set[int]] = defaultdict(set)
    for r in registers:
        ids = rolls[r.brought.school].ids
        asked[r.brought.school].update(r.columns.missing if r.columns else [ids[name] for name in not_entered(r.document)])
    return asked


def _compare(r: _Register, content: Content) -> None:
    d = r.document
    r.brought.refused += [Refused(f"register {d.local_date} {d.slot} {d.group}", None, reason, f"{pupil},{code}")
                          for pupil, code, reason in content.unknown]
    digest = content.hash()
    if r.before is None:
        r.brought.new += 1
    elif r.before.content_hash == digest:
        return
    r.brought.fresh.append(NewVersion(r.key, content, digest))
