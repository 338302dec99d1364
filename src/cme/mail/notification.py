"""What a local authority is told about a child: one value, of plain strings, for the letter as text and as PDF.

The fields are the superset of the forms that were read (Birmingham, Gloucestershire, SET, Ealing, Stockport, Blackburn). What
the school does not hold is said in words, never left blank.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from cme.errors import BadInput
from cme.mail.kinds import NOT_HELD, OPENING, PARTS, PASSED_ON, READER, SECTIONS, TITLES
from cme.rules.message_fields import FIELDS, TOGETHER, lacking
from cme.rules.messages import MESSAGES

__all__ = ["FIELDS", "NOT_HELD", "SECTIONS", "TITLES"]


@dataclass(frozen=True)
class SendingSchool:
    """The school that writes, and the person of it who answers questions."""

    name: str
    laestab: str = ""
    urn: str = ""
    address: str = ""
    telephone: str = ""
    email: str = ""
    referrer: str = ""
    referrer_role: str = ""


@dataclass(frozen=True)
class MarkLine:
    """One mark as shown: ``day`` ready to read ("Mon 9 Nov 2026"), ``session`` "AM" or "PM", ``code``."""

    day: str
    session: str
    code: str


@dataclass(frozen=True)
class FindingLine:
    """A threshold that was crossed: one sentence with the arithmetic, where the number comes from, and the marks."""

    sentence: str
    source: str = ""
    reached_on: str = ""
    marks: list[MarkLine] = field(default_factory=list)

    def days(self) -> list[tuple[str, str, str]]:
        """The marks by day: (day, code of the morning, code of the afternoon); "" where that session has none."""
        found: dict[str, dict[str, str]] = {}
        for mark in self.marks:
            found.setdefault(mark.day, {})[mark.session] = mark.code
        return [(day, codes.get("AM", ""), codes.get("PM", "")) for day, codes in found.items()]


@dataclass(frozen=True)
class ContactLine:
    """A parent, carer or emergency contact, in order of priority."""

    name: str
    relationship: str = ""
    telephone: str = ""
    email: str = ""
    address: str = ""


@dataclass(frozen=True)
class AttemptLine:
    """One enquiry: when, how ("e-mail", "telephone", "home visit", "letter", ...), to whom, what came of it, who recorded it."""

    at: str
    how: str
    whom: str = ""
    outcome: str = ""
    recorded_by: str = ""


@dataclass(frozen=True)
class DecisionLine:
    """What a person decided: who (with role), when, what and why."""

    outcome: str
    reason: str
    decided_by: str
    decided_at: str


@dataclass(frozen=True)
class ActionLine:
    """A step the school takes itself: what, who, by when, what came of it."""

    what: str
    owner: str = ""
    due: str = ""
    outcome: str = ""


@dataclass(frozen=True)
class HistoryLine:
    """One event of the case."""

    at: str
    who: str
    what: str


@dataclass(frozen=True)
class Notification:
    """One of the five messages (``cme.rules.messages``) about one child.

    ``pupil`` holds values by the names of ``FIELDS``; ``codes`` the meaning of each code that the marks show; ``answer_by``
    the moment after which the school rings; ``form`` the authority's own name of its form; ``lacks`` what the authority asks for and
    the school does not hold, by name; ``passed_on`` that it goes to the school of registration, which makes the return.
    Everything is text that people read; nothing is interpreted.
    """

    kind: str
    reference: str
    made_at: str
    authority: str
    school: SendingSchool
    pupil: dict[str, str]
    answer_by: str
    findings: list[FindingLine] = field(default_factory=list)
    codes: dict[str, str] = field(default_factory=dict)
    contacts: list[ContactLine] = field(default_factory=list)
    attempts: list[AttemptLine] = field(default_factory=list)
    decision: DecisionLine | None = None
    actions: list[ActionLine] = field(default_factory=list)
    history: list[HistoryLine] = field(default_factory=list)
    form: str = ""
    lacks: tuple[str, ...] = ()
    passed_on: bool = False

    def __post_init__(self) -> None:
        if self.kind not in SECTIONS:
            raise BadInput(f"there is no notification of kind {self.kind!r}: use {' or '.join(SECTIONS)}")
        if unknown := sorted(set(self.pupil) - set(FIELDS)):
            raise BadInput(f"a notification has no field {', '.join(unknown)}: use the names of cme.mail.notification.FIELDS")

    @property
    def title(self) -> str:
        return TITLES[self.kind]

    @property
    def one(self) -> str:
        """What a second copy would be one of."""
        return MESSAGES[self.kind].one

    @property
    def subject(self) -> str:
        """What it is called in a subject: nothing about the child."""
        return MESSAGES[self.kind].subject

    @property
    def opening(self) -> str:
        return PASSED_ON if self.passed_on else OPENING[self.kind]

    @property
    def reader(self) -> str:
        return "the attendance and safeguarding leads" if self.passed_on else READER[self.kind]

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that follow the fields."""
        return PARTS[self.kind]

    @property
    def not_on_record(self) -> list[str]:
        """What the authority asks for and the school does not hold, in words."""
        return [lacking(name) for name in self.lacks]

    def sections(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """The child's fields of this kind: (heading, [(label, value)]), with NOT_HELD in words where there is no value."""
        return [(heading, [(FIELDS[name], said(self.pupil.get(name, ""))) for name in names])
                for heading, names in SECTIONS[self.kind].items()]

    def missing_fields(self, required: Iterable[str]) -> list[str]:
        """Which of an authority's required fields are not held, in the authority's order.

        Beside the names of ``FIELDS`` an authority may ask for those of ``TOGETHER``. Raises BadInput for any other name.
        """
        how = [attempt.how.lower() for attempt in self.attempts]
        together = {
            "pupil_name": _held(self.pupil.get("surname")) and _held(self.pupil.get("forename")),
            "school": _held(self.school.name) and _held(self.school.telephone),
            "parents": any(_held(contact.name) for contact in self.contacts),
            "parent_telephones": any(_held(contact.name) and _held(contact.telephone) for contact in self.contacts),
            "contacts_telephones": any(_held(contact.telephone) for contact in self.contacts),
            "emergency_contacts": sum(_held(contact.name) for contact in self.contacts) >= 2,
            "absence_record": any(finding.marks for finding in self.findings),
            "enquiry_log": bool(self.attempts),
            "home_visits": any("visit" in each for each in how),
            "letters": any("letter" in each for each in how),
            "decision": self.decision is not None,
        }
        missing = []
        for name in required:
            if name not in TOGETHER and name not in FIELDS:
                raise BadInput(f"the authority's required field {name!r} is unknown: correct its file in config/authorities")
            if not (together[name] if name in together else _held(self.pupil.get(name))):
                missing.append(name)
        return missing

    def as_data(self) -> dict[str, Any]:
        """Everything as plain lists and dicts, laid out for a template."""
        return {**asdict(self), "title": self.title, "sections": self.sections(), "not_held": NOT_HELD,
                "one": self.one, "opening": self.opening, "reader": self.reader, "parts": list(self.parts),
                "not_on_record": self.not_on_record,
                "findings": [{**asdict(finding), "days": finding.days()} for finding in self.findings]}


def said(value: str | None) -> str:
    """``value``, or in words that it is not held."""
    return value if value and _held(value) else NOT_HELD


def _held(value: str | None) -> bool:
    return bool(value and value.strip() and value.strip() != NOT_HELD)
