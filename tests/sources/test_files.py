"""The reader of CSV exports: nothing guessed, nothing lost, nothing swallowed."""

import os
from datetime import date, datetime, timezone
from pathlib import Path

import pytest

from cme.errors import BadInput, Misconfigured
from cme.rules.school_days import SchoolCalendar, Term
from cme.sources.files import CsvFile, CsvFolder
from cme.sources.source import Mark, Pulled, RegisterDocument

HEADER = "date,session,group,pupil_id,mark\n"
DATA = Path(__file__).parent / "data"
MONDAY = date(2026, 11, 23)
WRITTEN = 1_790_000_000.0


def put(folder: Path, text: str | bytes, name: str = "registers.csv", written: float = WRITTEN) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.utime(path, (written, written))
    return path


def pull(folder: Path, days: list[date] | None = None, *, now: float = WRITTEN + 60,
         calendar: SchoolCalendar | None = None) -> Pulled:
    return CsvFolder(folder, clock=lambda: now, calendar=calendar).pull(days)


def read(folder: Path, text: str | bytes, days: list[date] | None = None) -> Pulled:
    put(folder, text)
    return pull(folder, days)


def marks(pulled: Pulled) -> dict[str, str]:
    return {m.pupil: m.code for r in pulled.registers for m in r.marks}


def reasons(pulled: Pulled) -> list[str]:
    return [row.reason for row in pulled.bad_rows]


def test_one_register_is_one_document_with_its_marks(tmp_path: Path) -> None:
    pulled = read(tmp_path, HEADER + "2026-11-23,AM,7A,101,/\n23/11/2026,am,7A,102,N\n")
    assert pulled.registers == (RegisterDocument(MONDAY, "session", "AM", "7A", (Mark("101", "/"), Mark("102", "N"))),)
    assert (pulled.rows_read, pulled.rows_accepted, pulled.bad_rows) == (2, 2, ())


def test_the_backslash_of_the_afternoon_survives_quoted_or_not_and_at_the_end_of_a_line(tmp_path: Path) -> None:
    pulled = read(tmp_path,
                  HEADER + '2026-11-23,PM,7A,1,\\\n2026-11-23,PM,7A,2,"\\"\n2026-11-23,PM,7A,3,\\\n2026-11-23,PM,7A,4,N\n')
    assert marks(pulled) == {"1": "\\", "2": "\\", "3": "\\", "4": "N"}


def test_a_hash_is_a_code_and_not_a_comment(tmp_path: Path) -> None:
    assert marks(read(tmp_path, HEADER + "2026-11-23,AM,#1,#7,#\n")) == {"#7": "#"}


@pytest.mark.parametrize("code", ["=", "+", "-", "@", "I01", "NA", "null", "C1"])
def test_a_mark_is_taken_as_it_stands_even_if_a_spreadsheet_would_read_it_otherwise(tmp_path: Path, code: str) -> None:
    assert marks(read(tmp_path, HEADER + f"2026-11-23,AM,7A,1,{code}\n")) == {"1": code}


def test_an_identifier_keeps_its_leading_noughts(tmp_path: Path) -> None:
    assert set(marks(read(tmp_path, HEADER + "2026-11-23,AM,7A,007,/\n2026-11-23,AM,7A,7,N\n"))) == {"007", "7"}


def test_an_identifier_rounded_by_a_spreadsheet_is_refused(tmp_path: Path) -> None:
    assert "rounded by a spreadsheet" in reasons(read(tmp_path, HEADER + "2026-11-23,AM,7A,1.23E+11,/\n"))[0]


def test_an_empty_mark_is_read_as_not_entered(tmp_path: Path) -> None:
    assert marks(read(tmp_path, HEADER + "2026-11-23,AM,7A,1,\n")) == {"1": ""}


@pytest.mark.parametrize("day", ["1/9/2019", "23.11.2026", "23/11/26", "2026/11/23", "20261123", "Mon 23 Nov", "2026-02-30",
                                 "31/02/2026",
                                 "45984", "", "٢٣/١١/٢٠٢٦"])
