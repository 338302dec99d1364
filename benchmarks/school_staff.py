"""The staff of a made-up school over a year: who is away when, who leaves, who comes, and who never answers."""

from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from cme.services.demo import PEOPLE

DEPUTY_2 = {"name": "Tabitha Nettlecombe", "email": "deputy-2@larkspur-bridge.example"}
DEPUTY_3 = {"name": "Ambrose Wickenden", "email": "deputy-3@larkspur-bridge.example"}
NEW_DSL = {"name": "Ottoline Brackenbury", "email": "new-dsl@larkspur-bridge.example", "telephone": "0121 496 0111"}
NEW_OFFICER = {"name": "Rosamund Pettifer", "email": "new-attendance@larkspur-bridge.example", "telephone": "0121 496 0114"}
# who never answers anything while they hold that key: (person, from, until)
SILENT = [("deputy_dsl", "2026-11-01", "2027-01-31"), ("deputy_3", "2027-01-01", "2027-12-31")]

# planned from the start: (person, from, until)
AWAY = [
    ("dsl", "2026-09-28", "2026-10-02"), ("dsl", "2026-10-24", "2026-11-01"), ("attendance_officer", "2026-10-26", "2026-10-30"),
    ("deputy_2", "2026-11-09", "2026-11-13"), ("dsl", "2026-12-19", "2027-01-03"), ("attendance_officer", "2026-12-19", "2027-01-03"),
    ("deputy_2", "2026-12-24", "2027-01-01"), ("head", "2026-12-25", "2026-12-26"), ("deputy_dsl", "2026-12-25", "2026-12-26"),
    ("dsl", "2027-02-13", "2027-02-21"), ("head", "2027-03-26", "2027-04-05"), ("attendance_officer", "2027-03-26", "2027-04-11"),
    ("dsl", "2027-05-29", "2027-06-06"), ("head", "2027-06-14", "2027-06-18"), ("dsl", "2027-07-22", "2027-08-15"),
    ("attendance_officer", "2027-07-22", "2027-08-31"), ("head", "2027-08-02", "2027-08-20"), ("deputy_dsl", "2027-08-10", "2027-08-24"),
    ("deputy_3", "2027-08-12", "2027-08-14"),           # three days in August on which nobody at all is on duty
]
ILL = ("dsl", "2027-03-03T14:00", "2027-03-12")          # entered only when it begins


def staff_at(moment: str) -> dict[str, Any]:
    """The content of the people file at a moment (ISO text): changes come as they would, without notice."""
    people: dict[str, Any] = {**PEOPLE, "more_deputies": {}}
    if moment < "2027-01-11":
        people["more_deputies"]["deputy_2"] = DEPUTY_2
    if moment >= "2027-02-22":
        people["more_deputies"]["deputy_3"] = DEPUTY_3
    if moment >= "2026-11-16":
        people["dsl"] = NEW_DSL
    if moment >= "2027-04-12":
        people["attendance_officer"] = NEW_OFFICER
    if moment >= "2027-05-10T12":
        people["head"] = {**PEOPLE["head"], "email": "headteacher@larkspur-bridge.example"}
    known = {*PEOPLE, *people["more_deputies"]}
    spans = [*AWAY, ILL] if moment >= ILL[1] else AWAY
    people["away"] = [{"person": who, "from": first, "until": last} for who, first, last in spans if who in known]
    people["on_duty"] = [{"people": ["head"], "from": "2026-12-21", "until": "2026-12-24"}]
    return people


def silent(person: str, moment: str) -> bool:
    """Whether a person is one who never answers at that moment (ISO text)."""
    return any(who == person and first <= moment < last for who, first, last in SILENT)


def write_staff(path: Path, moment: datetime) -> bool:
    """Bring the people file up to date; True where it changed."""
    people = staff_at(moment.isoformat())
    if _written.get(path) == people:
        return False
    part = path.with_suffix(".part")
    part.write_text(yaml.safe_dump(people, allow_unicode=True), encoding="utf-8")
    part.replace(path)
    _written[path] = people
    return True


_written: dict[Path, dict[str, Any]] = {}
