"""An XLSX workbook as rows: the one sheet that fits, its values as text. Nothing is computed, guessed or repaired.

What a person sees and what the file holds differ in many ways: formulas, merged cells, dates as numbers, identifiers whose leading
noughts are only shown. Each is read as it is meant where that is certain, and refused in one sentence where it is not.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from xml.etree.ElementTree import ParseError  # nosec B405 # types; defusedxml does the reading

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse
from openpyxl import load_workbook
from openpyxl.utils.cell import range_boundaries
from openpyxl.utils.datetime import from_excel

from cme.errors import BadInput
from cme.sources.column_map import PLAIN, ColumnMap
from cme.sources.columns import MissingColumns, Shape
from cme.sources.csv_text import Line
from cme.sources.values import shown, unfit

_LARGEST = 200 * 2**20          # bytes, unpacked
_MOST_PARTS = 2000
_HEADER_WITHIN = 20             # rows: a report's title and date may stand above the names of the columns
_WIDEST = 400                   # columns
_DAYS = {"date", "date_of_birth", "admitted", "left", "valid_from", "valid_to", "week_starting", "starting", "ending"}
_MOMENTS = {"taken_at", "starts", "ends"}
_MERGED = re.compile(rb'mergeCell\b[^>]*?\bref="([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})"')
_PADDED = re.compile(r"0{2,20}")
_ROUNDED = 10**15               # a spreadsheet holds fifteen figures


class XlsxTable:
    """The rows of a workbook. ``notes`` says what was passed over.

    Raises BadInput from the start where nothing can be read: one sentence for the file.
    """

    def __init__(self, data: bytes, shape: Shape, given: ColumnMap = PLAIN) -> None:
        self.notes: list[str] = []
        self._archive = _opened(data)
        try:
            self._book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        except Exception as error:      # noqa: BLE001  whatever the library meets in a damaged file, it is the file's fault
            raise BadInput(f"the file cannot be read as XLSX ({type(error).__name__}): save it again, or export it as CSV") from None
        self._sheet, self._first, names = self._chosen(shape, given)
        self.header, self.where = given.placed(names, shape)
        self._used = {position: name for name, position in self.where.items()} | {
            n: name for n, name in enumerate(self.header) if name and given.layout == "week"}
        self._merged = self._merges()

    def _chosen(self, shape: Shape, given: ColumnMap) -> tuple[Any, int, list[str]]:
        """The sheet, the number of the row with the names of the columns, and the names."""
        sheets = [sheet for sheet in self._book.worksheets if hasattr(sheet, "iter_rows")]
        if given.sheet:
            sheets = [sheet for sheet in sheets if sheet.title == given.sheet]
            if not sheets:
                raise BadInput("the workbook has no sheet of the name that the column map gives: correct the export or the map")
        elif hidden := [sheet for sheet in sheets if sheet.sheet_state != "visible"]:
            self.notes.append(f"{len(hidden)} hidden sheet(s) passed over")
            sheets = [sheet for sheet in sheets if sheet.sheet_state == "visible"]
        fitting, reason = [], ""
        for sheet in sheets:
            number, names = self._header(sheet, shape, given)
            try:
                given.placed(names, shape)
                fitting.append((sheet, number, names))
            except MissingColumns as missing:
                reason = reason or str(missing)
        if len(fitting) > 1:
            raise BadInput("several sheets hold the columns: name the one that counts in the column map (sheet)")
        if not fitting:
            raise MissingColumns(reason or "the workbook has no visible sheet: name the one that counts in the column map (sheet)")
        return fitting[0]

    def _header(self, sheet: Any, shape: Shape, given: ColumnMap) -> tuple[int, list[str]]:
        """The first of the uppermost rows that fits best, and its cells."""
        best: tuple[int, int, list[str]] = (-2, 1, [])
        for number, cells in enumerate(self._cells(sheet, 1, _HEADER_WITHIN, _WIDEST), 1):
            names = [self._name(cell) for cell in cells]
            while names and not names[-1]:
                names.pop()
            if (count := given.fits(names, shape)) > best[0] and names:
                best = count, number, names
        return best[1], best[2]

    @staticmethod
    def _name(cell: Any) -> str:
        value = cell.value
        return value.date().isoformat() if isinstance(value, datetime) else value.strip() if isinstance(value, str) else ""

    def _cells(self, sheet: Any, first: int, last: int | None, width: int) -> Iterator[tuple[Any, ...]]:
        try:
            sheet.reset_dimensions()              # what the sheet says of its own size may be wrong
            yield from sheet.iter_rows(min_row=first, max_row=last, max_col=width)
        except Exception as error:                # noqa: BLE001  see above
            raise BadInput(f"the sheet breaks off or is damaged ({type(error).__name__}): save the file again") from None

    def _merges(self) -> list[tuple[int, int, int, int]]:
        """Merged cells below the header that touch a column which is read: (left, top, right, bottom)."""
        path = str(getattr(self._sheet, "_worksheet_path", "")).lstrip("/")      # streaming, the library keeps merged cells to itself
        found = []
        for text in _MERGED.findall(self._archive.read(path) if path in self._archive.namelist() else b""):
            left, top, right, bottom = range_boundaries(text.decode())
            if bottom > self._first and any(left <= position + 1 <= right for position in self._used):
                found.append((left, top, right, bottom))
        return found

    def __iter__(self) -> Iterator[Line]:
        """The rows; a row without a value is none. Where the sheet breaks off, one last fault says so."""
        width, number = len(self.header), self._first
        rows = self._cells(self._sheet, self._first + 1, None, width)
        while True:
            number += 1
            try:
                cells = next(rows)
            except StopIteration:
                return
            except BadInput as reason:
                yield Line(number, [], "", str(reason), ends=True)
                return
            texts = ["" if cell.value is None else str(cell.value) for cell in cells] + [""] * (width - len(cells))
            if any(top <= number <= bottom for _, top, _, bottom in self._merged):
                yield Line(number, texts, self._raw(texts), "cells of the row are merged, so that what belongs to which row is not "
                                                            "certain: undo the merging")
            elif any(text.strip() for text in texts):
                fault = ""
                for position, name in self._used.items():
                    if position < len(cells) and cells[position].value is not None:
                        texts[position], wrong = self._read(cells[position], name)
                        fault = fault or wrong
                yield Line(number, texts, self._raw(texts), fault or unfit(texts))

    @staticmethod
    def _raw(texts: list[str]) -> str:
        return shown(texts)

    def _read(self, cell: Any, name: str) -> tuple[str, str]:
        try:
            return self._text(cell, name)
        except Exception as error:                # noqa: BLE001  the library looks up a cell's format only now, which a damaged file lacks
            return "", f"the {name} is damaged ({type(error).__name__}): save the file again"

    def _text(self, cell: Any, name: str) -> tuple[str, str]:
        """The cell as the text that a CSV file would hold, and why it cannot be read."""
        value = cell.value
        if cell.data_type == "f" or not isinstance(value, (str, bool, int, float, datetime, date, time, timedelta)):
            return "", f"the {name} is a formula: paste the values in its place (what it shows may be old)"
        if cell.data_type == "e":
            return "", f"the {name} is a spreadsheet's error such as #N/A: correct it"
        if isinstance(value, bool):
            return "yes" if value else "no", ""
        if isinstance(value, (int, float)) and name in _DAYS | _MOMENTS:
            value = self._from_serial(value, name)
        if isinstance(value, datetime):
            value = (value + timedelta(microseconds=500_000)).replace(microsecond=0)
            return (value.date().isoformat() if value.time() == time() and name not in _MOMENTS else value.isoformat(" ")), ""
        if isinstance(value, (date, time)):
            return value.isoformat(), ""
        if isinstance(value, timedelta):
            return "", f"the {name} is a span of time: write it as text"
        if isinstance(value, (int, float)):
            return self._number(value, str(cell.number_format or ""), name)
        return value, ""

    def _from_serial(self, value: int | float, name: str) -> object:
        """A day that stands there as a number (46349): days since the workbook's own first day."""
        if name in _DAYS and not (20_000 <= value < 80_000 and value == int(value)):
            return value
        if name in _MOMENTS and not (0 <= value < 1 or 20_000 <= value < 80_000):
            return value
        return from_excel(value, self._book.epoch)

    @staticmethod
    def _number(value: int | float, shown_as: str, name: str) -> tuple[str, str]:
        if abs(value) >= _ROUNDED:
            return "", f"the {name} has more figures than a spreadsheet keeps and was rounded: export it as text"
        if value != int(value):
            return repr(value), ""
        return (str(int(value)).zfill(len(shown_as)) if _PADDED.fullmatch(shown_as) else str(int(value))), ""


