"""Which registers ought to be taken: the school's weekly timetable expanded to days, and dated rows of a query."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timezone
from typing import Protocol
from zoneinfo import ZoneInfo

from cme.sources.source import BadRow, ExpectedRegister
from cme.sources.values import Days, Unreadable, clock_time, many, optional_day, slot_of, yes

_WEEKDAYS = {name: number for number, names in enumerate(
    (("monday", "mon", "1"), ("tuesday", "tue", "2"), ("wednesday", "wed", "3"), ("thursday", "thu", "4"),
     ("friday", "fri", "5")), 1)
    for name in names}


class Calendar(Protocol):
    """What the timetable needs of the school's calendar (cme.rules.school_days.SchoolCalendar has it)."""

    def is_school_day(self, day: date) -> bool: ...
    def has_session(self, day: date, session: str) -> bool: ...


@dataclass(frozen=True)
class Entry:
    """One line of the weekly timetable. ``weekday`` is 1 (Monday) to 5."""

    weekday: int
    kind: str
    slot: str
    group: str
    starts: time
    ends: time
    staff: tuple[str, ...]
    valid_from: date
    valid_to: date
    rooms: tuple[str, ...] = ()


class Timetable:
    """Gathers timetable rows or dated rows; every row read is accepted or quarantined."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.bad: list[BadRow] = []
        self.read = self.accepted = 0
        self.entries: list[Entry] = []
        self.dated: dict[tuple[date, str, str, str], ExpectedRegister] = {}
        self._zone = zone
        self._days = Days()

    def row(self, where: dict[str, int], cells: Sequence[str], place: str, line: int | None, raw: str) -> None:
        """One line of timetable.csv: weekday, session or slot, group, starts, ends, staff."""
        def read(text: Callable[[str], str]) -> None:
            weekday = _WEEKDAYS.get(text("weekday").casefold())
            if weekday is None:
                raise Unreadable("the weekday is none of Monday to Friday: correct it")
            kind, slot, group, starts, ends = _common(text)
            self.entries.append(Entry(weekday, kind, slot, group, starts, ends, many(text("staff")),
                                      optional_day(self._days, text("valid_from"), "valid_from") or date.min,
                                      optional_day(self._days, text("valid_to"), "valid_to") or date.max, many(text("rooms"))))
        self._reading(read, where, cells, place, line, raw)

    def dated_row(self, where: dict[str, int], cells: Sequence[str], place: str, line: int | None, raw: str) -> None:
        """One register of one day, as the query ``expected`` gives it. Several teachers or rooms may come in a row each."""
        def read(text: Callable[[str], str]) -> None:
            day = self._days.read(text("date"))
            kind, slot, group, starts, ends = _common(text)
            required = yes(text("required") or "yes", "required")
            found = ExpectedRegister(day, kind, slot, group, self._instant(day, starts), self._instant(day, ends),
                                     _together(many(text("staff")), many(text("cover"))), required,
                                     "" if required else text("not_required_reason"), many(text("rooms")), many(text("cover")))
            key = (day, kind, slot, group)
            known = self.dated.get(key, found)
            if _when(known) != _when(found):
                raise Unreadable("the same register is expected twice with different times, or once required and once not: keep one row")
            self.dated[key] = replace(found, staff=_together(known.staff, found.staff), rooms=_together(known.rooms, found.rooms),
                                      cover=_together(known.cover, found.cover))
        self._reading(read, where, cells, place, line, raw)

    def _reading(self, read: Callable[[Callable[[str], str]], None], where: dict[str, int], cells: Sequence[str], place: str,
                 line: int | None, raw: str) -> None:
        self.read += 1
        try:
            read(lambda name: cells[where[name]].strip() if name in where else "")
            self.accepted += 1
        except Unreadable as reason:
            self.bad.append(BadRow(place, line, str(reason), raw.rstrip("\n")))

    def _instant(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, self._zone).astimezone(timezone.utc)

    def expected(self, days: Iterable[date], calendar: Calendar | None,
                 pupils_expected: Callable[[date, str, str], bool | None]) -> tuple[ExpectedRegister, ...]:
        """The registers of ``days``: none on days or in sessions without school; not required where no pupil is expected.

        Two lines for one register (two teachers) make one register with both.
        """
        found = dict(self.dated)
        for day in days:
            if calendar.is_school_day(day) if calendar else day.isoweekday() < 6:
                for e in self.entries:
                    if e.weekday != day.isoweekday() or not e.valid_from <= day <= e.valid_to:
                        continue
                    if e.kind == "session" and calendar and not calendar.has_session(day, e.slot):
                        continue
                    key = (day, e.kind, e.slot, e.group)
                    staff, rooms = e.staff, e.rooms
                    if key in found:
                        staff, rooms = (*found[key].staff, *staff), (*found[key].rooms, *rooms)
                    nobody = e.kind == "session" and pupils_expected(day, e.slot, e.group) is False
                    found[key] = ExpectedRegister(*key, self._instant(day, e.starts), self._instant(day, e.ends),
                                                  _together(staff), not nobody,
                                                  "no pupil of the group is expected" if nobody else "", _together(rooms))
        return tuple(found[key] for key in sorted(found))


def _together(*lists: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for names in lists for one in names))


def _when(register: ExpectedRegister) -> tuple[object, ...]:
    return register.starts_at, register.ends_at, register.required, register.not_required_reason


def _common(text: Callable[[str], str]) -> tuple[str, str, str, time, time]:
    kind, slot = slot_of(text("kind"), text("session"), text("slot"))
    if not (group := text("group")):
        raise Unreadable("the group is empty: every register needs one")
    starts, ends = clock_time(text("starts"), "starts"), clock_time(text("ends"), "ends")
    if ends <= starts:
        raise Unreadable("the register ends before it starts: correct starts or ends")
    return kind, slot, group, starts, ends
