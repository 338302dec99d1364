"""Sealing everything again by the newest key: table by table, some rows a transaction, so that it can stop anywhere and go on.

Nothing is read by its key's age but by how it is sealed: what the newest key sealed already is passed over, what was never sealed is
sealed. In append-only tables the database lets the owner do this alone, and lets nothing else of a row change (migrations).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Engine, LargeBinary, Table, Text, and_, bindparam, cast, func, literal_column, or_, select, text, type_coerce, update
from sqlalchemy.sql.elements import ColumnElement

from cme.records.sealed_columns import SealedFields, SealedJson, SealedText, opened
from cme.records.sealing import Sealer
from cme.records.tables import Base

BATCH = 500
_SEALED_BYTES = {"outbox.sealed", "message_password.sealed", "received_message.sealed"}
_RESEALING = text("SET LOCAL cme.resealing = 'on'")


@dataclass(frozen=True)
class Place:
    """A sealed column of a table."""

    table: Table
    column: Column[Any]

    @property
    def name(self) -> str:
        return f"{self.table.name}.{self.column.name}"

    @property
    def raw(self) -> ColumnElement[Any]:
        """The column as it stands in the database."""
        return type_coerce(self.column, LargeBinary() if self.name in _SEALED_BYTES else self.column.type.impl_instance
                           if isinstance(self.column.type, SealedFields) else Text())

    def otherwise(self, sealer: Sealer) -> ColumnElement[bool]:
        """The rows in which something is not sealed by the newest key."""
        if self.name in _SEALED_BYTES:
            return func.substr(self.raw, 1, len(sealer.prefix)) != bindparam(None, sealer.prefix.encode(), type_=LargeBinary(), unique=True)
        if isinstance(self.column.type, SealedFields):
            return or_(*(and_(self.raw.op("->")(field).is_not(None), func.coalesce(self.raw.op("->>")(field), "").not_like(f"{sealer.prefix}%"),
                              cast(self.raw.op("->")(field), Text).not_in(['""', "{}", "[]", "null", "false", "0"]))
                         for field in self.column.type.fields))
        empty = [""] if isinstance(self.column.type, SealedText) else []
        return and_(self.raw.not_like(f"{sealer.prefix}%"), self.raw.not_in(empty) if empty else literal_column("true"))

    def resealed(self, value: Any, sealer: Sealer, dialect: Any) -> Any:
        """The value of a row as the database is to hold it now."""
        if self.name in _SEALED_BYTES:
            return sealer.seal(sealer.open(value))
        kind = self.column.type
        assert isinstance(kind, SealedText | SealedJson | SealedFields)
        if isinstance(kind, SealedFields):
            return kind.process_bind_param(kind.process_result_value(value, dialect), dialect)
        return sealer.seal_text(opened(value, kind.name, dialect) or "", kind.name, findable=getattr(kind, "findable", False))


def places() -> list[Place]:
    """Every sealed column there is."""
    return [Place(table, column) for table in Base.metadata.sorted_tables for column in table.columns
            if isinstance(column.type, SealedText | SealedJson | SealedFields) or f"{table.name}.{column.name}" in _SEALED_BYTES]


def remaining(engine: Engine, sealer: Sealer) -> dict[str, int]:
    """How many rows of each column ("contact.email") are not sealed by the newest key; only columns with any."""
    with engine.connect() as connection:
        counted = {place.name: connection.scalar(select(func.count()).select_from(place.table).where(place.otherwise(sealer))) or 0
                   for place in places()}
    return {name: number for name, number in counted.items() if number}


def reseal(engine: Engine, sealer: Sealer) -> Iterator[tuple[str, int]]:
    """Seal what ``remaining`` counts; yields the column and how many rows after each batch, which is committed by then.

    ``engine`` must be the owner's and hold the same keys (``keep_keys``)."""
    for place in places():
        [key] = place.table.primary_key.columns
        last: Any = None
        while True:
            with engine.begin() as connection:
                connection.execute(_RESEALING)
                query = select(key, place.raw.label("held")).where(place.otherwise(sealer)).order_by(key).limit(BATCH).with_for_update()
                rows = connection.execute(query if last is None else query.where(key > last)).all()
                if not rows:
                    break
                connection.execute(update(place.table).where(key == bindparam("row")).values(
                    {place.column: bindparam("now", type_=place.raw.type)}), [
                    {"row": row, "now": place.resealed(held, sealer, connection.dialect)} for row, held in rows])
                last = rows[-1][0]
            yield place.name, len(rows)

