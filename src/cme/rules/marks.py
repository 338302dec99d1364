"""Marks and what they mean.

A mark is what a register says of one pupil in one session. A code of one or two characters stands for it; ``-`` (or an
empty mark) means that *no mark was entered*, which is neither absence nor presence.
Source: School Attendance (Pupil Registration) (England) Regulations 2024 (SI 2024/208), reg 10.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property

from cme.errors import BadInput

MISSING = "-"


class Category(StrEnum):
    """What a code counts as in the statistics of the Department for Education."""

    PRESENT = "present"
    APPROVED = "approved educational activity"      # counts as attendance
    AUTHORISED = "authorised absence"
    UNAUTHORISED = "unauthorised absence"
    NOT_POSSIBLE = "not a possible session"          # leaves numerator and denominator
    ADMINISTRATIVE = "administrative"                # Z and #: never a possible session
    MISSING = "no mark"

    @property
    def possible(self) -> bool:
        return self in (Category.PRESENT, Category.APPROVED, Category.AUTHORISED, Category.UNAUTHORISED)

    @property
    def attended(self) -> bool:
        return self in (Category.PRESENT, Category.APPROVED)

    @property
    def absent(self) -> bool:
        return self in (Category.AUTHORISED, Category.UNAUTHORISED)


@dataclass(frozen=True)
class AttendanceCode:
    """One row of the statutory code table. ``valid_to`` is the last day on which the code could be entered."""

    code: str
    meaning: str
    category: Category
    valid_from: date = date.min
    valid_to: date = date.max
    source: str = ""
    confirmed: bool = False


@dataclass(frozen=True, order=True)
class SessionMark:
    """What the register of one session says of one pupil. ``session`` is "AM" or "PM"; ``code`` is statutory."""

    day: date
    session: str
    code: str


class UnknownCode(BadInput):
    """The code is not in the table, or was not valid on that day. Never guessed: the mark goes to quarantine."""


@dataclass(frozen=True)
class LocalCode:
    """A school's own code and the statutory code it stands for, on the days from ``valid_from`` to ``valid_to``."""

    local: str
    statutory: str
    valid_from: date = date.min
    valid_to: date = date.max


@dataclass(frozen=True)
class CodeTable:
    """The codes by their text. ``local`` maps a school's own codes to statutory ones."""

    codes: tuple[AttendanceCode, ...]
    local: tuple[LocalCode, ...] = ()

    @cached_property
    def _by_text(self) -> dict[str, tuple[AttendanceCode, ...]]:
        found: dict[str, tuple[AttendanceCode, ...]] = {}
        for code in self.codes:
            found[code.code] = (*found.get(code.code, ()), code)
        return found

    @cached_property
    def _by_local(self) -> dict[str, tuple[LocalCode, ...]]:
        found: dict[str, tuple[LocalCode, ...]] = {}
        for code in self.local:
            found[code.local] = (*found.get(code.local, ()), code)
        return found

    def lookup(self, code: str, day: date) -> AttendanceCode:
        """The meaning of ``code`` on ``day``; raises UnknownCode with a sentence fit for the quarantine list."""
        found = self._by_text.get(code, ())
        for candidate in found:
            if candidate.valid_from <= day <= candidate.valid_to:
                return candidate
        if found and day < min(c.valid_from for c in found):
            first = min(c.valid_from for c in found)
            raise UnknownCode(f"code {code!r} could be entered only from {first:%d %B %Y}, not on {day:%d %B %Y}")
        if found:
            last = max(c.valid_to for c in found if c.valid_to < day)
            raise UnknownCode(f"code {code!r} could be entered only until {last:%d %B %Y}, not on {day:%d %B %Y}")
        raise UnknownCode(f"code {code!r} is not in the attendance code table")

    def category(self, code: str, day: date) -> Category:
        """The category of ``code`` on ``day``; a missing mark is Category.MISSING, never an absence."""
        if code in ("", MISSING):
            return Category.MISSING
        return self.lookup(code, day).category

    def statutory(self, raw: str, day: date) -> str:
        """The statutory code that a source's token stands for on ``day``; ``-`` for a mark not entered.

        A whole token is looked up, never its first letter and never in another case: a statutory code stands for itself,
        else the school's own codes decide. Raises UnknownCode for anything else, and the mark goes to quarantine.
        """
        token = raw.strip()
        if token in ("", MISSING):
            return MISSING
        try:
            return self.lookup(token, day).code
        except UnknownCode as unknown:
            for candidate in self._by_local.get(token, ()):
                if candidate.valid_from <= day <= candidate.valid_to:
                    return self.lookup(candidate.statutory, day).code
            raise UnknownCode(f"{unknown}; if it is the school's own code, add it to local_codes in school.yaml") from None
