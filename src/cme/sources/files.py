"""Registers from files: a folder that the school's system exports into, or one file. docs/registers-csv.md has the columns.

A file that may still be being written is left for the next pull; a file that cannot be read costs itself, a row that cannot
be read costs itself, and both are kept with their reason.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

from cme import clock as school_clock
from cme.errors import BadInput, Misconfigured
from cme.sources.column_map import ColumnMap
from cme.sources.columns import CONTACTS, PUPILS, STAFF, TIMETABLE
from cme.sources.file_reading import FileReading
from cme.sources.source import FRESH, Pulled, TimeSemantics
from cme.sources.tables import LARGEST, SPREADSHEETS, TEXTS, UNREAD
from cme.sources.timetable import Calendar


class CsvFolder:
    """A folder of exports: registers*.csv, and where given pupils.csv, contacts.csv, staff.csv and timetable.csv; each may as well
    be .xlsx, .xml of SIMS's CommandReporter or .json. ``maps`` says by kind what the school's own exports call the columns.

    ``stable_seconds``: a file changed less than that ago is left for the next pull. ``clock`` gives the seconds since the epoch
    by the clock that stamps the files. ``time_semantics`` is what the column taken_at means in this school's system; naive times
    are wall clock in ``zone``. ``calendar`` says on which days the timetable holds (None: Monday to Friday).
    """

    def __init__(self, folder: Path | str, *, name: str = "csv folder", calendar: Calendar | None = None,
                 stable_seconds: float = 2,
                 clock: Callable[[], float] = time.time, time_semantics: TimeSemantics = TimeSemantics.FIRST_COMPLETED,
                 zone: ZoneInfo = school_clock.LONDON, maps: Mapping[str, ColumnMap] = MappingProxyType({})) -> None:
        self._maps = maps
        self.folder, self.name, self.time_semantics, self.freshness = Path(folder), name, time_semantics, FRESH
        self._calendar, self._stable, self._clock, self.zone = calendar, stable_seconds, clock, zone

    def pull(self, days: Iterable[date] | None) -> Pulled:
        """Everything in the folder for ``days``. Raises Misconfigured when the folder is not there or closed to us."""
        try:
            found = sorted(path for path in self.folder.iterdir() if not path.name.startswith(("~", ".")))     # no editor's locks
        except OSError as error:
            raise Misconfigured(f"the folder of registers {self.folder} cannot be read ({error.strerror}): "
                                "create it, or correct CME_REGISTERS_FOLDER or its permissions") from error
        files = [path for path in found if path.suffix.casefold() in LARGEST]
        registers = [path for path in files if path.name.casefold().startswith("registers")]
        reading = FileReading(days, self._stable, self._clock, self.zone, self._maps, self._calendar)
        if not registers:
            reading.gaps.append("the folder holds no file registers*.csv, .xlsx, .xml or .json")
        reading.refuse_others(found)
        for shape, row in ((PUPILS, reading.pupil), (CONTACTS, reading.contact), (STAFF, reading.staff),
                           (TIMETABLE, reading.timetable_row)):
            named = [path for path in files if path.stem.casefold() == shape.name]
            if len(named) > 1:
                reading.twice(named, shape)
            elif named:
                reading.table(named[0], shape, row)
        for path in sorted(registers, key=reading.age):
            reading.registers(path)
        return reading.pulled(self._calendar)


class CsvFile:
    """One user's register export. It has no timetable, so no register of it can be called overdue."""

    def __init__(self, path: Path | str, *, name: str = "csv file", time_semantics: TimeSemantics = TimeSemantics.FIRST_COMPLETED,
                 zone: ZoneInfo = school_clock.LONDON, maps: Mapping[str, ColumnMap] = MappingProxyType({})) -> None:
        self.path, self.name, self.time_semantics, self.zone, self.freshness = Path(path), name, time_semantics, zone, FRESH
        self._maps = maps

    def pull(self, days: Iterable[date] | None) -> Pulled:
        """The registers of the file for ``days``. Raises BadInput when the file as a whole cannot be read."""
        reading = FileReading(days, 0, lambda: 0.0, self.zone, self._maps, None)
        if not self.path.is_file():
            raise BadInput(f"the register file {self.path} is not there: correct the path")
        if self.path.suffix.casefold() in SPREADSHEETS - TEXTS:
            raise BadInput(f"{self.path.name}: {UNREAD}")
        reading.registers(self.path)
        if reading.refused:
            raise BadInput(f"{self.path.name}: {reading.refused[0].reason}")
        return reading.pulled(None)
