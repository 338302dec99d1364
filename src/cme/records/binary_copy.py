"""Write many rows at once (COPY in PostgreSQL's binary format): nothing is put into words and read from words again.

Source: PostgreSQL's documentation, COPY, "Binary Format", and the binary forms of its types: numbers big-endian, moments as
microseconds and days as days since 1 January 2000, an array as its dimensions and then each element with its length.
"""

import io
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from struct import Struct
from typing import Any

import psycopg2
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from cme.records.base import Base

_START = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_COUNT, _LENGTH, _WHOLE = Struct(">h"), Struct(">i"), Struct(">q")
_ARRAY = Struct(">iiiii")                                  # dimensions, nulls, type of element, length, lower bound
_BIGINT = 20
_LITTLE = 4_000                                             # bytes; below, a table to copy through costs more than it saves
_SEPARATED = text("SELECT row_security_active(:table)")
_SHORT = frozenset((str, int, date, datetime, type(None)))      # the same ones stand in many rows
_MOMENT, _DAY = datetime(2000, 1, 1, tzinfo=timezone.utc), date(2000, 1, 1)


def copy_rows(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert ``rows`` (column: value, the same columns in each) in the session's transaction.

    For columns of whole numbers (bigint), texts, bytes, days, moments, JSON objects (jsonb) and lists of whole numbers. What an
    error says holds no values of a row.
    """
    if not rows:
        return
    session.flush()
    count, alike = _COUNT.pack(len(rows[0])), lru_cache(maxsize=None, typed=True)(_field)
    data = b"".join([_START, *(count + b"".join([alike(value) if type(value) in _SHORT else _field(value) for value in row.values()])
                               for row in rows), _END])
    separated = session.scalar(_SEPARATED, {"table": table.__tablename__})
    if separated and len(data) < _LITTLE:
        session.execute(insert(table), [dict(row) for row in rows])
        return
    driver: Any = session.connection().connection.driver_connection
    name, columns = table.__tablename__, ", ".join(rows[0])
    through = f"CREATE TEMPORARY TABLE copied ON COMMIT DROP AS SELECT {columns} FROM {name} WITH NO DATA"  # nosec B608 # names of ours
    try:
        with driver.cursor() as cursor:
            if separated:       # PostgreSQL copies into no table of which a role sees only a part: by way of one that is the session's own
                cursor.execute(through)
            cursor.copy_expert(f"COPY {'pg_temp.copied' if separated else name} ({columns}) FROM STDIN (FORMAT binary)", io.BytesIO(data))
            if separated:
                cursor.execute(f"INSERT INTO {name} ({columns}) SELECT {columns} FROM pg_temp.copied")  # nosec B608 # names of ours
                cursor.execute("DROP TABLE pg_temp.copied")
    except psycopg2.Error as error:
        raise type(error)(str(error).split("\n", 1)[0]) from None


def _field(value: Any) -> bytes:
    if value is None:
        return _NULL
    data = _bytes(value)
    return _LENGTH.pack(len(data)) + data


def _bytes(value: Any) -> bytes:
    match value:
        case bytes():
            return value
        case str():
            return value.encode()
        case bool():
            return b"\x01" if value else b"\x00"
        case int():
            return _WHOLE.pack(value)
        case datetime():
            return _WHOLE.pack((value - _MOMENT) // timedelta(microseconds=1))
        case date():
            return _LENGTH.pack((value - _DAY).days)
        case dict():
            return b"\x01" + json.dumps(value).encode()      # the version of jsonb's binary form, then its text
        case list():
            elements = b"".join([_LENGTH.pack(_WHOLE.size) + _WHOLE.pack(number) for number in value])
            return _ARRAY.pack(1, 0, _BIGINT, len(value), 1) + elements if value else _ARRAY.pack(0, 0, _BIGINT, 0, 0)[:12]
    raise TypeError(f"a {type(value).__name__} cannot be copied")
