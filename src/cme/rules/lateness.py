"""Pupils who came late: L before the register closed (present), U after (an absence, although the child was there).

Kept apart from registers that were taken late, which is a matter of staff (``overdue_registers``).
Source: SI 2024/208 reg 10; Department for Education statistics: late sessions = L + U.
"""

from dataclasses import dataclass

from cme.rules.marks import SessionMark
from cme.rules.possible_sessions import Attendance


@dataclass(frozen=True)
class Lateness:
    """The sessions of the school year so far to which the pupil came late."""

    before_close: tuple[SessionMark, ...]
    after_close: tuple[SessionMark, ...]

    @property
    def sessions(self) -> int:
        return len(self.before_close) + len(self.after_close)


def lateness(pupil: Attendance) -> Lateness:
    """The pupil's L and U of the school year so far. Opens nothing: it is shown beside the rest."""
    marks = [mark for day in pupil.this_year for mark in day.sessions]
    return Lateness(tuple(m for m in marks if m.code == "L"), tuple(m for m in marks if m.code == "U"))
