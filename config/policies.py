"""The policies of a school: attendance codes, statutory numbers, the school's own values, and its authority's practice.

``load()`` reads the YAML files, checks them together, and gives typed, frozen values. Behaviour lives elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import holidays

from cme.config import checks
from cme.config.reading import read
from cme.config.shapes import (AuthorityFile, Backed, CodesFile, NumberShape, SchoolFile, Shape, StatutoryFile, Value, YearShape)
from cme.errors import BadInput
from cme.rules.book import Number, RuleBook
from cme.rules.identifiers import laestab, urn
from cme.rules.marks import AttendanceCode, Category, CodeTable, LocalCode
from cme.rules.school_days import SchoolCalendar, Term

FOLDER = Path(__file__).parent


class ConfigFaults(BadInput):
    """All that is wrong with the configuration, each as "file: key: what is wrong; what to do", in ``faults``."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("\n".join(["the configuration cannot be used:", *faults]))


@dataclass(frozen=True)
class SessionTimes:
    """A session's start, the moment its register closes (later is U) and its end: "HH:MM", Europe/London wall time."""

    starts: str
    closes: str
    ends: str


@dataclass(frozen=True)
class School:
    """What only the school can say. Minutes, school days and calendar days are whole numbers as their names say."""

    name: str
    laestab: str
    urn: str
    local_authority: str                     # the key of its authority
    establishment_type: str
    sessions: dict[str, SessionTimes]        # "AM", "PM"
    register_overdue_minutes: int
    contact_answer_minutes: int
    routine_review_school_days: int          # a routine review is due at the end of that school day
    day_one_minutes: int                     # a review of a safety concern is due after so many minutes
    code_valid_minutes: int
    overdue_review_reminder_minutes: int
    follow_up_school_days: int
    ack_due_school_days: int
    absent_again_days: int                   # so many more days missed after a case was closed open a new one
    pull_window_days: int
    procedure_review_date: date

    def procedure_overdue(self, today: date) -> str:
        """One sentence when the written procedure's own review date has passed, else nothing."""
        if today <= self.procedure_review_date:
            return ""
        return f"the school's written procedure was to be reviewed by {self.procedure_review_date:%d %B %Y}; ask the DSL to review it"


@dataclass(frozen=True)
class Authority:
    """The practice of one local authority. ``attendance_return_rules`` names the rules that call for its attendance return."""

    name: str
    key: str
    la_code: str
    attendance_return: Number
    attendance_return_rules: tuple[str, ...]
    forms: tuple[str, ...]
    sickness_return: Number
    cme_referral: Number
    whereabouts_unknown: bool                # a referral is for children whose whereabouts are not known
    mailbox: str
    telephone: str
    form_name: str
    required_fields: tuple[str, ...]
    protection: str                          # "tls" or "pdf_password"
    acknowledgement_school_days: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Policies:
    """Everything a decision rests on. ``statutory`` holds the numbers of law and guidance by name, each with its values by date."""

    codes: CodeTable
    calendar: SchoolCalendar
    statutory: dict[str, tuple[Number, ...]]
    school: School
    school_numbers: dict[str, tuple[Number, ...]]
    authority: Authority
    meanings: dict[str, str]
    waiting: tuple[str, ...]

    def unconfirmed(self) -> list[str]:
        """The values that matter and that nobody has confirmed, each with its file and what to do. Production refuses them."""
        return list(self.waiting)

    def rule_book(self) -> RuleBook:
        """What the pure rules need. The authority's numbers stand beside the national ones, under names of their own."""
        numbers = [n for of_name in (*self.statutory.values(), *self.school_numbers.values()) for n in of_name]
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
    key = authority or (school.local_authority.value if school else None)
    shown = f"authorities/{key}.yaml"
    pack: AuthorityFile | None = None
    if key is not None and not key.replace("_", "").isalnum():
        faults.append(f"school.yaml: local_authority: {key!r} is not the name of a file in authorities/; use letters only")
    elif key is not None:
        pack = read(folder / "authorities" / f"{key}.yaml", AuthorityFile, faults, shown)
    faults.extend(checks.codes(codes, school, statutory, pack, shown))
    faults.extend(checks.numbers(statutory, school, pack, shown))
    if school:
        faults.extend(checks.calendar(school, bank_holidays(school)))
        faults.extend(checks.school(school, statutory))
    if pack:
        faults.extend(checks.authority(pack, key, shown))
    if faults or not (codes and statutory and school and pack):
        raise ConfigFaults(faults)
    files: tuple[tuple[str, Shape], ...] = (("attendance_codes.yaml", codes), ("statutory.yaml", statutory), ("school.yaml", school), (shown, pack))
    return Policies(
        codes=_code_table(codes, school), calendar=_calendar(school), school=_school(school), authority=_authority(pack),
        statutory={name: _numbers(name, shape) for name, shape in statutory.numbers.items()},
        school_numbers={name: _numbers(name, shape) for name, shape in school.numbers.items()},
        meanings={name: shape.meaning for name, shape in (*statutory.numbers.items(), *school.numbers.items())},
        waiting=tuple(sentence for file, shape in files for sentence in _unconfirmed(file, shape)))


