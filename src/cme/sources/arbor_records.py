"""What one record of Arbor's REST interface says: a mark, a lesson, a register, a pupil. Fields as in Arbor's own SDK."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from cme import clock
from cme.sources.api_rows import day_of, keys_of, moment_of, text_of
from cme.sources.http_api import Record
from cme.sources.source import ExpectedRegister, Pupil
from cme.sources.values import Unreadable


@dataclass(frozen=True)
class Lesson:
    """An occurrence of a lesson, and its register where it has one."""

    address: str
    group: str
    starts_at: datetime                # UTC
    ends_at: datetime                  # UTC
    suspended: bool
    has_register: bool                 # False: Arbor keeps no register for it
    opened: bool = False
    completed_at: datetime | None = None
    unit: str = ""                     # the address of its academic unit
    rooms: tuple[str, ...] = ()

    @property
    def slot(self) -> str:
        """What tells two lessons of a group on one day apart: the time it starts by the school's clock, and its own number."""
        return f"{clock.local(self.starts_at):%H:%M} {self.address.rpartition('/')[2]}"

    def with_register(self, record: Record, zone: ZoneInfo) -> "Lesson":
        """The lesson with what its register says. A time that cannot be read is none."""
        try:
            return replace(self, opened=True, completed_at=moment_of(record.get("completedDatetime"), zone, "completedDatetime"))
        except Unreadable:
            return replace(self, opened=True)


def reference(value: Any) -> str:
    """The address of a record, or of one that is referred to: "/rest-v2/students/12"; empty where it has none."""
    return text_of(value.get("href")) if isinstance(value, dict) else ""


def number_of(value: Any, what: str) -> str:
    """The number of a record that is referred to: "12". Raises Unreadable."""
    if not (number := reference(value).rpartition("/")[2]):
        raise Unreadable(f"the record has no {what}: look at the rights of the login at Arbor")
    return number


def session_of(record: Record) -> str:
    """AM or PM, as a roll call calls itself; its own name where it is neither."""
    for name in ("code", "shortName", "name"):
        word = text_of(record.get(name)).upper().replace("_", " ")
        if word.split()[:1] in (["AM"], ["PM"]) or word in ("MORNING", "AFTERNOON"):
            return word.split()[0]
    return text_of(record.get("name")) or "?"


def roll_call_cells(record: Record, codes: Mapping[str, str], sessions: Mapping[str, str], group: str) -> dict[str, str]:
    """A statutory mark as the cells of a row. Raises Unreadable."""
    day = day_of(record.get("recordDate"), clock.LONDON, "recordDate")
    if day is None:
        raise Unreadable(f"the roll call has no recordDate; the record holds {keys_of(record)}")
    return {"date": day.isoformat(), "session": sessions.get(reference(record.get("attendanceRollCall")), ""), "group": group,
            "pupil_id": number_of(record.get("student"), "student"), "mark": _mark(record, codes),
            "minutes_late": text_of(record.get("minutesLate"))}


def lesson_cells(record: Record, codes: Mapping[str, str], lessons: Mapping[str, Lesson], zone: ZoneInfo,
                 timed: bool) -> dict[str, str]:
    """A lesson's mark as the cells of a row; ``timed``: the source's clock can be believed. Raises Unreadable."""
    lesson = lessons.get(reference(record.get("attendanceRegister"))) or lessons.get(reference(record.get("event")))
    if lesson is None:
        raise Unreadable("the mark belongs to no lesson of the day: look at the rights of the login at Arbor")
    return {"date": clock.local(lesson.starts_at).date().isoformat(), "kind": "lesson", "slot": lesson.slot, "group": lesson.group,
            "pupil_id": number_of(record.get("student"), "student"), "mark": _mark(record, codes),
            "minutes_late": text_of(record.get("minutesLate")), "note": text_of(record.get("recordNote")),
            "taken": "yes" if lesson.completed_at else "no",
            "taken_at": lesson.completed_at.isoformat() if lesson.completed_at and timed else ""}


def _mark(record: Record, codes: Mapping[str, str]) -> str:
    address = reference(record.get("attendanceMark"))
    if not address:
        return ""
    if not codes.get(address):
        raise Unreadable("the mark refers to a code that attendance-marks does not hold: look at the rights of the login at Arbor")
    return codes[address]


def lesson_of(record: Record, zone: ZoneInfo) -> Lesson:
    """A lesson of the timetable. Raises Unreadable where it does not say when it is: no register of it could be called late."""
    starts, ends = (moment_of(record.get(name), zone, name) for name in ("startDatetime", "endDatetime"))
    if starts is None or ends is None or ends <= starts:
        raise Unreadable("the lesson does not say from when to when it is: correct it in the school's system")
    unit = record.get("academicUnit")
    group = (text_of(unit.get("displayName")) if isinstance(unit, dict) else "") or text_of(record.get("sessionName")) \
        or reference(unit).rpartition("/")[2] or "?"
    place = record.get("location")
    room = text_of(record.get("locationText")) or (text_of(place.get("displayName")) if isinstance(place, dict) else "")
    return Lesson(reference(record), group, starts, ends, record.get("isSuspended") is True,
                  record.get("attendanceRegisterType") is not None, unit=reference(unit), rooms=(room,) if room else ())


def expected_of(lessons: Mapping[str, Lesson], day: date, leads: Mapping[str, Sequence[str]], covers: Mapping[str, Sequence[str]]
                ) -> tuple[ExpectedRegister, ...]:
    """The registers that ought to be taken on ``day``, with those who lead the class and those who cover the lesson."""
    found = {}
    for lesson in lessons.values():
        if clock.local(lesson.starts_at).date() == day:
            reason = "the lesson is suspended" if lesson.suspended else "" if lesson.has_register else "no register is kept for it"
            cover = tuple(filter(None, dict.fromkeys(covers.get(lesson.address, ()))))
            found[lesson.address] = ExpectedRegister(day, "lesson", lesson.slot, lesson.group, lesson.starts_at, lesson.ends_at,
                                                     tuple(filter(None, dict.fromkeys((*leads.get(lesson.unit, ()), *cover)))), not reason, reason,
                                                     lesson.rooms, cover)
    return tuple(sorted(found.values(), key=lambda e: (e.slot, e.group)))


def pupil_of(record: Record, persons: Mapping[str, Record], zone: ZoneInfo) -> Pupil:
    """A student with what its person says. Raises Unreadable."""
    person = persons.get(reference(record.get("person")), record.get("person"))
    person = person if isinstance(person, dict) else {}
    known: dict[str, Any] = {
        "forename": _forename(person), "surname": _surname(person),
        "sex": text_of(person.get("gender")), "born": day_of(person.get("dateOfBirth"), zone, "dateOfBirth")}
    known = {name: value for name, value in known.items() if value}
    return Pupil(number_of(record, "href"), given=frozenset(known), **known)


def name_of(person: Record) -> str:
    """A person's name as they use it."""
    return " ".join(filter(None, (_forename(person), _surname(person))))


def _forename(person: Record) -> str:
    return text_of(person.get("preferredFirstName")) or text_of(person.get("legalFirstName"))


def _surname(person: Record) -> str:
    return text_of(person.get("legalLastName")) or text_of(person.get("preferredLastName"))
