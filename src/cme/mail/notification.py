"""What a local authority is told about a child: one value, of plain strings, for the letter as text and as PDF.

The fields are the superset of the forms that were read (Birmingham, Gloucestershire, SET, Ealing, Stockport, Blackburn). What
the school does not hold is said in words, never left blank.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from cme.errors import BadInput

NOT_HELD = "not held by the school"

TITLES = {
    "cme_referral": "Children missing education: referral, whereabouts unknown",
    "attendance_return": "Attendance return",
}
FIELDS = {
    "surname": "Surname", "forename": "Forename", "known_as": "Known as, previous names", "date_of_birth": "Date of birth",
    "sex": "Sex", "year_group": "Year group", "upn": "Unique pupil number", "last_known_address": "Last known address",
    "lives_with": "Normally lives with", "new_address": "New address, and how known", "siblings": "Siblings, attending or not",
    "admitted": "On roll since", "registration": "Registration", "home_school": "School of registration",
    "new_school": "New school, if known", "last_attended": "Last attended", "last_seen": "Last seen, and by whom",
    "attendance": "Attendance this year", "attendance_history": "Earlier absence", "reason_known": "Cause of absence, if known",
    "criterion": "Why referred", "circumstances": "Present circumstances", "risk_appraisal": "Risk appraisal by the DSL",
    "childrens_services_told": "Children's services, police", "social_care": "Social care, now or before",
    "sen_ehcp": "Special needs (SEN, EHCP)", "other_agencies": "Youth justice, agencies",
    "traveller_or_mobile": "Traveller or mobile family", "private_fostering": "Private fostering",
    "visitor_risk": "Risk to lone visitors",
}
_CHILD = ("surname", "forename", "date_of_birth", "sex", "year_group", "upn", "last_known_address", "lives_with")
_PLACE = ("admitted", "registration", "home_school", "last_attended")
SECTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "cme_referral": {
        "The child": (*_CHILD[:2], "known_as", *_CHILD[2:], "new_address", "siblings"),
        "School and attendance": (*_PLACE, "last_seen", "attendance", "attendance_history", "new_school"),
        "Circumstances and risk": (
            "criterion", "circumstances", "risk_appraisal", "childrens_services_told", "social_care", "sen_ehcp",
            "other_agencies", "traveller_or_mobile", "private_fostering", "visitor_risk"),
    },
    "attendance_return": {                      # no more than the return needs
        "The child": _CHILD,
        "School and attendance": (*_PLACE, "attendance", "reason_known"),
    },
}


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
    """A message to a local authority. ``kind`` is "cme_referral" (whereabouts unknown) or "attendance_return" (never called CME).

    ``pupil`` holds values by the names of ``FIELDS``; ``codes`` the meaning of each code that the marks show; ``answer_by``
    the moment after which the school rings. Everything is text that people read; nothing is interpreted.
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

    def __post_init__(self) -> None:
        if self.kind not in SECTIONS:
            raise BadInput(f"there is no notification of kind {self.kind!r}: use {' or '.join(SECTIONS)}")
        if unknown := sorted(set(self.pupil) - set(FIELDS)):
            raise BadInput(f"a notification has no field {', '.join(unknown)}: use the names of cme.mail.notification.FIELDS")

    @property
    def title(self) -> str:
        return TITLES[self.kind]

    def sections(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """The child's fields of this kind: (heading, [(label, value)]), with NOT_HELD in words where there is no value."""
        return [(heading, [(FIELDS[name], said(self.pupil.get(name, ""))) for name in names])
                for heading, names in SECTIONS[self.kind].items()]

    def missing_fields(self, required: Iterable[str]) -> list[str]:
        """Which of an authority's required fields are not held, in the authority's order.

        Beside the names of ``FIELDS`` an authority may ask for: pupil_name, school, parents, emergency_contacts (two people),
        absence_record, enquiry_log, home_visits, letters, decision. Raises BadInput for any other name.
        """
        how = [attempt.how.lower() for attempt in self.attempts]
        together = {
            "pupil_name": _held(self.pupil.get("surname")) and _held(self.pupil.get("forename")),
            "school": _held(self.school.name) and _held(self.school.telephone),
            "parents": any(_held(contact.name) for contact in self.contacts),
            "emergency_contacts": sum(_held(contact.name) for contact in self.contacts) >= 2,
            "absence_record": any(finding.marks for finding in self.findings),
            "enquiry_log": bool(self.attempts),
            "home_visits": any("visit" in each for each in how),
            "letters": any("letter" in each for each in how),
            "decision": self.decision is not None,
        }
        missing = []
        for name in required:
            if name not in together and name not in FIELDS:
                raise BadInput(f"the authority's required field {name!r} is unknown: correct its file in config/authorities")
            if not (together[name] if name in together else _held(self.pupil.get(name))):
                missing.append(name)
        return missing

    def as_data(self) -> dict[str, Any]:
        """Everything as plain lists and dicts, laid out for a template."""
        return {**asdict(self), "title": self.title, "sections": self.sections(), "not_held": NOT_HELD,
                "findings": [{**asdict(finding), "days": finding.days()} for finding in self.findings]}


def said(value: str | None) -> str:
    """``value``, or in words that it is not held."""
    return value if value and _held(value) else NOT_HELD


def _held(value: str | None) -> bool:
    return bool(value and value.strip() and value.strip() != NOT_HELD)
