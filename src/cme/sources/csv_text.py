"""The text of a CSV file as rows: encoding, delimiter, quotes, line ends, half-written last lines.

Strict on purpose. A letter that cannot be decoded is refused (never replaced: names would change without a word), a
backslash is data (it is the afternoon's present mark), ``#`` is data (a code), a quote that is never closed costs one line.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from cme.errors import BadInput
from cme.sources.column_map import PLAIN, ColumnMap
from cme.sources.columns import MissingColumns, Shape

_DELIMITERS = ",;\t"
_LONGEST_ROW = 20        # physical lines a quoted cell may run over


@dataclass(frozen=True)
class Line:
    """One row of a file: its cells, or the reason why it has none. ``number`` counts the file's lines from 1."""

    number: int
    cells: list[str]
    raw: str
    fault: str = ""
    ends: bool = False       # the file breaks off here: what should follow is lost


def encoding_of(data: bytes) -> str:
    """The encoding in which ``data`` can be read without loss: UTF-16 by its mark, UTF-8, else Windows-1252.

    Raises BadInput where none fits.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        candidates = ["utf-16"]
    else:
        candidates = ["utf-8-sig", "cp1252"]
    for encoding in candidates:
        try:
            if "\0" in data.decode(encoding):
                raise BadInput("the file holds bytes that are no text: export it again as CSV in UTF-8")
            return encoding
        except UnicodeDecodeError:
            continue
    raise BadInput("the file's letters can be read neither as UTF-8, UTF-16 nor Windows-1252: export it again as CSV in UTF-8")


def _declared(data: bytes, encoding: str) -> str:
    """The encoding of the column map, if the file keeps to it."""
    try:
        if "\0" not in data.decode(encoding):
            return "utf-8-sig" if encoding == "utf-8" else encoding
    except (UnicodeDecodeError, UnicodeError):
        pass
    raise BadInput(f"the file's letters cannot be read as {encoding}, which the column map says: correct the export or the map")


def decoded(data: bytes, declared: str) -> str:
    """The text of a file, in the encoding of the column map or the one that it can be read in. Raises BadInput."""
    return data.decode(_declared(data, declared) if declared else encoding_of(data))


class CsvText:
    """A CSV file's header and rows. ``where`` maps each documented column to its position.

    Raises BadInput from the start where nothing can be read (no text, empty, columns missing): one sentence for the file.
    """

    def __init__(self, data: bytes, shape: Shape, given: ColumnMap = PLAIN) -> None:
        encoding = _declared(data, given.encoding) if given.encoding else encoding_of(data)
        self._lines = enumerate(io.TextIOWrapper(io.BytesIO(data), encoding, newline=None), 1)
        self._waiting: list[tuple[int, str]] = []
        header = next((line for _, line in self._lines if line.strip() and not line.casefold().startswith("sep=")), None)
        if header is None:
            raise BadInput("the file is empty: export it again")
        self.delimiter, names = _header(header, shape, given)
        self.header, self.where = given.placed(names, shape)
        self.width = len(names)
        self._last_needed = self.where.get("mark")

    def __iter__(self) -> Iterator[Line]:
        """The rows; blank lines are no rows. A last line that is cut short comes as a fault."""
        delimiter, width = self.delimiter, self.width
        while (item := self._next()) is not None:
            number, text = item
            if '"' in text:
                line = self._quoted(number, text)
            else:
                line = Line(number, text.rstrip("\n").split(delimiter), text)
            if not line.fault:
                cells = line.cells
                if not any(cells) or not text.strip():
                    continue
                if line.raw[-1:] != "\n" and self._cut(cells):
                    line = Line(number, cells, line.raw, "the last line is cut short: was the export still being written?", ends=True)
                elif len(cells) > width and any(cells[width:]):
                    line = Line(number, cells, line.raw,
                                f"the row has {len(cells)} cells, the first line has {width}: put quotes "
                                                         "around a cell that holds the delimiter")
                elif len(cells) < width:
                    cells.extend([""] * (width - len(cells)))
            yield line

    def _next(self) -> tuple[int, str] | None:
        return self._waiting.pop() if self._waiting else next(self._lines, None)

    def _cut(self, cells: list[str]) -> bool:
        return len(cells) < self.width or self._last_needed is not None and not cells[self._last_needed].strip()

    def _quoted(self, number: int, text: str) -> Line:
        """A row with quotes, which may run over several lines; where it cannot be closed, only its first line is lost."""
        taken = [(number, text)]

        def lines() -> Iterator[str]:
            yield text
            while len(taken) < _LONGEST_ROW and (item := self._next()) is not None:
                taken.append(item)
                yield item[1]

        try:
            cells = next(csv.reader(lines(), delimiter=self.delimiter, strict=True))
            return Line(number, cells, "".join(line for _, line in taken))
        except (csv.Error, StopIteration):
            self._waiting.extend(reversed(taken[1:]))
            return Line(number, [], text, "the quotes in the row do not fit together: a quote inside a cell is written twice")


def _header(line: str, shape: Shape, given: ColumnMap) -> tuple[str, list[str]]:
    """The delimiter that makes the most documented columns of the first line, and the first line's cells."""
    best: tuple[int, str, list[str]] = (-1, "", [])
    widest: list[str] = []
    for delimiter in _DELIMITERS:
        try:
            cells = next(csv.reader([line.rstrip("\n")], delimiter=delimiter, strict=True))
        except (csv.Error, StopIteration):
            continue
        widest = max(widest, cells, key=len)
        if (count := given.fits(cells, shape)) > best[0]:
            best = count, delimiter, cells
    if not best[1]:
        given.naming(widest)      # says which columns of the map are not there
        raise MissingColumns(f"the first line cannot be read as the names of the columns of {shape.name}: "
                             "see docs/registers-csv.md")
    return best[1], best[2]
