"""Workbooks: what a person sees and what the file holds are not the same."""

import io
import os
import zipfile
from datetime import date, datetime, time, timezone
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.styles import numbers
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from cme.sources.column_map import ColumnMap
from cme.sources.files import CsvFolder
from cme.sources.source import Mark, Pulled

HEADER = ["date", "session", "group", "pupil_id", "mark"]
MONDAY = date(2026, 11, 23)


def book(*rows: list[Any], title: str = "Register") -> Workbook:
    made = Workbook()
    made.active.title = title
    for row in rows:
        made.active.append(row)
    return made


def pull(folder: Path, made: Workbook | bytes, name: str = "registers.xlsx", **maps: ColumnMap) -> Pulled:
    if isinstance(made, Workbook):
        made.save(folder / name)
    else:
        (folder / name).write_bytes(made)
    os.utime(folder / name, (1e9, 1e9))
    pulled = CsvFolder(folder, clock=lambda: 2e9, maps=maps).pull(None)
    assert pulled.rows_read == pulled.rows_accepted + len(pulled.bad_rows)
    return pulled


def parts_of(made: Workbook) -> dict[str, bytes]:
    out = io.BytesIO()
    made.save(out)
    with zipfile.ZipFile(out) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


def reasons(pulled: Pulled) -> list[str]:
    return [row.reason for row in pulled.bad_rows]


def test_a_workbook_gives_what_the_same_csv_gives(tmp_path: Path) -> None:
    rows = [[*HEADER, "taken_at"], ["2026-11-23", "AM", "7A", "007", "/", "09:04"], ["2026-11-23", "PM", "7A", "007", "\\", ""]]
    from_book = pull(tmp_path, book(*rows))
    (tmp_path / "registers.xlsx").unlink()
    (tmp_path / "registers.csv").write_text("\n".join(",".join(row) for row in rows) + "\n")
    os.utime(tmp_path / "registers.csv", (1e9, 1e9))
    assert CsvFolder(tmp_path, clock=lambda: 2e9).pull(None).registers == from_book.registers
    assert len(from_book.registers) == 2 and not from_book.bad_rows


def test_dates_as_cells_as_serials_and_as_text_are_the_same_day(tmp_path: Path) -> None:
    pulled = pull(tmp_path, book(HEADER, [datetime(2026, 11, 23), "AM", "7A", "1", "/"], [46349, "AM", "7A", "2", "/"],
                                 ["23/11/2026", "AM", "7A", "3", "/"], ["2026-11-23", "AM", "7A", "4", "/"]))
    assert [r.local_date for r in pulled.registers] == [MONDAY] and len(pulled.registers[0].marks) == 4


def test_serials_count_from_the_workbooks_own_first_day(tmp_path: Path) -> None:
    made = book(HEADER, [46349 - 1462, "AM", "7A", "1", "/"])
    made.epoch = CALENDAR_MAC_1904
    assert [r.local_date for r in pull(tmp_path, made).registers] == [MONDAY]


def test_a_time_taken_may_be_a_cell_of_time_or_of_a_moment(tmp_path: Path) -> None:
    pulled = pull(tmp_path, book([*HEADER, "taken_at"], [datetime(2026, 11, 23), "AM", "7A", "1", "/", time(9, 4)],
                                 [datetime(2026, 11, 23), "AM", "7B", "2", "/", datetime(2026, 11, 23, 9, 5, 30)],
                                 [datetime(2026, 11, 23), "AM", "7C", "3", "/", 46349.378472222]))
    assert [r.taken_at for r in pulled.registers] == [datetime(2026, 11, 23, 9, *at, tzinfo=timezone.utc) for at in ((4,), (5, 30), (5,))]


def test_a_day_with_a_time_of_day_in_it_is_no_day(tmp_path: Path) -> None:
    assert "not in the form" in reasons(pull(tmp_path, book(HEADER, [datetime(2026, 11, 23, 9, 4), "AM", "7A", "1", "/"])))[0]


def test_noughts_that_are_only_shown_belong_to_the_identifier(tmp_path: Path) -> None:
    made = book(HEADER, [datetime(2026, 11, 23), "AM", "7A", 7, "/"], [datetime(2026, 11, 23), "AM", "7A", 8.0, "/"])
    made.active["D2"].number_format = "000"
    assert pull(tmp_path, made).registers[0].marks == (Mark("007", "/"), Mark("8", "/"))


def test_an_identifier_with_more_figures_than_a_spreadsheet_keeps_is_refused(tmp_path: Path) -> None:
    assert "rounded" in reasons(pull(tmp_path, book(HEADER, [datetime(2026, 11, 23), "AM", "7A", 12345678901234567, "/"])))[0]


