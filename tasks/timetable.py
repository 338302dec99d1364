"""Whether there is school, as plain calls: the flows ask before they begin."""

from datetime import date, datetime

from cme import clock
from cme.tasks.fate import office


def is_school_day(day: date) -> bool:
    """Whether the school has a session on ``day``."""
    return office().policies.calendar.is_school_day(day)


def is_school_time(moment: datetime) -> bool:
    """Whether ``moment`` lies within the school day, from the first register to an hour after the last session ends."""
    day = clock.local(moment).date()
    sessions = office().policies.school.sessions
    return is_school_day(day) and clock.wall(day, sessions["AM"].starts) <= moment <= clock.wall(day, "17:00")
