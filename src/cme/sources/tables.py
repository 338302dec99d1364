"""Which reader a file needs: CSV, XLSX, the XML of CommandReporter or JSON, each laid out as the school's column map says."""

import re
from datetime import datetime
from pathlib import Path

from cme.errors import BadInput
from cme.sources.column_map import ColumnMap
from cme.sources.columns import Shape
from cme.sources.csv_text import CsvText, Line
from cme.sources.grids import Table, shaped
from cme.sources.json_table import JsonTable
from cme.sources.timetable import Calendar
from cme.sources.xlsx_table import XlsxTable
from cme.sources.xml_table import XmlTable

LARGEST = {".csv": 1024 * 2**20, ".xlsx": 50 * 2**20, ".xml": 200 * 2**20,
           ".json": 200 * 2**20}       # bytes; beside these no file is read
TEXTS = {".txt", ".tsv"}                                 # read as CSV where one file is named, refused in a folder
SPREADSHEETS = {".xls", ".xlsm", ".xlsb", ".ods"} | TEXTS
OURS = ("registers", "pupils", "contacts", "staff", "timetable")     # the beginning of a file's name that is meant for us
UNREAD = "the file is of a kind that is not read: save it as .xlsx or .csv"
_FOOTER = re.compile(r"(grand |sub)?totals?\b|count\b|page \d|printed\b|generated\b|exported\b|report\b|end of\b|\(?\d+ rows?\b",
                     re.IGNORECASE)


def too_large(path: Path, size: int) -> str:
    """Why a file of ``size`` bytes is not read at all; empty where it is."""
    most = LARGEST.get(path.suffix.casefold(), LARGEST[".csv"])
    return f"the file is larger than {most // 2**20} MB, which no register is: export a shorter time" if size > most else ""


def table_of(path: Path, data: bytes, shape: Shape, given: ColumnMap, calendar: Calendar | None
             ) -> tuple[Table, list[str], datetime | None]:
    """The rows of a file, what was passed over, and how old the file itself says its data are. Raises BadInput, one sentence."""
    table: CsvText | XlsxTable | XmlTable
    kind = path.suffix.casefold()
    if kind == ".xlsx":
        table = XlsxTable(data, shape, given)
        return shaped(table, given, calendar), table.notes, None
    if kind == ".json":
        records = JsonTable(data, shape, given)
        return shaped(records, given, calendar), records.notes, records.as_of
    if kind != ".xml" and data[:4] == b"PK\3\4":
        raise BadInput("the file is called a text and is a workbook: name it .xlsx")
    table = XmlTable(data, shape, given) if kind == ".xml" else CsvText(data, shape, given)
    return shaped(table, given, calendar), [], None


def is_footer(line: Line, text: Table) -> bool:
    """Whether a line is a total or a print mark below the rows: it says so, and has neither a date nor a mark."""
    cells = line.cells
    first = next((cell.strip() for cell in cells if cell.strip()), "")
    if not _FOOTER.match(first):
        return False
    def at(name: str) -> str:
        position = text.where[name]
        return cells[position].strip() if position < len(cells) else ""
    return not re.fullmatch(r"[\d/-]{8,10}", at("date")) and not (at("mark") and at("pupil_id"))
