"""Pupils, their contacts and flags, and staff, as the school's source gives them.

A pupil's number is the same for ever, by (school, the source's own identifier). What the source does not give stays as it was.
Contacts and flags carry validity: a change ends the old row and opens a new one, so that "whom could we have called that day?"
has an answer. No pupil is ever deleted: a leaver's history stays.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from cme.records.history import Stamp
from cme.records.tables import Contact, Flag, Pupil, Staff
from cme.rules.finding import Enrolment
from cme.sources import source

_SAME = ("forename", "surname", "born", "sex", "upn", "year_group", "address", "postcode", "admitted", "left", "registration",
         "home_school",
         "expected_pattern")
_COLUMN = {field: field for field in _SAME} | {"group": "group_key"}
_CONTACT = ("priority", "name", "relationship", "email", "telephone", "language", "do_not_contact")
_Row = TypeVar("_Row")
_WEEKDAYS = {"Mon": 1, "Tue": 2, "Wed": 3, "Thu": 4, "Fri": 5}


@dataclass
class Roll:
    """The pupils of a school by the source's identifier, and what one pull changed among them."""

    ids: dict[str, int] = field(default_factory=dict)
    on_roll: dict[int, tuple[date | None, date | None, str]] = field(default_factory=dict)   # admitted, left, expected pattern
    new: int = 0
    changed: int = 0
    contacts_changed: int = 0
    flags_changed: int = 0

    def expects(self, pupil_id: int, day: date, slot: str) -> bool:
        """Whether the pupil is on roll and expected in that session; a lesson expects everybody on roll."""
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


def keep_pupils(session: Session, school: str, pupils: Sequence[source.Pupil], named: Iterable[str], stamp: Stamp) -> Roll:
    """Bring the pupils up to date; ``named`` are identifiers that stand in registers and perhaps nowhere else."""
    known = {row.mis_id: row for row in session.scalars(select(Pupil).where(Pupil.school == school))}
    roll = Roll()
    given = {pupil.mis_id: pupil for pupil in pupils}
    fresh = []
    for mis_id in sorted(given.keys() | set(named)):
        values = _values(given[mis_id]) if mis_id in given else {}
        if mis_id not in known:
            fresh.append({"school": school, "mis_id": mis_id, "first_seen": stamp.at, "last_seen": stamp.at,
                          **{column: getattr(source.Pupil(mis_id), name) for name, column in _COLUMN.items()}, **values})
        elif any(getattr(known[mis_id], column) != value for column, value in values.items()):
            roll.changed += 1
            for column, value in values.items():
                setattr(known[mis_id], column, value)
    session.flush()
    for start in range(0, len(fresh), 1000):
        known |= {row.mis_id: row for row in session.scalars(insert(Pupil).returning(Pupil), fresh[start:start + 1000])}
    roll.new = len(fresh)
    _seen_today(session, [known[mis_id] for mis_id in given], stamp)
    roll.ids = {mis_id: row.id for mis_id, row in known.items()}
    roll.on_roll = {row.id: (row.admitted, row.left, row.expected_pattern) for row in known.values()}
    roll.contacts_changed = _keep_contacts(session, roll, [p for p in pupils if p.given is None or "contacts" in p.given], stamp)
    roll.flags_changed = _keep_flags(session, roll, [p for p in pupils if p.given is None or "flags" in p.given], stamp)
    return roll


def _values(pupil: source.Pupil) -> dict[str, Any]:
    return {column: getattr(pupil, name) for name, column in _COLUMN.items() if pupil.given is None or name in pupil.given}


def _seen_today(session: Session, rows: list[Pupil], stamp: Stamp) -> None:
    """Note once a day that the source still gives these pupils: a second pull writes nothing."""
    stale = [row.id for row in rows if row.last_seen.date() < stamp.at.astimezone(row.last_seen.tzinfo).date()]
    if stale:
        session.execute(update(Pupil).where(Pupil.id.in_(stale)).values(last_seen=stamp.at),
                        execution_options={"synchronize_session": False})


def _keep_contacts(session: Session, roll: Roll, pupils: list[source.Pupil], stamp: Stamp) -> int:
    rows = session.scalars(select(Contact).where(Contact.pupil_id.in_([roll.ids[p.mis_id] for p in pupils]),
                                                 Contact.valid_to.is_(None))).all()
    held = [(row, (row.pupil_id, *(getattr(row, name) for name in _CONTACT))) for row in rows]
    wanted = [(roll.ids[p.mis_id], *(getattr(contact, name) for name in _CONTACT)) for p in pupils for contact in p.contacts]
    ended, opened = _differ(held, wanted)
    for row in ended:
        row.valid_to = stamp.at
    session.flush()
    if opened:
        session.execute(insert(Contact), [dict(zip(("pupil_id", *_CONTACT), values, strict=True), valid_from=stamp.at)
                                          for values in opened])
    return len(ended) + len(opened)


def _keep_flags(session: Session, roll: Roll, pupils: list[source.Pupil], stamp: Stamp) -> int:
    rows = session.scalars(select(Flag).where(Flag.pupil_id.in_([roll.ids[p.mis_id] for p in pupils]),
                                              Flag.valid_to.is_(None))).all()
    ended, opened = _differ([(row, (row.pupil_id, row.flag)) for row in rows],
                            [(roll.ids[p.mis_id], flag) for p in pupils for flag in dict.fromkeys(p.flags)])
    for row in ended:
        row.valid_to = stamp.at
    session.flush()
    if opened:
        session.execute(insert(Flag), [{"pupil_id": pupil_id, "flag": flag, "valid_from": stamp.at} for pupil_id, flag in opened])
    return len(ended) + len(opened)


def _differ(held: list[tuple[_Row, tuple[Any, ...]]], wanted: list[tuple[Any, ...]]) -> tuple[list[_Row], list[tuple[Any, ...]]]:
    """The rows that no longer hold, and the values that are new. The same value twice is two rows."""
    left = Counter(wanted)
    ended = []
    for row, values in held:
        if left[values]:
            left[values] -= 1
        else:
            ended.append(row)
    return ended, list(left.elements())


def keep_staff(session: Session, school: str, staff: Sequence[source.Staff]) -> int:
    """Bring the staff who take registers up to date; returns how many rows were new or changed. Nobody is removed."""
    known = {code: (name, email) for code, name, email in session.execute(
        select(Staff.code, Staff.name, Staff.email).where(Staff.school == school))}
    rows = [{"school": school, "code": s.code, "name": s.name, "email": s.email} for s in staff
            if known.get(s.code) != (s.name, s.email)]
    if rows:
        new = upsert(Staff)
        session.execute(new.on_conflict_do_update(index_elements=["school", "code"], set_={
            "name": new.excluded.name, "email": new.excluded.email}).returning(Staff.id), rows)
    return len(rows)
