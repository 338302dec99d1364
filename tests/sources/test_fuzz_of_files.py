"""No file of any kind brings a reader down, and no row of one goes missing: accepted + quarantined = read.

CME_FUZZ_INPUTS is the number of inputs altogether (600 by default; 100,000 are run by hand, docs/sources.md has the figure).
"""

import io
import os
import zipfile
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.utils.exceptions import IllegalCharacterError

from cme.sources.column_map import ColumnMap
from cme.sources.files import CsvFolder
from cme.sources.source import Pulled

QUICK = settings(max_examples=max(20, int(os.environ.get("CME_FUZZ_INPUTS", "600")) // 6), deadline=None, database=None,
                 suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large])
HEADER = ["date", "session", "group", "pupil_id", "mark"]
TODAY = date(2026, 11, 23)
MAPS = [ColumnMap(), ColumnMap(layout="week"), ColumnMap(layout="packed"), ColumnMap(columns={"mark": "Mark"}, fixed={"session": "AM"}),
        ColumnMap(dates="%d %b %Y", encoding="cp1252")]
TEXTS = st.one_of(st.sampled_from(["2026-11-23", "23/11/2026", "AM", "PM", "7A", "1", "007", "/", "\\", "N", "-", "", "C1", "=", "#", " ",
                                   "lesson", "_x0000_", "\ufeff", "Zoë", "1.2E+11"]), st.text(max_size=6))
