"""An edit of any column of any row that the record covers is found, with its place: table by table and column by column, from the tables
themselves. What is outside stands in docs/record.md, and nothing else is."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import ARRAY, BigInteger, Boolean, Connection, Date, DateTime, Engine, Integer, LargeBinary, Table, insert, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from cme.records.anchors import anchor, append_only_tables
from cme.records.history import Stamp, record
from cme.records.kept_rows import LIVING
from cme.records.sealed_columns import SealedFields, SealedJson
from cme.records.tables import Base
from cme.records.verifying import verify

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)
RECORD = (Path(__file__).parent.parent.parent / "docs" / "record.md").read_text(encoding="utf-8")
ROWS = 3


def value(column: Any, number: int) -> Any:
    """Something for a column, other for each row."""
    kind = column.type
    if isinstance(kind, SealedFields | SealedJson | JSONB):
        return {"n": number}
    if isinstance(kind, ARRAY):
        return [number] if isinstance(kind.item_type, Integer) else [str(number)]
    for what, made in ((Boolean, number % 2 == 0), (Integer, number), (BigInteger, number), (LargeBinary, bytes([number])), (DateTime, NOON),
                       (Date, date(2026, 11, number))):
        if isinstance(kind, what):
            return made
    return f"{column.name} {number}"


def other(connection: Connection, table: str, column: str) -> str:
    """SQL for a value that no row of the table holds."""
    kind = connection.execute(text("SELECT data_type FROM information_schema.columns WHERE table_name = :t AND column_name = :c"),
                              {"t": table, "c": column}).scalar_one()
    return {"text": "'tampered'", "bigint": "900", "integer": "900", "boolean": f'NOT "{column}"', "jsonb": "'{\"tampered\": 1}'", "bytea": "'\\x00'",
            "date": "DATE '2001-01-01'", "timestamp with time zone": "TIMESTAMPTZ '2001-01-01 12:00+00'", "ARRAY": "'{9}'"}[kind]


@contextmanager
def tampering(engine: Engine) -> Iterator[Connection]:
    """A connection for which the database refuses nothing, and of which nothing stays."""
    with engine.connect() as connection, connection.begin() as begun:
        for table in Base.metadata.tables:
            connection.execute(text(f'ALTER TABLE "{table}" DISABLE TRIGGER ALL'))
        yield connection
        begun.rollback()


def faults(connection: Connection) -> set[str]:
    return set(verify(Session(connection)))


def covered_tables(connection: Connection) -> list[Table]:
    return [Base.metadata.tables[name] for name in sorted({*LIVING, *append_only_tables(connection)} - {"case_event"})]


def _let_anything_in(connection: Connection, table: str) -> None:
    """Take the conditions of a table away: what they refuse needs no finding."""
    of = f"= '\"{table}\"'::regclass".replace(":", r"\:")
    for name in connection.scalars(text(f"SELECT conname FROM pg_constraint WHERE conrelid {of} AND contype IN ('c', 'u', 'x')")).all():
        connection.execute(text(f'ALTER TABLE "{table}" DROP CONSTRAINT "{name}" CASCADE'))
    for index in connection.scalars(text(f"SELECT indexrelid\\:\\:regclass FROM pg_index WHERE indrelid {of} AND indisunique AND NOT indisprimary")).all():
        connection.execute(text(f"DROP INDEX {index}"))


@pytest.fixture
def covered(engine: Engine) -> tuple[list[Table], set[str]]:
    """The tables that anchors cover, each with three rows that two anchors hold; and what verify says of made-up rows before any edit."""
    with engine.begin() as connection:
        tables = covered_tables(connection)
        for table in tables:
            _let_anything_in(connection, table.name)
    with Session(engine) as session, session.begin():
        session.execute(text("SET LOCAL session_replication_role = replica"))      # rows of their own, of no case
        for table in tables:
            session.execute(insert(table), [{c.name: value(c, n) for c in table.columns if c.name != "erased_by"} for n in range(1, ROWS + 1)])
        record(session, "CME-2026-0001", "case.opened", Stamp("machine", NOON))
    for minute in (1, 2):
        with Session(engine) as session, session.begin():
            anchor(session, Stamp("machine", NOON + timedelta(minutes=minute)))
    with Session(engine) as session:
        return tables, set(verify(session))


def row_of(table: Table, number: int) -> Any:
    return value(table.columns["id"], number)


def outside(table: str) -> set[str]:
    """The columns of a table that docs/record.md says are outside."""
    found = re.search(rf"^\| `{table}` \| (.*?) \|$", RECORD, re.MULTILINE)
    return set(re.findall(r"`(\w+)`", found[1])) if found else set()


def test_an_edit_of_any_column_is_found_at_its_place_or_the_documentation_says_that_it_is_not(engine: Engine,
                                                                                              covered: tuple[list[Table], set[str]]) -> None:
    tables, said = covered
    missed: dict[str, set[str]] = {table.name: set() for table in tables}
    for at in range(max(len(table.columns) for table in tables)):
        with tampering(engine) as connection:
            edited = [(table, list(table.columns)[at].name) for table in tables if at < len(table.columns)]
            for table, column in edited:
                connection.execute(text(f'UPDATE "{table.name}" SET "{column}" = {other(connection, table.name, column)} WHERE id = :row'),
                                   {"row": row_of(table, 2)})
            found = faults(connection) - said
            for table, column in edited:
                place = f"row {row_of(table, 2)} of {table.name}"
                if not [fault for fault in found if re.search(rf"\b{re.escape(place)}\b", fault)]:
                    missed[table.name].add(column)
    assert missed == {table.name: outside(table.name) for table in tables}


def test_a_row_taken_out_or_put_in_is_found_in_every_table(engine: Engine, covered: tuple[list[Table], set[str]]) -> None:
    tables, said = covered
    with tampering(engine) as connection:
        for table in tables:
            connection.execute(text(f'DELETE FROM "{table.name}" WHERE id = :row'), {"row": row_of(table, 2)})
        found = faults(connection) - said
    assert not [table.name for table in tables if not [f for f in found if f.startswith(f"row {row_of(table, 2)} of {table.name} is missing")]]
    with tampering(engine) as connection:
        numbered = [table for table in tables if isinstance(table.columns["id"].type, Integer)]
        for table in numbered:
            names = ", ".join(f'"{c.name}"' for c in table.columns if c.name != "id")
            connection.execute(text(f'INSERT INTO "{table.name}" (id, {names}) OVERRIDING SYSTEM VALUE '
                                    f'SELECT -id, {names} FROM "{table.name}" WHERE id = 2'))
        found = faults(connection) - said
    assert not [table.name for table in numbered if not [f for f in found if f.startswith(f"row -2 of {table.name} was put in")]]


def test_two_rows_that_changed_places_are_both_found_in_every_table(engine: Engine, covered: tuple[list[Table], set[str]]) -> None:
    tables, said = covered
    with tampering(engine) as connection:
        for table in tables:
            for row, to in ((1, 20), (2, 1), (20, 2)):
                connection.execute(text(f'UPDATE "{table.name}" SET id = :to WHERE id = :row'), {"row": row_of(table, row), "to": row_of(table, to)})
        found = faults(connection) - said
    for table in tables:
        assert {n for n in (1, 2) if [f for f in found if f.startswith(f"row {row_of(table, n)} of {table.name}")]} == {1, 2}, table.name


def test_every_other_table_is_named_as_outside(session: Session) -> None:
    rest = set(Base.metadata.tables) - {table.name for table in covered_tables(session.connection())} - {"case_event"}
    [said] = re.findall(r"^Outside as whole tables.*?\n\n", RECORD, re.MULTILINE | re.DOTALL)
    assert rest == set(re.findall(r"`(\w+)`", said))
