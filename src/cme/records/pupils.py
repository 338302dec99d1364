"""Pupils and staff as the sources of one or more schools give them.

A pupil's number is the same for ever, by (school, the source's own identifier). What the source does not give stays as it was.
No pupil is ever deleted: a leaver's history stays. A pull mostly names pupils of whom nothing has changed, so what is held is
compared as columns of text and no object is made for a pupil, and all schools of a pull share each statement.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timezone
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Date, cast, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from cme.records.arrays import among, columns_by, rows_of
from cme.records.contacts import keep_contacts, keep_flags, keep_professionals
from cme.records.history import Stamp
from cme.records.named import Named
from cme.records.tables import Pupil, Staff
from cme.rules.finding import Enrolment
from cme.sources import source

_SAME = ("forename", "surname", "born", "sex", "upn", "year_group", "address", "postcode", "admitted", "left", "registration",
         "home_school",
         "expected_pattern")
_COLUMN = {field: field for field in _SAME} | {"group": "group_key"}
_BATCH = 1000
_WEEKDAYS = {"Mon": 1, "Tue": 2, "Wed": 3, "Thu": 4, "Fri": 5}
_Enrolled = tuple[date | None, date | None, str]        # admitted, left, expected pattern
_ALWAYS: _Enrolled = (None, None, "")


@dataclass
class Roll:
    """The pupils of a school by the source's identifier, and what one pull changed among them."""

    ids: dict[str, int] = field(default_factory=dict)
    on_roll: dict[int, _Enrolled] = field(default_factory=dict)      # of those asked for with ``ask_enrolments``
    new: int = 0
    changed: int = 0
    contacts_changed: int = 0
    flags_changed: int = 0

    def expects(self, pupil_id: int, day: date, slot: str) -> bool:
        """Whether the pupil is on roll and expected in that session; a lesson expects everybody on roll.

        Raises KeyError for a pupil not asked for before."""
        admitted, left, pattern = self.on_roll[pupil_id]
        if (admitted and day < admitted) or (left and left < day):
            return False
        return slot not in ("AM", "PM") or not (sessions := expected_sessions(pattern)) or (day.isoweekday(), slot) in sessions


def expected_sessions(pattern: str) -> frozenset[tuple[int, str]] | None:
    """"MonAM TuePM" as {(1, "AM"), (2, "PM")}; None for an empty pattern: every session."""
    found = frozenset((_WEEKDAYS[word[:3]], word[3:]) for word in pattern.split() if word[:3] in _WEEKDAYS
                      and word[3:] in ("AM", "PM"))
    return found or None


def enrolment(pupil: Pupil, first_mark: date) -> Enrolment:
    """What decides the pupil's possible sessions. Without a known admission date the first mark stands for it."""
    return Enrolment(pupil.admitted or first_mark, pupil.left, pupil.born, pupil.registration,
                     expected_sessions(pupil.expected_pattern))


def keep_pupils(session: Session, given: Mapping[str, Sequence[source.Pupil]], named: Mapping[str, Iterable[Named]],
                stamp: Stamp) -> dict[str, Roll]:
    """Bring the pupils of each school up to date and return its roll. ``given`` is what its source says of pupils, ``named``
    whom its registers name, in whatever register for the first time; they are placed."""
    rolls = {school: Roll() for school in [*given, *named]}
    told = {school: {pupil.mis_id: pupil for pupil in pupils} for school, pupils in given.items() if pupils}
    compared = sorted({column for pupils in told.values() for pupil in pupils.values() for column in _columns(pupil.given)})
    columns = {"mis_id": Pupil.mis_id, "id": Pupil.id, **{column: getattr(Pupil, column) for column in compared}}
    if told:
        columns["seen"] = cast(func.timezone("UTC", Pupil.last_seen), Date)
    changed: dict[int, source.Pupil] = {}
    stale: list[int] = []
    for school, held in columns_by(session, Pupil.school, rolls, columns):
        roll = rolls[school]
        roll.ids = dict(zip(held["mis_id"], held["id"], strict=True))
        if school in told:
            differing = _differing(held, told[school])
            roll.changed = len(differing)
            changed |= {roll.ids[mis_id]: told[school][mis_id] for mis_id in differing}
            stale += _not_seen_today(held, told[school], stamp)
    _update(session, changed)
    if stale:
        session.execute(update(Pupil).where(among(Pupil.id, stale)).values(last_seen=stamp.at),
                        execution_options={"synchronize_session": False})
    _admit(session, rolls, told, named, stamp)
    _keep_beside(session, rolls, told, stamp)
    return rolls


def ask_enrolments(session: Session, asked: Mapping[str, Collection[int]], rolls: Mapping[str, Roll], first: date, last: date) -> None:
    """Let the rolls know on which days from ``first`` to ``last`` they expect the pupils asked for by number, school by school."""
    numbers = [pupil for pupils in asked.values() for pupil in pupils]
    if not numbers:
        return
    for school, pupils in asked.items():
        rolls[school].on_roll.update(dict.fromkeys(pupils, _ALWAYS))
    enrolled = cache(lambda admitted, left, pattern: (_day(admitted), _day(left), pattern))      # equal ones are one object
    columns = {"id": Pupil.id, "admitted": Pupil.admitted, "left": Pupil.left, "pattern": Pupil.expected_pattern}
    for school, held in columns_by(session, Pupil.school, asked, columns, among(Pupil.id, numbers), or_(
            Pupil.admitted > first, Pupil.left < last, Pupil.expected_pattern != "")):
        rolls[school].on_roll.update(zip(held["id"], map(enrolled, held["admitted"], held["left"], held["pattern"]), strict=True))


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


