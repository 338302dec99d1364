"""The example export that `make demo REGISTERS=` takes, and the page that documents the columns."""

import re
from datetime import date
from importlib.resources import files
from pathlib import Path

from cme.config.policies import load
from cme.rules.finding import Enrolment, PupilRecord
from cme.rules.identifiers import upn
from cme.rules.judge import judge
from cme.rules.marks import SessionMark
from cme.sources import columns
from cme.sources.files import CsvFile
from cme.sources.source import Pulled

EXAMPLE = Path(str(files("cme.sources") / "examples" / "registers.csv"))
BOOK = load().rule_book()
PAGE = (Path(__file__).parents[2] / "docs" / "registers-csv.md").read_text(encoding="utf-8")


def opening(pulled: Pulled, as_of: date) -> dict[str, list[tuple[str, date]]]:
    found = {}
    for pupil in pulled.pupils:
        marks = tuple(SessionMark(r.local_date, r.slot, m.code) for r in pulled.registers for m in r.marks
                      if m.pupil == pupil.mis_id)
        record = PupilRecord(1, Enrolment(pupil.admitted or date.min, born=pupil.born), marks)
        if findings := [(f.rule, f.reached_on) for f in judge(record, as_of, BOOK) if f.opens_case]:
            found[pupil.mis_id] = findings
    return found


def test_the_example_is_read_without_a_fault_and_a_child_crosses_the_threshold_on_its_last_day() -> None:
    pulled = CsvFile(EXAMPLE).pull(None)
    last = max(r.local_date for r in pulled.registers)
    assert pulled.bad_rows == () and pulled.notes == () and pulled.rows_read > 200
    found = opening(pulled, last)
    assert list(found) == ["0423"] and ("continuous_absence", last) in found["0423"]
    assert opening(pulled, BOOK.calendar.previous_school_day(last)) == {}


def test_every_child_of_the_example_has_a_contact_and_nobody_is_real() -> None:
    pulled = CsvFile(EXAMPLE).pull(None)
    assert all(p.contacts and p.contacts[0].email.endswith(".example") and upn(p.upn)
               for p in pulled.pupils) and len(pulled.pupils) == 10
    assert all(c.telephone.startswith(("07700 900", "0121 496 0")) for p in pulled.pupils for c in p.contacts)


def test_a_pull_of_the_last_days_still_knows_who_the_pupils_are() -> None:
    whole, part = CsvFile(EXAMPLE).pull(None), CsvFile(EXAMPLE).pull([date(2026, 11, 23)])
    assert part.pupils == whole.pupils and len(part.registers) == 2


def test_the_page_documents_every_column_and_only_those() -> None:
    told = set(re.findall(r"`([a-z_]+)`", PAGE))
    shapes = (columns.REGISTERS, columns.PUPILS, columns.CONTACTS, columns.STAFF, columns.TIMETABLE, columns.EXPECTED)
    known = {name for shape in shapes for name in shape.required | shape.optional}
    assert known <= told, f"not documented: {known - told}"
    assert all(f"`contact_1_{name}`" in PAGE for name in ("name", "relationship", "email", "telephone", "language",
                                                          "do_not_contact"))
    others = {"session", "lesson", "sole", "guest", "yes", "no", "first_completed", "last_saved", "observed", "none", "registers",
              "pupils", "contacts",
              "staff", "expected", "local_codes", "en", "pl", "ur",                             # languages of letters
              "cme_registers", "cme_pupils", "cme_contacts", "cme_staff", "cme_expected"}       # the school's own views
    assert told - known <= others, f"documented but unknown: {told - known - others}"
