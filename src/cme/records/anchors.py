"""Anchors: what cannot be shown by a chain alone. The chain's head is noted outside the database; the rows beside the chain are noted in it.

Each anchor is an event of the history that holds the digest of every append-only row written since the one before, and then a line
(number, hash, moment) in a place that who alters the database does not alter. So a tail that was cut off, or a chain that was written anew,
does not fit the line; a row that was changed, removed or put in does not fit its digest.
"""

import json
import os
import re
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select, text
from sqlalchemy.orm import Session

from cme.errors import BadInput
from cme.records.history import Stamp, record
from cme.records.kept_rows import KeptRows
from cme.records.tables import Base, CaseEvent
from cme.records.written_rows import written_rows

ANCHORED = "record.anchored"
MOST = 20_000                    # rows of a table in one anchor; what is more comes with the next one
_PROTECTED = text("SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgname = 'append_only' AND t.tgenabled = 'A'")
_WRITING = text("SELECT virtualtransaction FROM pg_locks WHERE relation = cast(:table AS regclass) AND mode = 'RowExclusiveLock' AND granted "
                "AND pid <> pg_backend_pid()")


@dataclass(frozen=True)
class Anchor:
    """The head of the chain at a moment, as it stands outside the database."""

    event: int
    hash: str
    at: str = ""

    def line(self, school: str) -> str:
        """As a line of the file: JSON."""
        return json.dumps({"at": self.at, "event": self.event, "hash": self.hash, "school": school})

    def __str__(self) -> str:
        return f"{self.event}:{self.hash}"


def append_only_tables(connection: Connection) -> list[str]:
    """The tables whose rows the database refuses to change."""
    return sorted(set(connection.scalars(_PROTECTED)) & set(Base.metadata.tables))


def protected(session: Session) -> list[str]:
    """The same beside the history, which has its chain."""
    return [name for name in append_only_tables(session.connection()) if name != CaseEvent.__tablename__]


def sealed_up_to(session: Session) -> dict[str, int]:
    """The last row of each table that an anchor holds."""
    upto: dict[str, int] = {}
    for data in session.scalars(select(CaseEvent.data).where(CaseEvent.what == ANCHORED).order_by(CaseEvent.id)):
        upto |= {name: part["rows"][-1][0] for name, part in data["tables"].items() if part["rows"]}
    return upto


def settled(session: Session, name: str, patience: float = 3.0) -> int:
    """The highest number of a row of the table below which none can appear any more: who is writing into it now is waited for. Zero
    where somebody writes for longer than ``patience`` seconds."""
    newest = session.scalar(select(func.max(Base.metadata.tables[name].c.id))) or 0
    writing = set(session.scalars(_WRITING, {"table": f'"{name}"'}))
    until = time.monotonic() + patience
    while writing:
        if time.monotonic() > until:
            return 0
        time.sleep(0.05)
        writing &= set(session.scalars(_WRITING, {"table": f'"{name}"'}))
    return newest


def digests(session: Session) -> dict[str, Any]:
    """The rows that no anchor holds yet: {table: {"columns": names, "rows": [[id, digest], ...]}}, only tables with any."""
    upto, found = sealed_up_to(session), {}
    for name in protected(session):
        if (newest := settled(session, name)) > (last := upto.get(name, 0)):
            table = Base.metadata.tables[name]
            columns = tuple(column.name for column in table.columns)
            rows: list[list[Any]] = []
            for row in written_rows(session, table, table.c.id > last, table.c.id <= newest):
                rows.append([row.values["id"], row.digest(columns)])
                if len(rows) == MOST:
                    break
            if rows:
                found[name] = {"columns": list(columns), "rows": rows}
    return found


def anchor(session: Session, stamp: Stamp) -> Anchor:
    """Note in the chain what stands beside it, and return the chain's head. The session must have written nothing before."""
    tables, kept = digests(session), KeptRows()
    for number, data in session.execute(select(CaseEvent.id, CaseEvent.data).where(CaseEvent.what == ANCHORED).order_by(CaseEvent.id)):
        kept.note(number, data)
    living = kept.digests(session, last_event_at(session))
    rows = sum(len(part["rows"]) for part in (*tables.values(), *living.values()))
    number = record(session, "record", ANCHORED, stamp, f"the head of the chain is noted outside the database, with {rows} rows beside it",
                    {"tables": tables, "living": living})
    head = session.execute(select(CaseEvent.hash).where(CaseEvent.id == number)).scalar_one()
    return Anchor(number, head, stamp.at.isoformat(timespec="seconds"))


def write_line(file: Path, line: str) -> None:
    """Append a line that is on the disk when this returns."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, f"{line}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_anchors(said: str) -> list[Anchor]:
    """The anchors of a file, or the one written as "N:HASH". Raises BadInput, with the line, for what is neither."""
    if one := re.fullmatch(r"(\d+):([0-9a-f]{64})", said.strip()):
        return [Anchor(int(one[1]), one[2])]
    file, found = Path(said), []
    if not file.is_file():
        raise BadInput(f"{said} is neither a file of anchors nor an anchor like 1204:9f86d081..., 64 digits of the hash")
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            read = json.loads(line)
            found.append(Anchor(int(read["event"]), str(read["hash"]), str(read["at"])))
        except (ValueError, KeyError, TypeError):
            raise BadInput(f"{file}, line {number}, is no anchor: put the file back from its backup, or take that line out") from None
    return found


def last_at(file: Path) -> datetime | None:
    """When the last anchor of the file was made; None where there is none."""
    try:
        anchors = read_anchors(str(file))
    except BadInput:
        return None
    return datetime.fromisoformat(anchors[-1].at) if anchors else None


def last_event_at(session: Session) -> datetime | None:
    """When the record was anchored last, as the history says."""
    return session.scalar(select(CaseEvent.at).where(CaseEvent.what == ANCHORED).order_by(CaseEvent.id.desc()).limit(1))
