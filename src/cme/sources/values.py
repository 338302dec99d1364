"""Single cells: days, moments, numbers, yes or no, marks. Each is read in the documented way or refused with a reason.

A reason never quotes the cell, which may hold anything, also a child's name.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

_ISO_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_UK_DAY = re.compile(r"(\d{2})/(\d{2})/(\d{4})", re.ASCII)
_SLASHES = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?", re.ASCII)
_MOMENT = re.compile(r"(\S+?)[T ](\d{1,2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,6})\d*)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?", re.ASCII)
_DAMAGED = re.compile(r"\d(?:[.,]\d+)?E\+\d+", re.ASCII | re.IGNORECASE)
_LONGEST_MARK = 8
_OTHER_ORDER = "certainly "     # begins what is said of a date that can only be meant in the other order

_YES = {"yes", "y", "true", "t", "1"}
_NO = {"no", "n", "false", "f", "0", ""}


class Unreadable(Exception):
    """A cell that cannot be read; the text says why, and what to do."""


class Days:
    """The days of one file. It remembers whether the file's dates give themselves away as written in another order than they are read."""

    def __init__(self, form: str = "") -> None:
        self._form = form            # a school's own form such as "%d %b %Y", which holds then beside 2026-11-23
        self._other = form.translate({ord("d"): "m", ord("m"): "d"}) if {"%d", "%m"} <= {form[n:n + 2] for n in range(len(form))} else ""
        self.in_order = False        # some date can only be day/month/year, or in the school's own form
        self.other_order = 0         # how many can only be month/day/year, or the school's own form with the two exchanged
        self._known: dict[str, date | str] = {}

    @property
    def turned(self) -> str:
        """Why no day of the file can be trusted: some can only be meant in the other order, and none proves ours. Else empty."""
        if self.in_order or not self.other_order:
            return ""
        order = "with day and month exchanged from what the column map says" if self._form else "as month/day/year"
        return (f"{self.other_order} date(s) can only be read {order}, and none is certainly in order: no day of the file can be trusted, "
                "export it with dates as 2026-11-23")

    def read(self, text: str, column: str = "date") -> date:
        """``text`` as a day: 2026-11-23 or 23/11/2026, nothing else. Raises Unreadable."""
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = self._read(text.strip())
            if len(self._known) > 50_000:
                self._known = {text: found}
        if isinstance(found, str):
            if found.startswith(_OTHER_ORDER):
                self.other_order += 1
            raise Unreadable(f"the {column} is {found}")
        return found

    def _read(self, text: str) -> date | str:
        if self._form and text and not _ISO_DAY.fullmatch(text):
            return self._in_own_form(text)
        if match := _ISO_DAY.fullmatch(text):
            year, month, day = map(int, match.groups())
        elif match := _UK_DAY.fullmatch(text):
            day, month, year = map(int, match.groups())
            if day > 12 >= month:
                self.in_order = True
        elif not text:
            return "empty: write it as 2026-11-23 or 23/11/2026"
        elif match := _SLASHES.fullmatch(text):
            if int(match[2]) > 12 >= int(match[1]):
                return f"{_OTHER_ORDER}month/day/year, which this product does not guess: export it as 2026-11-23 or 23/11/2026"
            return "not in the form 2026-11-23 or 23/11/2026 (two figures for day and month): export it so"
        else:
            return "not in the form 2026-11-23 or 23/11/2026: export it so"
        if match.re is _UK_DAY and month > 12 >= day:
            return f"{_OTHER_ORDER}month/day/year, which this product does not guess: export it as 2026-11-23 or 23/11/2026"
        try:
            return date(year, month, day)
        except ValueError:
            return "no day of the calendar: correct it"

    def _in_own_form(self, text: str) -> date | str:
        try:
            found = datetime.strptime(text, self._form).date()
            self.in_order |= bool(self._other) and found.day > 12
            return found
        except ValueError:
            pass
        try:
            if self._other and datetime.strptime(text, self._other):
                return f"{_OTHER_ORDER}day and month exchanged from what the column map says: correct the export or the map"
        except ValueError:
            pass
        return "not in the form that the column map gives, nor 2026-11-23: correct the export or the map"


def optional_day(days: Days, text: str, column: str) -> date | None:
    """A day, or None for an empty cell."""
    return days.read(text, column) if text.strip() else None


