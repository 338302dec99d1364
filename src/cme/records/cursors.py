"""Where each source of registers goes on with its next pull."""

from collections.abc import Mapping

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from cme.records.history import Stamp, record
from cme.records.tables import SourceCursor


def cursor_of(session: Session, school: str, source: str) -> dict[str, str]:
    """What the source's last pull said; empty: everything is to be read."""
    cursor = session.scalar(select(SourceCursor.cursor).where(SourceCursor.school == school, SourceCursor.source == source))
    return {str(name): str(value) for name, value in (cursor or {}).items()}


def move_cursor(session: Session, school: str, source: str, cursor: Mapping[str, str], stamp: Stamp) -> None:
    """Note where the next pull goes on, in the transaction that keeps what was read; unchanged, nothing is written."""
    if cursor_of(session, school, source) == dict(cursor):
        return
    if not cursor:
        session.execute(delete(SourceCursor).where(SourceCursor.school == school, SourceCursor.source == source))
    else:
        new = upsert(SourceCursor).values(school=school, source=source, cursor=dict(cursor), moved_at=stamp.at)
        session.execute(new.on_conflict_do_update(index_elements=["school", "source"],
                                                  set_={"cursor": new.excluded.cursor, "moved_at": new.excluded.moved_at}))
    record(session, "register", "source.read_up_to", stamp, "", {"source": source, "cursor": dict(cursor)})
