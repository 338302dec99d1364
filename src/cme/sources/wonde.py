"""Wonde: absence only, from every system that Wonde reads. Never run against a live school.

Wonde itself reads the school's system every two to four hours, so it cannot say when a register was taken, and this source refuses
to judge lateness. The names of the endpoints are those of Wonde's own clients; the fields of a mark are not published, so the
reading is tolerant, and a record that lacks what is needed is quarantined as it came, with the names of the fields it has. The days of
admission and leaving, and who is in care, are read by the names that public programs give these fields; without the right Wonde gives null.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

from cme import clock
from cme.errors import Misconfigured, Transient
from cme.sources.api_rows import (WHOLE_SCHOOL, ApiPupils, ApiRows, day_of, flags, keys_of, may_be_written_to, moment_of, text_of,
                                  year_so_far)
from cme.sources.gather import in_order
from cme.sources.http_api import Api, Patience, Record
from cme.sources.source import Answer, Contact, Pulled, Pupil, TimeSemantics
from cme.sources.values import Unreadable

_MARKS, _PUPILS, _LEAVERS, _CODES, _DELETED = "attendance/session/", "students/", "students-leaver/", "attendance-codes/", "deletions/"
_INCLUDED = "education_details,extended_details,contacts.contact_details"
_UPDATED = "%Y-%m-%d %H:%M:%S"
_OVERLAP = timedelta(days=1)            # read again before what was read last: records come in hours after they were made
_WHOLE_EVERY = timedelta(days=7)        # a whole reading is due at least so often, so that what was deleted shows


class WondeSource:
    """A school at Wonde. ``cursor`` is what the last pull gave (``Pulled.cursor``); without it everything is read."""

    zone = clock.LONDON

    def __init__(self, base: str, school: str, token: Callable[[], str], *, name: str = "wonde", patience: Patience = Patience(),
                 cursor: Mapping[str, str] = MappingProxyType({})) -> None:
        if not (school.isascii() and school.isalnum()):
            raise Misconfigured(f"the school of source {name!r} is letters and digits at Wonde (A1234567890): correct "
                                "CME_REGISTERS_API_SCHOOL")
        self.name, self.time_semantics, self.freshness = name, TimeSemantics.NONE, timedelta(hours=4)
        self._base, self._school, self._patience, self._cursor = base, f"v1.0/schools/{school}", patience, cursor
        self._headers = lambda: {"Authorization": f"Bearer {token()}"}
        self._answers: list[Answer] = []

    def pull(self, days: Iterable[date] | None) -> Pulled:
        """What has changed since the last pull, of whatever day; all there is when ``days`` is None, on the first pull, once a week,
        and when Wonde says that something was deleted. Raises Transient or Misconfigured."""
        wanted = tuple(sorted(set(days))) if days is not None else None
        if wanted == ():
            return Pulled(days=())
        self._answers.clear()
        with Api(self._base, self.name, self._headers, self._patience) as api:
            since, deleted = self._since(api, everything=wanted is None)
            codes = {text_of(record.get("id")): text_of(record.get("code")) for record in self._all(api, _CODES, {})}
            pupils = self._pupils(api)
            leavers, notes = self._leavers(api, pupils)
            rows, newest = ApiRows(_MARKS, None, self.zone), since
            for record in self._all(api, _MARKS, {"updated_after": (since - _OVERLAP).strftime(_UPDATED)} if since else {}):
                rows.add(record, lambda r: _cells(r, codes))
                newest = _later(newest, record)
        found, today = rows.found, clock.today()
        documents = in_order(found.documents().values())
        gaps = []
        if since is None and not found.read:
            gaps.append("the source gave no mark at all: has it the right to read attendance? Nothing is taken for absence")
        cursor = {} if newest is None else {"updated": newest.strftime(_UPDATED), "deleted": deleted, "leavers": today.isoformat(),
                                            "whole": self._cursor.get("whole", "") if since else today.isoformat()}
        return Pulled(registers=documents if since is None else tuple(replace(document, complete=False) for document in documents),
                      pupils=(*pupils.pupils(), *leavers.pupils()), bad_rows=(*found.bad, *pupils.bad, *leavers.bad), as_of=newest,
                      rows_read=found.read + pupils.read + leavers.read, rows_accepted=found.accepted + pupils.accepted + leavers.accepted,
                      notes=tuple(notes), gaps=tuple(gaps), days=wanted, answers=tuple(self._answers),
                      whole=frozenset(s for s in found.whole({d.local_date for d in documents})
                                      if s[1] == "session" and since is None),
                      places=((_PUPILS, True), *(((_LEAVERS, True),) if leavers.read else ()), *(((_MARKS, True),) if since is None else ())),
                      cursor=cursor)

    def _since(self, api: Api, *, everything: bool) -> tuple[datetime | None, str]:
        """From when on records are asked for (None: all are), and which deletions were told of by now."""
        updated, whole = self._cursor.get("updated"), self._cursor.get("whole")
        if not updated or not whole:
            return None, ""
        since = datetime.strptime(updated, _UPDATED).replace(tzinfo=timezone.utc)
        told = self._all(api, _DELETED, {"updated_after": (since - _OVERLAP).strftime(_UPDATED)})
        deleted = {text_of(record.get("id")) for record in told
                   if "attend" in text_of(record.get("type") or record.get("model") or "attendance").casefold()}     # unsaid: it may be
        new = deleted - set(self._cursor.get("deleted", "").split())
        due = clock.today() - date.fromisoformat(whole) >= _WHOLE_EVERY
        return None if everything or new or due else since, " ".join(sorted(deleted))

    def _all(self, api: Api, endpoint: str, params: Mapping[str, str]) -> list[Record]:
        """Every record of an endpoint, along the addresses that the envelope gives."""
        found: list[Record] = []
        visited: set[str] = set()
        answer = api.get(f"{self._school}/{endpoint}", params)
        while True:
            self._answers.append(Answer(endpoint, api.body.decode("utf-8", "replace")))
            data, meta = answer.get("data"), answer.get("meta")
            if not isinstance(data, list) or not all(isinstance(record, dict) for record in data):
                raise Misconfigured(f"source {self.name!r} gave no list of data for {endpoint}; the answer holds {keys_of(answer)}")
            found += data
            paging = meta.get("pagination") if isinstance(meta, dict) else None
            paging = paging if isinstance(paging, dict) else {}
            following = text_of(paging.get("next"))
            if not following:
                if paging.get("more") is True:
                    raise Transient(f"source {self.name!r} says that {endpoint} has more pages and not where: it is tried again")
                return found
            if following in visited:
                raise Transient(f"source {self.name!r} sends the pages of {endpoint} round in a circle: it is tried again")
            visited.add(following)
            answer = api.get(endpoint, next_url=following)

    def _pupils(self, api: Api) -> ApiPupils:
        found = ApiPupils(_PUPILS)
        for record in self._all(api, _PUPILS, {"include": _INCLUDED}):
            found.add(record, _pupil)
        if not found.accepted:
            raise Misconfigured(f"source {self.name!r} gave no pupil at all: the wrong region gives nothing (correct CME_REGISTERS_API_URL), "
                                "or the right to read pupils is missing. Nothing is taken for absence")
        return found

    def _leavers(self, api: Api, pupils: ApiPupils) -> tuple[ApiPupils, list[str]]:
        """Once a day, who has left in this academic year and is not among the pupils any more; a list that may not be read is said."""
        found, today = ApiPupils(_LEAVERS), clock.today()
        if self._cursor.get("leavers") == today.isoformat():
            return found, []
        try:
            records = self._all(api, _LEAVERS, {"include": _INCLUDED})
        except Misconfigured as reason:
            return found, [f"who has left could not be read, so what is known of it stays: {reason}"]
        on_roll, first = {pupil.mis_id for pupil in pupils.pupils()}, year_so_far()[0]
        for record in records:
            if text_of(record.get("id")) not in on_roll and not _left_before(record, first):
                found.add(record, _pupil)
        return found, []


def _inner(value: Any) -> Any:
    """What an include holds: ``{"data": {...}}`` as ``{...}``."""
    return value["data"] if isinstance(value, dict) and "data" in value else value


def _needed(record: Record, *names: str) -> Any:
    """The first of the fields that holds anything. Raises Unreadable: it is not there, or there is no right to read it."""
    there = [name for name in names if name in record]
    for name in there:
        if (value := _inner(record[name])) not in (None, ""):
            return value
    if there:
        raise Unreadable(f"the field {there[0]} is empty: has the school given Wonde the right to read it?")
    raise Unreadable(f"the record has none of the fields {', '.join(names)}; it holds {keys_of(record)}")


def _cells(record: Record, codes: Mapping[str, str]) -> dict[str, str]:
    pupil = _needed(record, "student", "student_id")
    session = _inner(record.get("session"))
    return {"date": _day(record), "session": text_of(session.get("name") if isinstance(session, dict) else session),
            "group": WHOLE_SCHOOL,
            "pupil_id": text_of(pupil.get("id") if isinstance(pupil, dict) else pupil), "mark": _code(record, codes),
            "minutes_late": text_of(record.get("minutes_late")), "note": text_of(record.get("comment"))}


def _day(record: Record) -> str:
    found = day_of(_needed(record, "date"), clock.LONDON, "date")
    return found.isoformat() if found else ""


def _code(record: Record, codes: Mapping[str, str]) -> str:
    value = _needed(record, "attendance_code", "attendance_code_id", "code")
    if isinstance(value, dict):
        return text_of(value.get("code")) or _known(text_of(value.get("id")), codes)
    return _known(text_of(value), codes) if text_of(value) in codes or "attendance_code" not in record else text_of(value)


def _known(number: str, codes: Mapping[str, str]) -> str:
    if not codes.get(number):
        raise Unreadable("the mark names a code that attendance-codes does not hold: look at the rights that Wonde was given")
    return codes[number]


def _later(newest: datetime | None, record: Record) -> datetime | None:
    try:
        updated = moment_of(record.get("updated_at") or record.get("created_at"), timezone.utc, "updated_at")      # type: ignore[arg-type]
    except Unreadable:
        return newest
    return max(newest, updated) if newest and updated else updated or newest


def _pupil(record: Record) -> Pupil:
    if not (mis_id := text_of(record.get("id"))):
        raise Unreadable(f"the pupil has no id; the record holds {keys_of(record)}")
    education, extended = _details(record, "education_details"), _details(record, "extended_details")
    known: dict[str, Any] = {
        "forename": text_of(record.get("forename")), "surname": text_of(record.get("surname")), "upn": text_of(education.get("upn")),
        "sex": text_of(record.get("gender")), "year_group": text_of(education.get("current_nc_year")),
        "born": day_of(record.get("date_of_birth"), clock.LONDON, "date_of_birth"),
        "admitted": day_of(education.get("admission_date"), clock.LONDON, "admission_date")}
    known = {name: value for name, value in known.items() if value}
    left = day_of(education.get("leaving_date"), clock.LONDON, "leaving_date")
    if left or "admitted" in known:             # who may read the one may read the other: null then says that the pupil has not left
        known["left"] = left
    if extended.get("in_lea_care") is not None:
        known["flags"] = flags(looked_after=text_of(extended["in_lea_care"]), provision=text_of(extended.get("sen_status")))
    contacts = _inner(record.get("contacts"))
    if isinstance(contacts, list) and all(isinstance(one, dict) for one in contacts):
        known["contacts"] = tuple(_contact(one, number) for number, one in enumerate(contacts, 1))
    return Pupil(mis_id, given=frozenset(known), **known)


def _details(record: Record, name: str) -> Record:
    """What an include of a single object holds; nothing where it is not there."""
    found = _inner(record.get(name))
    return found if isinstance(found, dict) else {}


def _left_before(record: Record, first: date) -> bool:
    try:
        left = day_of(_details(record, "education_details").get("leaving_date"), clock.LONDON, "leaving_date")
    except Unreadable:
        return False
    return left is None or left < first


def _contact(record: Record, number: int) -> Contact:
    details, relation = _details(record, "contact_details"), _details(record, "relationship")
    priority = text_of(relation.get("priority"))
    name = " ".join(filter(None, (text_of(record.get("forename")), text_of(record.get("surname")))))
    return Contact(name, text_of(relation.get("relationship")),
                   int(priority) if priority.isascii() and priority.isdigit() and 0 < int(priority) < 100 else number,
                   _first(details.get("emails")), _first(details.get("phones")),
                   do_not_contact=not may_be_written_to(relation.get("parental_responsibility"), relation.get("court_order")))


def _first(kinds: Any) -> str:
    """The first address or number of an object such as {"emails": {"email": ..., "home": ...}}."""
    kinds = _inner(kinds)
    return next((text_of(value) for value in kinds.values() if text_of(value)), "") if isinstance(kinds, dict) else ""
