"""Why a finding no longer holds: which of the marks that caused it have changed since.

Marks change late and often (N becomes I when a parent answers). A finding that a later judgement no longer gives is retracted
with this sentence; what was sent because of it stays sent, and the case goes on until a person closes it.
Source: SI 2024/208 reg 6 (an amended entry stays visible beside the original one).
"""

from collections.abc import Iterable

from cme.rules.marks import MISSING, SessionMark
from cme.rules.wording import plural, short

_SHOWN = 6


def changed_marks(before: Iterable[SessionMark], now: Iterable[SessionMark]) -> list[tuple[SessionMark, str]]:
    """The marks of ``before`` that read otherwise ``now``, in order, each with its present code (``-``: no mark any more)."""
    present = {(mark.day, mark.session): mark.code or MISSING for mark in now}
    return [(mark, present.get((mark.day, mark.session), MISSING)) for mark in sorted(before)
            if present.get((mark.day, mark.session), MISSING) != mark.code]


def retraction(before: Iterable[SessionMark], now: Iterable[SessionMark]) -> str:
    """One sentence for the case: why the finding made of the marks ``before`` no longer holds with the marks as they are now."""
    caused = tuple(before)
    changed = changed_marks(caused, now)
    if not changed:
        return ("no longer holds, although none of its marks has changed: other marks, the dates on roll, the expected sessions "
                "or a number of the rule did")
    some = ", ".join(f"{short(mark)}: {mark.code} is now {code}" for mark, code in changed[:_SHOWN])
    more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    return f"no longer holds: {len(changed)} of its {plural(len(caused), 'mark')} changed ({some}{more})"
