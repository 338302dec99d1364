"""The content of a register read column by column: all its codes at once, and no work for a mark that says nothing more.

Almost every register of a day is seen for the first time, or names the same pupils as the version before. What is not, is left to
``register_content.content_of``, which takes each mark on its own.
"""

from dataclasses import dataclass
from typing import Any

from cme.records.named import Named, Naming
from cme.records.pupils import Roll
from cme.records.register_content import (UNKNOWN, CodesOf, Content, Held, Known, Seen, beside, interval, is_entered, status_of)
from cme.rules.marks import MISSING
from cme.sources.source import RegisterDocument

_MISSING = MISSING.ljust(2)


@dataclass(frozen=True)
class Columns:
    """The marks of a document in its order: the codes, the places without a mark, and what stands beside the mark of a pupil."""

    document: RegisterDocument
    named: Named
    codes: str                                      # two characters a mark
    missing: list[int]
    extras: dict[str, dict[str, Any]]
    unknown: tuple[tuple[str, str, str], ...]       # marks that are no code: the source's identifier, the raw mark, the reason

    def suffice(self, before: Known | None) -> bool:
        """False where each mark has to be looked at on its own: a pupil is named twice, or others are named than in the version
        ``before``."""
        pupils = self.named.pupils
        return pupils is not None and (before is None or before.roster_hash == pupils.hash)

    def without_mark(self, roll: Roll) -> list[int]:
        """The pupils without a mark, by number."""
        return [roll.ids[self.named.names[at]] for at in self.missing]

    def content(self, before: Known | None, held: Held | None, roll: Roll, seen: Seen) -> Content:
        """The content of the version to be, where the columns ``suffice``. ``roll`` must have been asked for the pupils without a
        mark; ``held`` are the marks of ``before`` and are needed only where there are ``unknown`` ones."""
        assert self.named.pupils is not None
        day, slot = self.document.local_date, self.document.slot
        entered = len(self.named.names) - len(self.missing)
        status = status_of(self.document, entered,
                           entered + sum([roll.expects(pupil, day, slot) for pupil in self.without_mark(roll)]))
        codes, order = self.codes, self.named.order
        if order is not None:
            codes = "".join([codes[2 * at:2 * at + 2] for at in order])
        marks = codes.encode("ascii")
        extras = {roll.ids[name]: extra for name, extra in self.extras.items()}
        return Content(self.named.pupils, _in_force(marks, held) if self.unknown else marks,
                       {str(pupil): extras[pupil] for pupil in sorted(extras)}, status,
                       *interval(self.document.taken_at, status, before, seen), self.document.taken_by, self.unknown)


def columns_of(document: RegisterDocument, naming: Naming, codes_of: CodesOf) -> Columns:
    """Read a document."""
    marks = document.marks
    raw = [mark.code for mark in marks]
    codes = list(map(codes_of.__getitem__, raw))
    more = [mark for mark in marks if mark.minutes_late is not None or mark.note]
    if not codes_of.local.isdisjoint(raw):
        more = [mark for mark in marks if mark.minutes_late is not None or mark.note or mark.code in codes_of.local]
    unknown = [(marks[at].pupil, raw[at], codes_of.unknown[raw[at]]) for at in _places(codes, UNKNOWN)] if codes_of.unknown else []
    return Columns(document, naming.of(document), "".join(codes),
                   [at for at in _places(codes, _MISSING) if not is_entered(raw[at])],
                   {mark.pupil: beside(mark, codes_of) for mark in more}, tuple(unknown))


def _places(codes: list[str], wanted: str) -> list[int]:
    """Where ``wanted`` stands in ``codes``, which mostly hold something else."""
    found: list[int] = []
    try:
        while True:
            found.append(codes.index(wanted, found[-1] + 1 if found else 0))
    except ValueError:
        return found


def _in_force(marks: bytes, held: Held | None) -> bytes:
    """A mark that is no code leaves the mark before it in force."""
    filled = bytearray(marks)
    while (at := filled.find(UNKNOWN.encode())) >= 0:
        filled[at:at + 2] = held.marks[at:at + 2] if held else _MISSING.encode()
    return bytes(filled)
