"""The one place that asks what time it is.

Rules take the day as an argument. Everything else asks here, so that a test can make the clock stand still and the
demo can live in its own school day (``CME_CLOCK``, refused in production by the settings).
"""

import os
import time
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")


def now() -> datetime:
    """The present moment in UTC.

    ``CME_CLOCK`` may hold ``<ISO time>@<epoch seconds>``: "at that epoch second the school's clock showed that time, and
    it has run on since", or ``<ISO time>`` alone: the clock stands still.
    """
    setting = os.environ.get("CME_CLOCK")
    if not setting:
        return datetime.now(timezone.utc)
    shown, _, since = setting.partition("@")
    moment = datetime.fromisoformat(shown)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=LONDON)
    if since:
        moment = moment.astimezone(timezone.utc) + timedelta(seconds=time.time() - float(since))
    return moment.astimezone(timezone.utc)


def local(moment: datetime | None = None) -> datetime:
    """``moment`` (by default now) as the school's wall clock shows it (Europe/London)."""
    return (moment or now()).astimezone(LONDON)


def today() -> date:
    """The school's day (Europe/London)."""
    return local().date()


def wall(day: date, hour_minute: str) -> datetime:
    """The UTC instant of wall-clock ``HH:MM`` (Europe/London) on ``day``."""
    hour, minute = hour_minute.split(":")[:2]
    return datetime(day.year, day.month, day.day, int(hour), int(minute), tzinfo=LONDON).astimezone(timezone.utc)


def age(span: timedelta) -> str:
    """A span in words, the rougher the longer: in steps of five minutes, hours or days, so that a table does not change with every minute."""
    minutes = int(span.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes // 5 * 5} min" if minutes >= 5 else "under 5 min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"
