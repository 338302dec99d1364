"""Rows of a table one by one as they were written, each with a digest of what it says. A sealed value that cannot be opened is a fault
of its row, not the end of the reading."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Any

from sqlalchemy import Table, Text, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from cme.errors import Misconfigured
from cme.records.sealed_columns import SealedFields, SealedJson, SealedText

_DIGITS = 24                     # of a row's digest: 96 bits


@dataclass(frozen=True)
class WrittenRow:
    """A row. ``fault`` says why it could not be read; empty where it could."""

    values: Mapping[str, Any]
    fault: str = ""

    def digest(self, columns: tuple[str, ...] | None = None) -> str:
        """Of the content of these columns (None: all), however it is sealed."""
        content = [_plain(self.values[name]) for name in columns or self.values]
        return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()[:_DIGITS]


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat()
    return value.isoformat() if isinstance(value, date) else value


def written_rows(session: Session, table: Table, *only: ColumnElement[bool]) -> Iterator[WrittenRow]:
    """The rows of a table whose key is ``id``, in its order."""
    dialect = session.connection().dialect
    sealed = {column.name: column.type for column in table.columns if isinstance(column.type, SealedText | SealedJson | SealedFields)}
    raw = [type_coerce(column, JSONB() if isinstance(column.type, SealedFields) else Text()).label(column.name) if column.name in sealed else column
           for column in table.columns]
    for row in session.execute(select(*raw).where(*only).order_by(table.c.id).execution_options(yield_per=1000)):
        values, fault = dict(row._mapping), ""
        for name, kind in sealed.items():
            try:
                values[name] = kind.process_result_value(values[name], dialect)
            except (Misconfigured, ValueError):
                fault = f"{name} cannot be opened: it was changed, or the key that sealed it is missing"
        yield WrittenRow(values, fault)
