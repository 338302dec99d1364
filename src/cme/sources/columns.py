"""The documented columns of a school's export, and where they stand in a header (docs/registers-csv.md).

Files and SQL queries are read by the same columns: a query's column names are its header.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cme.errors import BadInput
from cme.sources.source import Columns

_CONTACT_COLUMN = re.compile(
    r"contact_([1-9])_(name|relationship|email|telephone|language|do_not_contact|court_order|parental_responsibility|interpreter)")
# who is told of an unexplained absence where the pupil's record says so: each a role, and the beginning of its columns
PROFESSIONALS = {"social_worker": "social worker", "youth_justice": "youth justice worker", "virtual_school": "virtual school"}
PROFESSIONAL_COLUMNS = frozenset(f"{role}_{what}" for role in PROFESSIONALS for what in ("name", "email", "telephone"))

PUPIL_COLUMNS = frozenset({"forename", "surname", "date_of_birth", "sex", "upn", "year_group", "address", "postcode", "admitted",
                           "left", "registration", "home_school", "expected_pattern", "flags"}) | PROFESSIONAL_COLUMNS


@dataclass(frozen=True)
class Shape:
    """What one kind of table must and may hold. ``contacts`` allows contact_1_name, contact_1_email, ..."""

    name: str
    required: frozenset[str]
    optional: frozenset[str]
    contacts: bool = False


REGISTERS = Shape("registers", frozenset({"date", "session", "group", "pupil_id", "mark"}),
                  PUPIL_COLUMNS | {"kind", "slot", "minutes_late", "note", "taken_at", "taken_by", "taken"}, contacts=True)
PUPILS = Shape("pupils", frozenset({"pupil_id"}), PUPIL_COLUMNS | {"group"}, contacts=True)
CONTACTS = Shape("contacts", frozenset({"pupil_id", "name"}),
                 frozenset({"priority", "relationship", "email", "telephone", "language", "do_not_contact", "court_order",
                            "parental_responsibility", "interpreter"}))
STAFF = Shape("staff", frozenset({"staff_code"}), frozenset({"name", "email"}))
TIMETABLE = Shape("timetable", frozenset({"weekday", "session", "group", "starts", "ends"}),
                  frozenset({"kind", "slot", "staff", "rooms", "valid_from", "valid_to"}))
EXPECTED = Shape("expected", frozenset({"date", "session", "group", "starts", "ends"}),
                 frozenset({"kind", "slot", "staff", "cover", "rooms", "required", "not_required_reason"}))


class MissingColumns(BadInput):
    """The header does not hold the columns that are needed."""


def plain(name: str) -> str:
    """A column's name as it is compared: case, spaces and hyphens do not matter."""
    return re.sub(r"[\s_-]+", "_", name.strip().casefold())


def positions(header: Sequence[str], shape: Shape) -> dict[str, int]:
    """Where each documented column stands in ``header``; case, spaces and hyphens do not matter, other columns are left alone.

    Raises MissingColumns naming what is missing or stands twice. It never quotes the header: where a file has none, its
    first line is a child's.
    """
    found: dict[str, int] = {}
    twice = set()
    for position, name in enumerate(map(plain, header)):
        if name in shape.required or name in shape.optional or shape.contacts and _CONTACT_COLUMN.fullmatch(name):
            if name in found:
                twice.add(name)
            found.setdefault(name, position)
    optional = {"session"} if {"kind", "slot"} <= found.keys() else set()      # lessons alone have a label of their own
    if missing := sorted(shape.required - found.keys() - optional):
        raise MissingColumns(f"the column{'s' if len(missing) > 1 else ''} {', '.join(missing)} of {shape.name} "
                             f"{'are' if len(missing) > 1 else 'is'} missing: add {'them' if len(missing) > 1 else 'it'} to the "
                             "first line (docs/registers-csv.md lists the columns)")
    if twice:
        raise MissingColumns(f"the column{'s' if len(twice) > 1 else ''} {', '.join(sorted(twice))} of {shape.name} stand"
                             f"{'' if len(twice) > 1 else 's'} twice in the first line: keep one")
    return found


def contract(place: str, header: Sequence[str], where: dict[str, int], shape: Shape) -> Columns:
    """What a header gives of the documented columns. Its own other names are told: with the needed columns in it, it is a header."""
    documented = shape.required | shape.optional
    return Columns(place, tuple(sorted(where)), tuple(sorted(documented - where.keys())), tuple(
        name for name in header if name.strip() and plain(name) not in documented and plain(name) not in where
        and not (shape.contacts and _CONTACT_COLUMN.fullmatch(plain(name)))))


def matched(header: Sequence[str], shape: Shape) -> int:
    """How many different documented columns ``header`` holds."""
    return len({name for name in map(plain, header)
                if name in shape.required or name in shape.optional or shape.contacts and _CONTACT_COLUMN.fullmatch(name)})


def contact_columns(where: dict[str, int]) -> list[tuple[int, dict[str, int]]]:
    """The numbered contacts of a header: [(1, {"name": 7, "email": 8}), ...] in order of their number."""
    numbered: dict[int, dict[str, int]] = {}
    for name, position in where.items():
        if match := _CONTACT_COLUMN.fullmatch(name):
            numbered.setdefault(int(match[1]), {})[match[2]] = position
    return sorted(numbered.items())
