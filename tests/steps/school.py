"""A school for tests: registers are written by the test, and the mail server only remembers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

from cme.records import registers
from cme.records.outbox import Acceptance, HandOver
from cme.sources.source import Contact, Mark, Pulled, Pupil, RegisterDocument, TimeSemantics
from cme.steps.office import Office

MONDAY = date(2026, 11, 23)
AOIFE = Contact("Aoife Bramblewick", "mother", 1, "aoife@home.example", "07700 900101")
BRAM = Contact("Bram Bramblewick", "father", 2, "bram@home.example", "07700 900102")


@dataclass
class PostOffice:
    """A mail server that remembers what it accepted, in order."""

    accepted: list[tuple[str, bytes]] = field(default_factory=list)

    def hand_over(self, recipient: str, wire: bytes, point_of_no_return: Callable[[], None]) -> Acceptance:
        point_of_no_return()
        self.accepted.append((recipient, wire))

        class Said:
            text = "250 ok"

        return Said()

    def to(self, address: str) -> list[bytes]:
        return [wire for recipient, wire in self.accepted if recipient == address]


class School(Office):
    """An office with a few words for tests."""

    post: PostOffice

    def hand_over(self) -> HandOver:
        return self.post.hand_over

    def write(self, pupil: Pupil, codes: dict[date, tuple[str, str]]) -> None:
        """Store the registers of one pupil: a day's codes of the morning and the afternoon."""
        documents = tuple(RegisterDocument(day, "session", slot, pupil.group, (Mark(pupil.mis_id, code),))
                          for day, both in codes.items() for slot, code in zip(("AM", "PM"), both, strict=True))
        with self.transaction() as session:
            registers.store(session, self.school, Pulled(registers=documents, pupils=(pupil,)), source="test", codes=self.policies.codes,
                            stamp=self.stamp(), time_semantics=TimeSemantics.FIRST_COMPLETED)

    def school_days_before(self, day: date, count: int) -> list[date]:
        """The last ``count`` school days up to ``day``, oldest first."""
        return list(self.policies.calendar.school_days(day - timedelta(days=90), day))[-count:]


def a_pupil(**changes: object) -> Pupil:
    """A pupil of Year 9 with two contacts, on roll since the year before."""
    values: dict[str, object] = {
        "mis_id": "P001", "forename": "Quilla", "surname": "Bramblewick", "born": date(2013, 2, 3), "group": "9A", "year_group": "9",
        "admitted": date(2025, 9, 2), "contacts": (AOIFE, BRAM), "upn": "P207000016049", "address": "1 Made-up Lane", "postcode": "ZZ1 1ZZ"}
    return Pupil(**{**values, **changes})  # type: ignore[arg-type]
