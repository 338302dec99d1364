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
from cme.records.register_content import CodesOf, Content, Held, Known, Seen, content_of
from cme.records.register_versions import Key, NewVersion
from cme.records.register_views import held, newest
from cme.records.withdrawals import Lost, Withdrawals, gone_from, withdrawals
from cme.rules.marks import MISSING, CodeTable
from cme.sources.source import Pulled, RegisterDocument, TimeSemantics


@dataclass
class Brought:
    """What was pulled for a school, its registers read, and what follows from it."""

    school: str
    pulled: Pulled
    columns: Sequence[Columns]                                      # one a register
    new: int = 0                                                    # registers never seen before
    fresh: list[NewVersion] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)            # marks that are no code
    withdrawals: Withdrawals = field(default_factory=Withdrawals)
    withdrawn: int = 0                                              # registers in which the source took marks back

    def named(self) -> set[Named]:
        return {columns.named for columns in self.columns}

    def taken_on(self, day: date) -> int:
        """How many registers of ``day`` have a mark entered."""
        return sum(c.document.local_date == day and len(c.missing) < len(c.document.marks) for c in self.columns)

    def window(self) -> tuple[date, date] | None:
        """The first and the last day on which something may have changed; None: on none."""
        days = [document.local_date for document in self.pulled.registers] + [day for day, _ in self.pulled.whole]
        return (min(days), max(days)) if days else None


@dataclass(frozen=True)
class _Register:
    brought: Brought
    roll: Roll
    columns: Columns
    key: Key
    before: Known | None
    by_columns: bool

    @property
    def has_marks_before(self) -> bool:
        """Whether the marks of the version before are needed."""
        return self.before is not None and (bool(self.columns.unknown) or not self.by_columns)


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
                 last_open: Mapping[str, datetime], semantics: TimeSemantics, loss_percent: int) -> None:
        """Fill ``new``, ``fresh``, ``refused`` and ``withdrawals`` of each school. ``last_open`` says when its source was last seen
        whole today; a scope that lost more than ``loss_percent`` of its marks is not believed."""
        known = newest(session, {b.school: window for b in brought if (window := b.window())})
        registers = _after_known(known, brought, rolls)
        gone = gone_from({b.school: b.pulled.whole for b in brought if b.pulled.whole}, known, {r.key for r in registers})
        marks = held(session, [*(r.before.version for r in registers if r.before and r.has_marks_before),
                               *(known[key].version for key in gone)])
        today = clock.local(stamp.at).date()
        lost: dict[str, list[Lost]] = defaultdict(list)
        for key in gone:
            lost[key[0]].append((key, marks[known[key].version], frozenset()))
        for r in registers:
            if r.before and not r.by_columns and (r.key[1], r.key[2]) in r.brought.pulled.whole:
                lost[r.key[0]].append((r.key, marks[r.before.version], frozenset(r.roll.ids[m.pupil] for m in r.columns.document.marks)))
        for b in brought:
            if b.school in lost:
                b.withdrawals = withdrawals(b.pulled, rolls[b.school], lost[b.school], today, loss_percent)
        of_school = {b.school: b for b in brought}
        for key in gone:
            self._withdraw(of_school[key[0]], key, known[key], marks[known[key].version], rolls[key[0]], Seen(semantics, stamp.at, None))
        if not registers:
            return
        ask_enrolments(session, _without_a_mark(registers), rolls, min(self._codes_of), max(self._codes_of))
        for r in registers:
            d, roll = r.columns.document, r.roll
            seen = Seen(semantics, stamp.at, last_open.get(r.brought.school) if d.local_date == today else None)
            before = marks.get(r.before.version) if r.before else None
            _compare(r, r.columns.content(r.before, before, roll, seen) if r.by_columns else
                     content_of(d, r.before, before, roll, self._codes_of[d.local_date], seen,
                                r.brought.withdrawals.of(d.local_date, d.kind)))

    def _withdraw(self, b: Brought, key: Key, before: Known, marks: Held, roll: Roll, seen: Seen) -> None:
        """A register that the source no longer has: its marks are taken back, where there are any to take."""
        _, day, kind, slot, group = key
        if not any(code != MISSING and pupil in b.withdrawals.of(day, kind) for pupil, code in marks.codes().items()):
            return
        content = content_of(RegisterDocument(day, kind, slot, group, ()), before, marks, roll, CodesOf(self._codes, day), seen,
                             b.withdrawals.of(day, kind))
        b.fresh.append(NewVersion(key, content, content.hash()))
        b.withdrawn += 1


def _after_known(known: Mapping[Key, Known], brought: Sequence[Brought], rolls: Mapping[str, Roll]) -> list[_Register]:
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


def register_place(d: RegisterDocument) -> str:
    """Where a mark that is no code stands, for a person, as long as the source does not say it better."""
    return f"register {d.local_date} {d.slot} {d.group}"


def _compare(r: _Register, content: Content) -> None:
    d = r.columns.document
    r.brought.refused += [Refused(*(d.spot_of(pupil) or (register_place(d), None)), reason, f"{pupil},{code}", d.local_date)
                          for pupil, code, reason in content.unknown]
    digest = content.hash()
    if r.before is None:
        r.brought.new += 1
    elif r.before.content_hash == digest:
        return
    r.brought.fresh.append(NewVersion(r.key, content, digest))
