"""Arbor, Wonde and Bromcom as their public clients describe them, holding the one small school."""

import re
from datetime import timedelta
from typing import Any

from cme.sources.arbor_people import ROOTS
from tests.sources.one_school import MARKS, MONDAY, PUPILS
from tests.sources.stub_server import Reply, Stub, basic, between

CODES = sorted({code for code in MARKS.values() if code})


class ArborStub(Stub):
    """``GET /rest-v2/<resource>`` with filters and pages, and the log of changes."""

    def __init__(self) -> None:
        super().__init__()
        self.user, self.page_cap, self.revision = "app", 2, 100
        self.ignores_pages = False
        self.changes: list[dict[str, Any]] = []
        ref = self.ref
        self.rows: dict[str, list[dict[str, Any]]] = {
            **{name: [] for name in ROOTS},
            "persons": [{"href": f"/rest-v2/persons/{n}", "preferredFirstName": f, "legalLastName": s, "dateOfBirth": "2012-03-04"}
                        for n, (f, s) in PUPILS.items()],
            "students": [{"href": f"/rest-v2/students/{n}", "person": ref("Person", "persons", n)} for n in PUPILS],
            "attendance-marks": [{"href": f"/rest-v2/attendance-marks/{n}", "code": "WORD", "attendanceMark": code} for n, code in enumerate(CODES)],
            "attendance-roll-calls": [{"href": "/rest-v2/attendance-roll-calls/1", "name": "AM Roll Call"},
                                      {"href": "/rest-v2/attendance-roll-calls/2", "name": "Afternoon registration", "shortName": "PM"}],
            "attendance-roll-call-records": [
                {"href": f"/rest-v2/attendance-roll-call-records/{n}", "recordDate": {"entityType": "date", "date": f"{day} 00:00:00"},
                 "attendanceRollCall": ref("AttendanceRollCall", "attendance-roll-calls", 1 if session == "AM" else 2),
                 "student": ref("Student", "students", pupil),
                 "attendanceMark": ref("AttendanceMark", "attendance-marks", CODES.index(code)) if code else None}
                for n, ((day, session, pupil), code) in enumerate(MARKS.items(), 1)],
            "sessions": [{"href": f"/rest-v2/sessions/{n}", "startDatetime": f"{MONDAY} {at}:00", "endDatetime": f"{MONDAY} {to}:00",
                          "academicUnit": {**ref("AcademicUnit", "academic-units", n), "displayName": group}, "isSuspended": suspended,
                          "attendanceRegisterType": ref("AttendanceRegisterType", "attendance-register-types", 1) if kept else None}
                         for n, at, to, group, suspended, kept in ((1, "08:50", "09:10", "7A/Ma", False, True), (2, "09:10", "10:10", "7A/En", False, True),
                                                                   (3, "09:10", "10:10", "7B/En", True, True), (4, "08:30", "08:40", "Briefing", False, False))],
            "attendance-registers": [{"href": "/rest-v2/attendance-registers/7", "event": ref("Session", "sessions", 1),
                                      "openedDatetime": f"{MONDAY} 08:51:00", "completedDatetime": f"{MONDAY} 08:57:30"},
                                     {"href": "/rest-v2/attendance-registers/8", "event": ref("Session", "sessions", 2),
                                      "openedDatetime": f"{MONDAY} 09:12:00", "completedDatetime": None}],
            "attendance-records": [{"href": f"/rest-v2/attendance-records/{n}", "attendanceRegister": ref("AttendanceRegister", "attendance-registers", r),
                                    "student": ref("Student", "students", pupil), "startDatetime": f"{MONDAY} {at}:00", "isRedundant": redundant,
                                    "attendanceMark": ref("AttendanceMark", "attendance-marks", CODES.index(code))}
                                   for n, r, pupil, at, code, redundant in ((1, 7, "12", "08:50", "/", False), (2, 7, "13", "08:50", "N", False),
                                                                            (3, 7, "13", "08:50", "L", True), (4, 8, "12", "09:10", "/", False))]}

    @staticmethod
    def ref(kind: str, resource: str, number: object) -> dict[str, Any]:
        return {"entityType": kind, "href": f"/rest-v2/{resource}/{number}"}

    def allows(self, headers: dict[str, str]) -> bool:
        return headers.get("Authorization") == basic(self.user, self.secret)

    def answer(self, path: str, query: dict[str, str], headers: dict[str, str]) -> Reply:
        _, _, resource, *rest = path.split("/")
        root = resource.split("-")[0] + "".join(word.title() for word in resource.split("-")[1:])
        if rest == ["changelog"]:
            return Reply(body={"changes": [c for c in self.changes if c["toRevision"] > int(query["from-revision"])]})
        if rest:
            found = [row for row in self.rows[resource] if row["href"] == path]
            return Reply(body={root[:-1]: found[0]}) if found else Reply(404)
        filters = {name.split(".")[1] for name in query if name.startswith("filters.")}
        rows = [row for row in self.rows[resource]
                if all(between(v["date"] if isinstance(v := row.get(name), dict) else str(v), query, name) for name in filters)]
        size = min(int(query["page-size"]), self.page_cap)
        first = 0 if self.ignores_pages else (int(query["page-number"]) - 1) * size
        return Reply(body={"revisionId": self.revision, root: rows if self.ignores_pages else rows[first:first + size],
                           "response": {"code": 200}})