def test_a_date_in_another_form_costs_its_row_and_the_rest_goes_on(tmp_path: Path, day: str) -> None:
    pulled = read(tmp_path, HEADER + f"{day},AM,7A,1,/\n2026-11-23,AM,7A,2,N\n")
    assert marks(pulled) == {"2": "N"}
    assert (pulled.bad_rows[0].line, pulled.bad_rows[0].where) == (2, "registers.csv")
    assert pulled.bad_rows[0].reason.startswith("the date is ")


def test_a_file_whose_dates_are_month_first_is_refused_as_a_whole(tmp_path: Path) -> None:
    pulled = read(tmp_path, HEADER + "09/05/2026,AM,7A,1,/\n09/28/2026,AM,7A,1,N\n")
    assert pulled.registers == () and len(pulled.bad_rows) == pulled.rows_read == 1
    assert "month/day/year" in reasons(pulled)[0] and pulled.bad_rows[0].line is None


def test_one_slip_among_british_dates_costs_only_its_row(tmp_path: Path) -> None:
    pulled = read(tmp_path, HEADER + "23/11/2026,AM,7A,1,/\n11/23/2026,AM,7A,2,N\n")
    assert marks(pulled) == {"1": "/"} and pulled.bad_rows[0].line == 3


def test_a_real_export_with_american_dates_gives_no_register(tmp_path: Path) -> None:
    pulled = read(tmp_path, documented(DATA / "oea_us_dates.csv"))
    assert pulled.registers == () and "month/day/year" in reasons(pulled)[0]


def test_a_real_export_with_single_figures_gives_only_its_unmistakable_days(tmp_path: Path) -> None:
    pulled = read(tmp_path, documented(DATA / "oea_day1.csv"))
    assert {r.local_date for r in pulled.registers} == {date(2019, 9, day) for day in range(13, 31)}
    assert pulled.rows_read == pulled.rows_accepted + len(pulled.bad_rows) == 39


def test_a_real_export_with_other_column_names_is_refused_with_the_names_that_are_missing() -> None:
    with pytest.raises(BadInput, match="date, group, mark, pupil_id, session of registers are missing"):
        CsvFile(DATA / "oea_day1.csv").pull(None)


def documented(path: Path) -> str:
    text = path.read_text()
    for theirs, ours in (("attendance_date", "date"), ("Period", "slot"), ("section_id", "group"), ("student_id", "pupil_id"),
                         ("AttendanceCode", "mark"), ("all_day", "session"), ("attendance_type", "kind")):
        text = text.replace(theirs, ours, 1)
    return text.replace("ClassSectionAttendance", "lesson")


@pytest.mark.parametrize(("encoding", "prefix"), [("utf-8", b""), ("utf-8-sig", b""), ("cp1252", b""), ("utf-16", b""),
                                                  ("utf-16-be", b"\xfe\xff")])
def test_names_arrive_whole_in_every_encoding_that_schools_export(tmp_path: Path, encoding: str, prefix: bytes) -> None:
    name = "Zoë Ó Marrowby–Vex"
    pulled = read(tmp_path, prefix + (HEADER[:-1] + f",surname\n2026-11-23,AM,9A,1,/,{name}\n").encode(encoding))
    assert pulled.pupils[0].surname == name and pulled.bad_rows == ()


def test_a_polish_name_arrives_whole_in_utf8(tmp_path: Path) -> None:
    assert read(tmp_path, HEADER[:-1] + ",forename\n2026-11-23,AM,9A,1,/,Łukasz\n").pupils[0].forename == "Łukasz"


@pytest.mark.parametrize("data", [b"\x81\x8d\x90", b"\xff\xfe\x00\xd8", b"\0\0\0", b"", b"\n\n \n", b"PK\x03\x04\x14\0",
                                  b"\xff\xfe\0"])
