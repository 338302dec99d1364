"""One reading of a school's files: what of each was accepted, what is in quarantine, and which files wait or are refused."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

from cme import clock as school_clock
from cme.errors import BadInput
from cme.sources.column_map import PLAIN, ColumnMap
from cme.sources.columns import CONTACTS, PUPIL_COLUMNS, PUPILS, REGISTERS, Shape, contract
from cme.sources.csv_text import Line
from cme.sources.gather import Gathering, Key, every_day, in_order, overlay
from cme.sources.grids import Table
from cme.sources.people import DAYS as PUPIL_DAYS
from cme.sources.people import People, PupilColumns
from cme.sources.source import BadRow, Columns, Pulled, RegisterDocument
from cme.sources.tables import OURS, SPREADSHEETS, UNREAD, is_footer, table_of, too_large
from cme.sources.timetable import Calendar, Timetable
from cme.sources.values import Days, Unreadable, optional_day


class FileReading:
    """One pull of files: of registers, of people, of the timetable; each file is read, waits, or is refused."""

    def __init__(self, days: Iterable[date] | None, stable: float, clock: Callable[[], float], zone: ZoneInfo,
                 maps: Mapping[str, ColumnMap], calendar: Calendar | None) -> None:
        self._maps, self._calendar = maps, calendar
        self.days = tuple(sorted(set(days))) if days is not None else None
        self._day = self.days[-1] if self.days else school_clock.today()
        self.notes: list[str] = []
        self.gaps: list[str] = []
        self.waiting: list[str] = []
        self.refused: list[BadRow] = []                    # files of which nothing could be read
        self._stable, self._clock, self._zone = stable, clock, zone
        self._people, self._timetable = People(), Timetable(zone)
        self._pupil_days = Days(self._map(PUPILS).dates)
        self._pupil_columns: PupilColumns | None = None
        self._documents: dict[Key, RegisterDocument] = {}
        self._bad: list[BadRow] = []
        self._read = self._accepted = 0
        self._newest, self._files_of_last_day = 0.0, 0
        self._read_through: list[str] = []
        self._columns: list[Columns] = []
        self._own_age: dict[Path, float] = {}              # what a file itself says of the age of its data

    def age(self, path: Path) -> tuple[float, str]:
        """The order in which files are laid over each other: the newer over the older."""
        try:
            return path.stat().st_mtime, path.name
        except OSError:
            return 0.0, path.name

    def registers(self, path: Path) -> None:
        """Read a file of registers; where two files hold the same register, the one written later counts."""
        if (text := self._open(path, REGISTERS)) is None:
            return
        found = Gathering(path.name, text.where, self.days, self._zone, Days(self._map(REGISTERS).dates))
        self._read_through.append(path.name)
        footers = 0
        for line in text:
            if is_footer(line, text):
                footers += 1
            elif line.ends:
                found.break_off(line.number, line.fault, line.raw)
                self.gaps.append(f"{path.name} breaks off: what should follow is not known")
            elif line.fault:
                found.fault(line.number, line.fault, line.raw)
            else:
                found.row(line.number, line.cells, line.raw)
        if footers:
            self.notes.append(f"{path.name}: {footers} line(s) of totals or print marks passed over")
        if turned := found.days.turned:
            return self._refuse(path, turned)
        if found.details_refused:
            self.notes.append(f"{path.name}: some details of pupils could not be read (first in line {found.details_refused}); "
                              "their marks were")
        self._bad += found.bad
        self._read += found.read
        self._accepted += found.accepted
        found.tell(self._people)
        documents, written = found.documents(), self.age(path)[0]
        self._newest = max(self._newest, min(written, self._own_age.get(path, written)))
        self._files_of_last_day += any(key[0] == self._day for key in documents)
        for key, document in documents.items():
            self._documents[key] = overlay(self._documents[key], document) if key in self._documents else document

    def table(self, path: Path, shape: Shape, row: Callable[[Table, Line, str], None]) -> None:
        """Read a file of people or of the timetable."""
        if (text := self._open(path, shape)) is None:
            if shape is CONTACTS:
                self._people.doubt_contacts()
            return
        lines = list(text)
        if shape is PUPILS and (turned := self._turned(text, lines)):
            return self._refuse(path, turned)
        self._read_through.append(path.name)
        for line in lines:
            if line.fault:
                self._people.fault(path.name, line.number, line.fault, line.raw.rstrip("\n"))
            else:
                row(text, line, path.name)

    def _turned(self, text: Table, lines: Sequence[Line]) -> str:
        """Why no day of a list of pupils can be trusted; empty where they can."""
        days = Days(self._map(PUPILS).dates)
        for cells in (line.cells for line in lines if not line.fault):
            for name in PUPIL_DAYS:
                try:
                    optional_day(days, cells[text.where[name]] if name in text.where else "", name)
                except Unreadable:
                    pass
        return days.turned

    def pupil(self, text: Table, line: Line, place: str) -> None:
        """A row of pupils.csv."""
        columns = self._pupil_columns = self._pupil_columns or PupilColumns(text.where, PUPIL_COLUMNS | {"group"},
                                                                            self._pupil_days)
        self._people.pupil(columns, text.where, line.cells, place, line.number, line.raw.rstrip("\n"))

    def contact(self, text: Table, line: Line, place: str) -> None:
        """A row of contacts.csv."""
        self._people.contact(text.where, line.cells, place, line.number, line.raw.rstrip("\n"))

    def staff(self, text: Table, line: Line, place: str) -> None:
        """A row of staff.csv."""
        self._people.staff_row(text.where, line.cells, place, line.number, line.raw.rstrip("\n"))

    def timetable_row(self, text: Table, line: Line, place: str) -> None:
        """A row of timetable.csv."""
        self._timetable.row(text.where, line.cells, place, line.number, line.raw)

    def _open(self, path: Path, shape: Shape) -> Table | None:
        """The file's text, or None: still being written (waiting), or not readable (one bad row for the file)."""
        try:
            before = path.stat()
            age = self._clock() - before.st_mtime
            if reason := too_large(path, before.st_size):
                self._refuse(path, reason)
                return None
            data = b"" if 0 <= age < self._stable else path.read_bytes()
            after = path.stat()
        except OSError as error:
            self._refuse(path, f"the file cannot be opened ({error.strerror}): correct its permissions")
            return None
        moved = (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)
        if 0 <= age < self._stable or moved or len(data) != after.st_size:
            self.waiting.append(path.name)
            return None
        try:
            table, notes, as_of = table_of(path, data, shape, self._map(shape), self._calendar)
        except BadInput as reason:
            self._refuse(path, str(reason))
            return None
        self.notes += [f"{path.name}: {note}" for note in notes]
        layout = self._map(shape).layout
        self._columns.append(contract(path.name, table.header if layout == "long" else (), table.where, shape))
        if as_of is not None:
            self._own_age[path] = as_of.timestamp()
        return table

    def _map(self, shape: Shape) -> ColumnMap:
        return self._maps.get(shape.name, PLAIN)

    def refuse_others(self, paths: Sequence[Path]) -> None:
        """Say of each spreadsheet that is meant for us and cannot be read that it is not."""
        for path in paths:
            if path.suffix.casefold() in SPREADSHEETS and path.name.casefold().startswith(OURS):
                self._refuse(path, UNREAD)

    def twice(self, paths: Sequence[Path], shape: Shape) -> None:
        """The same table in two forms: which one counts is not guessed."""
        if shape is CONTACTS:
            self._people.doubt_contacts()
        for path in paths:
            self._refuse(path, f"{' and '.join(p.name for p in paths)} stand beside each other: keep one")

    def _refuse(self, path: Path, reason: str) -> None:
        self.refused.append(BadRow(path.name, None, reason))
        self.gaps.append(f"{path.name} could not be read at all, see the quarantine")

    def pulled(self, calendar: Calendar | None) -> Pulled:
        """All that was read."""
        days: Sequence[date] = self.days if self.days is not None else every_day(self._documents)
        parts = (self._people, self._timetable)
        return Pulled(
            registers=in_order(self._documents.values()),
            expected=self._timetable.expected(days, calendar, self._people.expected_on),
            pupils=self._people.pupils(), staff=self._people.staff(),
            bad_rows=(*self._bad, *self.refused, *(row for part in parts for row in part.bad)),
            waiting=tuple(self.waiting),
            as_of=datetime.fromtimestamp(self._newest, timezone.utc) if self._newest else None,
            one_moment=self._files_of_last_day < 2,
            rows_read=self._read + len(self.refused) + sum(part.read for part in parts),
            rows_accepted=self._accepted + sum(part.accepted for part in parts),
            notes=tuple(self.notes), gaps=tuple(self.gaps), days=self.days, expected_whole=frozenset(days) if self._timetable.entries and not self._timetable.bad else frozenset(),
            columns=tuple(self._columns), places=tuple((name, True) for name in self._read_through))
