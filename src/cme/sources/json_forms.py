"""Lists of records whose fields are known: XoD's marks and students, SIF UK's marks. Never seen from a live school.

XoD's fields are those of its own description of the interface and of recorded answers (TeamSatchel/xod_client, MIT); SIF's are those of the
published model SIF UK 2.0. Neither says when a register was taken: SIF's RecordTimestamp moves with each correction, so only a column
map may name it as taken_at, beside CME_REGISTERS_TIMES=last_saved.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cme import clock
from cme.sources.api_rows import WHOLE_SCHOOL, moment_of, text_of
from cme.sources.values import Unreadable

_MARKS = ("date", "kind", "session", "slot", "group", "pupil_id", "mark", "minutes_late", "note")
_PUPILS = ("pupil_id", "forename", "surname", "date_of_birth", "sex", "upn", "year_group", "group", "admitted", "left", "address", "postcode",
           "flags")


@dataclass(frozen=True)
class Form:
    """``columns`` are the documented columns that a record gives; ``cells`` gives them, or raises Unreadable."""

    columns: tuple[str, ...]
    cells: Callable[[dict[str, Any]], dict[str, str]]


def _xod_mark(record: dict[str, Any]) -> dict[str, str]:
    kind = {"S": "session", "L": "lesson"}.get(text_of(record.get("Type")))
    if kind is None:
        raise Unreadable("the Type is neither S (session) nor L (lesson): look at the export")
    found = {"date": text_of(record.get("Date")), "kind": kind, "pupil_id": text_of(record.get("StudentId")), "mark": text_of(record.get("Mark")),
             "minutes_late": text_of(record.get("MinsLate")), "note": text_of(record.get("Notes"))}
    if kind == "session":
        return {**found, "session": text_of(record.get("Session")), "group": WHOLE_SCHOOL}
    return {**found, "slot": text_of(record.get("InstanceId")), "group": "lesson"}        # the mark names no group; the occurrence is its own


def _xod_student(record: dict[str, Any]) -> dict[str, str]:
    names = {"pupil_id": "Id", "forename": "Forename", "surname": "Surname", "date_of_birth": "DateofBirth", "sex": "Gender", "upn": "UPN",
             "year_group": "YearGroup", "group": "RegGroup", "admitted": "EntryDate", "left": "LeavingDate", "postcode": "PostCode"}
    found = {name: text_of(record.get(field)) for name, field in names.items()}
    cared_for = "looked after" if text_of(record.get("InLeaCare")) in ("1", "yes") else ""
    return {**found, "year_group": found["year_group"].removeprefix("Year").strip(), "flags": cared_for,
            "address": ", ".join(filter(None, map(str.strip, text_of(record.get("AddressBlock")).splitlines())))}


def _sif_mark(record: dict[str, Any]) -> dict[str, str]:
    domain, starts = text_of(record.get("AttendanceDomain")).casefold(), text_of(record.get("StartTime"))
    kind = "session" if domain.startswith("sess") else "lesson" if domain.startswith("less") else ""
    if not kind:
        raise Unreadable("the AttendanceDomain is neither session nor lesson: only these two are registers")
    group = text_of(record.get("SchoolGroupRefId"))
    found = {"date": text_of(record.get("AttendanceDate")), "kind": kind, "mark": text_of(record.get("AttendanceCode")),
             "pupil_id": text_of(record.get("@LearnerPersonalRefId") or record.get("LearnerPersonalRefId")),
             "note": text_of(record.get("AttendanceNote"))}
    if kind == "session":
        return {**found, "session": text_of(record.get("Session")), "group": group or WHOLE_SCHOOL}
    return {**found, "slot": " ".join(filter(None, (starts[:5], text_of(record.get("SessionLabel"))))), "group": group}


FORMS: dict[str, dict[str, Form]] = {
    "registers": {"AttendMarks": Form(_MARKS, _xod_mark), "LearnerAttendance": Form(_MARKS, _sif_mark),
                  "LearnerAttendances": Form(_MARKS, _sif_mark)},
    "pupils": {"Students": Form(_PUPILS, _xod_student)},
}
KNOWN = frozenset(name for forms in FORMS.values() for name in forms)


def newest(records: list[Any]) -> tuple[list[Any], int]:
    """SIF's rule: of the records of one RefId that with the latest timestamp counts. Where two of them cannot be told apart both stay."""
    stamped = [(_reference(record), _stamp(record)) for record in records]
    latest: dict[str, datetime] = {}
    for name, at in stamped:
        if name and at is not None:
            latest[name] = max(at, latest.get(name, at))
    kept = [record for record, (name, at) in zip(records, stamped, strict=True) if at is None or not name or at == latest[name]]
    return kept, len(records) - len(kept)


def _reference(record: Any) -> str:
    return text_of(record.get("@RefId") or record.get("RefId")) if isinstance(record, dict) else ""


def _stamp(record: Any) -> datetime | None:
    try:
        return moment_of(record.get("RecordTimestamp"), clock.LONDON, "RecordTimestamp") if isinstance(record, dict) else None
    except Unreadable:
        return None
