"""`cme detect --as-of`: a past day judged with what was known then gives the same findings, bit for bit, whatever came after."""

from collections.abc import Callable
from datetime import date, timedelta
from random import Random

import pytest
from sqlalchemy import select
from tests.steps.generated_school import Life
from tests.steps.school import MONDAY, School, a_pupil

from cme.records.tables import Finding as FindingRow
from cme.rules.finding import Finding
from cme.steps.detect import detect, end_of, judged


def findings_of(school: School, day: date) -> dict[int, tuple[Finding, ...]]:
    with school.transaction() as session:
        return judged(school, session, day, end_of(day))


@pytest.mark.parametrize(("seed", "first", "last"), [
    (1, date(2026, 9, 2), date(2026, 9, 11)), (2, date(2026, 11, 9), date(2026, 11, 18))])
def test_a_past_day_replayed_gives_bit_equal_findings(school: School, set_clock: Callable[[str], None], seed: int, first: date,
                                                      last: date) -> None:
    life = Life(Random(seed), leavers=False)
    backlog: set[date] = set()
    at_the_time: dict[date, dict[int, tuple[Finding, ...]]] = {}
    days = list(school.policies.calendar.school_days(date(2026, 6, 8), last))
    for day in days:
        backlog |= life.goes_by(day)
        if day < first:
            continue
        set_clock(f"{day}T10:00:00")
        life.pulled_into(school, backlog)
        detect(school, day, school.stamp())
        set_clock(f"{day}T16:00:00")                               # corrections come in the afternoon, too
        life.pulled_into(school, corrected := set(life.corrections(day)))
        backlog = set()
        at_the_time[day] = findings_of(school, day)
        assert corrected <= set(days)
    for day, found in at_the_time.items():
        assert findings_of(school, day) == found, day
    with school.transaction() as session:
        now = [judged(school, session, day) for day in at_the_time]
        rows = session.scalars(select(FindingRow)).all()
    assert sum(len(f) for found in at_the_time.values() for f in found.values()) > 100
    assert now != list(at_the_time.values()), "no correction changed anything, so the replay was not put to the test"
    # and each finding that was kept is found again from what was known at its moment
    for row in rows:
        with school.transaction() as session:
            again = judged(school, session, row.as_of, row.found_at, pupils=[row.pupil_id])[row.pupil_id]
        assert [f for f in again if (f.rule, f.episode_start) == (row.rule, row.episode_start) and f.reason == row.reason
                and [[m.day.isoformat(), m.session, m.code] for m in f.marks] == row.marks], (row.rule, row.as_of)
    assert len(rows) > 3


def test_what_was_stored_at_midnight_belongs_to_the_new_day(school: School, set_clock: Callable[[str], None]) -> None:
    """Marks of the last second of a day are known on that day; both clock changes of a year included."""
    for day, last_second, midnight in ((MONDAY, "2026-11-23T23:59:59", "2026-11-24T00:00:01"),
                                       (date(2026, 10, 25), "2026-10-25T23:59:59", "2026-10-26T00:00:01"),
                                       (date(2026, 3, 29), "2026-03-29T23:59:59", "2026-03-30T00:00:01")):
        days = school.school_days_before(day, 10)
        set_clock(last_second)
        school.write(a_pupil(mis_id=f"L{day}"), {d: ("N", "N") for d in days})
        set_clock(midnight)
        school.write(a_pupil(mis_id=f"M{day}", group="9B"), {d: ("N", "N") for d in days})
        found = findings_of(school, day)
        assert [bool([f for f in of_pupil if f.opens_case]) for of_pupil in list(found.values())[-2:]] == [True, False]
        assert [f.opens_case for f in findings_of(school, day + timedelta(days=1))[max(found)]][:1] == [True]