def test_a_file_that_is_no_text_is_one_bad_row_and_the_other_files_go_on(tmp_path: Path, data: bytes) -> None:
    put(tmp_path, data, "registers-old.csv")
    pulled = read(tmp_path, HEADER + "2026-11-23,AM,7A,1,/\n")
    assert marks(pulled) == {"1": "/"}
    assert [(row.where, row.line) for row in pulled.bad_rows] == [("registers-old.csv", None)] and pulled.rows_read == 2


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_the_one_of_the_first_line(tmp_path: Path, delimiter: str) -> None:
    text = (HEADER[:-1] + ",note\n2026-11-23,AM,7A,1,B,#\n").replace(",", delimiter).replace("#",
                                                                                             "came; then left, early"
                                                                                             if delimiter == "\t" else "x")
    assert marks(read(tmp_path, text)) == {"1": "B"}


def test_names_of_columns_may_differ_in_case_and_spaces_and_stand_in_any_order(tmp_path: Path) -> None:
    assert marks(read(tmp_path, "sep=;\nPupil ID; MARK ;Group;Other;Date;Session\n7;/;7A;x;2026-11-23;AM\n")) == {"7": "/"}


def test_a_missing_column_is_named_and_no_cell_is_quoted(tmp_path: Path) -> None:
    put(tmp_path, "Quillfeather,2026-11-23,AM\n")
    with pytest.raises(BadInput) as refused:
        CsvFile(tmp_path / "registers.csv").pull(None)
    said = str(refused.value)
    assert "mark" in said and "Quillfeather" not in said and "docs/registers-csv.md" in said


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    assert "mark of registers stands twice" in reasons(read(tmp_path, HEADER[:-1] + ",Mark\n2026-11-23,AM,7A,1,/,N\n"))[0]


def test_totals_print_marks_and_blank_lines_are_no_rows(tmp_path: Path) -> None:
    pulled = read(tmp_path, HEADER + "\n2026-11-23,AM,7A,1,/\n,,,,\n \nTotal,,,1,\nPrinted 23/11/2026 09:30\n")
    assert marks(pulled) == {"1": "/"} and pulled.rows_read == 1 and "2 line(s) of totals" in pulled.notes[0]


def test_a_row_of_marks_is_never_taken_for_a_total(tmp_path: Path) -> None:
    pulled = read(tmp_path, "group," + HEADER.replace("group,", "") + "Total,2026-11-23,AM,1,/\nReport,23-11-2026,AM,2,N\n")
    assert marks(pulled) == {"1": "/"} and len(pulled.bad_rows) == 1


def test_a_last_line_cut_short_is_quarantined_and_what_stood_before_it_may_not_be_whole(tmp_path: Path) -> None:
    pulled = read(tmp_path, HEADER + "2026-11-23,AM,7A,1,/\n2026-11-23,AM,7B,2,/\n2026-11-23,AM,7B,3")
    assert [(r.group, r.complete) for r in pulled.registers] == [("7A", False), ("7B", False)] and "breaks off" in pulled.gaps[0]
    assert "cut short" in reasons(pulled)[0]


def test_a_last_line_cut_before_its_mark_is_no_missing_mark(tmp_path: Path) -> None:
    pulled = read(tmp_path, HEADER + "2026-11-23,AM,7A,1,/\n2026-11-23,AM,7A,2,")
    assert marks(pulled) == {"1": "/"} and not pulled.registers[0].complete


def test_a_whole_last_line_without_a_line_end_is_read(tmp_path: Path) -> None:
    pulled = read(tmp_path, HEADER + "2026-11-23,AM,7A,1,/")
    assert marks(pulled) == {"1": "/"} and pulled.registers[0].complete


def test_a_file_written_a_moment_ago_waits_for_the_next_pull(tmp_path: Path) -> None:
    put(tmp_path, HEADER + "2026-11-23,AM,7A,1,/\n")
    early = pull(tmp_path, now=WRITTEN + 1)
    assert (early.waiting, early.registers, early.bad_rows) == (("registers.csv",), (), ())
    assert marks(pull(tmp_path, now=WRITTEN + 3)) == {"1": "/"}