class WondeStub(Stub):
    """``GET /v1.0/schools/{id}/<endpoint>`` with includes, addresses of the next page, deletions and updated_after."""

    def __init__(self) -> None:
        super().__init__()
        self.per_page = 2
        self.deleted: list[dict[str, Any]] = []
        self.rows: dict[str, list[dict[str, Any]]] = {
            "attendance-codes/": [{"id": f"C{n}", "code": code} for n, code in enumerate(CODES)],
            "students/": [{"id": n, "forename": f, "surname": s, "date_of_birth": {"date": "2012-03-04 00:00:00.000000", "timezone_type": 3, "timezone": "UTC"},
                           "education_details": {"data": {"upn": f"Z99999999{n}00", "current_nc_year": "9", "leaving_date": None,
                                                          "admission_date": {"date": "2026-09-02 00:00:00.000000", "timezone_type": 3, "timezone": "UTC"}}},
                           "extended_details": {"data": {"in_lea_care": n == "13", "sen_status": "E" if n == "14" else "K"}},
                           "contacts": {"data": [{"forename": "A.", "surname": s, "relationship": {"data": {"priority": 1, "parental_responsibility": n == "12"}},
                                                  "contact_details": {"data": {"emails": {"email": f"p{n}@home.example"}, "phones": {"home": "0121 496 0101"}}}}]}}
                          for n, (f, s) in PUPILS.items()],
            "students-leaver/": [],
            "attendance/session/": [
                {"id": f"M{n}", "date": {"date": f"{day} 00:00:00.000000", "timezone_type": 3, "timezone": "Europe/London"}, "session": session,
                 "student": {"data": {"id": pupil}}, "attendance_code": self.code(code), "comment": None,
                 "updated_at": {"date": f"{day + timedelta(hours=0)} 18:00:00.000000", "timezone_type": 3, "timezone": "UTC"}}
                for n, ((day, session, pupil), code) in enumerate(MARKS.items(), 1)]}

    @staticmethod
    def code(code: str) -> dict[str, Any]:
        return {"data": {"id": f"C{CODES.index(code)}", "code": code} if code else {"id": "", "code": "-"}}

    def allows(self, headers: dict[str, str]) -> bool:
        return headers.get("Authorization") == f"Bearer {self.secret}"

    def answer(self, path: str, query: dict[str, str], headers: dict[str, str]) -> Reply:
        endpoint = path.removeprefix("/v1.0/schools/A1234567890/")
        rows = self.deleted if endpoint == "deletions/" else self.rows.get(endpoint)
        if rows is None:
            return Reply(404)
        after = query.get("updated_after", "")
        rows = [row for row in rows if "updated_at" not in row or row["updated_at"]["date"] > after]
        page = int(query.get("page", "1"))
        held = rows[(page - 1) * self.per_page:page * self.per_page]
        more = page * self.per_page < len(rows)
        following = f"{self.url}{path}?page={page + 1}" + (f"&updated_after={after.replace(' ', '%20')}" if after else "")
        return Reply(body={"data": held, "meta": {"pagination": {"next": following if more else None, "previous": None, "more": more,
                                                                "per_page": str(self.per_page), "current_page": page}}})


class BromcomStub(Stub):
    """``GET /v2/<Entity>?schoolId=&entityFilter=...{page:0}``: padded texts, and a refusal that comes as HTTP 200."""

    def __init__(self) -> None:
        super().__init__()
        self.page_size = 2
        self.pupils = [{"studentId": int(n), "firstName": f + "   ", "lastName": s, "inCareFlag": "True" if n == "13" else "False", "tutorGroupName": "7A  ", "dateOfBirth": "2012-03-04T00:00:00",
                        "contact1Name": "A. " + s, "contact1Email": f"p{n}@home.example", "contact1ParentalResponsibility": "Yes" if n == "12" else None}
                       for n, (f, s) in PUPILS.items()]
        self.weeks: dict[str, list[dict[str, Any]]] = {}
        for (day, session, pupil), code in MARKS.items():
            monday = str(day - timedelta(days=day.weekday()))
            rows = self.weeks.setdefault(monday, [])
            row = next((r for r in rows if r["studentId"] == int(pupil)), None)
            if row is None:
                rows.append(row := {"studentId": int(pupil), **{f"{d}{s}": None for d in ("mon", "tue", "wed", "thu", "fri") for s in ("AM", "PM")}})
            row[f"{day:%a}{session}"[:1].lower() + f"{day:%a}{session}"[1:]] = f"{code} " if code else None

    def allows(self, headers: dict[str, str]) -> bool:
        return (headers.get("ApplicationId"), headers.get("ApplicationSecret")) == ("app", self.secret)

    def answer(self, path: str, query: dict[str, str], headers: dict[str, str]) -> Reply:
        wanted = re.search(r"startDate<='([\d-]+)T", query["entityFilter"])
        rows = self.pupils if path.endswith("/StudentFlatView") else self.weeks.get(wanted[1] if wanted else "", [])
        page = int(re.search(r"\{page:(\d+)\}", query["entityFilter"])[1])      # type: ignore[index]
        if query["schoolId"] != "77":
            return Reply(body={"success": False, "data": None})
        return Reply(body={"success": True, "data": rows[page * self.page_size:(page + 1) * self.page_size]})
