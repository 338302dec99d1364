"""A report of SIMS's CommandReporter as rows: XML of Records whose fields are the school's own columns, empty ones left out.

Which columns there are is decided by the school's report, so a column map is nearly always needed. The number of a row counts
the records from 1.
"""

import io
import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError  # nosec B405 # types; defusedxml does the reading

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from cme.errors import BadInput
from cme.sources.column_map import PLAIN, ColumnMap
from cme.sources.columns import Shape
from cme.sources.csv_text import Line
from cme.sources.values import shown, unfit

_RECORD, _ERROR = "Record", "CommandReporterError"
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_C1 = re.compile(r"[\x80-\x9f]")
_LATIN_1 = re.compile(rb"encoding\s*=\s*[\"']iso-8859-1[\"']", re.IGNORECASE)


class XmlTable:
    """The records of a report. Raises BadInput from the start where nothing can be read: one sentence for the file."""

    def __init__(self, data: bytes, shape: Shape, given: ColumnMap = PLAIN) -> None:
        self._broken, self._latin_1 = "", bool(_LATIN_1.search(data[:200]))
        self._records: list[tuple[dict[str, str], str]] = []
        names: dict[str, None] = {}
        for fields, fault in self._read(data):
            self._records.append((fields, fault))
            names.update(dict.fromkeys(fields))
        if not self._records:
            raise BadInput(self._broken or "the report holds no Record: was it empty, or is it no report of CommandReporter?")
        self._names = list(names)
        self.header, self.where = given.placed(self._names, shape)

    def _read(self, data: bytes) -> Iterator[tuple[dict[str, str], str]]:
        try:
            depth, root = 0, None
            for event, element in iterparse(io.BytesIO(data), events=("start", "end"), forbid_dtd=True):
                if event == "start":
                    depth += 1
                    root = element if root is None else root
                    continue
                depth -= 1
                if _tag(element) == _ERROR:
                    raise BadInput("CommandReporter wrote an error in place of the report: run the report by hand and see what it says")
                if depth == 1:
                    if _tag(element) == _RECORD:
                        yield _fields(element, self._latin_1)
                    if root is not None:
                        root.clear()
        except DefusedXmlException:
            raise BadInput("the file holds XML that CommandReporter does not write (a DTD): it is not read; export it again") from None
        except (ParseError, ValueError, LookupError) as error:
            self._broken = f"the XML breaks off or is damaged ({type(error).__name__}): was the export still being written?"

    def __iter__(self) -> Iterator[Line]:
        """The records; where the file breaks off, one last fault says so."""
        for number, (fields, fault) in enumerate(self._records, 1):
            cells = [fields.get(name, "") for name in self._names]
            if fault or any(cell.strip() for cell in cells):
                yield Line(number, cells, shown(cells), fault or unfit(cells))
        if self._broken:
            yield Line(len(self._records) + 1, [], "", self._broken, ends=True)


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _fields(record: Element, latin_1: bool) -> tuple[dict[str, str], str]:
    """The fields of a record by the names they have in the report, and why the record cannot be read."""
    found: dict[str, str] = {}
    fault = ""
    for field in record:
        name = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), _tag(field))
        if name in found:
            fault = "a field stands twice in the record: correct the report"
        if len(field):
            fault = "a field of the record holds further fields: correct the report"
        found[name] = field.text or ""
        if latin_1 and _C1.search(found[name]):          # called iso-8859-1 and written as Windows-1252
            try:
                found[name] = found[name].encode("latin-1").decode("cp1252")
            except UnicodeError:
                fault = "a field holds letters of no encoding: export the report again"
    return found, fault