def test_a_file_stamped_by_a_fast_clock_does_not_wait_for_ever(tmp_path: Path) -> None:
    put(tmp_path, HEADER + "2026-11-23,AM,7A,1,/\n")
    assert pull(tmp_path, now=WRITTEN - 300).waiting == ()


def test_a_file_that_grows_while_it_is_read_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, HEADER + "2026-11-23,AM,7A,1,/\n")
    honest = Path.read_bytes

    def growing(self: Path) -> bytes:
        data = honest(self)
        path.write_bytes(data + b"2026-11-23,AM,7A,2,N\n")
        return data

    monkeypatch.setattr(Path, "read_bytes", growing)
    assert pull(tmp_path).waiting == ("registers.csv",)


def test_the_same_pupil_with_two_marks_in_one_register_is_not_guessed(tmp_path: Path) -> None:
    pulled = read(tmp_path, HEADER + "2026-11-23,AM,7A,1,/\n2026-11-23,AM,7A,2,/\n2026-11-23,AM,7A,1,N\n2026-11-23,AM,7A,1,/\n")
    assert marks(pulled) == {"2": "/"} and not pulled.registers[0].complete
    assert [row.line for row in pulled.bad_rows] == [2, 4, 5] and pulled.rows_read == 4


def test_the_same_row_twice_is_one_mark(tmp_path: Path) -> None:
    pulled = read(tmp_path, HEADER + "2026-11-23,AM,7A,1,/\n2026-11-23,AM,7A,1,/\n")
    assert marks(pulled) == {"1": "/"} and pulled.rows_accepted == 2 and pulled.registers[0].complete


@pytest.mark.parametrize("row", ["2026-11-23,EV,7A,1,/", "2026-11-23,AM,,1,/", "2026-11-23,AM,7A,,/",
                                 "2026-11-23,AM,7A,1,Present today",
                                 "2026-11-23,AM,7A,1,/,late", "2026-11-23,AM,7A,1,/,,9.04", "2026-11-23,AM,7A,1,/,-3",
                                 "2026-11-23,AM,7A,1,/,,25:04",
                                 "2026-11-23,AM,7A,1,/,,,,x", '2026-11-23,AM,7A,1,/,"3'])
def test_a_malformed_row_is_kept_with_its_reason_and_its_neighbours_are_read(tmp_path: Path, row: str) -> None:
    pulled = read(tmp_path,
                  HEADER[:-1] + ",minutes_late,taken_at,note\n" + f"2026-11-23,AM,7A,2,/,,,\n{row}\n2026-11-23,AM,7A,3,N,,,\n")
    assert marks(pulled) == {"2": "/", "3": "N"}
    assert [bad.raw for bad in pulled.bad_rows] == [row] and not pulled.registers[0].complete


def test_a_quote_that_is_never_closed_costs_one_line_and_not_the_rest_of_the_file(tmp_path: Path) -> None:
    rows = "".join(f"2026-11-23,AM,7A,{n},/\n" for n in range(50))
    pulled = read(tmp_path, HEADER + '2026-11-23,AM,7A,x,"/\n' + rows)
    assert len(marks(pulled)) == 50 and len(pulled.bad_rows) == 1


def test_a_note_may_run_over_two_lines(tmp_path: Path) -> None:
    pulled = read(tmp_path,
                  HEADER[:-1] + ',note\r\n2026-11-23,AM,7A,1,B,"at the farm,\r\nall ""morning"""\r\n2026-11-23,AM,7A,2,/,\r\n')
    assert pulled.registers[0].marks == (Mark("1", "B", None, 'at the farm,\nall "morning"'), Mark("2", "/"))


