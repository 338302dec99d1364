"""Registers that are not laid out as one mark a row: a week a row, or a pupil's whole year in one cell.

Each cell that holds a mark becomes a row of its own, with the number and the text of the line it stands in.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Protocol

from cme import clock
from cme.errors import BadInput
from cme.sources.column_map import ColumnMap
from cme.sources.columns import MissingColumns
from cme.sources.csv_text import Line
from cme.sources.timetable import Calendar
from cme.sources.values import Days, Unreadable

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK_CELL = re.compile(r"(mon|tue|wed|thu|fri|sat|sun)[a-z]*[\s_-]*(am|pm)", re.IGNORECASE)
_DATED_CELL = re.compile(r"(.*\d)[\s_-]*(am|pm)", re.IGNORECASE)
_NOTHING = {"", "-"}
_ADDED = ("date", "session", "mark")
_LONGEST_YEAR = 800           # days that a packed string may run over


class Table(Protocol):
    """A file as rows: ``where`` maps each documented column to its position, ``header`` has all names in documented form."""

    where: dict[str, int]
    header: list[str]

    def __iter__(self) -> Iterator[Line]: ...


def shaped(table: Table, given: ColumnMap, calendar: Calendar | None) -> Table:
    """The rows of ``table`` as one mark a row, with the values that hold for every row. Raises BadInput."""
    if given.fixed:
        table = _Fixed(table, given.fixed)
    if given.layout == "week":
        return _Weeks(table, given)
    return _Packed(table, given, calendar) if given.layout == "packed" else table


class _Fixed:
    """A table with further columns that hold the same value in every row."""

    def __init__(self, table: Table, fixed: dict[str, str]) -> None:
        self._table, self._values, self.header = table, list(fixed.values()), [*table.header, *fixed]
        self.where = {**table.where, **{name: len(table.header) + n for n, name in enumerate(fixed)}}

    def __iter__(self) -> Iterator[Line]:
        width = len(self._table.header)
        for line in self._table:
            yield line if line.fault else Line(line.number, [*line.cells[:width], *self._values], line.raw)


class _Weeks:
    """One row a pupil and week: columns MonAM ... FriPM with week_starting, or columns headed by a date and AM or PM."""

    def __init__(self, table: Table, given: ColumnMap) -> None:
        self._table, self._days = table, Days(given.dates)
        self._cells = [(position, cell) for position, name in enumerate(table.header) if (cell := self._cell(name)) is not None]
        if not self._cells:
            raise MissingColumns("no column of the week could be found: they are named MonAM ... FriPM or 23/11/2026 AM ...")
        if any(isinstance(day, int) for _, (day, _) in self._cells) and "week_starting" not in table.where:
            raise MissingColumns("the column week_starting of registers is missing: MonAM ... say nothing without the week's Monday")
        if len({cell for _, cell in self._cells}) < len(self._cells):
            raise MissingColumns("a session stands twice in the first line: keep one column for each")
        self.header = [*table.header, *_ADDED]
        self.where = {**table.where, **{name: len(table.header) + n for n, name in enumerate(_ADDED)}}

    def _cell(self, name: str) -> tuple[int | date, str] | None:
        if match := _WEEK_CELL.fullmatch(name.strip()):
            return _WEEKDAYS.index(match[1].casefold()), match[2].upper()
        if match := _DATED_CELL.fullmatch(name.strip()):
            try:
                return self._days.read(match[1]), match[2].upper()
            except Unreadable as reason:
                raise BadInput(f"the first line heads a column by a date that cannot be read: {reason}") from None
        return None

    def __iter__(self) -> Iterator[Line]:
        width, today = len(self._table.header), clock.today()
        for line in self._table:
            monday = None
            if not line.fault and (at := self._table.where.get("week_starting")) is not None:
                try:
                    monday = self._days.read(line.cells[at], "week_starting")
                    if monday.isoweekday() != 1:
                        raise Unreadable("the week_starting is no Monday: export the week's Monday")
                except Unreadable as reason:
                    line = Line(line.number, line.cells, line.raw, str(reason))
            if line.fault:
                yield line
                continue
            for position, (day, session) in self._cells:
                on = day if isinstance(day, date) else monday + timedelta(days=day)      # type: ignore[operator]
                if not (line.cells[position].strip() in _NOTHING and on > today):        # the days to come are no registers yet
                    yield Line(line.number, [*line.cells[:width], on.isoformat(), session, line.cells[position]], line.raw)


class _Packed:
    """One row a pupil: all marks from ``starting`` to ``ending`` in one cell, AM and PM by turns."""

    def __init__(self, table: Table, given: ColumnMap, calendar: Calendar | None) -> None:
        if given.packed_days == "school days" and calendar is None:
            raise BadInput("packed_days: school days needs the school's calendar, which one single file does not have: put the file "
                           "into the folder of CME_REGISTERS_FOLDER")
        self._table, self._given, self._calendar, self._days = table, given, calendar, Days(given.dates)
        self.header = [*table.header, *_ADDED]
        self.where = {**table.where, **{name: len(table.header) + n for n, name in enumerate(_ADDED)}}

    def __iter__(self) -> Iterator[Line]:
        width = len(self._table.header)
        for line in self._table:
            if not line.fault:
                try:
                    for day, session, token in self._marks(line.cells):
                        yield Line(line.number, [*line.cells[:width], day, session, token], line.raw)
                    continue
                except Unreadable as reason:
                    line = Line(line.number, line.cells, line.raw, str(reason))
            yield line

    def _marks(self, cells: Sequence[str]) -> list[tuple[str, str, str]]:
        at = self._table.where
        first, last = self._days.read(cells[at["starting"]], "starting"), self._days.read(cells[at["ending"]], "ending")
        if not 0 <= (last - first).days <= _LONGEST_YEAR:
            raise Unreadable("ending does not follow starting within two years: correct the two days")
        days = [day for day in (first + timedelta(days=n) for n in range((last - first).days + 1)) if self._counts(day)]
        text = cells[at["marks"]]
        tokens = [token.strip() for token in text.split(self._given.separator)] if self._given.separator else list(text)
        if len(tokens) != 2 * len(days):
            raise Unreadable(f"the packed marks are {len(tokens)} and the {self._given.packed_days} from starting to ending need "
                             f"{2 * len(days)}: correct the two days or packed_days, or set a separator if codes have several letters")
        today = clock.today()
        return [(day.isoformat(), session, token) for n, day in enumerate(days) for session, token in
                (("AM", tokens[2 * n]), ("PM", tokens[2 * n + 1])) if not (token.strip() in _NOTHING and day > today)]

    def _counts(self, day: date) -> bool:
        if self._given.packed_days == "school days":
            return self._calendar is not None and self._calendar.is_school_day(day)
        return self._given.packed_days == "every day" or day.isoweekday() < 6