@cache
def _columns(given: frozenset[str] | None) -> dict[str, str]:
    """The columns that a source gives, each with the name of its field."""
    return {column: name for name, column in _COLUMN.items() if given is None or name in given}


def _values(pupil: source.Pupil) -> dict[str, Any]:
    return {column: getattr(pupil, name) for column, name in _columns(pupil.given).items()}


def _differing(held: Mapping[str, list[Any]], told: Mapping[str, source.Pupil]) -> list[str]:
    """The identifiers of the pupils who are held with other values than the source gives now."""
    rows = cache(lambda given: dict(zip(held["mis_id"], zip(*[held[c] for c in _columns(given)], strict=True), strict=False)))
    found = []
    for mis_id, pupil in told.items():
        before = rows(pupil.given).get(mis_id)
        if before is not None and before != tuple([_text(value) for value in _values(pupil).values()]):
            found.append(mis_id)
    return found


def _text(value: str | date | None) -> str:
    return value if isinstance(value, str) else value.isoformat() if value else ""


def _not_seen_today(held: Mapping[str, list[Any]], told: Mapping[str, source.Pupil], stamp: Stamp) -> Iterator[int]:
    """That the source still gives these pupils is noted once a day: a second pull writes nothing."""
    today = stamp.at.astimezone(timezone.utc).date().isoformat()
    return (number for number, mis_id, day in zip(held["id"], held["mis_id"], held["seen"], strict=True)
            if day < today and mis_id in told)


def _update(session: Session, changed: Mapping[int, source.Pupil]) -> None:
    """All pupils of whom the source gives the same columns in one statement."""
    alike: dict[frozenset[str] | None, list[int]] = defaultdict(list)
    for number, pupil in changed.items():
        alike[pupil.given].append(number)
    for given, numbers in alike.items():
        new = rows_of(id=(BigInteger(), numbers), **{column: (getattr(Pupil, column).type, [getattr(changed[n], name) for n in numbers])
                                                     for column, name in _columns(given).items()})
        session.execute(update(Pupil).where(Pupil.id == new.c.id).values({column: new.c[column] for column in _columns(given)}),
                        execution_options={"synchronize_session": False})


def _admit(session: Session, rolls: Mapping[str, Roll], told: Mapping[str, Mapping[str, source.Pupil]],
           named: Mapping[str, Iterable[Named]], stamp: Stamp) -> None:
    fresh = []
    for school, roll in rolls.items():
        own = told.get(school, {})
        unknown = {mis_id for mis_id in own if mis_id not in roll.ids}.union(*(one.place(roll.ids) for one in named.get(school, ())))
        roll.new = len(unknown)
        for mis_id in sorted(unknown):
            everything = {column: getattr(source.Pupil(mis_id), name) for name, column in _COLUMN.items()}
            fresh.append({"school": school, "mis_id": mis_id, "first_seen": stamp.at, "last_seen": stamp.at, **everything,
                          **(_values(own[mis_id]) if mis_id in own else {})})
    for start in range(0, len(fresh), _BATCH):
        for school, mis_id, number in session.execute(insert(Pupil).returning(Pupil.school, Pupil.mis_id, Pupil.id),
                                                      fresh[start:start + _BATCH]):
            rolls[school].ids[mis_id] = number
    for school in {row["school"] for row in fresh}:
        for one in named.get(school, ()):
            one.place(rolls[school].ids)


def _keep_beside(session: Session, rolls: Mapping[str, Roll], told: Mapping[str, Mapping[str, source.Pupil]], stamp: Stamp) -> None:
    school_of = {rolls[school].ids[mis_id]: school for school, pupils in told.items() for mis_id in pupils}
    pupils = {rolls[school].ids[mis_id]: pupil for school, own in told.items() for mis_id, pupil in own.items()}
    for number, changes in keep_contacts(session, pupils, stamp).items():
        rolls[school_of[number]].contacts_changed += changes
    for number, changes in keep_professionals(session, pupils, stamp).items():
        rolls[school_of[number]].contacts_changed += changes
    for number, changes in keep_flags(session, pupils, stamp).items():
        rolls[school_of[number]].flags_changed += changes


def keep_staff(session: Session, given: Mapping[str, Sequence[source.Staff]]) -> dict[str, int]:
    """Bring the staff who take registers up to date; returns how many rows of each school were new or changed. Nobody is removed."""
    schools = [school for school, staff in given.items() if staff]
    if not schools:
        return {}
    known = {(school, code): (name, email) for school, code, name, email in session.execute(
        select(Staff.school, Staff.code, Staff.name, Staff.email).where(among(Staff.school, schools)))}
    rows = {school: [{"school": school, "code": s.code, "name": s.name, "email": s.email} for s in given[school]
                     if known.get((school, s.code)) != (s.name, s.email)] for school in schools}
    new = upsert(Staff)
    if fresh := [row for own in rows.values() for row in own]:
        session.execute(new.on_conflict_do_update(index_elements=["school", "code"], set_={
            "name": new.excluded.name, "email": new.excluded.email}).returning(Staff.id), fresh)
    return {school: len(own) for school, own in rows.items()}
