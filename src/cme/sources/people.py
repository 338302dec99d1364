"""Pupils, contacts and staff from rows of files or queries.

What a source does not give stays as it was: ``Pupil.given`` names the fields it gives. A contact row that cannot be read
makes its pupil's contacts not given, so that no known contact ends because of a slip of the pen.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from cme.sources.columns import PROFESSIONAL_COLUMNS, PROFESSIONALS, contact_columns
from cme.sources.source import BadRow, Contact, Professional, Pupil, Staff
from cme.sources.values import Days, Unreadable, identifier, many, optional_day, whole, yes

_FIELD = {"date_of_birth": "born"}                       # columns whose field in Pupil has another name
DAYS = ("date_of_birth", "admitted", "left")
REGISTRATIONS = ("sole", "dual-main", "dual-subsidiary", "guest")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri")
SESSIONS_OF_A_WEEK = tuple(f"{day}{session}" for day in _WEEKDAYS for session in ("AM", "PM"))


class PupilColumns:
    """Reads the pupil's own columns of a row, where they stand in ``where``."""

    def __init__(self, where: dict[str, int], names: frozenset[str], days: Days) -> None:
        self._texts = [(name, position) for name, position in where.items() if name in names - PROFESSIONAL_COLUMNS]
        self._professionals = {name: position for name, position in where.items() if name in names & PROFESSIONAL_COLUMNS}
        self._contacts = contact_columns(where)
        self._days = days
        self.positions = tuple(position for _, position in self._texts) + tuple(self._professionals.values()) + tuple(
            position for _, columns in self._contacts for position in columns.values())

    def cells_of(self, cells: Sequence[str]) -> tuple[str, ...]:
        """The cells that say something of the pupil: the same cells give the same pupil."""
        return tuple([cells[position] for position in self.positions])

    def read(self, cells: Sequence[str], *, filled_only: bool = False) -> dict[str, Any]:
        """The fields of Pupil that the row gives. Raises Unreadable.

        In a row of pupils an empty cell says that there is nothing; with ``filled_only`` (a row of marks) it says nothing.
        """
        found: dict[str, Any] = {}
        for name, position in self._texts:
            text = cells[position].strip()
            if filled_only and not text:
                continue
            if name in DAYS:
                found[_FIELD.get(name, name)] = optional_day(self._days, text, name)
            elif name == "flags":
                found[name] = tuple(sorted(set(many(text))))
            elif name == "registration":
                found[name] = _registration(text)
            elif name == "expected_pattern":
                found[name] = _pattern(text)
            else:
                found[name] = text
        if self._professionals:
            professionals = professionals_of(lambda name: cells[self._professionals[name]].strip() if name in self._professionals else "")
            if professionals or not filled_only:
                found["professionals"] = professionals
        if self._contacts:
            contacts = tuple(contact for number, columns in self._contacts
                             if (contact := self._contact(cells, number, columns)) is not None)
            if contacts or not filled_only:
                found["contacts"] = contacts
        return found

    def _contact(self, cells: Sequence[str], number: int, columns: dict[str, int]) -> Contact | None:
        text = {name: cells[position].strip() for name, position in columns.items()}
        if not (text.get("name") or text.get("email") or text.get("telephone")):
            return None
        return contact_of(lambda name: text.get(name, ""), number, f"contact_{number}_")


def contact_of(text: Callable[[str], str], priority: int, column: str = "") -> Contact:
    """A contact from the cells that ``text`` gives by name. Raises Unreadable: a flag that stops contact is never guessed."""
    responsibility = text("parental_responsibility")
    return Contact(text("name"), text("relationship"), priority, text("email"), text("telephone"), text("language") or "en",
                   yes(text("do_not_contact"), f"{column}do_not_contact"), yes(text("court_order"), f"{column}court_order"),
                   bool(responsibility) and not yes(responsibility, f"{column}parental_responsibility"),
                   yes(text("interpreter"), f"{column}interpreter"))


def professionals_of(text: Callable[[str], str]) -> tuple[Professional, ...]:
    """The social worker, youth justice worker and virtual school of a pupil, as far as the cells name them."""
    found = (Professional(role, *(text(f"{key}_{what}") for what in ("name", "email", "telephone"))) for key, role in PROFESSIONALS.items())
    return tuple(one for one in found if one.name or one.email or one.telephone)


def _registration(text: str) -> str:
    word = "-".join(text.casefold().split()) or "sole"
    if word not in REGISTRATIONS:
        raise Unreadable(f"the registration is none of {', '.join(REGISTRATIONS)}: correct it")
    return word


def _pattern(text: str) -> str:
    by_name = {name.casefold(): name for name in SESSIONS_OF_A_WEEK}
    found = {by_name.get(word) for word in text.casefold().replace(";", " ").replace("|", " ").split()}
    if None in found:
        raise Unreadable("the expected_pattern is not a list such as MonAM MonPM TueAM: correct it, "
                         "or leave it empty for every session")
    return " ".join(name for name in SESSIONS_OF_A_WEEK if name in found)