CELLS = st.one_of(st.none(), TEXTS, st.integers(-10, 60_000), st.floats(allow_nan=False, allow_infinity=False), st.booleans(),
                  st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)), st.times(), st.timedeltas(timedelta(0), timedelta(9)),
                  st.sampled_from([datetime(2026, 11, 23), 46349, 10**17, "=1+1", "#N/A"]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def pulled_from(folder: Path, name: str, data: bytes, given_map: ColumnMap = ColumnMap()) -> Pulled:
    path = folder / name
    path.write_bytes(data)
    os.utime(path, (1e9, 1e9))
    try:
        pulled = CsvFolder(folder, clock=lambda: 2e9, maps={"registers": given_map}).pull(None)
    finally:
        path.unlink()
    assert pulled.rows_read == pulled.rows_accepted + len(pulled.bad_rows)
    assert all("\0" not in row.raw for row in pulled.bad_rows)
    return pulled


def workbook(rows: list[list[Any]]) -> tuple[bytes, int]:
    """A workbook of the rows, and how many of them hold anything."""
    made, told = Workbook(), 0
    for number, row in enumerate(rows, 1):
        for column, value in enumerate(row, 1):
            try:
                made.active.cell(number, column, value)
            except IllegalCharacterError:
                made.active.cell(number, column, "x")
        told += any(str(cell.value).strip() for cell in made.active[number] if cell.value is not None) if number <= made.active.max_row else 0
    out = io.BytesIO()
    made.save(out)
    return out.getvalue(), told


@QUICK
@given(data=st.binary(max_size=300), name=st.sampled_from(["registers.xlsx", "registers.xml", "registers.csv", "pupils.xlsx", "pupils.xml",
                                                           "contacts.xml", "staff.xlsx", "timetable.xml"]), how=st.sampled_from(MAPS),
       start=st.sampled_from([b"", b"PK\x03\x04", b"<?xml version='1.0'?><SuperStarReport><Record>", b"date,session,group,pupil_id,mark\n"]))
def test_any_bytes_are_read_or_refused(folder: Path, data: bytes, name: str, how: ColumnMap, start: bytes) -> None:
    pulled_from(folder, name, start + data, how)


@QUICK
@given(rows=st.lists(st.lists(CELLS, max_size=5), max_size=8))
def test_every_row_of_any_workbook_is_accepted_or_quarantined(folder: Path, rows: list[list[Any]]) -> None:
    data, told = workbook([HEADER, *rows])
    assert pulled_from(folder, "registers.xlsx", data).rows_read == told - 1


@QUICK
@given(rows=st.lists(st.lists(CELLS, min_size=5, max_size=5), min_size=1, max_size=4), at=st.floats(0, 1), byte=st.integers(0, 255),
       part=st.sampled_from(["", "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml", "xl/styles.xml"]), cut=st.booleans())
def test_a_damaged_workbook_is_read_or_refused(folder: Path, rows: list[list[Any]], at: float, byte: int, part: str, cut: bool) -> None:
    data, _ = workbook([HEADER, *rows])
    if not part:
        pulled_from(folder, "registers.xlsx", damaged(data, at, byte, cut))
        return
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as whole, zipfile.ZipFile(out, "w") as other:
        for name in whole.namelist():
            other.writestr(name, damaged(whole.read(name), at, byte, cut) if name == part else whole.read(name))
    pulled_from(folder, "registers.xlsx", out.getvalue())


def damaged(data: bytes, at: float, byte: int, cut: bool) -> bytes:
    place = int(at * (len(data) - 1))
    return data[:place] if cut else data[:place] + bytes([byte]) + data[place + 1:]


@QUICK
@given(records=st.lists(st.dictionaries(st.sampled_from([*HEADER, "Reg_x0020_Group", "note"]), TEXTS, max_size=6), max_size=6),
       at=st.one_of(st.none(), st.floats(0, 1)), byte=st.integers(0, 255), cut=st.booleans(),
       encoding=st.sampled_from(["utf-8", "iso-8859-1"]))
def test_any_report_is_read_or_refused(folder: Path, records: list[dict[str, str]], at: float | None, byte: int, cut: bool,
                                       encoding: str) -> None:
    def clean(text: str) -> str:
        kept = "".join(c for c in text if c >= " " and not "\x7f" <= c <= "\x9f" and not "\ud800" <= c <= "\udfff" and c < "\ufffe")
        return kept.replace("&", "&amp;").replace("<", "&lt;")

    full = dict(zip(HEADER, ["2026-11-23", "AM", "7A", "1", "/"], strict=True))
    body = "".join("<Record>" + "".join(f"<{k}>{clean(v)}</{k}>" for k, v in record.items()) + "</Record>" for record in [full, *records])
    data = f'<?xml version="1.0" encoding="{encoding}"?><SuperStarReport>{body}</SuperStarReport>'.encode(encoding, errors="xmlcharrefreplace")
    pulled = pulled_from(folder, "registers.xml", data if at is None else damaged(data, at, byte, cut))
    if at is None:
        assert pulled.rows_read == 1 + sum(any(clean(v).strip() for v in record.values()) for record in records) - passed_over(pulled)


def passed_over(pulled: Pulled) -> int:
    """How many lines were passed over as totals or print marks."""
    return sum(int(note.split(": ")[1].split()[0]) for note in pulled.notes if "passed over" in note)


WEEKDAYS = ["MonAM", "MonPM", "TueAM", "WedPM"]
OFFSETS = {"MonAM": 0, "MonPM": 0, "TueAM": 1, "WedPM": 2}


@QUICK
@given(rows=st.lists(st.tuples(st.sampled_from(["2026-11-23", "2026-11-16", "23/11/2026", "2026-11-24", "", "11/23/2026"]),
                               st.sampled_from(["7A", "7B", ""]), st.sampled_from(["1", "2", ""]),
                               *[st.sampled_from(["/", "\\", "N", "-", "", "I01", "far too long a mark"])] * 4), max_size=8))
def test_every_cell_of_a_week_is_accepted_or_quarantined(folder: Path, rows: list[tuple[str, ...]]) -> None:
    text = ",".join(["week_starting", "group", "pupil_id", *WEEKDAYS]) + "\n" + "".join(",".join(row) + "\n" for row in rows)
    expected = 0
    for monday, group, pupil, *codes in rows:
        if not any((monday, group, pupil, *codes)):
            continue
        day = {"2026-11-23": TODAY, "23/11/2026": TODAY, "2026-11-16": date(2026, 11, 16)}.get(monday)
        expected += 1 if day is None else sum(code not in ("", "-") or day + timedelta(days=OFFSETS[name]) <= TODAY
                                              for name, code in zip(WEEKDAYS, codes, strict=True))
    if "11/23/2026" in [row[0] for row in rows] and "23/11/2026" not in [row[0] for row in rows]:
        pulled_from(folder, "registers.csv", text.encode(), ColumnMap(layout="week"))
        return
    assert pulled_from(folder, "registers.csv", text.encode(), ColumnMap(layout="week")).rows_read == expected


@QUICK
@given(rows=st.lists(st.tuples(st.sampled_from(["1", "2", ""]), st.sampled_from(["7A", ""]), st.text(alphabet="/\\N-L# I", max_size=8),
                               st.sampled_from(["2026-11-19", "2026-11-20", "", "x"]), st.sampled_from(["2026-11-20", "2026-11-23", "2026-11-18"])),
                     max_size=6))
def test_every_mark_of_a_packed_year_is_accepted_or_its_row_quarantined(folder: Path, rows: list[tuple[str, ...]]) -> None:
    text = "pupil_id,group,marks,starting,ending\n" + "".join(",".join(row) + "\n" for row in rows)
    days = {("2026-11-19", "2026-11-20"): 2, ("2026-11-19", "2026-11-23"): 3, ("2026-11-20", "2026-11-20"): 1, ("2026-11-20", "2026-11-23"): 2}
    expected = sum(2 * fit if (fit := days.get(row[3:])) and len(row[2]) == 2 * fit else 1 for row in rows)
    assert pulled_from(folder, "registers.csv", text.encode(), ColumnMap(layout="packed")).rows_read == expected
