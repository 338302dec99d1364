"""What Arbor says of people beside the marks: enrolments, guardians, and who teaches or covers a class. Fields as in Arbor's own SDK.

Nothing of it is needed for absence. So a login without the right to one of these lists costs that list, and says so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from cme.errors import Misconfigured
from cme.sources.api_rows import day_of, text_of
from cme.sources.arbor_records import name_of, reference
from cme.sources.http_api import Record
from cme.sources.source import Contact, Pupil, Staff
from cme.sources.values import Unreadable

ROOTS = {"educational-institution-enrolments": "educationalInstitutionEnrolments", "student-guardian-relationships": "studentGuardianRelationships",
         "guardians": "guardians", "email-addresses": "emailAddresses", "telephone-numbers": "telephoneNumbers", "staffs": "staffs",
         "academic-unit-leads": "academicUnitLeads", "cover-arrangements": "coverArrangements"}
_LAST = 99
Ask = Callable[..., list[Record]]       # a resource, and filters, to its records


@dataclass
class Teaching:
    """Who leads a class (by the address of its academic unit) and who covers a lesson (by the lesson's), as numbers of staff."""

    leads: dict[str, list[str]] = field(default_factory=dict)
    covers: dict[str, list[str]] = field(default_factory=dict)


class ArborPeople:
    """Asks for the lists of people. ``notes`` says which of them could not be had."""

    def __init__(self, ask: Ask, one: Callable[[str], Record], zone: ZoneInfo) -> None:
        self._ask, self._one, self._zone = ask, one, zone
        self.notes: list[str] = []

    def teaching(self, day: date, on_day: Mapping[str, str]) -> Teaching:
        """The leads of classes on ``day`` and the cover that was agreed; ``on_day`` are the filters of that day's covers."""
        found = Teaching()
        for record in self._may("academic-unit-leads") or ():
            if self._holds(record, day):
                found.leads.setdefault(reference(record.get("academicUnit")), []).append(_number(record.get("staff")))
        for record in self._may("cover-arrangements", on_day) or ():
            if not record.get("notAgreedDatetime"):
                requirement = self._one(reference(record.get("coverRequirement")))
                found.covers.setdefault(reference(requirement.get("coverEvent")), []).append(_number(record.get("coveringStaff")))
        return found

    def staff(self, persons: Mapping[str, Record]) -> tuple[Staff, ...]:
        """The members of staff with their mail addresses."""
        staff, mails = self._may("staffs"), self._may("email-addresses")
        if not staff or mails is None:
            return ()
        own = _owned(mails, "emailAddressOwner", "emailAddress", "dataOrder")
        return tuple(Staff(_number(record), name_of(persons.get(reference(record.get("person")), {})), _first(own, record)) for record in staff)

    def told_of(self, pupils: Sequence[Pupil], persons: Mapping[str, Record]) -> tuple[Pupil, ...]:
        """The pupils with their days of entry and leaving and their guardians; what could not be had stays as it is known."""
        dates, contacts = self._enrolments(), self._contacts(persons)
        found = []
        for pupil in pupils:
            new: dict[str, Any] = {}
            if pupil.mis_id in dates:
                new["admitted"], new["left"] = dates[pupil.mis_id]
            if contacts is not None:
                new["contacts"] = contacts.get(pupil.mis_id, ())
            found.append(replace(pupil, **new, given=frozenset({*(pupil.given or ()), *new})))
        return tuple(found)

    def _enrolments(self) -> dict[str, tuple[date, date | None]]:
        """The last enrolment of each pupil. One whose day of entry cannot be read says nothing."""
        found: dict[str, tuple[date, date | None]] = {}
        for record in self._may("educational-institution-enrolments") or ():
            try:
                entry, leaving = (day_of(record.get(name), self._zone, name) for name in ("entryDate", "leavingDate"))
            except Unreadable:
                continue
            pupil = _number(record.get("student"))
            if entry is not None and (pupil not in found or entry >= found[pupil][0]):
                found[pupil] = entry, leaving
        return found

    def _contacts(self, persons: Mapping[str, Record]) -> dict[str, tuple[Contact, ...]] | None:
        """The guardians of each pupil in order. A machine writes only to a legal guardian who has not unsubscribed."""
        lists = [self._may(name) for name in ("student-guardian-relationships", "guardians", "email-addresses", "telephone-numbers")]
        if any(records is None for records in lists):
            return None
        relationships, guardians, mails, telephones = (records or [] for records in lists)
        known = {reference(record): record for record in guardians}
        mail = _owned(mails, "emailAddressOwner", "emailAddress", "dataOrder")
        telephone = _owned(telephones, "numberOwner", "number", "telephoneNumberRanking")
        found: dict[str, list[Contact]] = {}
        for record in relationships:
            guardian = known.get(reference(record.get("guardian")), {})
            kind = record.get("guardianRelationshipType")
            found.setdefault(_number(record.get("student")), []).append(Contact(
                name_of(persons.get(reference(guardian.get("person")), {})), text_of(kind.get("displayName")) if isinstance(kind, dict) else "",
                _rank(record.get("emergencyContactPriority"), 1 if record.get("isPrimaryGuardian") is True else _LAST), _first(mail, guardian),
                _first(telephone, guardian),
                do_not_contact=record.get("isLegalGuardian") is not True or record.get("unsubscribedFromComms") is True))
        return {pupil: tuple(sorted(own, key=lambda c: c.priority)) for pupil, own in found.items()}

    def _may(self, resource: str, filters: Mapping[str, str] | None = None) -> list[Record] | None:
        """A list, or None where there is no right to it."""
        try:
            return self._ask(resource, filters or {})
        except Misconfigured as reason:
            self.notes.append(f"{resource} could not be read, so what is known of it stays: {reason}")
            return None

    def _holds(self, record: Record, day: date) -> bool:
        try:
            first, last = (day_of(record.get(name), self._zone, name) for name in ("startDate", "endDate"))
        except Unreadable:
            return False
        return (first is None or first <= day) and (last is None or day <= last)


def _number(value: Any) -> str:
    """The number of a record, or of one referred to; empty where it has none."""
    return reference(value).rpartition("/")[2]


def _rank(value: Any, otherwise: int) -> int:
    text = text_of(value)
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) <= _LAST else otherwise


def _owned(records: Sequence[Record], owner: str, name: str, order: str) -> dict[str, str]:
    """The first address or number of each owner, by the owner's address."""
    found: dict[str, str] = {}
    for record in sorted(records, key=lambda r: _rank(r.get(order), _LAST)):
        if text := text_of(record.get(name)):
            found.setdefault(reference(record.get(owner)), text)
    return found


def _first(owned: Mapping[str, str], record: Record) -> str:
    """What a record owns, or the person whose record it is."""
    return owned.get(reference(record)) or owned.get(reference(record.get("person")), "") if record else ""
