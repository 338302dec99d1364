"""Is the record whole? The chain of the history, the anchors outside the database, the rows beside the chain, and that each stands for
the other. Every fault is one sentence that names the place."""

from collections.abc import Iterator, Sequence

from sqlalchemy.orm import Session

from cme.records.anchors import ANCHORED, Anchor, protected
from cme.records.cross_check import Mentioned
from cme.records.emptied import ERASED, EmptiedEvents
from cme.records.history import walk
from cme.records.kept_rows import KeptRows
from cme.records.tables import Base, CaseEvent
from cme.records.written_rows import WrittenRow, written_rows


def verify(session: Session, anchors: Sequence[Anchor] = ()) -> list[str]:
    """All faults; empty: whole. Without an anchor a tail that was cut off, or a chain written anew by the owner, cannot be seen."""
    walk = _Walk({anchor.event: anchor for anchor in anchors})
    faults = [*walk.chain(session), *walk.past_the_end(anchors)]
    return [*faults, *walk.rows_beside(session), *walk.living.faults(session, walk.erased), *walk.mentioned.faults(session, walk.erased)]


class _Walk:
    """What is gathered while the chain is walked from its first event to its last."""

    def __init__(self, anchors: dict[int, Anchor]) -> None:
        self._anchors = anchors
        self._last = 0
        self._sealed: dict[str, list[tuple[int, tuple[str, ...], dict[int, str]]]] = {}
        self.erased: dict[str, int] = {}
        self.mentioned = Mentioned()
        self.living = KeptRows()

    def chain(self, session: Session) -> Iterator[str]:
        matched, emptied = "from its beginning or later", EmptiedEvents()
        for event, faults in walk(session, emptied):
            yield from faults
            if not faults:
                self._note(event)
            if (anchor := self._anchors.get(event.id)) is not None:
                if anchor.hash == event.hash:
                    matched = f"after event {event.id}"
                else:
                    yield (f"event {event.id} ({event.what} of {event.subject}) is not the one that the anchor{_of(anchor)} names: the history was "
                           f"written anew, {matched}")
            self._last = event.id
        yield from emptied.faults()

    def _note(self, event: CaseEvent) -> None:
        if event.what == ANCHORED:
            self.living.note(event.id, event.data)
            for name, part in event.data["tables"].items():
                self._sealed.setdefault(name, []).append((event.id, tuple(part["columns"]), {int(row): digest for row, digest in part["rows"]}))
        elif event.what == ERASED:
            for name, rows in event.data.get("rows", {}).items():
                self.erased[name] = self.erased.get(name, 0) + int(rows)
        self.mentioned.note(event)

    def past_the_end(self, anchors: Sequence[Anchor]) -> Iterator[str]:
        for anchor in sorted(anchors, key=lambda a: a.event):
            if anchor.event > self._last:
                yield (f"events {self._last + 1} to {anchor.event} are missing: the history ends at event {self._last}, and the anchor{_of(anchor)} "
                       f"names event {anchor.event}; its end was cut off")

    def rows_beside(self, session: Session) -> Iterator[str]:
        """The rows that anchors hold, table by table."""
        guarded = protected(session)
        for name, parts in sorted(self._sealed.items()):
            if name not in Base.metadata.tables:
                continue
            if name not in guarded:
                yield f"table {name} no longer refuses changes: its trigger is missing or switched off"
            table = Base.metadata.tables[name]
            held = {row: (event, columns, digest) for event, columns, rows in parts for row, digest in rows.items()}
            newest = max(held, default=0)
            for written in written_rows(session, table, table.c.id <= newest):
                yield from self._row(name, written, held.pop(int(written.values["id"]), None))
            lawful = self.erased.get(name, 0)
            if len(held) > lawful:
                said = f" ({lawful} rows were erased by approved erasures)" if lawful else ""
                for row, (event, _, _) in sorted(held.items()):
                    yield f"row {row} of {name} is missing: it was there at the anchor of event {event}{said}"

    @staticmethod
    def _row(name: str, written: WrittenRow, sealed: tuple[int, tuple[str, ...], str] | None) -> Iterator[str]:
        row = written.values["id"]
        if sealed is None:
            yield f"row {row} of {name} was put in after the rows around it were anchored"
            return
        event, columns, digest = sealed
        known = tuple(column for column in columns if column in written.values)
        if written.fault:
            yield f"row {row} of {name} was changed after the anchor of event {event}: {written.fault}"
        elif known != columns or written.digest(columns) != digest:
            yield f"row {row} of {name} was changed after the anchor of event {event}"


def _of(anchor: Anchor) -> str:
    return f" of {anchor.at}" if anchor.at else ""
