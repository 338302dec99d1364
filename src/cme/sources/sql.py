"""Registers from any database that SQLAlchemy can open, by the school's own queries.

Five named queries (only ``registers`` is needed) give the columns of docs/registers-csv.md; what they give is read by the same
rules as a file. ``:from_day`` and ``:to_day`` are bound to the first and last day asked for. Nothing is ever written.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Date, Engine, bindparam, create_engine, inspect, text
from sqlalchemy.engine import URL, CursorResult, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from cme import clock
from cme.errors import Misconfigured, Transient
from cme.sources.columns import CONTACTS, EXPECTED, PUPIL_COLUMNS, PUPILS, REGISTERS, STAFF, MissingColumns, Shape, contract, positions
from cme.sources.gather import KINDS, Gathering, in_order
from cme.sources.people import People, PupilColumns
from cme.sources.source import FRESH, Columns, Pulled, Scope, TimeSemantics
from cme.sources.sql_cells import bound_days, cell
from cme.sources.timetable import Timetable
from cme.sources.values import Days, shown, unfit

SHAPES: dict[str, Shape] = {"registers": REGISTERS, "expected": EXPECTED, "pupils": PUPILS, "contacts": CONTACTS, "staff": STAFF}
_EARLIEST, _LATEST = date(2000, 1, 1), date(2999, 12, 31)
_ROWS_AT_ONCE = 5000
_CONNECT: dict[str, dict[str, Any]] = {     # by driver: nothing waits for ever
    "psycopg2": {"connect_timeout": 10, "options": "-c statement_timeout=120000"}, "psycopg": {"connect_timeout": 10},
    "pymysql": {"connect_timeout": 10, "read_timeout": 120}, "mysqldb": {"connect_timeout": 10}, "pysqlite": {"timeout": 10}}
# what a person must mend although the driver calls it an operational error: wrong login, no such database, table or column
_A_PERSONS = re.compile(r"password|authentication|access denied|no such (table|column|function)|syntax error|does not exist|"
                        r"unknown database|permission|denied|unable to open database file|not a database|readonly", re.IGNORECASE)
# two that stand in each other's way, while the whole school takes its registers: it is tried again
_PASSING = re.compile(r"deadlock|lock wait timeout|could not serialize|restarting transaction", re.IGNORECASE)
_SAFE_TO_REPEAT = re.compile(r"does not exist|no such (table|column|function)|permission denied for",
                             re.IGNORECASE)   # names of tables, no values


class SqlSource:
    """A database with registers. ``url`` is a SQLAlchemy URL with a read-only account; ``queries`` maps names to SQL text.

    ``time_semantics`` is what the column taken_at means in that system; times without an offset are wall clock in ``zone``.
    ``session_zone`` is the zone in which MySQL is asked to show its timestamps (empty: the server's own). ``takes_back`` False: that
    a mark is not given any more never means that it is gone.
    ``optional`` maps queries to the table or view each of them reads: where that is not there, the query is not asked.
    Raises Misconfigured at once for a URL or a query name that cannot be meant.
    """

    def __init__(self, url: str | URL, queries: dict[str, str], *, name: str = "sql",
                 time_semantics: TimeSemantics = TimeSemantics.OBSERVED,
                 zone: ZoneInfo = clock.LONDON, freshness: timedelta = FRESH, session_zone: str = "", takes_back: bool = True,
                 optional: Mapping[str, str] = MappingProxyType({})) -> None:
        self.name, self.time_semantics, self.freshness, self.zone = name, time_semantics, freshness, zone
        self._session_zone, self._takes_back = session_zone, takes_back
        if unknown := sorted(queries.keys() - SHAPES.keys()):
            raise Misconfigured(f"the queries {', '.join(unknown)} of source {name!r} mean nothing here: "
                                f"name them {', '.join(SHAPES)}")
        if "registers" not in queries:
            raise Misconfigured(f"source {name!r} has no query called registers: write one with the columns "
                                f"{', '.join(sorted(REGISTERS.required))}")
        self._all = self._queries = {query: queries[query] for query in SHAPES if query in queries}
        self._optional = optional
        self._engine = self._open(url)

    def _open(self, url: str | URL) -> Engine:
        try:
            address = make_url(url)
            if address.drivername in ("postgresql", "postgres"):
                address = address.set(drivername="postgresql+psycopg2")      # the drivers that the product brings
            if address.drivername in ("mysql", "mariadb"):
                address = address.set(drivername=f"{address.drivername}+pymysql")
            own = {name: value for name, value in _CONNECT.get(address.get_driver_name(), {}).items()
                   if name not in address.query}
            return create_engine(address, poolclass=NullPool, hide_parameters=True, connect_args=own)
        except (NoSuchModuleError, ImportError) as error:
            raise Misconfigured(f"the driver for the database of source {self.name!r} is not installed "
                                f"({type(error).__name__}): install it with pip") from None
        except (ArgumentError, ValueError):
            raise Misconfigured(f"the address of source {self.name!r} cannot be read: it must look like "
                                "postgresql://user:password@host/database") from None

    def check(self) -> None:
        """Connect and run every query for one day; raises Misconfigured with one sentence that lists all missing columns."""
        with self._connection() as connection:
            self._check(connection, clock.today())

    def pull(self, days: Iterable[date] | None) -> Pulled:
        """The registers of ``days`` (None: all), with everything else that has a query, as of one moment."""
        wanted = tuple(sorted(set(days))) if days is not None else None
        if wanted == ():
            return Pulled(days=())
        first, last = (wanted[0], wanted[-1]) if wanted else (_EARLIEST, _LATEST)
        people, timetable = People(), Timetable(self.zone)
        with self._connection() as connection:
            columns = self._check(connection, last if wanted else clock.today())
            for query, row in (("pupils", self._pupil(people)), ("contacts", people.contact), ("staff", people.staff_row),
                               ("expected", timetable.dated_row)):
                self._read(connection, query, first, last, row, people)
            found = None
            for number, (where, cells) in enumerate(self._rows(connection, "registers", first, last), 1):
                found = found or Gathering("query registers", where, wanted, self.zone)
                if fault := unfit(cells):
                    found.fault(number, fault, shown(cells))
                else:
                    found.row(number, cells, shown(cells))
        notes = []
        if found:
            found.tell(people)
            if found.details_refused:
                notes.append("query registers: some details of pupils could not be read; their marks were")
        parts = (people, timetable)
        expected = timetable.expected((), None, people.expected_on)
        return Pulled(registers=in_order(found.documents().values()) if found else (),
                      expected=tuple(e for e in expected if wanted is None or e.local_date in wanted), pupils=people.pupils(),
                      staff=people.staff(),
                      bad_rows=(*(found.bad if found else ()), *(row for part in parts for row in part.bad)), as_of=None,
                      rows_read=(found.read if found else 0) + sum(part.read for part in parts),
                      rows_accepted=(found.accepted if found else 0) + sum(part.accepted for part in parts), notes=tuple(notes),
                      days=wanted, whole=self._whole(found, wanted), columns=columns,
                      expected_whole=frozenset(wanted or ()) if "expected" in self._queries and not timetable.bad else frozenset(), places=tuple(
                          (f"query {query}", wanted is None or not bound_days(sql)) for query, sql in self._queries.items()))

    def _whole(self, found: Gathering | None, wanted: tuple[date, ...] | None) -> frozenset[Scope]:
        """What was read to the end. A query that leaves the days to itself may give what it likes: nothing is gone because of it."""
        if not self._takes_back or bound_days(self._queries["registers"]) != ["from_day", "to_day"]:
            return frozenset()
        if found is None:
            return frozenset((day, kind) for day in wanted or () for kind in KINDS)
        return found.whole(wanted if wanted is not None else {key[0] for key in found.documents()})

    def _check(self, connection: Connection, day: date) -> tuple[Columns, ...]:
        faults, found = [], []
        self._queries = {query: sql for query, sql in self._all.items()
                         if query not in self._optional or inspect(connection).has_table(self._optional[query])}
        for query, shape in SHAPES.items():
            if query in self._queries:
                result = self._execute(connection, query, day, day)
                try:
                    header = list(result.keys())
                    found.append(contract(f"query {query}", header, positions(header, shape), shape))
                except MissingColumns as missing:
                    faults.append(f"query {query}: {missing}")
                result.close()
        if faults:
            raise Misconfigured(f"source {self.name!r} does not give what is needed: " + "; ".join(faults))
        return tuple(found)

    def _read(self, connection: Connection, query: str, first: date, last: date, row: Callable[..., None],
              people: People) -> None:
        if query not in self._queries:
            return
        for number, (where, cells) in enumerate(self._rows(connection, query, first, last), 1):
            if fault := unfit(cells):
                people.fault(f"query {query}", number, fault, shown(cells))
            else:
                row(where, cells, f"query {query}", number, shown(cells))

    def _pupil(self, people: People) -> Callable[..., None]:
        days, columns = Days(), None

        def row(where: dict[str, int], cells: Sequence[str], place: str, line: int | None, raw: str) -> None:
            nonlocal columns
            columns = columns or PupilColumns(where, PUPIL_COLUMNS | {"group"}, days)
            people.pupil(columns, where, cells, place, line, raw)
        return row

    def _rows(self, connection: Connection, query: str, first: date, last: date) -> Iterator[tuple[dict[str, int], list[str]]]:
        result = self._execute(connection, query, first, last)
        where = positions(list(result.keys()), SHAPES[query])
        for row in result:
            yield where, [cell(value) for value in row]

    def _execute(self, connection: Connection, query: str, first: date, last: date) -> CursorResult[Any]:
        statement = text(self._queries[query])
        bound = statement.bindparams(*(bindparam(name, type_=Date) for name in bound_days(self._queries[query])))
        try:
            return connection.execute(bound, {"from_day": first, "to_day": last}, execution_options={"yield_per": _ROWS_AT_ONCE})
        except DBAPIError as error:
            raise self._fault(error, f"query {query}") from None
        except SQLAlchemyError as error:
            raise Misconfigured(f"query {query} of source {self.name!r} cannot be run ({type(error).__name__}): "
                                "only :from_day and :to_day are bound") from None

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """One read-only transaction: all queries see the same moment where the database can do that."""
        database = self._engine.url.database if self._engine.dialect.name == "sqlite" else None
        if database and not database.startswith("file:") and not Path(database).is_file():      # SQLite would make an empty one
            raise Misconfigured(f"the SQLite file of source {self.name!r} is not there: correct the address")
        try:
            connection = self._engine.connect()
        except DBAPIError as error:
            raise self._fault(error, "the connection") from None
        try:
            if self._engine.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            if self._engine.dialect.name in ("mysql", "mariadb"):
                connection.exec_driver_sql("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                if self._session_zone:
                    connection.exec_driver_sql("SET SESSION time_zone = %s", (self._session_zone,))
                connection.commit()
            yield connection
        except DBAPIError as error:
            raise self._fault(error, "reading") from None
        finally:
            connection.close()

    def _fault(self, error: DBAPIError, what: str) -> Transient:
        """The error as its fate. Neither the address nor a value of a row is repeated."""
        first = str(error.orig).strip().split("\n")[0][:200]
        passing = bool(_PASSING.search(str(error.orig))) or isinstance(error, (OperationalError, InterfaceError)) and \
            not _A_PERSONS.search(str(error.orig))
        if passing:
            return Transient(f"source {self.name!r} cannot be read now ({what}: {type(error.orig).__name__}): it is tried again")
        hint = f"; it said: {first}" if _SAFE_TO_REPEAT.search(first) and what.startswith("query") else ""
        return Misconfigured(f"source {self.name!r} refuses {what} ({type(error.orig).__name__}): "
                             f"correct the address, the login, its rights or the query{hint}")
