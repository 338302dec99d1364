"""From a vendor's records to registers: every record is a row, accepted or quarantined, by the same rules as a file's."""

import json
from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from cme import clock
from cme.sources.gather import Gathering
from cme.sources.http_api import Record
from cme.sources.source import BadRow, Pupil
from cme.sources.values import Unreadable, unfit

WHOLE_SCHOOL = "roll call"       # the group of a register that the source keeps for the whole school
_YES = {"yes", "y", "true", "t", "1"}
_COLUMNS = ("date", "kind", "session", "slot", "group", "pupil_id", "mark", "minutes_late", "note", "taken_at", "taken")
_WHERE = {name: position for position, name in enumerate(_COLUMNS)}


class ApiRows:
    """Gathers the marks of one endpoint. ``place`` is the endpoint's name, as it stands in quarantine."""

    def __init__(self, place: str, wanted: Collection[date] | None, zone: ZoneInfo = clock.LONDON) -> None:
        self.found = Gathering(place, _WHERE, wanted, zone)

    def add(self, record: Record, cells: Callable[[Record], dict[str, str]]) -> None:
        """One record: what ``cells`` makes of it, or, where it raises Unreadable, a row in quarantine with the record as it came."""
        raw, name = raw_of(record), name_of(record)
        try:
            given = cells(record)
        except Unreadable as reason:
            return self.found.fault(name, str(reason), raw)
        row = [given.get(column, "") for column in _COLUMNS]
        if fault := unfit(row):
            return self.found.fault(name, fault, raw)
        self.found.row(name, row, raw)


class ApiPupils:
    """Gathers the pupils of one endpoint, with what could not be read."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.bad: list[BadRow] = []
        self.read = 0
        self._pupils: dict[str, Pupil] = {}

    def add(self, record: Record, pupil: Callable[[Record], Pupil]) -> None:
        """One record; the same pupil again with other details is quarantined, because which is right is not guessed."""
        self.read += 1
        try:
            found = pupil(record)
            if unfit([found.mis_id, found.forename, found.surname, found.upn, found.group]):
                raise Unreadable("a field holds bytes that are no text: correct it in the school's system")
            if self._pupils.setdefault(found.mis_id, found) != found:
                raise Unreadable("the same pupil came again with other details: keep one")
        except Unreadable as reason:
            self.bad.append(BadRow(self.place, name_of(record), str(reason), raw_of(record)))

    @property
    def accepted(self) -> int:
        return self.read - len(self.bad)

    def pupils(self) -> tuple[Pupil, ...]:
        return tuple(self._pupils[mis_id] for mis_id in sorted(self._pupils))


def raw_of(record: Any) -> str:
    """A record as it is kept in quarantine: the JSON as it came."""
    return json.dumps(record, ensure_ascii=False, sort_keys=True, default=str).replace("\\u0000", "").encode("utf-8", "replace").decode()


def name_of(record: Record) -> str | None:
    """What the vendor calls a record, so that a person finds it there: its id, the end of its address, or the pupil whose it is."""
    found = text_of(record.get("id")) or text_of(record.get("href")).rsplit("/", 1)[-1] or text_of(record.get("studentId"))
    return "".join(letter for letter in found if letter.isprintable())[:60] or None


def text_of(value: Any) -> str:
    """A plain value of JSON as text, without the spaces that some vendors pad with; empty for none."""
    if value is None or isinstance(value, (dict, list)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).strip()


def moment_of(value: Any, zone: ZoneInfo, what: str) -> datetime | None:
    """A moment as a UTC instant: ISO text, "2026-11-23 09:04:00", or an object with "date" and, if given, "timezone".

    Without an offset or zone of its own it is the wall clock of ``zone``. Raises Unreadable.
    """
    if isinstance(value, dict):
        named = text_of(value.get("timezone"))
        try:
            zone = ZoneInfo(named) if named else zone
        except (KeyError, ValueError, OSError):
            raise Unreadable(f"the {what} names a time zone that is not known: look at the source's documentation") from None
        value = value.get("date")
    text = text_of(value)
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise Unreadable(f"the {what} is no moment such as 2026-11-23 09:04:00: correct it in the school's system") from None


def day_of(value: Any, zone: ZoneInfo, what: str) -> date | None:
    """A day: 2026-11-23, or a moment, which is then the day it falls on in ``zone``'s clock. Raises Unreadable."""
    text = text_of(value)
    if len(text) == 10:
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise Unreadable(f"the {what} is no day such as 2026-11-23: correct it in the school's system") from None
    found = moment_of(value, zone, what)
    return found.astimezone(zone).date() if found else None


def keys_of(record: Record) -> str:
    """The names of a record's fields, for a sentence that says what came in place of what was needed; never a value."""
    return ", ".join(sorted(str(key)[:40] for key in record)) or "none"


def may_be_written_to(responsibility: Any, court_order: Any = None) -> bool:
    """Whether a machine may write to a contact: only where the source says yes to parental responsibility and no court order.

    What a source does not say is never guessed: a person then decides whether and how to ring.
    """
    return text_of(responsibility).casefold() in _YES and text_of(court_order).casefold() not in _YES


def flags(looked_after: str, provision: str) -> tuple[str, ...]:
    """The flags of a pupil by what a vendor says of care and of special educational needs (E: an education, health and care plan)."""
    found = {"looked after": looked_after.casefold() in _YES,
             "EHCP": provision.casefold() == "e" or "ehc" in provision.casefold() or "education, health" in provision.casefold()}
    return tuple(sorted(flag for flag, holds in found.items() if holds))


def year_so_far() -> tuple[date, ...]:
    """Every day of the academic year until today."""
    today = clock.today()
    first = date(today.year if today.month >= 9 else today.year - 1, 9, 1)
    return tuple(first + timedelta(days=n) for n in range((today - first).days + 1))