def test_a_formula_is_refused_with_its_row_and_beside_the_columns_it_does_not_matter(tmp_path: Path) -> None:
    pulled = pull(tmp_path, book([*HEADER, "remarks"], [datetime(2026, 11, 23), "AM", "7A", "1", '=IF(1,"/","N")', ""],
                                 [datetime(2026, 11, 23), "AM", "7A", "2", "/", "=1+1"]))
    assert reasons(pulled) == ["the mark is a formula: paste the values in its place (what it shows may be old)"]
    assert pulled.registers[0].marks == (Mark("2", "/"),) and pulled.bad_rows[0].line == 2


def test_a_mark_that_begins_like_a_formula_is_a_mark(tmp_path: Path) -> None:
    made = book(HEADER, [datetime(2026, 11, 23), "AM", "7A", "1", "/"])
    made.active["E2"].value = "="
    made.active["E2"].data_type = "s"
    assert pull(tmp_path, made).registers[0].marks == (Mark("1", "="),)


def test_a_spreadsheets_error_is_refused(tmp_path: Path) -> None:
    assert "#N/A" in reasons(pull(tmp_path, book(HEADER, [datetime(2026, 11, 23), "AM", "7A", "1", "#REF!"])))[0]


def test_rows_with_merged_cells_are_refused_because_only_the_first_holds_the_value(tmp_path: Path) -> None:
    made = book(["Register of Monday", "", "", "", ""], HEADER, *([datetime(2026, 11, 23), "AM", "7A", n, "/"] for n in (1, 2, 3)))
    made.active.merge_cells("A1:E1")
    made.active.merge_cells("C3:C4")
    pulled = pull(tmp_path, made)
    assert [row.line for row in pulled.bad_rows] == [3, 4] and all("merged" in reason for reason in reasons(pulled))
    assert pulled.registers[0].marks == (Mark("3", "/"),) and not pulled.registers[0].complete


def test_a_title_above_the_columns_is_passed_over(tmp_path: Path) -> None:
    assert pull(tmp_path, book(["Attendance report"], [], HEADER, [datetime(2026, 11, 23), "AM", "7A", "1", "/"])).registers


def test_a_hidden_sheet_is_passed_over_and_said(tmp_path: Path) -> None:
    made = book(HEADER, [datetime(2026, 11, 23), "AM", "7A", "1", "/"])
    hidden = made.create_sheet("Old")
    hidden.append(HEADER)
    hidden.append([datetime(2026, 11, 20), "AM", "7A", "1", "N"])
    hidden.sheet_state = "hidden"
    pulled = pull(tmp_path, made)
    assert [r.local_date for r in pulled.registers] == [MONDAY] and pulled.notes == ("registers.xlsx: 1 hidden sheet(s) passed over",)


def test_of_two_sheets_that_fit_none_is_guessed_and_the_map_may_name_one(tmp_path: Path) -> None:
    made = book(HEADER, [datetime(2026, 11, 23), "AM", "7A", "1", "/"])
    other = made.create_sheet("Week 2")
    other.append(HEADER)
    other.append([datetime(2026, 11, 20), "AM", "7A", "1", "N"])
    assert "several sheets" in reasons(pull(tmp_path, made))[0]
    assert [r.local_date.day for r in pull(tmp_path, made, registers=ColumnMap(sheet="Week 2")).registers] == [20]
    assert "no sheet of the name" in reasons(pull(tmp_path, made, registers=ColumnMap(sheet="Week 3")))[0]


def test_a_sheet_that_lies_about_its_size_is_read_to_its_end(tmp_path: Path) -> None:
    parts = parts_of(book(HEADER, *([datetime(2026, 11, 23), "AM", "7A", n, "/"] for n in range(1, 6))))
    sheet = parts["xl/worksheets/sheet1.xml"].decode()
    parts["xl/worksheets/sheet1.xml"] = sheet.replace('<dimension ref="A1:E6"', '<dimension ref="A1:C2"').encode()
    assert parts["xl/worksheets/sheet1.xml"] != sheet.encode() and len(pull(tmp_path, packed(parts)).registers[0].marks) == 5


def test_a_sheet_that_breaks_off_leaves_its_register_incomplete(tmp_path: Path) -> None:
    parts = parts_of(book(HEADER, *([datetime(2026, 11, 23), "AM", "7A", n, "/"] for n in range(1, 400))))
    parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"][:len(parts["xl/worksheets/sheet1.xml"]) // 2]
    pulled = pull(tmp_path, packed(parts))
    assert "breaks off" in reasons(pulled)[-1] and not any(register.complete for register in pulled.registers)


