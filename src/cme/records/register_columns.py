"""The content of a register read column by column: all its codes at once, and no work for a mark that says nothing more.

Almost every register of a day is seen for the first time, or names the same pupils as the version before. What is not, is left to
``register_content.content_of``, which takes each mark on its own.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from operator import lt
from typing import Any

from cme.records.pupils import Roll
from cme.records.register_content import (UNKNOWN, CodesOf, Content, Held, Known, PupilsInOrder, Seen, beside, interval, is_entered,
                                          status_of)
from cme.rules.marks import MISSING
from cme.sources.source import RegisterDocument

_MISSING = MISSING.ljust(2)


class Named:
    """The pupils of a register as its document names them, in its order. Registers of the same pupils share one of these."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.pupils: PupilsInOrder | None = None     # None: not placed yet, or a pupil is named twice
        self.order: list[int] | None = None          # where to find each of ``pupils`` in ``names``; None: in the same place

    def place(self, ids: Mapping[str, int]) -> None:
        """Look the pupils up in ``ids``."""
        numbers = list(map(ids.__getitem__, self.names))
        if all(map(lt, numbers, islice(numbers, 1, None))):
            self.pupils = PupilsInOrder(numbers)
        elif len(set(numbers)) == len(numbers):
            self.order = sorted(range(len(numbers)), key=numbers.__getitem__)
            self.pupils = PupilsInOrder([numbers[at] for at in self.order])


@dataclass(frozen=True)
class Columns:
    """The marks of a document in the order of its pupils, the pupils without one, and the marks that are no code."""

    document: RegisterDocument
    pupils: PupilsInOrder
    marks: bytes
    extras: dict[str, Any]
    missing: list[int]
    unknown: tuple[tuple[str, str, str], ...]

    def content(self, before: Known | None, held: Held | None, roll: Roll, seen: Seen) -> Content:
        """The content of the version to be. ``roll`` must have been asked for the ``missing`` pupils; ``held`` are the marks of
        ``before`` and are needed only where there are ``unknown`` ones."""
        entered = len(self.pupils) - len(self.missing)
        day, slot = self.document.local_date, self.document.slot
        status = status_of(self.document, entered, entered + sum([roll.expects(pupil, day, slot) for pupil in self.missing]))
        marks = self._in_force(held) if self.unknown else self.marks
        return Content(self.pupils, marks, self.extras, status, *interval(self.document.taken_at, status, before, seen),
                       self.document.taken_by, self.unknown)

    def _in_force(self, held: Held | None) -> bytes:
        """A mark that is no code leaves the mark before it in force."""
        marks, at = bytearray(self.marks), -2
        for _ in self.unknown:
            at = marks.index(UNKNOWN.encode(), at + 2)
            marks[at:at + 2] = held.marks[at:at + 2] if held else _MISSING.encode()
        return bytes(marks)


def named_in(documents: Iterable[RegisterDocument]) -> list[Named]:
    """Whom each document names; the registers of a group mostly name the same pupils."""
    of_group: dict[str, Named] = {}
    found = []
    for document in documents:
        names = [mark.pupil for mark in document.marks]
        same = of_group.get(document.group)
        if same is None or same.names != names:
            same = of_group[document.group] = Named(names)
        found.append(same)
    return found


def columns_of(document: RegisterDocument, named: Named, before: Known | None, roll: Roll, codes_of: CodesOf) -> Columns | None:
    """The document's columns, or None where each mark has to be looked at on its own: a pupil is named twice, or others are named
    than in the version ``before``."""
    pupils, order = named.pupils, named.order
    if pupils is None or (before is not None and before.roster_hash != pupils.hash):
        return None
    raw = [mark.code for mark in document.marks]
    if order is not None:
        raw = [raw[at] for at in order]
    codes = list(map(codes_of.__getitem__, raw))
    missing = [pupils[at] for at in _places(codes, _MISSING) if not is_entered(raw[at])]
    more = [mark for mark in document.marks if mark.minutes_late is not None or mark.note]
    if not codes_of.local.isdisjoint(raw):
        more = [mark for mark in document.marks if mark.minutes_late is not None or mark.note or mark.code in codes_of.local]
    extras = {roll.ids[mark.pupil]: beside(mark, codes_of) for mark in more}
    unknown = [] if UNKNOWN not in codes else [(mark.pupil, mark.code, codes_of.unknown[mark.code])
                                               for mark in document.marks if mark.code in codes_of.unknown]
    return Columns(document, pupils, "".join(codes).encode("ascii"), {str(pupil): extras[pupil] for pupil in sorted(extras)},
                   missing, tuple(unknown))


def _places(codes: list[str], wanted: str) -> Iterator[int]:
    """Where ``wanted`` stands in ``codes``, which mostly hold something else."""
    at = -1
    with suppress(ValueError):
        while True:
            yield (at := codes.index(wanted, at + 1))
