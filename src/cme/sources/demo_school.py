"""The demonstration: an invented Alternative Provision school, three terms of registers, and one Monday morning.

Everything is drawn from a seed, so that the same call writes the same files. That morning one child has been away for ten
school days in a row, another for ten since September, one register is missing and one came late; nobody else has reached either
number this school year, though some are close. The tests prove it with the rules themselves.
"""

import csv
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random

from cme import clock
from cme.rules.school_days import SchoolCalendar
from cme.sources.demo_marks import SESSIONS, Marks, Story, year_of
from cme.sources.demo_people import GROUPS, STAFF, TEACHER, Child, children

FIRST_DAY, DEMO_DAY, SEED = date(2026, 1, 5), date(2026, 11, 23), 20261123
UNMARKED_GROUP, LATE_GROUP, LATE_AT, AT_LAST = "Hazel", "Birch", "09:14", "09:31"
TIMES = {"AM": ("09:00", "12:00"), "PM": ("13:00", "15:00")}
_HEADER = ("date", "session", "group", "pupil_id", "mark", "minutes_late", "note", "taken_at", "taken_by")
_CLOSE = {4: 9, 10: 8, 19: 7, 30: 9, 42: 8, 55: 7, 71: 9, 88: 7}      # number of the child: days away this school year


@dataclass(frozen=True)
class DemoFacts:
    """Who and what the morning's story is about. The children by their identifier in the school's system (mis_id)."""

    day: date
    continuous: str                     # away ten school days in a row today
    cumulative: str                     # away ten school days since September today, not in a row
    close: tuple[str, ...]              # seven to nine days so far
    no_contact: str                     # nobody is on record for this child
    do_not_contact: str                 # the first contact must not be contacted
    unmarked_group: str
    late_group: str
    pupils: int                         # on roll that day


@dataclass(frozen=True)
class _School:
    days: list[date]
    children: list[Child]
    marks: dict[str, Marks]


def write(folder: Path | str, calendar: SchoolCalendar, *, day: date = DEMO_DAY, seed: int = SEED,
          at: str = "09:20") -> DemoFacts:
    """Write the school's export into ``folder`` as it stood on ``day`` at ``at`` (HH:MM), in the files of docs/registers-csv.md.

    Today's file holds the morning registers taken by then; the unmarked group's is not among them. The files carry the time
    stamps of the story, so that a reader's check for files still being written lets them pass.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    school = _school(calendar, day, seed)
    for name, days in _terms(calendar, school.days[:-1]).items():
        _registers(folder / f"registers-{name}.csv", school, days, seed, clock.wall(days[-1], "16:00"))
    _people(folder, school, day)
    _today(folder, school, seed, at, with_unmarked=False)
    number = {n: child.mis_id for n, child in enumerate(school.children)}
    return DemoFacts(day, number[0], number[1], tuple(number[n] for n in _CLOSE), number[33], number[22], UNMARKED_GROUP,
                     LATE_GROUP,
                     sum(child.left is None and child.admitted <= day for child in school.children))


def add_late_register(folder: Path | str, calendar: SchoolCalendar, *, day: date = DEMO_DAY, seed: int = SEED,
                      at: str = "09:32") -> None:
    """The unmarked register has come in after all (taken at 09:31): write today's file again as it stood at ``at``."""
    _today(Path(folder), _school(calendar, day, seed), seed, at, with_unmarked=True)


def _school(calendar: SchoolCalendar, day: date, seed: int) -> _School:
    days = list(calendar.school_days(min(FIRST_DAY, day - timedelta(days=300)), day))
    made = children(Random(f"{seed} people"), calendar, days[0], day)  # nosec B311 # made-up marks
    marks = {child.mis_id: year_of(child, _story(n, child, calendar, days, seed), calendar, days, Random(f"{seed} {child.mis_id}"))  # nosec B311 # made-up marks
             for n, child in enumerate(made)}
    for child in made:
        # who is away without a known reason at the end holds no flag of day one: the day tells of thresholds, not of a concern
        if any((entry := marks[child.mis_id].get((last, session))) and entry.code in ("N", "O") for last in days[-2:] for session in SESSIONS):
            child.flags = tuple(flag for flag in child.flags if flag in ("EHCP", "young carer"))
    return _School(days, made, marks)


def _story(number: int, child: Child, calendar: SchoolCalendar, days: list[date], seed: int) -> Story:
    rng = Random(f"{seed} story {number}")  # nosec B311 # made-up marks
    if number == 0:
        return Story(10, tuple(days[-10:]))
    if number == 1:
        this_year = [d for d in days if d >= calendar.school_year_start(days[-1])]
        return Story(10, (*(this_year[n] for n in (6, 7, 13, 19, 24, 25, 31, 38, 44)), days[-1]))
    if number in _CLOSE:
        return Story(_CLOSE[number], away_today=number in (4, 19, 42))
    return Story(rng.choice((0, 0, 1, 1, 2, 2, 3, 4, 5)), late_after_close=rng.choice((0, 0, 0, 1, 2, 3)))


