"""Many values in one statement: sent as one array, and whole columns received at once, so that no statement is one of many.

A list of any length is one parameter, and the statement's text stays the same (SQLAlchemy puts it into words only once).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import ARRAY, Dialect, Integer, LargeBinary, Text, bindparam, cast, column, func, literal, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import TableValuedAlias
from sqlalchemy.types import TypeEngine

from cme.records.sealed_columns import SealedText, opened


def among(of: Any, values: Iterable[Any]) -> ColumnElement[bool]:
    """Whether the column ``of`` holds one of ``values``."""
    return of == func.any(_array(values, of.type))


def rows_of(**columns: tuple[TypeEngine[Any], Sequence[Any]]) -> TableValuedAlias:
    """A table of the given columns (name: type and values, all equally long), to be joined with."""
    return func.unnest(*(_array(values, kind) for kind, values in columns.values())).table_valued(
        *(column(name, kind) for name, (kind, _) in columns.items())).render_derived()


def columns_by(session: Session, by: Any, of: Iterable[str], columns: Mapping[str, Any],
               *only: ColumnElement[bool]) -> Iterator[tuple[str, dict[str, list[Any]]]]:
    """For each value in ``of`` of the text column ``by`` that has rows (that are as ``only`` says): ``columns`` of these rows as
    lists, equally long and in one order. A column of numbers gives numbers and must hold no null; any other gives texts, empty
    for null."""
    dialect = session.connection().dialect
    for key, *found in session.execute(select(by, *map(_sent, columns.values())).where(among(by, of), *only).group_by(by)):
        yield key, {name: _received(data, part, dialect) for data, (name, part) in zip(found, columns.items(), strict=True)}


def _sent(part: Any) -> ColumnElement[bytes]:
    """The database holds no text with a zero byte, which therefore parts one from the next."""
    numbers = isinstance(part.type, Integer)
    value = func.int8send(part) if numbers else func.convert_to(func.coalesce(cast(part, Text), ""), "UTF8")
    return func.string_agg(value, cast(literal(b"" if numbers else b"\0"), LargeBinary))


def _received(data: bytes, part: Any, dialect: Dialect) -> list[Any]:
    if isinstance(part.type, Integer):
        return np.frombuffer(data, dtype=">i8").tolist()
    texts = bytes(data).decode().split("\0")
    return [opened(text, part.type.name, dialect) for text in texts] if isinstance(part.type, SealedText) else texts


def _array(values: Iterable[Any], kind: TypeEngine[Any]) -> ColumnElement[Any]:
    whole: TypeEngine[Any] = ARRAY(kind, dimensions=1)
    if isinstance(kind, Integer):        # as one text: the server reads that much quicker than a list of numbers
        return cast(bindparam(None, f"{{{','.join(map(str, values))}}}", type_=Text(), unique=True), whole)
    return cast(bindparam(None, list(values), type_=whole, unique=True), whole)
