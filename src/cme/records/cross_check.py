"""Events and the rows they tell of: each must find the other, and say the same. What no anchor holds yet is seen by this alone."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme.records.reviews import dossier_hash
from cme.records.tables import Action, Base, Case, CaseEvent, Confirmation, ContactAttempt, Decision, DossierShown, Finding, MissingReport, Outbox
from cme.records.written_rows import written_rows

# event, the field of its data that names a row, and whose row
_NAMES: tuple[tuple[str, str, type[Base]], ...] = (
    ("finding.made", "finding", Finding), ("contact.attempted", "attempt", ContactAttempt), ("action.chosen", "action", Action),
    ("report.made", "report", MissingReport), ("mail.queued", "outbox", Outbox))


class Mentioned:
    """What the events of a chain say of rows beside it, gathered while the chain is walked."""

    def __init__(self) -> None:
        self._named: dict[type[Base], dict[Any, str]] = {table: {} for _, _, table in _NAMES}
        self._hashes: dict[str, tuple[str, str]] = {}            # of messages, by the row of the outbox
        self._said: dict[tuple[str, int], tuple[str, dict[str, Any]]] = {}   # of decisions and confirmations, by their question
        self._shown: dict[str, str] = {}                         # hashes of dossiers
        self._moved: dict[str, tuple[str, str, datetime]] = {}   # of cases, by reference: the last step

    def note(self, event: CaseEvent) -> None:
        """Take in one event that is as it was written."""
        data, place = event.data, f"event {event.id} ({event.what} of {event.subject})"
        for what, field, table in _NAMES:
            if event.what == what and data.get(field) is not None:
                self._named[table][data[field]] = place
        if event.what == "mail.queued" and "outbox" in data:
            self._hashes[data["outbox"]] = (place, data["sha256"])
        if event.what == "decision.made" and "review" in data:
            self._said["decision", data["review"]] = place, {
                "outcome": event.why, "reason": data["reason"], "actions": data["actions"], "shown_hash": data["shown"], "decided_by": event.who,
                "decided_at": event.at, "appraisal": data["appraisal"], "agencies": data["agencies"], "decided_by_name": data["name"],
                "needs_confirmation": data["needs_confirmation"]}
        if event.what in ("decision.confirmed", "decision.not_confirmed") and "review" in data:
            self._said["confirmation", data["review"]] = place, {
                "confirmed": event.what == "decision.confirmed", "reason": data["reason"], "decided_by": event.who, "decided_at": event.at,
                "shown_hash": data["shown"], "decided_by_name": data["name"]}
        if event.what.startswith("case.") and "from" in data and "to" in data:
            self._moved[event.subject] = place, str(data["to"]), event.at
        if event.what in ("review.opened", "review.dossier_changed") and "dossier" in data:
            self._shown[data["dossier"]] = place

    def faults(self, session: Session, erased: Mapping[str, int]) -> Iterator[str]:
        """One sentence for each event whose row is missing or says something else, and each row no event tells of. ``erased`` says how many
        rows of each table approved erasures took: messages go by their own age, and the events about them stay."""
        yield from self._rows_are_there(session, erased)
        yield from self._messages(session)
        for name, table in (("decision", Decision), ("confirmation", Confirmation)):
            yield from self._as_said(session, name, table)
        yield from self._dossiers(session)
        yield from self._cases(session)

    def _rows_are_there(self, session: Session, erased: Mapping[str, int]) -> Iterator[str]:
        for table, named in self._named.items():
            there = set(session.scalars(select(table.id)))  # type: ignore[attr-defined]
            missing = [(row, place) for row, place in named.items() if row not in there]
            if len(missing) > erased.get(table.__tablename__, 0):
                yield from (f"row {row} of {table.__tablename__} is missing, of which {place} tells" for row, place in missing)

    def _messages(self, session: Session) -> Iterator[str]:
        for row, digest in session.execute(select(Outbox.id, Outbox.sha256).order_by(Outbox.created_at, Outbox.id)):
            place, said = self._hashes.get(row, ("", ""))
            if not place:
                yield f"row {row} of outbox is a message of which no event tells"
            elif digest != said:
                yield f"row {row} of outbox was changed: it is not the message of which {place} tells"

    def _as_said(self, session: Session, name: str, table: type[Decision] | type[Confirmation]) -> Iterator[str]:
        left = {review: said for (of, review), said in self._said.items() if of == name}
        for row in written_rows(session, Base.metadata.tables[table.__tablename__]):
            place, said = left.pop(row.values["review_id"], ("", {}))
            if not place:
                yield f"row {row.values['id']} of {name} is one of which no event tells"
            elif row.fault or (differing := [field for field, value in said.items() if row.values[field] != value]):
                yield f"row {row.values['id']} of {name} does not say what {place} says: {row.fault or ', '.join(differing)}"
        for place, _ in left.values():
            yield f"the row of {name} is missing of which {place} tells"

    def _dossiers(self, session: Session) -> Iterator[str]:
        left = dict(self._shown)
        for row in written_rows(session, Base.metadata.tables[DossierShown.__tablename__]):
            held: Mapping[str, Any] = row.values
            if row.fault or dossier_hash(held["dossier"]) != held["dossier_hash"]:
                yield f"row {held['id']} of dossier_shown was changed: it is not what its hash says"
            if held["dossier_hash"] not in self._shown:
                yield f"row {held['id']} of dossier_shown is a dossier of which no event tells"
            left.pop(held["dossier_hash"], None)
        for place in left.values():
            yield f"the dossier is missing of which {place} tells"

    def _cases(self, session: Session) -> Iterator[str]:
        for row in session.execute(select(Case.id, Case.reference, Case.state, Case.state_since)):
            place, state, since = self._moved.get(row.reference, ("", "", row.state_since))
            if place and (row.state, row.state_since) != (state, since):
                yield f"row {row.id} of case does not say what {place} says: state"
