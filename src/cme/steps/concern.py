"""A case as one concern for the school's safeguarding record (MyConcern, CPOMS or another), as files that a person uploads by hand.

Neither system's import format is claimed: pages to attach, a text to paste, a table of the actions. The files name the child.
"""

import textwrap
from pathlib import Path
from typing import Any

from cme.config.settings import require_role
from cme.mail.pdf import legible, typeset
from cme.mail.safe_csv import csv_bytes
from cme.records import cases
from cme.records.history import Stamp, record
from cme.records.tables import Pupil
from cme.steps.bundle_facts import HOUSEKEEPING, Facts, facts_of
from cme.steps.office import Office
from cme.steps.private_files import new_folder
from cme.steps.safeguarding_record import EXPORTED

ACTION_HEADS = ("what", "owner", "set", "due", "done", "by", "result", "outcome", "evidence")


def export_concern(office: Office, reference: str, folder: Path, stamp: Stamp) -> list[Path]:
    """Write the concern of a case into a new ``folder`` that nobody else can read, record it. That event is the evidence of the task to
    report persistent absence, which stays open until a person ends it. Raises BadInput for no such case or a folder that is there."""
    require_role(stamp.who, office.settings.people)
    with office.transaction() as session:
        case = cases.by_reference(session, reference, lock=True)
        facts = facts_of(office, session, session.get_one(Pupil, case.pupil_id), case, stamp.at)
        chronology = [row for row in facts.tables["chronology"] if not row["kind"].startswith(HOUSEKEEPING)]
        data = {"reference": case.reference, "school": office.policies.school.name, "fields": _fields(office, facts, stamp),
                "actions": facts.tables["actions"], "chronology": chronology}
        with new_folder(folder) as made:
            shown, _ = legible(data, "[U+{:04X}]")
            pdf = made.write(f"{case.reference}-concern.pdf", typeset("concern.typ", shown, stamp.at))
            made.write(f"{case.reference}-concern.txt", _text(data).encode("utf-8-sig"))
            made.write(f"{case.reference}-actions.csv", csv_bytes(ACTION_HEADS, [[row[head] for head in ACTION_HEADS] for row in data["actions"]]))
            record(session, case.reference, EXPORTED, stamp, "for the school's safeguarding record", {"sha256": pdf, "files": len(made.names)})
    return [folder / name for name in made.names]


def _fields(office: Office, facts: Facts, stamp: Stamp) -> list[tuple[str, str]]:
    child, t = {row["field"]: row["value"] for row in facts.tables["child"]}, facts.tables
    case = t["cases"][0]
    return [
        ("Child", child["Name"]), ("Date of birth", child["Date of birth"]), ("UPN", child["UPN"]), ("Year and group", child["Year and group"]),
        ("Category", "Attendance; child who may be missing from education"), ("Concern opened", case["opened"]), ("Opened because of", case["because of"].replace("_", " ")),
        ("Urgency", case["urgency"]), ("State", case["state"]), ("What happened", "\n".join(row["reason"] for row in t["findings"] if not row["retracted"])),
        ("Reported by staff", "\n".join(f"{r['reported']}: last seen {r['last seen']}, {r['where']}; concern about safety: {r['concern about safety']}"
                                        for r in t["reports of a missing child"])),
        ("Contact with parents", "\n".join(". ".join(filter(None, (f"{a['when']}, {a['how']}", a["whom"], a["outcome"], a["note"])))
                                          for a in t["contact attempts"])),
        ("Decisions", "\n".join(f"{d['when']}, {d['by']}: {d['decision']}. {d['reason']}" for d in t["decisions"])),
        ("Exported", f"{office.shown_time(stamp.at)}, by {office.settings.people.shown(stamp.who)}")]


def _text(data: dict[str, Any]) -> str:
    """The same as plain text, to be pasted."""
    lines = [f"CONCERN {data['reference']}", ""]
    for label, said in data["fields"]:
        lines += [f"{label}: {said or 'none'}"] if "\n" not in said else [f"{label}:", *(f"  - {one}" for one in said.split("\n"))]
    lines += ["", "ACTIONS", *(f"- {a['what']} ({a['owner']}, due {a['due']}): {'. '.join(filter(None, (a['result'], a['outcome']))) or 'not done yet'}"
                               for a in data["actions"])]
    lines += ["", "CHRONOLOGY", *(f"- {e['when']} {e['who']}: {e['what']}" + (f": {e['why']}" if e["why"] else "") for e in data["chronology"])]
    return "\n".join("\n".join(textwrap.wrap(line, 100, subsequent_indent="    ")) for line in lines) + "\n"
