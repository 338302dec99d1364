"""The subject-access export: everything that is held about one child, for a person to go through and hand over.

What is held is found from the tables themselves (records/held.py): the same list as an erasure. Codes, keys and what is sealed with
them stay out; the messages themselves are opened.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import ARRAY, BigInteger, cast, select
from sqlalchemy.orm import Session

from cme import clock
from cme.config.settings import require_role
from cme.errors import BadInput, Misconfigured
from cme.mail.safe_csv import csv_bytes
from cme.mail.subject_access import READ_ME, page
from cme.records.held import Held, of_pupil, tables_of
from cme.records.history import Stamp, record
from cme.records.register_content import decoded
from cme.records.tables import CaseEvent, Outbox, RegisterVersion, RightsRequest, Roster
from cme.steps.holds import pupil_of
from cme.steps.office import Office
from cme.steps.police_pack import write_privately
from cme.steps.report_form import reference_of
from cme.steps.staff import shown_then
from cme.steps.view import WORDS

SECRETS = {"mac", "sealed", "password"}           # columns that open something, or that are opened below
MARKS = ("day", "kind", "slot", "group", "mark", "minutes late", "note", "first seen so", "source")


@dataclass(frozen=True)
class Export:
    """What is held, before it is written: rows by table, the child's marks, the history, and messages as they went over the wire."""

    reference: str
    rows: dict[str, list[dict[str, Any]]]
    marks: list[tuple[object, ...]]
    events: list[dict[str, str]]
    messages: list[bytes]


def export(office: Office, child: str, folder: Path, request: str, stamp: Stamp) -> list[Path]:
    """Write the export into ``folder``, which must be new or empty; returns the files. Raises BadInput for a child or request that is
    not there, and where the folder cannot be used. Who made it, and its hashes, are in the history."""
    require_role(stamp.who, office.settings.people)
    with office.transaction() as session:
        pupil, _ = pupil_of(office, session, child)
        _answers(session, office.school, request, pupil)
        held = gather(office, session, pupil)
        files = dict(_files(office, held, stamp))
        names = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        record(session, held.reference, "subject_access.made", stamp, "an export of what is held about a child was made",
               {"request": request.strip().upper(), "sha256": names, "rows": {table: len(rows) for table, rows in held.rows.items()}})
        files["READ-ME-FIRST.txt"] = READ_ME.format(
            reference=held.reference, made=office.shown_time(stamp.at), by=office.settings.people.shown(stamp.who), school=office.policies.school.name,
            request=request.strip().upper() or "not recorded", files="\n".join(f"  {digest}  {name}" for name, digest in names.items())).encode()
        return _write(folder, files)


def _answers(session: Session, school: str, request: str, pupil: int) -> None:
    if request and session.scalar(select(RightsRequest.id).where(RightsRequest.school == school, RightsRequest.pupil_id == pupil,
                                                                 RightsRequest.reference == request.strip().upper())) is None:
        raise BadInput(f"there is no request {request!r} about this child; `cme rights` lists them")


def gather(office: Office, session: Session, pupil: int) -> Export:
    """Everything that is held about a pupil. Reads only."""
    held = of_pupil(session, pupil, reference_of(pupil))
    rows: dict[str, list[dict[str, Any]]] = {}
    for table, which in tables_of(held):
        found = session.execute(select(*(column for column in table.columns if column.name not in SECRETS)).where(which).order_by(*table.primary_key))
        if listed := [dict(row) for row in found.mappings()]:
            rows[table.name] = listed
    rows = dict(reversed(rows.items()))              # the child first, then the cases, then what hangs on them
    return Export(reference_of(pupil), rows, list(_marks(session, office.school, pupil)), _events(office, session, held),
                  _messages(office, session, held))


def _marks(session: Session, school: str, pupil: int) -> Iterator[tuple[object, ...]]:
    """The child's own mark in every register, each time it changed: nobody else's."""
    v, before = RegisterVersion, {}
    rows = session.execute(select(v, Roster.pupils).join(Roster, Roster.id == v.roster_id).where(
        v.school == school, Roster.pupils.contains(cast([pupil], ARRAY(BigInteger)))).order_by(v.local_date, v.kind, v.slot, v.group_key, v.id))
    for version, pupils in rows:
        key = (version.local_date, version.kind, version.slot, version.group_key)
        beside = version.extras.get(str(pupil), {})
        told = (decoded(bytes(version.marks))[list(pupils).index(pupil)], beside.get("minutes_late"), beside.get("note"))
        if before.get(key) != told:
            before[key] = told
            yield (*key, *told, f"{clock.local(version.seen_at):%Y-%m-%d %H:%M}", version.source)


def _events(office: Office, session: Session, held: Held) -> list[dict[str, str]]:
    shown = shown_then(office, session)
    return [{"when": f"{clock.local(event.at):%Y-%m-%d %H:%M}", "who": shown(event.who, event.at), "about": event.subject,
             "what": WORDS.get(event.what, event.what), "why": event.why,
             "more": json.dumps(event.data, ensure_ascii=False, sort_keys=True) if event.data else ""}
            for event in session.scalars(select(CaseEvent).where(CaseEvent.subject.in_(held.references)).order_by(CaseEvent.id))]


def _messages(office: Office, session: Session, held: Held) -> list[bytes]:
    """The messages about the child as they left; one that held a code was blanked once it was sent, and one whose key is lost is told of."""
    found = []
    for sealed in session.scalars(select(Outbox.sealed).where(Outbox.subject_of.in_(held.references), Outbox.sealed.is_not(None),
                                                              Outbox.keep_body).order_by(Outbox.created_at, Outbox.id)):
        try:
            found.append(office.sealer.open(bytes(sealed or b"")))
        except Misconfigured as error:
            found.append(f"This message cannot be shown: {error}\n".encode())
    return found


def _files(office: Office, held: Export, stamp: Stamp) -> Iterator[tuple[str, bytes]]:
    yield "record.html", page(held.reference, office.policies.school.name, office.shown_time(stamp.at), held.rows, MARKS, held.marks,
                              held.events).encode()
    yield "record.json", json.dumps({"about": held.reference, "made_at": stamp.at.isoformat(), "rows": held.rows, "history": held.events,
                                     "marks": [dict(zip(MARKS, mark, strict=True)) for mark in held.marks]},
                                    ensure_ascii=False, indent=1, default=_plain).encode()
    yield "marks.csv", csv_bytes(MARKS, held.marks)
    for number, message in enumerate(held.messages, 1):
        yield f"message-{number:04d}.eml", message


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else value.hex() if isinstance(value, bytes) else str(value)


def _write(folder: Path, files: dict[str, bytes]) -> list[Path]:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BadInput(f"{folder} is not empty: give a new folder, so that nothing of another child is handed over with it")
    except OSError as error:
        raise BadInput(f"{folder} cannot be used as a folder: {error.strerror}; give another one with --out") from error
    for name, content in files.items():
        write_privately(folder / name, content)
    return [folder / name for name in files]