def test_a_reason_never_quotes_the_row(tmp_path: Path) -> None:
    row = "Quillfeather,Quillfeather,Quillfeather,Quillfeather,Quillfeather,Quillfeather,Quillfeather"
    for at in range(7):
        cells = "2026-11-23,AM,7A,1,/,3,09:04".split(",")
        cells[at] = "Quillfeather Marrowby"
        pulled = read(tmp_path, HEADER[:-1] + ",minutes_late,taken_at\n" + ",".join(cells) + "\n" + row + "\n")
        assert pulled.bad_rows and not any("Quill" in reason for reason in reasons(pulled))


def test_only_the_days_asked_for_are_read(tmp_path: Path) -> None:
    pulled = read(tmp_path, HEADER + "2026-11-20,AM,7A,1,N\n2026-11-23,AM,7A,1,/\n", [MONDAY])
    assert [r.local_date for r in pulled.registers] == [MONDAY] and pulled.rows_read == 1 and pulled.days == (MONDAY,)


def test_a_register_exported_again_in_another_file_counts_as_written_later(tmp_path: Path) -> None:
    put(tmp_path, HEADER + "2026-11-16,AM,7A,1,N\n2026-11-16,AM,7A,2,/\n", "registers-b-november.csv", WRITTEN)
    put(tmp_path, HEADER + "2026-11-16,AM,7A,1,M\n", "registers-a-week47.csv", WRITTEN + 10)
    assert marks(pull(tmp_path)) == {"1": "M", "2": "/"}


@pytest.mark.parametrize(("text", "utc"), [("2026-11-23T09:04", (9, 4)), ("2026-11-23 09:04:10.123456", (9, 4)),
                                           ("23/11/2026 09:04", (9, 4)), ("09:04", (9, 4)),
                                           ("2026-11-23T09:04Z", (9, 4)), ("2026-11-23T10:04:00+01:00", (9, 4)),
                                           ("2026-11-23T10:04+0100", (9, 4))])
def test_the_moment_a_register_was_taken_is_read_in_every_documented_form(tmp_path: Path, text: str,
                                                                          utc: tuple[int, int]) -> None:
    taken = read(tmp_path, HEADER[:-1] + f",taken_at,taken_by\n2026-11-23,AM,7A,1,/,{text},T1\n").registers[0]
    assert taken.taken_at is not None and (taken.taken_at.hour, taken.taken_at.minute) == utc
    assert taken.taken_at.tzinfo is timezone.utc and taken.taken_by == "T1"


def test_a_time_without_an_offset_is_the_schools_wall_clock_also_in_summer(tmp_path: Path) -> None:
    taken = read(tmp_path, HEADER[:-1] + ",taken_at\n2026-06-23,AM,7A,1,/,2026-06-23 09:04\n").registers[0].taken_at
    assert taken == datetime(2026, 6, 23, 8, 4, tzinfo=timezone.utc)


def test_a_lesson_needs_its_own_slot(tmp_path: Path) -> None:
    pulled = read(tmp_path,
                  HEADER[:-1] + ",kind,slot\n2026-11-23,,Maths,1,/,lesson,P1\n2026-11-23,,Maths,1,N,Lesson,P2\n"
                  "2026-11-23,,Maths,1,/,lesson,\n")
    assert [(r.kind, r.slot) for r in pulled.registers] == [("lesson", "P1"), ("lesson", "P2")] and len(pulled.bad_rows) == 1


