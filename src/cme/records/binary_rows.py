"""Read long byte strings and arrays from PostgreSQL as they are (COPY in its binary format), several times faster than as text.

Source: PostgreSQL's documentation, COPY, "Binary Format": a head of 19 bytes, then each row as a count of fields and, for each
field, its length (-1: null) and its bytes; a count of -1 ends it. Numbers are big-endian.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from struct import Struct
from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm import Session

_HEAD = 19
_COUNT, _LENGTH = Struct(">h"), Struct(">i")


def binary_rows(session: Session, query: Select[Any], each: Sequence[Mapping[str, Any]] = ({},)) -> Iterator[tuple[bytes, ...]]:
    """The rows of ``query`` in the session's transaction, each field as the bytes that PostgreSQL sends; empty for null.

    ``each`` holds the parameters to ask with, time after time; the query is put into words only once.
    """
    session.flush()
    connection = session.connection()
    compiled = query.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    asked = str(compiled)
    driver: Any = connection.connection.driver_connection
    for parameters in each:
        received = io.BytesIO()
        with driver.cursor() as cursor:
            statement = cursor.mogrify(asked, {**compiled.params, **parameters}).decode()
            cursor.copy_expert(f"COPY ({statement}) TO STDOUT (FORMAT binary)", received)
        yield from _fields(received.getvalue())


def _fields(data: bytes) -> Iterator[tuple[bytes, ...]]:
    at = _HEAD
    while (count := _COUNT.unpack_from(data, at)[0]) >= 0:
        at += _COUNT.size
        row = []
        for _ in range(count):
            length = max(_LENGTH.unpack_from(data, at)[0], 0)
            at += _LENGTH.size
            row.append(data[at:at + length])
            at += length
        yield tuple(row)