class People:
    """Gathers the people of one pull; ``pupils`` and ``staff`` give them at the end."""

    def __init__(self) -> None:
        self.bad: list[BadRow] = []
        self.read = self.accepted = 0
        self._pupils: dict[str, dict[str, Any]] = {}
        self._lines: dict[str, tuple[str, int | None, str]] = {}
        self._contacts: dict[str, list[Contact]] = {}
        self._contacts_given = False
        self._doubtful: set[str] = set()            # pupils with a contact row that could not be read
        self._staff: dict[str, Staff] = {}

    def fault(self, where: str, line: int | None, reason: str, raw: str) -> None:
        """Put a row into quarantine."""
        self.read += 1
        self.bad.append(BadRow(where, line, reason, raw))

    def pupil(self, columns: PupilColumns, where: dict[str, int], cells: Sequence[str], place: str, line: int | None,
              raw: str) -> None:
        """One row of pupils. Two different rows of one pupil are both quarantined: which is right is not guessed."""
        try:
            mis_id = identifier(cells[where["pupil_id"]])
            fields = columns.read(cells)
        except Unreadable as reason:
            return self.fault(place, line, str(reason), raw)
        known = self._pupils.get(mis_id)
        if known is not None and known != fields:
            if mis_id in self._lines:
                first = self._lines.pop(mis_id)
                self.accepted -= 1
                self.read -= 1
                self.fault(*first[:2], "the same pupil stands here again with other details: keep one row", first[2])
                self._pupils[mis_id] = {}
            return self.fault(place, line, "the same pupil stands here again with other details: keep one row", raw)
        self.read += 1
        self.accepted += 1
        if known is None:
            self._pupils[mis_id], self._lines[mis_id] = fields, (place, line, raw)

    def details(self, mis_id: str, fields: dict[str, Any]) -> None:
        """What a register's row says of its pupil; a row of pupils says more."""
        self._pupils[mis_id] = {**fields, **self._pupils.get(mis_id, {})}

    def contact(self, where: dict[str, int], cells: Sequence[str], place: str, line: int | None, raw: str) -> None:
        """One row of contacts."""
        def text(name: str) -> str:
            return cells[where[name]].strip() if name in where else ""

        self._contacts_given = True
        mis_id = ""
        try:
            mis_id = identifier(text("pupil_id"))
            contacts = self._contacts.setdefault(mis_id, [])
            priority = whole(text("priority"), "priority", 1, 99) if text("priority") else len(contacts) + 1
            if not (text("name") or text("email") or text("telephone")):
                raise Unreadable("the contact has neither name, e-mail nor telephone: complete or delete the row")
            contacts.append(contact_of(text, priority))
        except Unreadable as reason:
            self._doubtful.add(mis_id)
            return self.fault(place, line, str(reason), raw)
        self.read += 1
        self.accepted += 1

    def doubt_contacts(self) -> None:
        """The contacts as a whole could not be read: none is given."""
        self._contacts_given = False
        self._contacts.clear()

    def staff_row(self, where: dict[str, int], cells: Sequence[str], place: str, line: int | None, raw: str) -> None:
        """One row of staff."""
        def text(name: str) -> str:
            return cells[where[name]].strip() if name in where else ""

        try:
            code = identifier(text("staff_code"), "staff_code")
        except Unreadable as reason:
            return self.fault(place, line, str(reason), raw)
        found = Staff(code, text("name"), text("email"))
        if self._staff.setdefault(code, found) != found:
            return self.fault(place, line, "the same staff code stands here twice with other details: keep one row", raw)
        self.read += 1
        self.accepted += 1

    def pupils(self) -> tuple[Pupil, ...]:
        """The pupils with their contacts, in order of their identifiers."""
        found = []
        for mis_id in sorted(self._pupils.keys() | self._contacts.keys()):
            fields = dict(self._pupils.get(mis_id, {}))
            if self._contacts_given:
                fields["contacts"] = tuple(sorted(dict.fromkeys(self._contacts.get(mis_id, ())), key=lambda c: c.priority))
            if mis_id in self._doubtful:
                fields.pop("contacts", None)
            found.append(Pupil(mis_id, given=frozenset(fields), **fields))
        return tuple(found)

    def staff(self) -> tuple[Staff, ...]:
        """The staff in order of their codes."""
        return tuple(self._staff[code] for code in sorted(self._staff))

    def expected_on(self, day: date, session: str, group: str) -> bool | None:
        """Whether a pupil of ``group`` is expected in that session; None where no pupil of the group is known at all."""
        own = [fields for fields in self._pupils.values() if fields.get("group") == group]
        if not own:
            return None
        label = f"{_WEEKDAYS[day.isoweekday() - 1]}{session}" if day.isoweekday() < 6 else ""
        return any((not f.get("admitted") or f["admitted"] <= day) and (not f.get("left") or day <= f["left"])
                   and (not f.get("expected_pattern") or label in f["expected_pattern"].split()) for f in own)
