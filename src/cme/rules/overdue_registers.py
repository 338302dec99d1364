"""Whether a register was taken in time: a matter of staff, and never of a pupil who came late (see ``lateness``).

A register's moment is known only as an interval: it was taken after ``taken_from`` and not after ``taken_to``. It is on time
when the whole interval lies before the due time, late when the whole of it lies after; otherwise nobody can say, and nobody
is reminded because of an *unknown*.
Source: the school's procedure (registers are marked within the first ten minutes); SI 2024/208 reg 10(1).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cme.errors import BadInput

TAKEN, PARTIAL, NOT_TAKEN = "taken", "partial", "not taken"
ALERTS = ("late", "missing")


@dataclass(frozen=True)
class RegisterVerdict:
    """``verdict``: "on_time", "late", "missing", "pending", "not_required" or "unknown"; ``reason`` is one sentence."""

    verdict: str
    due_at: datetime
    reason: str


def verdict(starts_at: datetime, limit_minutes: int, *, taken_from: datetime | None, taken_to: datetime | None, basis: str,
            status: str, now: datetime, source_fresh: bool, required: bool = True) -> RegisterVerdict:
    """Judge one register that was expected to be taken within ``limit_minutes`` of ``starts_at``, as known at ``now``.

    ``taken_from``: the last moment at which it was seen not yet taken; ``taken_to``: the moment by which it was taken.
    ``basis``: "first_completed" (``taken_to`` is exact), "last_saved" (``taken_to`` is an upper bound), "observed" (both are
    our own observations), "none" (too stale to judge lateness) or "" (not taken). ``status``: "taken", "partial" or
    "not taken" as last seen. ``source_fresh``: whether the source was seen complete after the due time, and not staler than
    it declares. All moments are aware; being taken at the due time itself is in time. Raises BadInput for a moment without
    time zone or an unknown status.
    """
    for name, moment in (("starts_at", starts_at), ("taken_from", taken_from), ("taken_to", taken_to), ("now", now)):
        if moment is not None and moment.tzinfo is None:
            raise BadInput(f"{name} has no time zone: give an aware moment (UTC)")
    if status not in (TAKEN, PARTIAL, NOT_TAKEN):
        raise BadInput(f"{status!r} is no status of a register: give {TAKEN!r}, {PARTIAL!r} or {NOT_TAKEN!r}")
    due = starts_at + timedelta(minutes=limit_minutes)

    def say(word: str, reason: str) -> RegisterVerdict:
        return RegisterVerdict(word, due, reason)

    if not required:
        return say("not_required", "no register has to be taken")
    if status == TAKEN:
        return say(*_taken(due, taken_from, taken_to, basis, now))
    what = "only partly marked" if status == PARTIAL else "not taken"
    if now <= due:
        return say("pending", f"{what} yet, and not due before the limit of {limit_minutes} minutes has passed")
    if basis == "none" or not source_fresh:
        return say("unknown", f"{what} when last seen, but the source has not been seen fresh since the register was due")
    return say("missing", f"{what} after the limit of {limit_minutes} minutes had passed")


def _taken(due: datetime, taken_from: datetime | None, taken_to: datetime | None, basis: str, now: datetime) -> tuple[str, str]:
    if basis == "first_completed" and taken_to is not None:
        taken_from = taken_to
    if taken_from is not None and taken_to is not None and taken_from > taken_to:
        return "unknown", "the times given contradict each other: it was seen not taken after it had been taken"
    latest = now if taken_to is None else min(taken_to, now)    # it is taken now, so it was taken by now
    if latest <= due:
        return "on_time", "taken before or at the moment it was due"
    if basis in ("none", ""):
        return "unknown", "taken, but the source cannot say when"
    if taken_from is not None and taken_from > due:
        return "late", "taken after it was due"
    if taken_from is None:
        return "unknown", "taken by a moment after it was due, but perhaps before: the source gives only the last change"
    return "unknown", "taken between an observation before and one after the moment it was due"
