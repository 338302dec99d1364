"""What anchors hold of rows that live on: the columns that never change from the first anchor after the row was written, and all that it says
once it is finished. So a row of the record that was changed, removed or put in behind the product's back does not fit its digest.

Append-only tables are held as a whole (``anchors``). What is outside is named in docs/record.md; a test compares.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, true
from sqlalchemy.orm import Session

from cme.records.tables import Base
from cme.records.written_rows import WrittenRow, written_rows

# of each table the columns that lawfully change, and (where there is one) the column that says when the row is finished: then it holds for good
LIVING: Mapping[str, tuple[frozenset[str], str]] = {name: (frozenset(moving.split()), finished) for name, moving, finished in (
    ("absence_request",
     "code case_id state since told_at call_asked_at visit_asked_at ended_at ended_by reason new_code recorded_by recorded_at changed_at", ""),
    ("action", "done_at done_by outcome result evidence called escalations escalated_at", "done_at"),
    ("alarm", "calls called_at runs cleared_at cleared_by cleared_reason", "cleared_at"),
    ("case", "state urgency state_since next_step_due next_step_owner closed_at", "closed_at"),
    ("contact", "valid_to", "valid_to"),
    ("contact_attempt", "case_id outcome note recorded_by recorded_at", "recorded_at"),
    ("finding", "retracted_at retracted_reason", "retracted_at"),
    ("flag", "valid_to", "valid_to"),
    ("home_school_notice", "code told_at by_mail", ""),
    ("home_visit", "", ""),
    ("legal_hold", "lifted_by lifted_at lifted_reason", "lifted_at"),
    ("mail_received", "place settled_at settled_by settled_why", "settled_at"),
    ("message_password", "", ""),
    ("message_stop", "released_at released_by released_reason", "released_at"),
    ("missing_report", "established established_by established_at tried known", ""),
    ("outbox", "dedupe_key sealed state next_try_at tries worker lease_until handed_over_at sent_at server_reply last_error", ""),
    ("parent_message", "failed", ""),
    ("professional", "valid_to", "valid_to"),
    ("professional_notice", "", ""),
    ("pull", "", ""),
    ("received_message", "state done_at done_by outcome", "done_at"),
    ("register_verdict", "", ""),
    ("review", "state urgency assigned_to due_at escalations escalated_at reminded_at dossier dossier_hash flow_run_id rung_at tries", ""),
    ("rights_request", "due_on extended_reason decision decided_by decided_at reason changed", "decided_at"),
    ("roll_change", "", ""))}
# also a finished row lets these go on: an attempt becomes part of a case later, a mailbox numbers its mails anew
_STILL_MOVING = frozenset(("case_id", "place"))
_MARGIN = timedelta(days=2)      # longer than any transaction: a row written before an anchor is seen by the next one at the latest


@dataclass(frozen=True)
class Part:
    """Some columns of a table, held from the moment that ``since`` (a column) says; empty: from the beginning."""

    table: Table
    columns: tuple[str, ...]
    since: str = ""

    @property
    def name(self) -> str:
        return f"{self.table.name} finished" if self.since else self.table.name


def parts() -> Iterator[Part]:
    """All that anchors hold of living rows."""
    for name, (moving, finished) in LIVING.items():
        table = Base.metadata.tables[name]
        yield Part(table, tuple(c.name for c in table.columns if c.name not in moving))
        if finished:
            yield Part(table, tuple(c.name for c in table.columns if c.name not in _STILL_MOVING & moving), finished)


@dataclass
class KeptRows:
    """What the anchors of a chain hold, gathered event by event: part, columns, row, and the anchor's event with the digest."""

    held: dict[tuple[str, tuple[str, ...]], dict[Any, tuple[int, str]]] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)      # of each table the newest number that the last anchor but one held
    newest: dict[str, Any] = field(default_factory=dict)

    def note(self, number: int, data: Mapping[str, Any]) -> None:
        """Take in one anchor's event."""
        self.before = dict(self.newest)
        for name, part in data.get("living", {}).items():
            self.held.setdefault((name, tuple(part["columns"])), {}).update({row: (number, digest) for row, digest in part["rows"]})
            numbers = [row for row, _ in part["rows"] if isinstance(row, int)]
            self.newest[name] = max([self.newest.get(name, 0), *numbers])

    def digests(self, session: Session, last: datetime | None) -> dict[str, Any]:
        """What no anchor holds yet; ``last`` is the moment of the last one."""
        found = {}
        for part in parts():
            known = self.held.get((part.name, part.columns), {})
            rows = [[row.values["id"], row.digest(part.columns)] for row in written_rows(session, part.table, *_new(part, known, last))
                    if row.values["id"] not in known]
            if rows:
                found[part.name] = {"columns": list(part.columns), "rows": rows}
        return found

    def faults(self, session: Session, erased: Mapping[str, int]) -> Iterator[str]:
        """One sentence for each row that is not as an anchor holds it, is missing, or was put in among those it holds."""
        for name in LIVING:
            table = Base.metadata.tables[name]
            left = {key: dict(rows) for key, rows in self.held.items() if key[0].partition(" ")[0] == name}
            if not left:
                continue
            whole = set(left)
            for row in written_rows(session, table):
                yield from self._row(name, row, left)
            missing: dict[Any, int] = {}
            for key in whole:
                missing |= {row: event for row, (event, _) in left[key].items()}
            if len(missing) > erased.get(name, 0):
                yield from (f"row {row} of {name} is missing: it was there at the anchor of event {event}" for row, event in sorted(missing.items()))

    def _row(self, name: str, row: WrittenRow, left: dict[tuple[str, tuple[str, ...]], dict[Any, tuple[int, str]]]) -> Iterator[str]:
        number = row.values["id"]
        found = [(key[1], rows.pop(number)) for key, rows in left.items() if number in rows]
        if not found and isinstance(number, int) and number < self.before.get(name, 0):
            yield f"row {number} of {name} was put in after the rows around it were anchored"
        for columns, (event, digest) in found:
            if row.fault or not set(columns) <= set(row.values) or row.digest(columns) != digest:
                yield f"row {number} of {name} was changed after the anchor of event {event}" + (f": {row.fault}" if row.fault else "")
                return


def _new(part: Part, known: Mapping[Any, object], last: datetime | None) -> Sequence[ColumnElement[bool]]:
    """Which rows may be new, so that not all are read each day."""
    columns = part.table.columns
    only: list[ColumnElement[bool]] = [columns[part.since].is_not(None)] if part.since else [true()]
    moment = part.since or ("created_at" if "created_at" in columns else "")
    if known and last is not None and moment:
        only.append(columns[moment] > last - _MARGIN)
    elif known and not moment:
        only.append(columns["id"] > max(known) - 10_000)
    return only