def bank_holidays(school: SchoolFile) -> frozenset[date]:
    """The bank holidays of England around the school years of the calendar."""
    years = [term.first.year for year in school.calendar.values() for term in year.terms]
    return frozenset(holidays.country_holidays("GB", subdiv="ENG", years=range(min(years) - 2, max(years) + 4)))


def _number(name: str, value: Value) -> Number:
    return Number(name=name, value=value.value, unit=value.unit, valid_from=value.valid_from, source=value.source,
                  codes=frozenset(value.codes), window=value.window or 0, window_unit=value.window_unit or "", confirmed=value.confirmed)


def _numbers(name: str, shape: NumberShape) -> tuple[Number, ...]:
    return tuple(_number(name, value) for value in shape.values)


def _code_table(codes: CodesFile, school: SchoolFile) -> CodeTable:
    return CodeTable(
        tuple(AttendanceCode(code=c.code, meaning=c.meaning, category=Category(c.category), valid_from=c.valid_from or date.min,
                             valid_to=c.valid_to or date.max, source=c.source, confirmed=c.confirmed) for c in codes.codes),
        tuple(LocalCode(c.local, c.statutory, c.valid_from or date.min, c.valid_to or date.max) for c in school.local_codes))


def _calendar(school: SchoolFile) -> SchoolCalendar:
    years: list[YearShape] = list(school.calendar.values())
    return SchoolCalendar(
        terms=tuple(sorted((Term(t.name, t.first, t.last, t.half_term) for y in years for t in y.terms), key=lambda t: t.first)),
        inset=frozenset(day for y in years for day in y.inset), closures=frozenset(day for y in years for day in y.closures),
        bank_holidays=bank_holidays(school), no_session=frozenset(gone for y in years for gone in y.no_session))


def _school(s: SchoolFile) -> School:
    return School(
        name=s.name.value, laestab=laestab(s.laestab.value), urn=urn(s.urn.value), local_authority=s.local_authority.value,
        establishment_type=s.establishment_type.value,
        sessions={"AM": SessionTimes(s.sessions.AM.starts, s.sessions.AM.closes, s.sessions.AM.ends),
                  "PM": SessionTimes(s.sessions.PM.starts, s.sessions.PM.closes, s.sessions.PM.ends)},
        register_overdue_minutes=s.register_overdue_minutes.value, contact_answer_minutes=s.contact_answer_minutes.value,
        routine_review_school_days=s.review_due.routine.value, day_one_minutes=s.review_due.day_one.value,
        code_valid_minutes=s.code_valid_minutes.value, overdue_review_reminder_minutes=s.overdue_review_reminder_minutes.value,
        follow_up_school_days=s.follow_up_school_days.value, ack_due_school_days=s.ack_due_school_days.value,
        absent_again_days=s.absent_again_days.value, pull_window_days=s.pull_window_days.value,
        procedure_review_date=s.procedure_review_date.value)


def _authority(a: AuthorityFile) -> Authority:
    rules = ("continuous_absence",) if a.attendance_return.counting == "continuous" else ("continuous_absence", "cumulative_absence")
    return Authority(
        name=a.name, key=a.key, la_code=a.la_code, attendance_return=_number("attendance_return", a.attendance_return.number),
        attendance_return_rules=rules, forms=a.attendance_return.forms, sickness_return=_number("sickness_return", a.sickness_return),
        cme_referral=_number("referral_days", a.cme_referral.number), whereabouts_unknown=a.cme_referral.whereabouts_unknown,
        mailbox=a.mailbox.value, telephone=a.telephone.value, form_name=a.form_name.value, required_fields=a.required_fields,
        protection=a.protection.value, acknowledgement_school_days=a.acknowledgement_school_days.value, notes=a.notes)


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
