"""Every late register of a term is found, and almost nobody is reminded in vain.

By default five schools, among them each of the four kinds of source, on a day before and a day after the clock change;
``CME_TERM_SCHOOLS=50 CME_TERM_DAYS=72`` lives a whole autumn
term, and 24 days every third school day of it.
"""

import os
from collections.abc import Callable
from datetime import date, timedelta
from random import Random

import pytest
from tests.steps.school import School
from tests.steps.term_of_schools import FIRST, POLL, SAVED, SEEN, STALE, Term, figures, some_schools

SCHOOLS, DAYS = int(os.environ.get("CME_TERM_SCHOOLS", "5")), int(os.environ.get("CME_TERM_DAYS", "2"))


@pytest.mark.usefixtures("as_owner")
def test_every_late_register_is_found_and_almost_nobody_is_reminded_in_vain(school: School, set_clock: Callable[[str], None]) -> None:
    term = Term(some_schools(school, SCHOOLS), Random(7))
    every = list(school.policies.calendar.school_days(date(2026, 9, 1), date(2026, 12, 18)))
    days = every[::max(1, len(every) // DAYS)] if DAYS > 5 else [d for d in every if d >= date(2026, 10, 23)][:DAYS]
    term.live(days, set_clock)
    found = figures(term)
    print(found)
    assert found.of(FIRST, "late") > 5 and found.of(FIRST, "found") == found.of(FIRST, "late"), "every late register of a source that can tell"
    false, said = sum(found.said.values()) - sum(found.found.values()), sum(found.said.values())
    assert false <= 0.02 * said, (false, said)
    assert sum(found.on_time_wrong.values()) == 0, "nothing late was ever called on time"
    assert found.slowest <= POLL + timedelta(seconds=60)
    # what only can be seen: what is not found is unknown, and counted
    for semantics in (SEEN, SAVED):
        assert found.of(semantics, "late") - found.of(semantics, "found") <= found.of(semantics, "unknown")
    assert found.of(STALE, "said") == 0 and found.of(STALE, "unknown") > 0, "a source that cannot say accuses nobody"
