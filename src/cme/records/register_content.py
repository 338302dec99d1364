"""What one version of a register holds, and how it follows from the source's document and the version before.

Nothing is lost here: a pupil whom a new export no longer names keeps the last known mark, a mark that is no code leaves the mark
before it in force, and both are noted beside the mark.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from cme.records.named import PupilsInOrder
from cme.records.pupils import Roll
from cme.rules.marks import MISSING, CodeTable, UnknownCode
from cme.sources.source import Mark, RegisterDocument, TimeSemantics

TAKEN, PARTIAL, NOT_TAKEN = "taken", "partial", "not taken"
ABSENT_FROM_EXPORT = "not_in_export"
WITHDRAWN = "withdrawn"         # the code that stood where the source has taken the mark back
UNKNOWN = "\0\0"
_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True)
class Known:
    """The newest stored version of a register, as far as the next one always needs it."""

    version: int
    roster_hash: bytes
    taken_from: datetime | None
    taken_to: datetime | None
    basis: str
    content_hash: bytes


@dataclass(frozen=True)
class Held:
    """The marks of a stored version: two bytes a pupil in the order of ``pupils``, and what stands beside them."""

    pupils: tuple[int, ...]
    marks: bytes
    extras: dict[str, Any]

    def codes(self) -> dict[int, str]:
        return dict(zip(self.pupils, decoded(self.marks), strict=True))


@dataclass(frozen=True)
class Content:
    """The content of a version to be. ``unknown`` lists (source's identifier, raw mark, reason) of marks that are no code."""

    pupils: PupilsInOrder
    marks: bytes
    extras: dict[str, Any]
    status: str
    taken_from: datetime | None
    taken_to: datetime | None
    basis: str
    taken_by: str
    unknown: tuple[tuple[str, str, str], ...] = ()

    def hash(self) -> bytes:
        """SHA-256 over everything that a new version would be written for, as JSON: the pupils first, then all else."""
        times = [moment.isoformat() if moment else None for moment in (self.taken_from, self.taken_to)]
        text = _JSON.encode([self.marks.decode(), self.extras, self.status, *times, self.basis, self.taken_by])
        return hashlib.sha256(f"[[{self.pupils.text}],{text[1:]}".encode()).digest()


@dataclass(frozen=True)
class Seen:
    """How and when a source showed a register. ``last_open`` is the last moment at which it showed it not yet taken, where that
    is known."""

    semantics: TimeSemantics
    at: datetime
    last_open: datetime | None


class CodesOf(dict[str, str]):
    """What the raw marks of one day stand for, each looked up once: raw mark to statutory code, in two characters.

    A mark that is no code on that day is given as UNKNOWN, and ``unknown`` says why; ``local`` are a school's own codes.
    """

    def __init__(self, table: CodeTable, day: date) -> None:
        super().__init__()
        self.local: set[str] = set()
        self.unknown: dict[str, str] = {}
        self._table, self._day = table, day

    def __missing__(self, raw: str) -> str:
        try:
            code = self._table.statutory(raw, self._day)
            if code not in (raw.strip(), MISSING):
                self.local.add(raw)
            self[raw] = code.ljust(2)
        except UnknownCode as reason:
            self.unknown[raw] = str(reason)
            self[raw] = UNKNOWN
        return self[raw]


def encoded(codes: list[str]) -> bytes:
    """Codes of one or two characters as two bytes each, in order: "/" is "/ ", the backslash is itself and a space."""
    return "".join([code.ljust(2) for code in codes]).encode("ascii")


def decoded(marks: bytes) -> list[str]:
    """The codes of a version's marks, in roster order."""
    text = marks.decode("ascii")
    return [text[at:at + 2].rstrip() for at in range(0, len(text), 2)]


def content_of(document: RegisterDocument, before: Known | None, held: Held | None, roll: Roll, codes_of: CodesOf, seen: Seen,
               withdrawn: Collection[int] = ()) -> Content:
    """The content of ``document`` after the version ``before``, which holds ``held``, mark by mark. ``withdrawn`` are the pupils
    whose mark is gone where the document does not name them.

    ``roll`` must have been asked for the pupils without a mark. The content of almost all registers is
    read quicker by ``register_columns``, which leaves to this function whatever it does not know; both give the same.
    """
    codes: dict[int, str] = {}
    extras: dict[int, dict[str, Any]] = {}
    unknown: list[tuple[str, str, str]] = []
    entered = expected = 0
    held_codes = held.codes() if held else {}
    for mark in document.marks:
        pupil = roll.ids[mark.pupil]
        code = codes_of[mark.code].rstrip()
        if code == UNKNOWN:
            unknown.append((mark.pupil, mark.code, codes_of.unknown[mark.code]))
            code = held_codes.get(pupil, MISSING)
        codes[pupil] = code
        if extra := beside(mark, codes_of):
            extras[pupil] = extra
        if code != MISSING or is_entered(mark.code):     # a mark that is no code was entered all the same
            entered += 1
            expected += 1
        elif roll.expects(pupil, document.local_date, document.slot):
            expected += 1
    status = status_of(document, entered, expected)
    if held:
        _keep_missing(codes, extras, held_codes, held.extras, withdrawn, document.complete)
    pupils = PupilsInOrder(tuple(sorted(codes)))
    return Content(pupils, encoded([codes[pupil] for pupil in pupils.numbers]), {str(pupil): extras[pupil] for pupil in sorted(extras)},
                   status, *interval(document.taken_at, status, before, seen), document.taken_by, tuple(unknown))


def is_entered(raw: str) -> bool:
    return raw.strip() not in ("", MISSING)


def beside(mark: Mark, codes_of: CodesOf) -> dict[str, Any]:
    """What stands beside a mark: the school's own code as entered, minutes late, a note."""
    extra: dict[str, Any] = {}
    if mark.code in codes_of.local:
        extra["as_entered"] = mark.code
    if mark.minutes_late is not None:
        extra["minutes_late"] = mark.minutes_late
    if mark.note:
        extra["note"] = mark.note
    return extra


def status_of(document: RegisterDocument, entered: int, expected: int) -> str:
    """Whether the register was taken: as the source's header says where it has one (marks of the office are no register taken),
    else by the number of marks entered and of those expected (those entered included)."""
    if document.taken is not None and not (document.taken and not entered):      # the header decides; an empty one is none
        return TAKEN if document.taken else NOT_TAKEN
    status = NOT_TAKEN if not entered else TAKEN if entered == expected else PARTIAL
    # rows were lost, and the source does not say that it is done
    return PARTIAL if status == TAKEN and not document.complete and document.taken_at is None else status


def _keep_missing(codes: dict[int, str], extras: dict[int, dict[str, Any]], held: Mapping[int, str],
                  before: Mapping[str, Any], withdrawn: Collection[int], complete: bool) -> None:
    for pupil, code in held.items():
        if pupil in codes:
            continue
        beside_before = before.get(str(pupil), {})
        if pupil in withdrawn and code != MISSING:
            codes[pupil], extras[pupil] = MISSING, {WITHDRAWN: code}
        elif pupil in withdrawn or WITHDRAWN in beside_before or not complete:      # incomplete: only what changed, or rows were lost
            codes[pupil] = code
            if beside_before:
                extras[pupil] = beside_before
        else:
            codes[pupil], extras[pupil] = code, {**beside_before, ABSENT_FROM_EXPORT: True}


def interval(taken_at: datetime | None, status: str, before: Known | None,
             seen: Seen) -> tuple[datetime | None, datetime | None, str]:
    """(taken_from, taken_to, basis). What was known once stays known: a correction never makes a register late."""
    if seen.semantics == TimeSemantics.NONE:
        return None, None, "none"
    known = (before.taken_from, before.taken_to, before.basis) if before and before.taken_to else None
    if taken_at is not None and seen.semantics == TimeSemantics.FIRST_COMPLETED and status != NOT_TAKEN:
        exact = min(taken_at, known[1]) if known and known[1] and known[2] == "first_completed" else taken_at
        return exact, exact, "first_completed"
    if taken_at is not None and seen.semantics == TimeSemantics.LAST_SAVED and status == TAKEN:
        if known and known[1]:
            return known[0], min(taken_at, known[1]), known[2] if known[1] <= taken_at else "last_saved"
        return seen.last_open, taken_at, "last_saved"
    if known or status != TAKEN:
        return known or (None, None, "")
    return seen.last_open, seen.at, "observed"