def _opened(data: bytes) -> zipfile.ZipFile:
    """The workbook's parts, if it is safe to unpack them."""
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise BadInput("the file is an old Excel file (XLS) or protected by a password: save it as XLSX without one")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        parts = archive.infolist()
        if sum(part.file_size for part in parts) > _LARGEST or len(parts) > _MOST_PARTS:
            raise BadInput(f"the file unpacks to more than {_LARGEST // 2**20} MB, which no register does: export a shorter time, "
                           "or as CSV")
        if any(part.flag_bits & 1 for part in parts):
            raise BadInput("the file is protected by a password: save it without one")
        for part in parts:
            if part.filename.casefold().endswith((".xml", ".rels")):
                _no_tricks(archive, part)
        return archive
    except BadInput:
        raise
    except Exception as error:      # noqa: BLE001  a damaged archive raises nearly anything
        raise BadInput(f"the file is no XLSX workbook ({type(error).__name__}): save it again, or export it as CSV") from None


def _no_tricks(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Refuse a part whose XML declares entities: no spreadsheet program writes that."""
    try:
        with archive.open(part) as opened:
            next(iterparse(opened, events=("start",), forbid_dtd=True), None)
    except DefusedXmlException:
        raise BadInput("the file holds XML that no spreadsheet program writes (a DTD): it is not read; export it again") from None
    except ParseError:
        raise BadInput("the file is no XLSX workbook (a part of it is damaged): save it again, or export it as CSV") from None