def test_a_cell_whose_format_was_lost_is_a_fault_of_its_row_and_the_others_are_read(tmp_path: Path) -> None:
    parts = parts_of(book(HEADER, ["2026-11-23", "AM", "7A", 1, "/"], ["2026-11-23", "AM", "7A", "2", "/"]))
    sheet = parts["xl/worksheets/sheet1.xml"].decode()
    parts["xl/worksheets/sheet1.xml"] = sheet.replace('<c r="D2" ', '<c r="D2" s="99" ').encode()
    assert parts["xl/worksheets/sheet1.xml"] != sheet.encode()
    pulled = pull(tmp_path, packed(parts))
    assert pulled.registers[0].marks == (Mark("2", "/"),)
    assert reasons(pulled) == ["the pupil_id is damaged (IndexError): save the file again"] and not pulled.registers[0].complete


def zip_bomb() -> bytes:
    return packed({**parts_of(book(HEADER)), "xl/worksheets/sheet9.xml": b"<worksheet/>" + b" " * 210 * 2**20})


def with_entities() -> bytes:
    parts = parts_of(book(HEADER))
    text = parts["xl/workbook.xml"].decode().partition("<workbook")
    parts["xl/workbook.xml"] = ('<?xml version="1.0"?><!DOCTYPE w [<!ENTITY a "aaaa">]>' + text[1] + text[2]).encode()
    return packed(parts)


@pytest.mark.parametrize(("data", "sentence"), [
    (zip_bomb, "unpacks to more than 200 MB"), (with_entities, "no spreadsheet program writes"),
    (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old Excel file (XLS) or protected"),
    (lambda: b"date,session,group,pupil_id,mark\n", "no XLSX workbook"), (lambda: packed({"a.txt": b""}), "cannot be read as XLSX"),
    (lambda: packed(parts_of(book(["name", "age"]))), "are missing"), (lambda: b"", "no XLSX workbook")],
    ids=["zip bomb", "entities", "xls", "csv", "no workbook", "other columns", "empty"])
def test_a_workbook_that_cannot_be_read_costs_itself_with_one_sentence(tmp_path: Path, data: Any, sentence: str) -> None:
    pulled = pull(tmp_path, data())
    assert sentence in reasons(pulled)[0] and not pulled.registers and len(pulled.bad_rows) == 1


def test_a_file_larger_than_any_register_is_not_opened(tmp_path: Path) -> None:
    with (tmp_path / "registers.xlsx").open("wb") as file:
        file.truncate(51 * 2**20)
    os.utime(tmp_path / "registers.xlsx", (1e9, 1e9))
    assert reasons(CsvFolder(tmp_path, clock=lambda: 2e9).pull(None)) == [
        "the file is larger than 50 MB, which no register is: export a shorter time"]


def test_pupils_come_from_a_workbook_too_and_beside_a_csv_neither_counts(tmp_path: Path) -> None:
    pulled = pull(tmp_path, book(["pupil_id", "date_of_birth"], ["1", datetime(2012, 3, 4)]), "pupils.xlsx")
    assert pulled.pupils[0].born == date(2012, 3, 4)
    (tmp_path / "pupils.csv").write_text("pupil_id\n1\n")
    os.utime(tmp_path / "pupils.csv", (1e9, 1e9))
    both = CsvFolder(tmp_path, clock=lambda: 2e9).pull(None)
    assert [row.where for row in both.bad_rows] == ["pupils.csv", "pupils.xlsx"] and not both.pupils


def test_a_spreadsheet_of_another_kind_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    for name in ("registers.xls", "registers today.ods", "notes.xls", "~$registers.xlsx"):
        (tmp_path / name).write_bytes(b"x")
    pulled = CsvFolder(tmp_path).pull(None)
    assert [row.where for row in pulled.bad_rows] == ["registers today.ods", "registers.xls"]


def test_a_nul_that_a_workbook_hides_never_reaches_the_database(tmp_path: Path) -> None:
    pulled = pull(tmp_path, book([*HEADER, "note"], [datetime(2026, 11, 23), "AM", "7A", "1", "/", "a_x0000_b"]))
    assert all("\0" not in mark.note for register in pulled.registers for mark in register.marks)
    assert all("\0" not in row.raw for row in pulled.bad_rows)


def test_a_format_of_the_cell_does_not_change_a_mark(tmp_path: Path) -> None:
    made = book(HEADER, [datetime(2026, 11, 23), "AM", "7A", "1", "I01"])
    made.active["E2"].number_format = numbers.FORMAT_PERCENTAGE
    assert pull(tmp_path, made).registers[0].marks == (Mark("1", "I01"),)
