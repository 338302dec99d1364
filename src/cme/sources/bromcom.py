"""Bromcom's Partner API v2: the statutory marks of each week, and the pupils with their contacts. Never run against a live school.

Built from the public client bromcom-essentials-dotnet (MIT). The feed has no time of its own and no status of a register, so
lateness is judged by what was seen and when, if at all. A refusal comes as HTTP 200 with ``success: false``.
"""

from collections.abc import Callable, Iterable
from datetime import date, timedelta

from cme import clock
from cme.errors import Misconfigured, Transient
from cme.sources.api_rows import WHOLE_SCHOOL, ApiPupils, ApiRows, day_of, flags, keys_of, may_be_written_to, name_of, raw_of, text_of, year_so_far
from cme.sources.gather import in_order
from cme.sources.http_api import Api, Patience, Record, numbered_pages
from cme.sources.source import FRESH, Contact, Pulled, Pupil, TimeSemantics
from cme.sources.values import Unreadable

_WEEK, _PUPILS = "v2/StudentAttendanceByWeek", "v2/StudentFlatView"
_CELLS = [(f"{day}{session}", offset, session)
          for offset, day in enumerate(("mon", "tue", "wed", "thu", "fri")) for session in ("AM", "PM")]
_NOTHING = {"", "-"}
_CONTACT = ("Name", "Relationship", "Email", "Telephone", "ParentalResponsibility")


class BromcomSource:
    """A school at Bromcom. ``secret`` is asked at each request, so that a renewed one is found."""

    zone = clock.LONDON

    def __init__(self, base: str, school: str, application: str, secret: Callable[[], str], *, name: str = "bromcom",
                 patience: Patience = Patience()) -> None:
        if not (school.isascii() and school.isdigit()):
            raise Misconfigured(f"the school of source {name!r} is a number at Bromcom: correct CME_REGISTERS_API_SCHOOL")
        self.name, self.time_semantics, self.freshness = name, TimeSemantics.OBSERVED, FRESH
        self._base, self._school, self._patience = base, school, patience
        self._headers = lambda: {"ApplicationId": application, "ApplicationSecret": secret()}

    def pull(self, days: Iterable[date] | None) -> Pulled:
        """The sessions of ``days`` (None: since the first of September), with the pupils. Raises Transient or Misconfigured."""
        wanted = tuple(sorted(set(days))) if days is not None else None
        if wanted == ():
            return Pulled(days=())
        with Api(self._base, self.name, self._headers, self._patience) as api:
            pupils = self._pupils(api)
            rows = ApiRows(_WEEK, wanted, self.zone)
            asked = wanted if wanted is not None else year_so_far()
            for monday in sorted({day - timedelta(days=day.weekday()) for day in asked}):
                for record in self._all(api, _WEEK, f"startDate<='{monday}T12:00:00' and endDate>='{monday}T12:00:00'"):
                    self._week(rows, record, monday)
            note = api.clock_note
        found = rows.found
        notes, gaps = [note] if note else [], []
        if not found.read and any(day.isoweekday() < 6 for day in asked):
            gaps.append("the source gave no mark at all for the days asked for: is it a holiday, or is a right missing?")
        return Pulled(registers=in_order(found.documents().values()), pupils=pupils.pupils(), bad_rows=(*found.bad, *pupils.bad),
                      rows_read=found.read + pupils.read, rows_accepted=found.accepted + pupils.accepted, notes=tuple(notes), gaps=tuple(gaps), days=wanted,
                      whole=frozenset(scope for scope in found.whole(asked) if scope[1] == "session") if found.read else frozenset(),
                      places=((_WEEK, True), (_PUPILS, True)))

    def _all(self, api: Api, entity: str, where: str) -> list[Record]:
        def page(number: int) -> list[Record]:
            answer = api.get(entity, {"schoolId": self._school, "entityFilter": f"{where}{{page:{number}}}"})
            if answer.get("success") is not True:
                raise Transient(f"source {self.name!r} says that {entity} did not succeed: the next pull tries again; if it goes "
                                "on, look at the rights of the application at Bromcom")
            if not isinstance(answer.get("data"), list) or not all(isinstance(record, dict) for record in answer["data"]):
                raise Misconfigured(f"source {self.name!r} gave no list of data for {entity}: look at its documentation")
            return list(answer["data"])

        return numbered_pages(page, 0, raw_of, self.name)

    def _pupils(self, api: Api) -> ApiPupils:
        found = ApiPupils(_PUPILS)
        for record in self._all(api, _PUPILS, ""):
            found.add(record, _pupil)
        if not found.accepted:
            raise Misconfigured(f"source {self.name!r} gave no pupil at all: correct CME_REGISTERS_API_SCHOOL or _URL (another region "
                                "gives nothing), or have the right to read pupils given. Nothing is taken for absence")
        return found

    def _week(self, rows: ApiRows, record: Record, monday: date) -> None:
        """A row of ten cells. An empty cell of a day to come is no register yet."""
        if not any(name in record for name, *_ in _named(record)):
            rows.found.fault(name_of(record), f"the record holds no session such as monAM; it holds {keys_of(record)}", raw_of(record))
            return
        for field, offset, session in _named(record):
            day = monday + timedelta(days=offset)
            if not (text_of(record.get(field)) in _NOTHING and day > clock.today()):
                rows.add(record, lambda r, d=day, s=session, f=field: {      # type: ignore[misc]
                    "date": d.isoformat(), "session": s, "group": WHOLE_SCHOOL, "pupil_id": text_of(r.get("studentId")),
                    "mark": text_of(r.get(f))})


def _named(record: Record) -> list[tuple[str, int, str]]:
    """The ten cells by the names they have in the record, whatever their case."""
    own = {str(name).casefold(): str(name) for name in record}
    return [(own.get(name.casefold(), name), offset, session) for name, offset, session in _CELLS]


def _pupil(record: Record) -> Pupil:
    fields = {name: text_of(value) for name, value in record.items()}
    if not (mis_id := fields.get("studentId", "")):
        raise Unreadable(f"the pupil has no studentId; the record holds {keys_of(record)}")
    contacts = tuple(Contact(own["Name"], own["Relationship"], n, own["Email"], own["Telephone"],
                             do_not_contact=not may_be_written_to(own["ParentalResponsibility"]))
                     for n in (1, 2, 3)
                     for own in [{part: fields.get(f"contact{n}{part}", "") for part in _CONTACT}]
                     if own["Name"] or own["Email"] or own["Telephone"])
    given = {"forename": fields.get("preferredFirstName") or fields.get("firstName"),
             "surname": fields.get("preferredLastName") or fields.get("lastName"),
             "upn": fields.get("upn"), "year_group": fields.get("yearGroup"), "group": fields.get("tutorGroupName"),
             "sex": fields.get("genderCode"), "born": day_of(record.get("dateOfBirth"), clock.LONDON, "dateOfBirth")}
    known = {name: value for name, value in given.items() if value}
    if contacts or any(name.startswith("contact1") for name in record):
        known["contacts"] = contacts      # type: ignore[assignment]
    if fields.get("inCareFlag"):
        known["flags"] = flags(looked_after=fields["inCareFlag"], provision=fields.get("provisionName", ""))      # type: ignore[assignment]
    return Pupil(mis_id, given=frozenset(known), **known)      # type: ignore[arg-type]