def test_a_folder_that_is_not_there_is_a_matter_for_a_person(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        pull(tmp_path / "gone")


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    assert pull(tmp_path).gaps == ("the folder holds no file registers*.csv, .xlsx, .xml or .json",)


def test_the_data_are_as_old_as_the_newest_file_and_of_one_moment_only_if_one_file_holds_the_last_day(tmp_path: Path) -> None:
    def age(days: list[date] | None = None) -> tuple[float, bool]:
        pulled = pull(tmp_path, days)
        assert pulled.as_of is not None
        return WRITTEN - pulled.as_of.timestamp(), pulled.one_moment

    put(tmp_path, HEADER + "2026-11-20,AM,7A,1,/\n", "registers-1.csv", WRITTEN - 900)
    put(tmp_path, HEADER + "2026-11-23,AM,7A,1,/\n", "registers-2.csv", WRITTEN - 500)
    assert age() == (500, True)
    put(tmp_path, HEADER + "2026-11-23,AM,7B,2,/\n", "registers-3.csv", WRITTEN)
    assert age() == age([date(2026, 11, 20), MONDAY]) == (0, False)
    assert age([date(2026, 11, 20)]) == (0, True)


CALENDAR = SchoolCalendar((Term("autumn", date(2026, 9, 1), date(2026, 12, 18)),), inset=frozenset({date(2026, 11, 27)}),
                          no_session=frozenset({(date(2026, 11, 25), "PM")}))
TIMETABLE = "weekday,session,group,starts,ends,staff\n"


def expected(folder: Path, rows: str, days: list[date]) -> list[tuple[date, str, str, bool, tuple[str, ...]]]:
    put(folder, TIMETABLE + rows, "timetable.csv")
    put(folder, HEADER)
    return [(e.local_date, e.slot, e.group, e.required, e.staff) for e in pull(folder, days, calendar=CALENDAR).expected]


def test_the_timetable_gives_a_register_for_every_session_the_school_has(tmp_path: Path) -> None:
    rows = "".join(f"{day},{session},7A,{starts},{ends},T1\n" for day in ("Monday", "Tue", "wed", "4", "Friday")
                   for session, starts, ends in (("AM", "9:00", "12:00"), ("PM", "13:00", "15:00")))
    days = [date(2026, 11, day) for day in range(21, 29)]
    found = expected(tmp_path, rows, days)
    assert [(day.day, slot) for day, slot, *_ in found] == [(23, "AM"), (23, "PM"), (24, "AM"), (24, "PM"), (25, "AM"),
                                                            (26, "AM"), (26, "PM")]


def test_two_teachers_of_one_register_are_one_register_with_both(tmp_path: Path) -> None:
    assert expected(tmp_path, "Mon,AM,7A,09:00,12:00,T1\nMon,AM,7A,09:00,12:00,T2|T1\n",
                    [MONDAY]) == [(MONDAY, "AM", "7A", True, ("T1", "T2"))]


def test_a_register_of_a_group_with_nobody_to_expect_is_not_required(tmp_path: Path) -> None:
    put(tmp_path, "pupil_id,group,left,expected_pattern\n1,7A,2026-11-20,\n2,7A,,TueAM\n3,7B,,MonAM\n", "pupils.csv")
    found = expected(tmp_path, "Mon,AM,7A,09:00,12:00,T1\nMon,AM,7B,09:00,12:00,T1\nMon,AM,7C,09:00,12:00,T1\n", [MONDAY])
    assert [(group, required) for _, _, group, required, _ in found] == [("7A", False), ("7B", True), ("7C", True)]


def test_the_start_of_a_register_is_wall_clock_in_summer_and_winter(tmp_path: Path) -> None:
    put(tmp_path, TIMETABLE + "Fri,AM,7A,09:00,12:00,T1\nMon,AM,7A,09:00,12:00,T1\n", "timetable.csv")
    put(tmp_path, HEADER)
    found = pull(tmp_path, [date(2026, 10, 23), date(2026, 10, 26)]).expected
    assert [e.starts_at.hour for e in found] == [8, 9]


def test_a_timetable_row_that_cannot_be_read_is_quarantined(tmp_path: Path) -> None:
    put(tmp_path,
        TIMETABLE + "Sunday,AM,7A,09:00,12:00,T1\nMon,AM,7A,12:00,09:00,T1\nMon,AM,7A,9,12:00,T1\nMon,AM,7B,09:00,12:00,T1\n",
        "timetable.csv")
    put(tmp_path, HEADER)
    pulled = pull(tmp_path, [MONDAY])
    assert len(pulled.expected) == 1 and [row.line for row in pulled.bad_rows] == [2, 3, 4] and pulled.rows_read == 4


def test_a_single_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not there"):
        CsvFile(tmp_path / "gone.csv").pull(None)
