"""Contacts, flags and professionals of pupils, with validity: a change ends the old row and opens a new one."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from cme.records.arrays import among
from cme.records.history import Stamp
from cme.records.tables import Contact, Flag, Professional
from cme.sources import source

_CONTACT = ("priority", "name", "relationship", "email", "telephone", "language", "do_not_contact", "court_order", "no_responsibility",
            "interpreter")
_PROFESSIONAL = ("role", "name", "email", "telephone")


def keep_contacts(session: Session, pupils: Mapping[int, source.Pupil], stamp: Stamp) -> Counter[int]:
    """Bring the contacts of ``pupils`` (by number) up to date where the source gives contacts; returns how many rows each
    pupil's change ended and opened."""
    wanted = {number: [tuple([getattr(contact, name) for name in _CONTACT]) for contact in pupil.contacts]
              for number, pupil in pupils.items() if pupil.given is None or "contacts" in pupil.given}
    return _keep(session, Contact, _CONTACT, wanted, stamp)


def keep_flags(session: Session, pupils: Mapping[int, source.Pupil], stamp: Stamp) -> Counter[int]:
    """The same of the flags."""
    wanted = {number: [(flag,) for flag in dict.fromkeys(pupil.flags)]
              for number, pupil in pupils.items() if pupil.given is None or "flags" in pupil.given}
    return _keep(session, Flag, ("flag",), wanted, stamp)


def keep_professionals(session: Session, pupils: Mapping[int, source.Pupil], stamp: Stamp) -> Counter[int]:
    """The same of the professionals who are told of unexplained absences."""
    wanted = {number: [(each.role, each.name, each.email, each.telephone) for each in pupil.professionals]
              for number, pupil in pupils.items() if pupil.given is None or "professionals" in pupil.given}
    return _keep(session, Professional, _PROFESSIONAL, wanted, stamp)


def held_with(session: Session, email: str, *only: ColumnElement[bool]) -> list[Contact]:
    """Who is held now with that address, in capitals or not. The column is sealed: the addresses are compared here, not in the database."""
    valid = select(Contact.id, Contact.email).where(Contact.valid_to.is_(None), Contact.email != "", *only)
    return _in_order(session, [row.id for row in session.execute(valid) if row.email.lower() == email.lower()]) if email else []


def held_with_digits(session: Session, ending: str, *only: ColumnElement[bool]) -> list[Contact]:
    """Who is held now with a telephone number whose digits end so, however it is written."""
    valid = select(Contact.id, Contact.telephone).where(Contact.valid_to.is_(None), Contact.telephone != "", *only)
    return _in_order(session, [row.id for row in session.execute(valid) if re.sub(r"[^0-9]", "", row.telephone).endswith(ending)])


def _in_order(session: Session, numbers: list[int]) -> list[Contact]:
    return list(session.scalars(select(Contact).where(among(Contact.id, numbers)).order_by(Contact.pupil_id, Contact.priority, Contact.id)))


def _keep(session: Session, table: type[Contact] | type[Flag] | type[Professional], columns: Sequence[str], wanted: Mapping[int, list[tuple[Any, ...]]],
          stamp: Stamp) -> Counter[int]:
    """The same value twice is two rows."""
    if not wanted:
        return Counter()
    left = Counter((number, *values) for number, rows in wanted.items() for values in rows)
    changed: Counter[int] = Counter()
    ended = []
    for row, *held in session.execute(select(table.id, table.pupil_id, *(getattr(table, name) for name in columns))
                                      .where(among(table.pupil_id, wanted), table.valid_to.is_(None)).order_by(table.id)):
        if left[tuple(held)]:
            left[tuple(held)] -= 1
        else:
            ended.append(row)
            changed[held[0]] += 1
    if ended:
        session.execute(update(table).where(among(table.id, ended)).values(valid_to=stamp.at),
                        execution_options={"synchronize_session": False})
    opened = list(left.elements())
    if opened:
        session.execute(insert(table), [dict(zip(("pupil_id", *columns), values, strict=True), valid_from=stamp.at)
                                        for values in opened])
    changed.update(values[0] for values in opened)
    return changed
