"""The policies of a school: attendance codes, statutory numbers, the school's own values, and its authority's practice.

``load()`` reads the YAML files, checks them together, and gives typed, frozen values. Behaviour lives elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from cme.config import checks, contact_checks
from cme.config.reading import read
from cme.config.retention import Retention, RetentionFile, retention_faults, retention_of
from cme.config.authority_shapes import AuthorityFile
from cme.config.shapes import Backed, CodesFile, SchoolFile, Shape, StatutoryFile
from cme.config.values import (
    Authority, Practice, School, SessionTimes, authority_of, bank_holidays, calendar_of, code_table_of, numbers_of, school_of)
from cme.errors import BadInput
from cme.rules.book import Number, RuleBook
from cme.rules.marks import CodeTable
from cme.rules.school_days import SchoolCalendar

__all__ = ["FOLDER", "Authority", "ConfigFaults", "Policies", "Practice", "School", "SessionTimes", "load"]
FOLDER = Path(__file__).parent
_CALENDAR_NOTICE = 60     # days before the calendar ends from which a new one is asked for


class ConfigFaults(BadInput):
    """All that is wrong with the configuration, each as "file: key: what is wrong; what to do", in ``faults``."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("\n".join(["the configuration cannot be used:", *faults]))


@dataclass(frozen=True)
class Policies:
    """Everything a decision rests on. ``statutory`` holds the numbers of law and guidance by name, each by date."""

    codes: CodeTable
    calendar: SchoolCalendar
    statutory: dict[str, tuple[Number, ...]]
    school: School
    school_numbers: dict[str, tuple[Number, ...]]
    authority: Authority
    retention: Retention
    meanings: dict[str, str]
    waiting: tuple[str, ...]

    def unconfirmed(self) -> list[str]:
        """The values that matter and that nobody has confirmed, each with its file and what to do. Production refuses them."""
        return list(self.waiting)

    def reminders(self, today: date) -> list[str]:
        """What has run out, or soon will, and a person must renew: the procedure's review, and the school's calendar."""
        reminders = [self.school.procedure_overdue(today)]
        end = max(term.last for term in self.calendar.terms)
        if today > end - timedelta(days=_CALENDAR_NOTICE):
            reminders.append(f"the school's calendar ends on {end:%d %B %Y}; add the next school year to school.yaml, "
                             "until then every weekday that is no bank holiday counts as a school day of that year")
        return [sentence for sentence in reminders if sentence]

    def rule_book(self) -> RuleBook:
        """What the pure rules need. Where the authority asks for a return earlier than the law does, the rule does too."""
        earlier = {"continuous_absence": self.authority.attendance_return, "sickness_return": self.authority.sickness_return}
        numbers = [replace(n, value=own.value, source=own.source) if (own := earlier.get(n.name)) and own.value < n.value else n
                   for of_name in (*self.statutory.values(), *self.school_numbers.values()) for n in of_name]
        return RuleBook(self.codes, self.calendar, (*numbers, self.authority.cme_referral))


def load(folder: Path | None = None, authority: str | None = None) -> Policies:
    """Read ``folder`` (by default the files that came with the software) for the school's authority, or the one named.

    Raises ConfigFaults with all faults at once.
    """
    folder = Path(folder) if folder else FOLDER
    faults: list[str] = []
    codes = read(folder / "attendance_codes.yaml", CodesFile, faults, "attendance_codes.yaml")
    statutory = read(folder / "statutory.yaml", StatutoryFile, faults, "statutory.yaml")
    school = read(folder / "school.yaml", SchoolFile, faults, "school.yaml")
    retention = read(folder / "retention.yaml", RetentionFile, faults, "retention.yaml")
    key = authority or (school.local_authority.value if school else None)
    shown = f"authorities/{key}.yaml"
    pack: AuthorityFile | None = None
    if key is not None and not key.replace("_", "").replace("-", "").isalnum():
        faults.append(f"school.yaml: local_authority: {key!r} is not the name of a file in authorities/; use letters, - and _")
    elif key is not None:
        pack = read(folder / "authorities" / f"{key}.yaml", AuthorityFile, faults, shown)
    faults.extend(checks.codes(codes, school, statutory, pack, shown))
    faults.extend(checks.numbers(statutory, school, pack, shown))
    if school:
        faults.extend(checks.calendar(school, bank_holidays(school)))
        faults.extend(checks.school(school, statutory))
        faults.extend(contact_checks.contact(school))
    if pack:
        faults.extend(checks.authority(pack, key, shown, _forms(folder)))
    if retention:
        faults.extend(retention_faults(retention))
    if faults or not (codes and statutory and school and pack and retention):
        raise ConfigFaults(faults)
    files: tuple[tuple[str, Shape], ...] = (
        ("attendance_codes.yaml", codes),
        ("statutory.yaml", statutory),
        ("school.yaml", school),
        ("retention.yaml", retention),
        (shown, pack),
    )
    return Policies(
        codes=code_table_of(codes, school), calendar=calendar_of(school), school=school_of(school), authority=authority_of(pack),
        retention=retention_of(retention),
        statutory={name: numbers_of(name, shape) for name, shape in statutory.numbers.items()},
        school_numbers={name: numbers_of(name, shape) for name, shape in school.numbers.items()},
        meanings={name: shape.meaning for name, shape in (*statutory.numbers.items(), *school.numbers.items())},
        waiting=tuple(sentence for file, shape in files for sentence in _unconfirmed(file, shape)))


def _forms(folder: Path) -> list[str]:
    """The names of the Word forms of authorities."""
    return [path.name for path in (folder / "authorities" / "forms").glob("*.docx")]


def _unconfirmed(file: str, shape: Shape, place: str = "") -> Iterator[str]:
    """Walk a file's values and name each that matters and is not confirmed."""
    if isinstance(shape, Backed) and shape.matters and not shape.confirmed:
        yield f"{file}: {place}: not confirmed; compare it with its source ({shape.source}), then set confirmed: yes"
    for name in type(shape).model_fields:
        for key, inner in _inside(name, getattr(shape, name)):
            yield from _unconfirmed(file, inner, f"{place}, {key}" if place else key)


def _inside(name: str, value: object) -> Iterator[tuple[str, Shape]]:
    if isinstance(value, Shape):
        yield name, value
    elif isinstance(value, dict):
        yield from ((f"{name} {key}", inner) for key, inner in value.items() if isinstance(inner, Shape))
    elif isinstance(value, tuple):
        for i, inner in enumerate(value, 1):
            if isinstance(inner, Shape):
                own = getattr(inner, "code", None) or getattr(inner, "name", None) or getattr(inner, "valid_from", None) or i
                yield f"{name} {own}", inner
