"""Whom a register names: by the source's identifiers in the order of its document, and by number in the order of a roster."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from operator import lt

from cme.sources.source import RegisterDocument


@dataclass(frozen=True)
class PupilsInOrder:
    """The pupils of a register by number, ascending: what a roster holds. What is derived from them is made once."""

    numbers: tuple[int, ...]

    @cached_property
    def text(self) -> str:
        return ("%d," * len(self.numbers) % self.numbers)[:-1]

    @cached_property
    def hash(self) -> bytes:
        """SHA-256, by which a roster is found again."""
        return hashlib.sha256(self.text.encode()).digest()


class Named:
    """The pupils of a register as its document names them, in its order. Registers of the same pupils share one of these."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.pupils: PupilsInOrder | None = None     # None: not placed yet, or a pupil is named twice
        self.order: list[int] | None = None          # where to find each of ``pupils`` in ``names``; None: in the same place

    def place(self, ids: Mapping[str, int]) -> set[str]:
        """Look the pupils up in ``ids``; returns the names that it does not hold, and then has placed nobody."""
        try:
            numbers = tuple(map(ids.__getitem__, self.names))
        except KeyError:
            return {name for name in self.names if name not in ids}
        if all(map(lt, numbers, islice(numbers, 1, None))):
            self.pupils = PupilsInOrder(numbers)
        elif len(set(numbers)) == len(numbers):
            self.order = sorted(range(len(numbers)), key=numbers.__getitem__)
            self.pupils = PupilsInOrder(tuple([numbers[at] for at in self.order]))
        return set()


class Naming:
    """Finds the registers that name the same pupils: those of one group mostly do."""

    def __init__(self) -> None:
        self._of_group: dict[str, Named] = {}

    def of(self, document: RegisterDocument) -> Named:
        names = tuple([mark.pupil for mark in document.marks])
        same = self._of_group.get(document.group)
        if same is None or same.names != names:
            same = self._of_group[document.group] = Named(names)
        return same
