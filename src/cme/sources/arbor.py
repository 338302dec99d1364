"""Arbor's REST interface: statutory roll calls, and the lesson registers of the last day with the time they were completed.

Never run against a live school. Built from the resources and fields of Arbor's own SDK (MIT): attendance-roll-call-records are the
statutory AM and PM marks, attendance-registers say when a lesson's register was completed. Whether that time moves when a register
is taken again, and which zone times without an offset are in, is not documented: CME_REGISTERS_ZONE says the latter.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from cme import clock
from cme.errors import Misconfigured
from cme.sources.api_rows import WHOLE_SCHOOL, ApiPupils, ApiRows, day_of, name_of, raw_of, text_of, year_so_far
from cme.sources.arbor_people import ROOTS, ArborPeople
from cme.sources.arbor_records import Lesson, expected_of, lesson_cells, lesson_of, pupil_of, reference, roll_call_cells, session_of
from cme.sources.gather import in_order
from cme.sources.http_api import Api, Patience, Record, numbered_pages
from cme.sources.source import FRESH, BadRow, Pulled, TimeSemantics
from cme.sources.values import Unreadable

_ROLL_CALL, _RECORDS, _PUPILS, _LESSONS = "attendance-roll-call-records", "attendance-records", "students", "sessions"
_ROOT = {_ROLL_CALL: "attendanceRollCallRecords", _RECORDS: "attendanceRecords", _PUPILS: "students", "persons": "persons",
         _LESSONS: "sessions", "attendance-registers": "attendanceRegisters", "attendance-marks": "attendanceMarks",
         "attendance-roll-calls": "attendanceRollCalls", **ROOTS}
_PAGE = 500
_MOST_CHANGES = 200             # more than so many changed marks are read day by day rather than one by one


@dataclass
class _School:
    """What the marks refer to, by address."""

    codes: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)       # roll call -> AM or PM


class ArborSource:
    """A school at Arbor. ``cursor`` is what the last pull gave (``Pulled.cursor``); without it every day asked for is read."""

    def __init__(self, base: str, user: str, password: Callable[[], str], *, name: str = "arbor", zone: ZoneInfo = clock.LONDON,
                 patience: Patience = Patience(), cursor: Mapping[str, str] = MappingProxyType({})) -> None:
        self.name, self.time_semantics, self.freshness, self.zone = name, TimeSemantics.FIRST_COMPLETED, FRESH, zone
        self._base, self._patience, self._cursor = base, patience, cursor
        self._headers = lambda: {"Authorization": _basic(user, password())}
        self._revision: int | None = None

    def pull(self, days: Iterable[date] | None) -> Pulled:
        """The roll calls of ``days`` (None: since the first of September) and the lessons of their last. Of the days before it only
        those are read again on which, by Arbor's log of changes, something changed since the last pull.

        Raises Transient or Misconfigured."""
        wanted = tuple(sorted(set(days))) if days is not None else None
        if wanted == ():
            return Pulled(days=())
        self._revision = None
        with Api(self._base, self.name, self._headers, self._patience) as api:
            pupils, persons = self._pupils(api)
            revision = self._revision
            school = _School({reference(r): text_of(r.get("attendanceMark")) or text_of(r.get("code"))
                              for r in self._all(api, "attendance-marks")},
                             {reference(r): session_of(r) for r in self._all(api, "attendance-roll-calls")})
            read = self._days_to_read(api, wanted) if wanted is not None else year_so_far()
            sessions = ApiRows(_ROLL_CALL, read, self.zone)
            for first, last in _runs(read):
                for record in self._all(api, _ROLL_CALL, self._between("recordDate", first, last)):
                    sessions.add(record, lambda r: roll_call_cells(r, school.codes, school.sessions, WHOLE_SCHOOL))
            last = read[-1]
            lessons, lost = self._lessons(api, last)
            marks = ApiRows(_RECORDS, {last}, self.zone)
            for record in self._all(api, _RECORDS, self._between("startDatetime", last, last)):
                if record.get("isRedundant") is not True:              # Arbor's own word for a mark that another has replaced
                    marks.add(record, lambda r: lesson_cells(r, school.codes, lessons, self.zone, api.clock_note == ""))
            people = ArborPeople(lambda resource, filters: self._all(api, resource, filters), lambda href: self._covered(api, href), self.zone)
            teaching = people.teaching(last, self._between("coverStartDatetime", last, last))
            daily = read == wanted or wanted is None         # once a day, as the whole window is
            told, staff = (people.told_of(pupils.pupils(), persons), people.staff(persons)) if daily else (pupils.pupils(), ())
            notes = [*filter(None, [api.clock_note]), *dict.fromkeys(people.notes)]
        return replace(self._pulled(wanted, read, sessions, marks, lessons, lost, pupils, revision), notes=tuple(notes), pupils=told, staff=staff,
                       expected=expected_of(lessons, last, teaching.leads, teaching.covers))

    def _pulled(self, wanted: tuple[date, ...] | None, read: tuple[date, ...], sessions: ApiRows, marks: ApiRows,
                lessons: dict[str, Lesson], lost: list[BadRow], pupils: ApiPupils, revision: int | None) -> Pulled:
        found, taught, last = sessions.found, marks.found, read[-1]
        gaps = []
        if not found.read and any(day.isoweekday() < 6 for day in read):
            gaps.append("the source gave no roll call at all for the days asked for: is it a holiday, or is a right missing?")
        whole = {s for s in found.whole(read) if s[1] == "session"} if found.read else set()
        whole |= {s for s in taught.whole((last,)) if s[1] == "lesson"} if taught.read and not lost else set()
        read_whole = wanted is None or read == wanted
        since = {"whole": clock.today().isoformat(), "from": read[0].isoformat()} if read_whole else {
            name: self._cursor.get(name, "") for name in ("whole", "from")}
        cursor = {"revision": str(revision), **since} if revision is not None else {}
        documents = in_order([*found.documents().values(), *taught.documents().values()])
        return Pulled(registers=documents, bad_rows=(*found.bad, *taught.bad, *pupils.bad, *lost),
                      rows_read=found.read + taught.read + pupils.read + len(lost),
                      rows_accepted=found.accepted + taught.accepted + pupils.accepted, gaps=tuple(gaps), days=wanted,
                      whole=frozenset(whole), expected_whole=frozenset({last}) if lessons and not lost else frozenset(), cursor=cursor,
                      places=((_PUPILS, True), *(((_ROLL_CALL, True),) if read_whole else ())))

    def _days_to_read(self, api: Api, wanted: tuple[date, ...]) -> tuple[date, ...]:
        """Of the days asked for the last one, and those on which a mark changed; all of them once a day, after a deletion, and
        wherever the log of changes cannot be trusted."""
        revision = self._cursor.get("revision", "")
        if not revision.isdigit() or self._cursor.get("whole") != clock.today().isoformat() \
                or wanted[0].isoformat() < self._cursor.get("from", "9"):
            return wanted
        changes = api.get(f"rest-v2/{_ROLL_CALL}/changelog", {"from-revision": revision}).get("changes")
        if not isinstance(changes, list) or len(changes) > _MOST_CHANGES:
            return wanted
        days = {wanted[-1]}
        for change in changes:
            changed = change.get("changedObject") if isinstance(change, dict) else None
            href = text_of(changed.get("href")) if isinstance(changed, dict) else ""
            if not href.startswith(f"/rest-v2/{_ROLL_CALL}/") or change.get("changeType") not in ("create", "update"):
                return wanted
            record = self._answer(api, href.lstrip("/"), {}).get("attendanceRollCallRecord")
            try:
                day = day_of(record.get("recordDate"), self.zone, "recordDate") if isinstance(record, dict) else None
            except Unreadable:
                day = None
            if day is None:
                return wanted
            days.add(day)
        return tuple(sorted(days & set(wanted)))

    def _lessons(self, api: Api, day: date) -> tuple[dict[str, Lesson], list[BadRow]]:
        """The lessons of a day by the address of their register and of the lesson itself, and those that cannot be read."""
        found: dict[str, Lesson] = {}
        lost: list[BadRow] = []
        for record in self._all(api, _LESSONS, self._between("startDatetime", day, day)):
            try:
                lesson = lesson_of(record, self.zone)
                found[lesson.address] = lesson
            except Unreadable as reason:
                lost.append(BadRow(_LESSONS, name_of(record), str(reason), raw_of(record), day))
        for record in self._all(api, "attendance-registers", self._between("openedDatetime", day, day)):
            event = reference(record.get("event"))
            if event in found:
                found[reference(record)] = found[event].with_register(record, self.zone)
        return found, lost

    def _covered(self, api: Api, href: str) -> Record:
        """What an agreed cover was required for; nothing where that cannot be had."""
        if not href.startswith("/rest-v2/cover-requirements/"):
            return {}
        try:
            found = self._answer(api, href.lstrip("/"), {}).get("coverRequirement")
        except Misconfigured:
            return {}
        return found if isinstance(found, dict) else {}

    def _pupils(self, api: Api) -> tuple[ApiPupils, dict[str, Record]]:
        persons = {reference(record): record for record in self._all(api, "persons")}
        found = ApiPupils(_PUPILS)
        for record in self._all(api, _PUPILS):
            found.add(record, lambda r: pupil_of(r, persons, self.zone))
        if not found.accepted:
            raise Misconfigured(f"source {self.name!r} gave no pupil at all: correct CME_REGISTERS_API_URL (another region gives nothing), "
                                "or have the right to read students given. Nothing is taken for absence")
        return found, persons

    @staticmethod
    def _between(name: str, first: date, last: date) -> dict[str, str]:
        return {f"filters.{name}.from": f"{first} 00:00:00", f"filters.{name}.to": f"{last} 23:59:59"}

    def _all(self, api: Api, resource: str, filters: Mapping[str, str] = MappingProxyType({})) -> list[Record]:
        def page(number: int) -> list[Record]:
            answer = self._answer(api, f"rest-v2/{resource}", {**filters, "page-number": str(number), "page-size": str(_PAGE)})
            records = answer.get(_ROOT[resource])
            if not isinstance(records, list) or not all(isinstance(record, dict) and reference(record) for record in records):
                raise Misconfigured(f"source {self.name!r} gave no list of {_ROOT[resource]}: look at its documentation")
            return records

        return numbered_pages(page, 1, reference, self.name)

    def _answer(self, api: Api, path: str, params: Mapping[str, str]) -> Record:
        """The answer, unless its body says no: Arbor's own code counts before that of HTTP."""
        answer = api.get(path, params)
        said = answer.get("response")
        code = text_of(said.get("code")) if isinstance(said, dict) else ""
        if code.isdigit():
            api.refuse_code(int(code), path)
        if isinstance(said, dict) and (said.get("errors") or said.get("success") is False):
            raise Misconfigured(f"source {self.name!r} refuses {path} with an error of its own: look at the rights of its login")
        revision = text_of(answer.get("revisionId"))
        if self._revision is None and revision.isdigit():
            self._revision = int(revision)       # of the first answer: what changes while we read comes again next time
        return answer


def _basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def _runs(days: Iterable[date]) -> list[tuple[date, date]]:
    """Days as runs from the first to the last, so that each run is one question; a weekend parts none."""
    found: list[tuple[date, date]] = []
    for day in sorted(days):
        if found and day - found[-1][1] <= timedelta(days=3):
            found[-1] = found[-1][0], day
        else:
            found.append((day, day))
    return found
