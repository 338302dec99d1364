"""What one version of a register holds, and how it follows from the source's document and the version before.

Nothing is lost here: a pupil whom a new export no longer names keeps the last known mark, a mark that is no code leaves the mark
before it in force, and both are noted beside the mark.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cme.records.pupils import Roll
from cme.rules.marks import MISSING, UnknownCode
from cme.sources.source import RegisterDocument, TimeSemantics

TAKEN, PARTIAL, NOT_TAKEN = "taken", "partial", "not taken"
ABSENT_FROM_EXPORT = "not_in_export"


@dataclass(frozen=True)
class Known:
    """A stored version, as far as the next one needs it. ``marks`` are two bytes a pupil in the order of ``pupils``."""

    pupils: tuple[int, ...]
    marks: bytes
    extras: dict[str, Any]
    taken_from: datetime | None
    taken_to: datetime | None
    basis: str
    content_hash: bytes

    def codes(self) -> dict[int, str]:
        return dict(zip(self.pupils, decoded(self.marks), strict=True))


@dataclass(frozen=True)
class Content:
    """The content of a version to be. ``unknown`` lists (source's identifier, raw mark, reason) of marks that are no code."""

    pupils: tuple[int, ...]
    marks: bytes
    extras: dict[str, Any]
    status: str
    taken_from: datetime | None
    taken_to: datetime | None
    basis: str
    taken_by: str
    unknown: tuple[tuple[str, str, str], ...]

    def hash(self) -> bytes:
        """SHA-256 over everything that a new version would be written for."""
        times = [moment.isoformat() if moment else None for moment in (self.taken_from, self.taken_to)]
        text = json.dumps([self.pupils, self.marks.decode(), self.extras, self.status, *times, self.basis, self.taken_by],
                          sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).digest()


def encoded(codes: list[str]) -> bytes:
    """Codes of one or two characters as two bytes each, in order: "/" is "/ ", the backslash is itself and a space."""
    return "".join([code.ljust(2) for code in codes]).encode("ascii")


def decoded(marks: bytes) -> list[str]:
    """The codes of a version's marks, in roster order."""
    text = marks.decode("ascii")
    return [text[at:at + 2].rstrip() for at in range(0, len(text), 2)]


def content_of(document: RegisterDocument, before: Known | None, roll: Roll, statutory: Callable[[str], str], *,
               semantics: TimeSemantics, seen_at: datetime, last_seen_open: datetime | None) -> Content:
    """The content of ``document`` after ``before``, as seen at ``seen_at``.

    ``statutory`` gives the statutory code of a raw mark on the register's day, or raises UnknownCode. ``last_seen_open`` is the
    last moment at which the source showed this register not yet taken, where that is known.
    """
    codes: dict[int, str] = {}
    extras: dict[int, dict[str, Any]] = {}
    unknown: list[tuple[str, str, str]] = []
    entered = expected = 0
    held = before.codes() if before else {}
    for mark in document.marks:
        pupil = roll.ids[mark.pupil]
        extra: dict[str, Any] = {}
        try:
            code = statutory(mark.code)
            if code != mark.code.strip() and code != MISSING:
                extra["as_entered"] = mark.code
        except UnknownCode as reason:
            unknown.append((mark.pupil, mark.code, str(reason)))
            code = held.get(pupil, MISSING)
        if mark.minutes_late is not None:
            extra["minutes_late"] = mark.minutes_late
        if mark.note:
            extra["note"] = mark.note
        codes[pupil] = code
        if extra:
            extras[pupil] = extra
        if code != MISSING or mark.code.strip() not in ("", MISSING):     # a mark that is no code was entered all the same
            entered += 1
            expected += 1
        elif roll.expects(pupil, document.local_date, document.slot):
            expected += 1
    status = NOT_TAKEN if not entered else TAKEN if entered == expected else PARTIAL
    if status == TAKEN and not document.complete and document.taken_at is None:
        status = PARTIAL        # rows were lost, and the source does not say that it is done
    if before:
        _keep_missing(codes, extras, held, before.extras)
    pupils = tuple(sorted(codes))
    interval = _interval(document.taken_at, status, before, semantics, seen_at, last_seen_open)
    return Content(pupils, encoded([codes[pupil] for pupil in pupils]), {str(pupil): extras[pupil] for pupil in sorted(extras)},
                   status,
                   *interval, document.taken_by, tuple(unknown))


def _keep_missing(codes: dict[int, str], extras: dict[int, dict[str, Any]], held: Mapping[int, str],
                  before: Mapping[str, Any]) -> None:
    for pupil, code in held.items():
        if pupil not in codes:
            codes[pupil] = code
            extras[pupil] = {**before.get(str(pupil), {}), ABSENT_FROM_EXPORT: True}


def _interval(taken_at: datetime | None, status: str, before: Known | None, semantics: TimeSemantics, seen_at: datetime,
              last_seen_open: datetime | None) -> tuple[datetime | None, datetime | None, str]:
    """(taken_from, taken_to, basis). What was known once stays known: a correction never makes a register late."""
    if semantics == TimeSemantics.NONE:
        return None, None, "none"
    known = (before.taken_from, before.taken_to, before.basis) if before and before.taken_to else None
    if taken_at is not None and semantics == TimeSemantics.FIRST_COMPLETED and status != NOT_TAKEN:
        exact = min(taken_at, known[1]) if known and known[1] and known[2] == "first_completed" else taken_at
        return exact, exact, "first_completed"
    if taken_at is not None and semantics == TimeSemantics.LAST_SAVED and status == TAKEN:
        if known and known[1]:
            return known[0], min(taken_at, known[1]), known[2] if known[1] <= taken_at else "last_saved"
        return last_seen_open, taken_at, "last_saved"
    if known or status != TAKEN:
        return known or (None, None, "")
    return last_seen_open, seen_at, "observed"
