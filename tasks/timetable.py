"""Whether there is school, as plain calls: the flows ask before they begin."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime

from sqlalchemy import func, select

from cme import clock
from cme.tasks.fate import office


@contextmanager
def alone(name: str) -> Iterator[bool]:
    """True for the one run of ``name`` that works now. The database holds the lock and lets go of it the moment its process dies;
    Prefect's own slot of a killed run stays taken for minutes."""
    with office().engine.connect() as connection:
        first = bool(connection.scalar(select(func.pg_try_advisory_lock(func.hashtext(name)))))
        try:
            yield first
        finally:
            if first:
                connection.scalar(select(func.pg_advisory_unlock(func.hashtext(name))))


def is_school_day(day: date) -> bool:
    """Whether the school has a session on ``day``."""
    return office().policies.calendar.is_school_day(day)


def is_school_time(moment: datetime) -> bool:
    """Whether ``moment`` lies within the school day, from the first register to an hour after the last session ends."""
    day = clock.local(moment).date()
    sessions = office().policies.school.sessions
    return is_school_day(day) and clock.wall(day, sessions["AM"].starts) <= moment <= clock.wall(day, "17:00")
