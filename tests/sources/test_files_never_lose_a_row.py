"""Accepted and quarantined make up what was read, whatever the bytes."""

import os
from datetime import date
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cme.sources.files import CsvFolder
from cme.sources.source import Pulled

QUICK = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
COLUMNS = ["date", "session", "group", "pupil_id", "mark", "kind", "slot", "minutes_late", "taken_at", "note", "forename",
           "date_of_birth",
           "contact_1_name", "contact_1_do_not_contact"]
CELLS = st.one_of(
    st.sampled_from(["2026-11-23", "23/11/2026", "11/23/2026", "1/9/2026", "2026-11-20", "AM", "PM", "7A", "7B", "1", "2", "007",
                     "/", "\\", "N", "-", "", "C1",
                     "lesson", "09:04", "2026-11-23T09:04", "Total", "yes", '"', '""', "#", "\ufeff", "Zoë", "=1+1", "x" * 300]),
    st.text(max_size=8))


def pulled_from(folder: Path, name: str, data: bytes) -> Pulled:
    path = folder / name
    path.write_bytes(data)
    os.utime(path, (1e9, 1e9))
    return CsvFolder(folder, clock=lambda: 2e9).pull(None)


def in_balance(pulled: Pulled) -> bool:
    return pulled.rows_read == pulled.rows_accepted + len(pulled.bad_rows)


@QUICK
@given(data=st.binary(max_size=400), name=st.sampled_from(["registers.csv", "pupils.csv", "contacts.csv", "staff.csv",
                                                           "timetable.csv"]))
def test_any_bytes_are_read_or_refused_and_never_a_crash(tmp_path: Path, data: bytes, name: str) -> None:
    assert in_balance(pulled_from(tmp_path, name, data))


@QUICK
@given(rows=st.lists(st.lists(CELLS, max_size=9), max_size=12), columns=st.permutations(COLUMNS[:9]),
       delimiter=st.sampled_from(",;\t"), end=st.sampled_from(["\n", "\r\n", "\r"]),
       encoding=st.sampled_from(["utf-8", "utf-16", "cp1252"]), cut=st.integers(0, 30))
def test_every_row_of_any_table_is_accepted_or_quarantined(tmp_path: Path, rows: list[list[str]], columns: list[str],
                                                           delimiter: str, end: str,
                                                           encoding: str, cut: int) -> None:
    text = end.join(delimiter.join(row) for row in [columns, *rows])
    data = text.encode(encoding, errors="ignore")
    assert in_balance(pulled_from(tmp_path, "registers.csv", data[:len(data) - cut]))


ROWS = st.lists(st.tuples(st.sampled_from(["2026-11-23", "23/11/2026", "2026-11-20"]), st.sampled_from(["AM", "PM"]),
                          st.sampled_from(["7A", "7B"]),
                          st.sampled_from(["1", "2", "3", "007"]), st.sampled_from(["/", "\\", "N", "-", "I01"])), max_size=30)


@QUICK
@given(rows=ROWS)
def test_no_mark_is_in_a_register_that_did_not_stand_in_the_file_and_none_is_missing(tmp_path: Path,
                                                                                     rows: list[tuple[str, ...]]) -> None:
    pulled = pulled_from(tmp_path, "registers.csv", "\n".join(",".join(row) for row in [tuple(COLUMNS[:5]), *rows])
                         .encode() + b"\n")
    told: dict[tuple[date, str, str, str], set[str]] = {}
    for day, session, group, pupil, code in rows:
        told.setdefault((date(2026, 11, int(day[-2:] if day[4] == "-" else day[:2])), session, group, pupil), set()).add(code)
    found = {(r.local_date, r.slot, r.group, m.pupil): m.code for r in pulled.registers for m in r.marks}
    assert found == {key: codes.pop() for key, codes in told.items() if len(codes) == 1}
    assert in_balance(pulled)
