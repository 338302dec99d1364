"""A row corrected at its source leaves quarantine when it is read again; nothing else makes it leave but a person."""

from datetime import date

import pytest
from sqlalchemy.orm import Session
from tests.records.test_registers import MONDAY, SCHOOL, at, register, store

from cme.errors import BadInput
from cme.records import registers
from cme.records.history import Stamp, events
from cme.records.registers import PullResult
from cme.sources.source import BadRow

FRIDAY = date(2026, 11, 20)
FILE = (("registers.csv", True),)
QUERY = (("query registers", False),)
BAD = BadRow("registers.csv", 7, "the session is neither AM nor PM", "x", MONDAY)


def read(session: Session, *bad: BadRow, minute: int, places: tuple = FILE, days: tuple[date, ...] | None = None, marks: str = "/") -> PullResult:
    return store(session, register(marks), when=at(9, minute), bad_rows=bad, rows_read=1 + len(bad), places=places, days=days)


def waiting(session: Session) -> list[str]:
    return [row.reason for row in registers.quarantined(session, SCHOOL)]


def test_a_row_corrected_in_the_export_leaves_with_the_next_good_pull_and_an_event(session: Session) -> None:
    read(session, BAD, minute=5)
    assert waiting(session) == [BAD.reason]
    assert read(session, minute=10).rows_mended == 1 and waiting(session) == []
    [row] = registers.quarantined(session, SCHOOL, resolved=True)
    assert (row.resolved_by, row.resolved_why) == ("machine", "read again without a fault")
    assert "quarantine.mended" in [e.what for e in events(session, "register")]


@pytest.mark.parametrize(("places", "days"), [((), None), ((("other.csv", True),), None), (FILE, (FRIDAY,))],
                         ids=["nothing was read", "another file was read", "another day was read"])
def test_a_row_that_was_not_read_again_stays(session: Session, places: tuple, days: tuple[date, ...] | None) -> None:
    read(session, BAD, minute=5)
    assert read(session, minute=10, places=places, days=days).rows_mended == 0 and waiting(session) == [BAD.reason]


def test_a_row_without_a_day_stays_where_a_query_was_asked_for_some_days_only(session: Session) -> None:
    lost = BadRow("query registers", None, "the date is empty", "x")
    read(session, lost, minute=5, places=QUERY)
    read(session, minute=10, places=QUERY, days=(MONDAY,))
    assert waiting(session) == [lost.reason]
    read(session, minute=15, places=(("query registers", True),))
    assert waiting(session) == []


def test_a_mark_that_became_a_code_leaves_and_waits_again_when_it_is_none_once_more(session: Session) -> None:
    read(session, minute=5, marks="zz")
    assert len(waiting(session)) == 1
    read(session, minute=10, marks="N")
    assert waiting(session) == []
    assert read(session, minute=15, marks="zz").quarantined_new == 1
    assert len(waiting(session)) == 1


def test_what_a_person_has_dealt_with_stays_dealt_with_although_it_is_read_again(session: Session) -> None:
    read(session, BAD, minute=5)
    [row] = registers.quarantined(session, SCHOOL)
    registers.resolve(session, SCHOOL, row.id, Stamp("operations", at(9, 7)), "a line of the export's own test")
    read(session, BAD, minute=10)
    assert waiting(session) == [] and (row.resolved_by, row.resolved_why) == ("operations", "a line of the export's own test")


def test_a_row_leaves_only_with_a_reason(session: Session) -> None:
    read(session, BAD, minute=5)
    [row] = registers.quarantined(session, SCHOOL)
    with pytest.raises(BadInput, match="only with a reason"):
        registers.resolve(session, SCHOOL, row.id, Stamp("operations", at(9, 7)), " ")
