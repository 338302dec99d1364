"""How the rules word days, marks and sums in a reason: plain, exact, and without a name."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date

from cme.rules.marks import SessionMark

_SHOWN = 6      # so many marks are named, the rest counted


def on(day: date) -> str:
    """A day as people write it: "Monday 2 November 2026"."""
    return f"{day:%A} {day.day} {day:%B %Y}"


def short(mark: SessionMark) -> str:
    """A mark's session: "2 Nov 2026 AM"."""
    return f"{mark.day.day} {mark.day:%b %Y} {mark.session}"


def tally(marks: Iterable[SessionMark]) -> str:
    """How often each code occurs: "4 G, 16 N"."""
    return ", ".join(f"{n} {code}" for code, n in sorted(Counter(mark.code for mark in marks).items()))


def halves(count: int) -> str:
    """Half days as days: 19 is "9 and a half"."""
    return f"{count // 2}{' and a half' if count % 2 else ''}"


def unmarked(marks: Sequence[SessionMark]) -> str:
    """What a reason says of marks not entered; nothing when there are none."""
    if not marks:
        return ""
    some = ", ".join(short(mark) for mark in marks[:_SHOWN])
    if more := marks[_SHOWN:]:
        some += f" and {len(more)} more"
    return f"; no readable mark for {plural(len(marks), 'session')} ({some}), counted neither way"


def plural(count: int, word: str) -> str:
    """ "1 session", "2 sessions"."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
