"""What a database gives, as the text that a file would hold; and which days a query asks for."""

import math
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any


def bound_days(query: str) -> list[str]:
    """Which of the two days a query asks for."""
    return [name for name in ("from_day", "to_day") if re.search(rf":{name}\b", query)]


def cell(value: Any) -> str:
    """A value of a database as the text that a file would hold."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() and value.tzinfo is None else value.isoformat()
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):        # how PyMySQL gives a TIME
        return str(value)
    if isinstance(value, (float, Decimal)) and math.isfinite(value) and value == int(value):
        return str(int(value))
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).decode("utf-8", errors="surrogateescape")
    return str(value)