def clock_time(text: str, column: str) -> time:
    """A time of the day such as 09:00 (or 9:00:00)."""
    match = _CLOCK.fullmatch(text.strip())
    if match and int(match[1]) < 24 and int(match[2]) < 60 and int(match[3] or 0) < 60:
        return time(int(match[1]), int(match[2]), int(match[3] or 0))
    raise Unreadable(f"{column} is no time of the day in the form 09:00: correct it")


def moment(text: str, day: date, days: Days, zone: ZoneInfo, column: str = "taken_at") -> datetime:
    """A moment as a UTC instant: 2026-11-23T09:04[:30][Z|+01:00], 23/11/2026 09:04, or 09:04 on ``day``.

    Without an offset it is the wall clock of ``zone``.
    """
    text = text.strip()
    if _CLOCK.fullmatch(text):
        found = datetime.combine(day, clock_time(text, column), zone)
    elif match := _MOMENT.fullmatch(text):
        found = datetime.combine(days.read(match[1], column), clock_time(match[2], column), zone)
        found = found.replace(microsecond=int((match[3] or "").ljust(6, "0")))
        if match[4]:
            found = found.replace(tzinfo=_offset(match[4], column))
    else:
        raise Unreadable(f"{column} is no moment in the form 2026-11-23 09:04, 23/11/2026 09:04 or 09:04: correct it")
    try:
        return found.astimezone(timezone.utc)
    except OverflowError:
        raise Unreadable(f"{column} is no moment of our time: correct it") from None


def _offset(text: str, column: str) -> timezone:
    """Z, +01, +0100 or +01:00 as a time zone."""
    if text == "Z":
        return timezone.utc
    minutes = int(text[1:3]) * 60 + int(text[3:].removeprefix(":") or 0)
    if minutes >= 24 * 60:
        raise Unreadable(f"{column} has an offset from UTC that no place has: correct it")
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def whole(text: str, column: str, least: int = 0, most: int = 9999) -> int:
    """A whole number from ``least`` to ``most``."""
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most:
        return int(text)
    raise Unreadable(f"{column} is no whole number from {least} to {most}: correct it or leave it empty")


def yes(text: str, column: str) -> bool:
    """Yes or no; an empty cell is no. Anything else is refused: a flag that stops contact is never guessed."""
    word = text.strip().casefold()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise Unreadable(f"{column} is neither yes nor no: write yes or no")


def identifier(text: str, column: str = "pupil_id") -> str:
    """An identifier as text: 007 stays 007. Refused where a spreadsheet has rounded it (1.2E+11)."""
    text = text.strip()
    if not text:
        raise Unreadable(f"the {column} is empty: every row needs one")
    if _DAMAGED.fullmatch(text):
        raise Unreadable(f"the {column} was rounded by a spreadsheet (1.2E+11): export it again as text")
    return text


def mark(text: str) -> str:
    """A mark as the source says it: one token. Whether it is a code is asked later, when its day is known."""
    token = text.strip()
    if len(token) > _LONGEST_MARK or not token.isprintable() or " " in token:
        raise Unreadable("the mark is longer than any code: are the columns shifted?")
    return token


def slot_of(kind: str, session: str, slot: str) -> tuple[str, str]:
    """("session", "AM" or "PM") or ("lesson", its label)."""
    kind = kind.strip().casefold() or "session"
    session, slot = session.strip(), slot.strip()
    if kind == "session":
        if (found := _SESSIONS.get((session or slot).casefold())) is None:
            raise Unreadable("the session is neither AM nor PM: write AM or PM, or lesson in the column kind")
        return kind, found
    if kind == "lesson":
        if not (label := slot or session):
            raise Unreadable("the lesson has no slot: every lesson of a day and group needs its own label")
        return kind, label
    raise Unreadable("the kind is neither session nor lesson: write one of the two, or leave it empty for session")


_SESSIONS = {"am": "AM", "pm": "PM", "morning": "AM", "afternoon": "PM"}


def many(text: str) -> tuple[str, ...]:
    """A list in one cell, parted by ; or |."""
    return tuple(part.strip() for part in re.split(r"[;|]", text) if part.strip())


def unfit(cells: Sequence[str]) -> str:
    """Why cells cannot be kept at all: text that no database of ours can hold."""
    for cell in cells:
        if "\0" in cell or not cell.isascii() and any("\ud800" <= c <= "\udfff" for c in cell):
            return "a cell holds bytes that are no text: correct it in the school's system"
    return ""


def shown(cells: Sequence[str]) -> str:
    """A row as it is kept in quarantine."""
    return " | ".join(cells).replace("\0", "").encode("utf-8", errors="replace").decode()
