"""Columns that are sealed at rest: encrypted as they go into the database and opened as they come out, whoever asks.

The keys belong to an engine (``keep_keys``). Without them nothing can be written into such a column and nothing sealed be read:
what is forgotten fails, it is not kept in the open. An empty text stays empty.
"""

import json
from typing import Any

from sqlalchemy import Dialect, Engine, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.sql import operators
from sqlalchemy.types import TypeDecorator

from cme.errors import Misconfigured
from cme.records.sealing import SEALED, Sealer

_KEYS = "_cme_keys"


def keep_keys(engine: Engine, sealer: Sealer) -> None:
    """Let what goes through ``engine`` be sealed and opened by ``sealer`` from now on."""
    setattr(engine.dialect, _KEYS, sealer)


def _keys(dialect: Dialect) -> Sealer:
    sealer: Sealer | None = getattr(dialect, _KEYS, None)
    if sealer is None:
        raise Misconfigured("these records are sealed, and were opened without their keys")
    return sealer


class _Sealed(TypeDecorator[Any]):
    """``name`` is "table.column": what is sealed is bound to it."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class SealedText(_Sealed):
    """A text. Findable: ``==`` and ``in`` work, at the price that equal texts look equal; otherwise a comparison in the database
    is refused when it is made, since it would never find anything."""

    impl = Text
    cache_ok = True

    def __init__(self, name: str, findable: bool = False) -> None:
        super().__init__(name)
        self.findable = findable

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        if value and not (self.findable and op in (operators.eq, operators.ne, operators.in_op, operators.not_in_op)):
            raise InvalidRequestError(f"{self.name} is sealed: the database cannot compare it in this way")
        return self

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return _keys(dialect).seal_text(value, self.name, findable=self.findable) if value else value

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return opened(value, self.name, dialect)


class SealedJson(_Sealed):
    """A document of JSON, as one sealed text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else _keys(dialect).seal_text(json.dumps(value, ensure_ascii=False), self.name)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(opened(value, self.name, dialect) or "null")


class SealedFields(_Sealed):
    """A document of JSON of which only the named fields are sealed, each by itself; the others can be asked for as ever."""

    impl = JSONB
    cache_ok = True

    def __init__(self, name: str, *fields: str) -> None:
        super().__init__(name)
        self.fields = fields

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        return self.impl_instance.coerce_compared_value(op, value)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if not isinstance(value, dict) or not any(value.get(field) for field in self.fields):
            return value
        keys = _keys(dialect)
        return {field: keys.seal_text(json.dumps(part, ensure_ascii=False), self.name) if field in self.fields and part else part
                for field, part in value.items()}

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        if not isinstance(value, dict):
            return value
        return {field: json.loads(opened(part, self.name, dialect) or "null")
                if field in self.fields and isinstance(part, str) and part.startswith(SEALED) else part for field, part in value.items()}


def opened(value: str | None, name: str, dialect: Dialect) -> str | None:
    """The text of a sealed column as it stands in the database, opened; one written before the column was sealed is as it stands."""
    return _keys(dialect).open_text(value, name) if value and value.startswith(SEALED) else value