def _terms(calendar: SchoolCalendar, days: Iterable[date]) -> dict[str, list[date]]:
    found: dict[str, list[date]] = defaultdict(list)
    for day in days:
        term = calendar.term_of(day)
        found[f"{day.year}-{term.name if term else 'other'}"].append(day)
    return dict(found)


def _taken(day: date, session: str, group: str, seed: int) -> datetime:
    """When the register was taken, as the school's wall clock showed it: within nine and a half minutes of the start."""
    start = datetime.combine(day, datetime.strptime(TIMES[session][0], "%H:%M").time())
    return start + timedelta(seconds=Random(f"{seed} {day} {session} {group}").randrange(50, 570))  # nosec B311 # made-up marks


def _rows(school: _School, days: Iterable[date], seed: int) -> Iterable[tuple[datetime, list[tuple[str, ...]]]]:
    """Register by register: when it was taken, and its rows."""
    by_group: dict[str, list[Child]] = {group: [c for c in school.children if c.group == group] for group in GROUPS}
    for day in days:
        for session in SESSIONS:
            for group, members in by_group.items():
                taken = _taken(day, session, group, seed)
                if day == school.days[-1] and group in (LATE_GROUP, UNMARKED_GROUP):
                    taken = datetime.combine(day, datetime.strptime(LATE_AT if group == LATE_GROUP else AT_LAST, "%H:%M").time())
                cover = Random(f"{seed} cover {day} {group}").random() < 0.04  # nosec B311 # made-up marks
                teacher = "CV1" if cover else TEACHER[group]
                beside = f"{taken:%Y-%m-%dT%H:%M:%S}", teacher
                rows: list[tuple[str, ...]] = [
                    (day.isoformat(), session, group, child.mis_id, entry.code, entry.minutes_late, entry.note, *beside)
                    for child in members if (entry := school.marks[child.mis_id].get((day, session)))]
                if rows:
                    yield taken, rows


def _registers(path: Path, school: _School, days: list[date], seed: int, written: datetime) -> None:
    _write(path, _HEADER, (row for _, rows in _rows(school, days, seed) for row in rows), written)


def _today(folder: Path, school: _School, seed: int, at: str, *, with_unmarked: bool) -> None:
    day = school.days[-1]
    limit = datetime.combine(day, datetime.strptime(at, "%H:%M").time())
    rows = [row for taken, rows in _rows(school, [day], seed) for row in rows
            if taken <= limit and (with_unmarked or row[2] != UNMARKED_GROUP)]
    _write(folder / f"registers-{day.isoformat()}.csv", _HEADER, rows, clock.wall(day, at))


def _people(folder: Path, school: _School, day: date) -> None:
    pupil_columns = ("pupil_id", "forename", "surname", "date_of_birth", "sex", "upn", "year_group", "group", "address",
                     "postcode", "admitted", "left",
                     "registration", "home_school", "expected_pattern", "flags")
    written = clock.wall(day, "07:30")
    _write(folder / "pupils.csv", pupil_columns, (
        (c.mis_id, c.forename, c.surname, c.born.isoformat(), c.sex, c.upn, str(c.year_group), c.group, c.address, c.postcode,
         c.admitted.isoformat(),
         c.left.isoformat() if c.left else "", c.registration, c.home_school, " ".join(c.pattern), "|".join(c.flags))
                                                  for c in school.children), written)
    contact_columns = ("pupil_id", "priority", "name", "relationship", "email", "telephone", "language", "do_not_contact")
    _write(folder / "contacts.csv", contact_columns, (tuple(contact[name] for name in contact_columns) for c in school.children
                                                      for contact in c.contacts), written)
    _write(folder / "staff.csv", ("staff_code", "name", "email"), (tuple(member.values()) for member in STAFF), written)
    _write(folder / "timetable.csv", ("weekday", "session", "group", "starts", "ends", "staff"), (
        (weekday, session, group, *TIMES[session], f"{TEACHER[group]}|CV1") for weekday in ("Monday", "Tuesday", "Wednesday",
                                                                                            "Thursday", "Friday")
        for session in SESSIONS for group in GROUPS), written)


def _write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str, ...]], written: datetime) -> None:
    """Write a file in one step (nobody sees half of it), stamped with the time of the story."""
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(header)
        out.writerows(rows)
    os.utime(part, (written.timestamp(), written.timestamp()))
    part.replace(path)
