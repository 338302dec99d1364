"""Reading the past: how far back the marks of a day's judgement go, and a look at the records that cannot write."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from cme import clock
from cme.rules.school_days import SchoolCalendar
from cme.steps.office import Office


def end_of(day: date) -> datetime:
    """The last moment of a school's day: what was known then is what had been seen by then."""
    return clock.wall(day + timedelta(days=1), "00:00")


def marks_from(calendar: SchoolCalendar, as_of: date) -> date:
    """The first day whose marks belong to a judgement on ``as_of``: a continuous run may have begun in the school year before."""
    return calendar.school_year_start(calendar.school_year_start(as_of) - timedelta(days=1))


@contextmanager
def reading(office: Office) -> Iterator[Session]:
    """A transaction in which PostgreSQL itself refuses every change."""
    with office.transaction() as session:
        session.execute(text("SET TRANSACTION READ ONLY"))
        yield session
