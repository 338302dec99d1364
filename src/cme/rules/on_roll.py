"""Many pupils' enrolments side by side, as the population screen needs them: days as ordinals, one entry a pupil.

The days are those of ``possible_sessions``: a session counts from the later of admission and compulsory school age to the earlier
of leaving and the end of compulsory school age.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from cme.rules.finding import Enrolment
from cme.rules.possible_sessions import compulsory_from, compulsory_until

NOT_KNOWN = 0                     # in place of a date: date.min is 1
Days = NDArray[np.int32]
Chosen = NDArray[np.int64] | NDArray[np.bool_] | slice
Pattern = frozenset[tuple[int, str]] | None


@dataclass(frozen=True)
class OnRoll:
    """``first`` and ``last`` bound the days whose sessions count for a pupil, both included; ``left`` is the last day on roll
    (``date.max`` while nobody knows one). ``pattern`` is the place of the pupil's own pattern among ``patterns``; None: every
    session is expected."""

    first: Days
    last: Days
    left: Days
    pattern: NDArray[np.intp]
    patterns: tuple[Pattern, ...] = (None,)

    @classmethod
    def of_days(cls, admitted: Days, left: Days, born: Days, pattern: NDArray[np.intp], patterns: tuple[Pattern, ...]) -> "OnRoll":
        """From the days as the records hold them. Who is not known to have a day of admission or leaving has been on roll for
        ever, and who has no known birthday is of compulsory school age, so that no child is overlooked."""
        left = np.where(left == NOT_KNOWN, date.max.toordinal(), left)
        birthdays, which = np.unique(born, return_inverse=True)
        begins, ends = (np.array([edge if birthday == NOT_KNOWN else of(date.fromordinal(birthday)).toordinal()
                                  for birthday in birthdays.tolist()], dtype=np.int32)[which] for edge, of in _AGE)
        return cls(np.maximum(admitted, begins), np.minimum(left, ends), left, pattern, patterns)

    @classmethod
    def of_enrolments(cls, enrolments: Sequence[Enrolment]) -> "OnRoll":
        patterns = tuple(dict.fromkeys(e.expected for e in enrolments)) or (None,)
        days = ([day.toordinal() if (day := getattr(e, name)) else NOT_KNOWN for e in enrolments] for name in ("admitted", "left", "born"))
        return cls.of_days(*(np.array(d, dtype=np.int32) for d in days),
                           np.array([patterns.index(e.expected) for e in enrolments], dtype=np.intp), patterns)

    def of(self, who: Chosen) -> "OnRoll":
        """The same of some of the pupils."""
        return OnRoll(self.first[who], self.last[who], self.left[who], self.pattern[who], self.patterns)

    def on(self, days: Sequence[date]) -> NDArray[np.bool_]:
        """For whom the sessions of a day count: (days, pupils)."""
        numbers = np.array([day.toordinal() for day in days], dtype=np.int32)[:, None]
        return (self.first <= numbers) & (numbers <= self.last)

    def throughout(self, days: Sequence[date]) -> bool:
        """Whether the sessions of all of ``days`` (in order) count for everybody."""
        return not days or bool(self.on([days[0], days[-1]]).all())

    @property
    def has_patterns(self) -> bool:
        return self.patterns != (None,)

    def not_expected(self, weekday: int, session: str) -> NDArray[np.bool_]:
        """Whose pattern does not expect them in that session of the week."""
        return np.array([p is not None and (weekday, session) not in p for p in self.patterns])[self.pattern]


_AGE: tuple[tuple[int, Callable[[date], date]], ...] = ((NOT_KNOWN, compulsory_from), (date.max.toordinal(), compulsory_until))
