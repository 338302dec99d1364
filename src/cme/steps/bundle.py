"""The bundle about a child or a case: its chronology as pages, tables and data, with attachments and a manifest of hashes.

For the local authority, a court, the next school, or whoever asks for their own data: ``disclosure.yaml`` says what each is shown. Made on
the school's own machine by whoever may decide; never sent by the software. Making one is an event of the history.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme import clock
from cme.config.disclosure import Disclosure, disclosure_for
from cme.config.settings import require_role
from cme.errors import BadInput, Misconfigured
from cme.mail.pdf import legible, typeset
from cme.mail.safe_csv import csv_bytes
from cme.records.history import Stamp, record
from cme.records.tables import CaseEvent
from cme.rules.redaction import Redaction
from cme.steps.bundle_facts import HOUSEKEEPING, Facts, facts_of, the_case, the_pupil, when
from cme.steps.bundle_marks import HEADS
from cme.steps.bundle_redaction import redaction_of, shown_dossier, shown_tables
from cme.steps.office import Office
from cme.steps.private_files import Private, new_folder
from cme.steps.report_form import pupil_number


@dataclass(frozen=True)
class Bundle:
    """What was made: where, which files, how often what was replaced, and what could not go along, in words."""

    folder: Path
    files: list[str]
    replaced: dict[str, int]
    left_out: list[str]


def make_bundle(office: Office, reference: str, recipient: str, folder: Path, stamp: Stamp) -> Bundle:
    """Make the bundle of a child (P-1042) or a case (CME-2026-0012) in a new ``folder`` that nobody else can read.

    Raises BadInput for a reference or recipient that does not exist, for whoever may not decide, and for a folder that is there already.
    """
    require_role(stamp.who, office.settings.people)
    if stamp.who not in office.settings.people.safeguarding:
        raise BadInput(f"a bundle leaves the school by the word of the DSL, a deputy or the head, not of {stamp.who.replace('_', ' ')}; ask one of them")
    name, disclosure = disclosure_for(recipient, office.settings.config_dir, production=office.settings.environment == "production")
    with office.transaction() as session:
        facts = _facts(office, session, reference, stamp)
        redaction = redaction_of(office, session, facts, disclosure)
        tables = shown_tables(facts, disclosure, redaction)
        with new_folder(folder) as made:
            left_out = _attach(office, made, facts, disclosure, redaction)
            head = session.execute(select(CaseEvent.id, CaseEvent.hash).order_by(CaseEvent.id.desc()).limit(1)).first()
            about = {"reference": facts.reference, "recipient": name, "made at": when(stamp.at), "made by": office.settings.people.shown(stamp.who),
                     "school": office.policies.school.name, "head of the history": f"event {head.id}, {head.hash}" if head else "none",
                     "replaced": dict(redaction.counts), "withheld": disclosure.safeguarding == "withheld", "left out": left_out}
            _write(made, facts, tables, about, stamp, disclosure)
            digest = made.write("manifest.json", _json({**about, "files": made.digests}))
            made.write("SHA256SUMS", "".join(f"{each}  {file}\n" for file, each in made.digests.items()).encode())
            record(session, facts.reference, "bundle.made", stamp, f"for: {name}", {
                "recipient": name, "files": len(made.names), "manifest": digest, "replaced": sum(redaction.counts.values())})
    return Bundle(folder, made.names, dict(redaction.counts), left_out)


def _facts(office: Office, session: Session, reference: str, stamp: Stamp) -> Facts:
    case = the_case(session, reference) if reference.strip().upper().startswith("CME-") else None
    pupil = the_pupil(session, office.school, case.pupil_id if case else pupil_number(reference))
    if pupil is None:
        raise BadInput(f"there is no pupil {reference!r}; `cme pupil NAME` finds the reference")
    return facts_of(office, session, pupil, case, stamp.at)


def _attach(office: Office, made: Private, facts: Facts, disclosure: Disclosure, redaction: Redaction) -> list[str]:
    """Write the messages as they left and the dossiers as they were frozen, oldest first; returns what could not go along."""
    left_out, rows = [], []
    for message in facts.messages:
        row = {"when": when(message.sent_at or message.created_at), "what": f"message: {message.kind.replace('_', ' ')}", "state": message.state,
               "of": message.subject_of, "original": message.sha256, "file": ""}
        if message.sealed is not None and message.keep_body and disclosure.takes(message.kind):
            row["bytes"] = message
        rows.append(row)
    for shown, reference, kind in facts.dossiers if disclosure.safeguarding == "shown" else []:
        rows.append({"when": when(shown.frozen_at), "what": f"dossier shown: {kind.replace('_', ' ')}, number {shown.number}", "state": "frozen", "of": reference,
                     "original": shown.dossier_hash, "file": "", "bytes": shown_dossier(shown.dossier, disclosure, redaction)})
    rows.sort(key=lambda row: row["when"])
    for number, row in enumerate(rows, 1):
        content = row.pop("bytes", None)
        if isinstance(content, dict):
            row["file"] = f"attachments/{number:04d}-dossier.json"
            made.write(row["file"], _json(content))
        elif content is not None:
            try:
                wire = office.sealer.open(content.sealed)
            except Misconfigured as error:
                left_out.append(f"attachment {number}: {error}")
                continue
            row["file"] = f"attachments/{number:04d}-message" + (".txt" if content.channel == "text" else ".eml")
            if made.write(row["file"], wire) != content.sha256:
                left_out.append(f"attachment {number}: its bytes are not those that the history names")
        row["number"] = number
    facts.tables["attachments"] = [{"number": row["number"], **{key: row[key] for key in ("when", "what", "of", "state", "file", "original")}}
                                   for row in rows if "number" in row]
    return left_out


def _write(made: Private, facts: Facts, tables: dict[str, list[dict[str, Any]]], about: dict[str, Any], stamp: Stamp,
           disclosure: Disclosure) -> None:
    named = disclosure.staff == "names"
    tables = {**tables, "attachments": facts.tables["attachments"]}
    marks = [(m.day.isoformat(), m.kind, m.slot, m.group, m.code, m.meaning, when(m.seen_at), when(m.taken_at), m.taken_by if named else "", m.source, m.version)
             for m in facts.marks]
    made.write("chronology.csv", _csv(tables["chronology"]))
    made.write("registers.csv", csv_bytes(HEADS, marks))
    made.write("bundle.json", _json({"about": about, **tables, "registers as they were known": [dict(zip(HEADS, row, strict=True)) for row in marks]}))
    chronology = [row for row in tables["chronology"] if not row["kind"].startswith(HOUSEKEEPING)]
    data, spelled = legible({"about": about, "tables": {**tables, "chronology": chronology}, "all_events": len(tables["chronology"]), "weeks": facts.weeks,
                             "files": made.digests, "made_at": f"{clock.local(stamp.at):%A %-d %B %Y, %H:%M}"}, "[U+{:04X}]")
    made.write("chronology.pdf", typeset("bundle.typ", {**data, "spelled": spelled}, stamp.at))


def _csv(rows: list[dict[str, Any]]) -> bytes:
    heads = list(rows[0]) if rows else ["event"]
    return csv_bytes(heads, [[row[head] for head in heads] for row in rows])


def _json(data: Any) -> bytes:
    return (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode()
