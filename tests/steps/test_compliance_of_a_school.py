"""The report of compliance over a stretch of a lived school: its figures are those of an independent query, to the last one.

The whole year, 200 pupils with about 150 cases: ``CME_YEAR_OF_SCHOOL=1``; with ``CME_COMPLIANCE_OUT`` naming a folder, its report is left there.
"""

import os
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from tests.steps.compliance_by_sql import figures
from tests.steps.school import School

from cme import clock
from cme.records.tables import Case
from cme.rules import compliance as rule
from cme.rules.compliance import LATE, NOT_DUE, ON_TIME, UNKNOWN, WITHDRAWN, Tally
from cme.steps import compliance, compliance_files
from cme.steps.compliance import Report
from cme.steps.periods import Period, period

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"
YEAR = bool(os.environ.get("CME_YEAR_OF_SCHOOL"))
FIRST, LAST = (date(2026, 9, 2), date(2027, 7, 20)) if YEAR else (date(2026, 11, 16), date(2026, 11, 20))


@pytest.fixture
def lived(school: School, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setenv("CME_CLOCK", f"{FIRST}T00:00:00")
    from tests.steps.lived_school import LivedSchool

    assert school.settings.people_file
    life = LivedSchool(school, school.settings.people_file, 0, FIRST, LAST, seed=3, step=timedelta(hours=1),
                       before=None if YEAR else date(2026, 11, 2), pupils=200 if YEAR else 42, stays=0.18 if YEAR else 0.0,
                       hours=(9, 12, 15, 16) if YEAR else (9, 11, 12, 13, 15, 16, 17, 18))
    life.live(lambda life: print(clock.today(), life.said["cases opened by a threshold"], flush=True) if YEAR else None)
    return life


def counts(shown: Report) -> tuple[Counter[tuple[str, date, str]], Counter[str]]:
    found: Counter[tuple[str, date, str]] = Counter()
    for week, tallies in rule.by_week(shown.rows, shown.at).items():
        for step, t in tallies.items():
            for verdict, number in ((ON_TIME, t.on_time), (LATE, t.late), (UNKNOWN, t.unknown), (WITHDRAWN, t.withdrawn), (NOT_DUE, t.not_due)):
                found[step, week, verdict] += number
    return +found, +Counter({step: t.waiting for step, t in shown.steps.items()})


def of(school: School, session: Session, first: date, last: date, now: datetime) -> Report:
    return compliance.report(school, session, Period("the whole", first, last), now)


def without_the_procedure(shown: Report) -> tuple[Counter[tuple[str, date, str]], Counter[str]]:
    """The date of the procedure stands in no table; it is one row, late."""
    found, waiting = counts(shown)
    [key] = [key for key in found if key[0] == "procedure_review"]
    assert key[2] == LATE and found.pop(key) == 1 and waiting.pop("procedure_review") == 1
    return found, waiting


def test_every_figure_is_that_of_an_independent_query(school: School, lived: Any) -> None:
    now = clock.now()
    with school.transaction() as session:
        whole = of(school, session, FIRST - timedelta(days=30), LAST + timedelta(days=30), now)
        assert without_the_procedure(whole) == figures(session, FIRST - timedelta(days=30), LAST + timedelta(days=30), now)
        # a day, as things stood in the middle of what happened: what was due later is not due yet
        for first, last in ((FIRST, FIRST), (LAST - timedelta(days=1), LAST), (FIRST + timedelta(days=1), FIRST + timedelta(days=2))):
            assert without_the_procedure(of(school, session, first, last, now)) == figures(session, first, last, now), first
        cases = session.scalar(select(func.count()).select_from(Case)) or 0
        # a case's own report holds every row of the case, and the cases together all rows of the whole that are about a case
        own = [row for number in session.scalars(select(Case.reference)) for row in compliance.report_of_case(school, session, number, now).rows]
        assert sorted(own, key=repr) == sorted((row for row in whole.rows if row.reference.startswith("CME-")), key=repr)
    kinds = {row.step for row in whole.rows}
    assert {"registers", "thresholds", "contact_outcome", "review_routine", "confirmation", "actions", "absence_reported", "contact_begun",
            "appraisal", "procedure_review"} <= kinds
    assert whole.total.on_time > 50 and whole.total.late > 10 and cases > 5
    assert sum((t.judged for t in whole.steps.values())) == whole.total.judged
    if YEAR:
        print(lived.said, cases, {step: t for step, t in whole.steps.items() if t != Tally()})
        assert len(kinds) >= 18 and cases >= 100
        _leave(school)


def _leave(school: School) -> None:
    """The term's report of the year, for docs/samples."""
    if out := os.environ.get("CME_COMPLIANCE_OUT"):
        with school.transaction() as session:
            shown = compliance.report(school, session, period(school.policies.calendar, clock.today(), term="spring 2027"), clock.now())
        compliance_files.write(school, shown, Path(out))
