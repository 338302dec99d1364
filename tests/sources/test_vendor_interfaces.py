"""What goes wrong between a school and its vendor's interface: busy, expired, cut off, empty, sorry with HTTP 200."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cme.errors import Misconfigured, Transient
from cme.sources.arbor import ArborSource
from cme.sources.bromcom import BromcomSource
from cme.sources.http_api import Patience
from cme.sources.source import Contact, Pulled, Pupil, Source, TimeSemantics
from cme.sources.wonde import WondeSource
from tests.sources.one_school import FRIDAY, MARKS, MONDAY, NAMES
from tests.sources.stub_server import Reply, Stub, cut_off, truncated
from tests.sources.vendor_stubs import ArborStub, BromcomStub, WondeStub

KINDS = {"arbor": (ArborStub, "attendance-roll-call-records"), "wonde": (WondeStub, "attendance/session/"),
         "bromcom": (BromcomStub, "StudentAttendanceByWeek")}


class Vendor:
    """A stub, the source that reads it, and how long the source was told to wait."""

    def __init__(self, kind: str, stub: Any) -> None:
        self.kind, self.stub, self.marks = kind, stub, KINDS[kind][1]
        self.waits: list[float] = []
        self.secret: Callable[[], str] = lambda: "open-sesame"

    def source(self, **more: Any) -> Source:
        patience = Patience(sleep=self.waits.append, timeout=5)
        if self.kind == "arbor":
            return ArborSource(self.stub.url, "app", lambda: self.secret(), patience=patience, **more)
        if self.kind == "wonde":
            return WondeSource(self.stub.url, "A1234567890", lambda: self.secret(), patience=patience, **more)
        return BromcomSource(self.stub.url, "77", "app", lambda: self.secret(), patience=patience, **more)

    def pull(self) -> Pulled:
        return self.source().pull([FRIDAY, MONDAY])


@pytest.fixture(params=list(KINDS))
def vendor(request: pytest.FixtureRequest) -> Iterator[Vendor]:
    with KINDS[request.param][0]() as stub:
        yield Vendor(request.param, stub)


@pytest.fixture
def arbor() -> Iterator[ArborStub]:
    with ArborStub() as stub:
        yield stub


@pytest.fixture
def wonde() -> Iterator[WondeStub]:
    with WondeStub() as stub:
        yield stub


@pytest.fixture
def bromcom() -> Iterator[BromcomStub]:
    with BromcomStub() as stub:
        yield stub


def entered(pulled: Pulled) -> int:
    return sum(bool(m.code.strip("-")) for r in pulled.registers if r.kind == "session" for m in r.marks)


ALL = sum(bool(code) for code in MARKS.values())


def test_a_busy_source_is_asked_again_after_the_time_it_asks_for(vendor: Vendor) -> None:
    vendor.stub.plan += [(vendor.marks, Reply(429, headers={"Retry-After": "7"})), (vendor.marks, Reply(503))]
    assert entered(vendor.pull()) == ALL and vendor.waits == [7.0, 2.0]


def test_a_source_that_asks_for_an_hour_is_left_alone(vendor: Vendor) -> None:
    vendor.stub.plan.append((vendor.marks, Reply(429, headers={"Retry-After": "3600"})))
    with pytest.raises(Transient, match="3600 seconds") as refused:
        vendor.pull()
    assert not isinstance(refused.value, Misconfigured) and vendor.waits == []


def test_a_date_in_retry_after_is_understood(vendor: Vendor) -> None:
    vendor.stub.plan.append((vendor.marks, Reply(429, headers={"Retry-After": "Mon, 23 Nov 2026 09:30:20 GMT"})))
    assert entered(vendor.pull()) == ALL and vendor.waits == [20.0]


def test_a_source_that_stays_broken_is_tried_again_by_the_next_pull(vendor: Vendor) -> None:
    vendor.stub.plan += [(vendor.marks, Reply(500, {"message": NAMES[0]}))] * 4
    with pytest.raises(Transient) as refused:
        vendor.pull()
    assert not isinstance(refused.value, Misconfigured) and vendor.waits == [1.0, 2.0, 4.0] and NAMES[0] not in str(refused.value)


@pytest.mark.parametrize("fault", [truncated, cut_off])
def test_an_answer_that_breaks_off_is_asked_for_again(vendor: Vendor, fault: Callable[[Reply], Reply]) -> None:
    vendor.stub.plan.append((vendor.marks, fault))
    assert entered(vendor.pull()) == ALL and vendor.waits == [1.0]


def test_one_endpoint_that_fails_brings_nothing_rather_than_half(vendor: Vendor) -> None:
    vendor.stub.plan += [(vendor.marks, lambda own: own), *[(vendor.marks, Reply(502))] * 9]
    with pytest.raises(Transient):
        vendor.pull()


def test_a_token_that_runs_out_is_renewed_once(vendor: Vendor) -> None:
    tokens = iter(["old", *["new"] * 99])
    vendor.secret = lambda: next(tokens)
    vendor.stub.secret = "new"
    assert entered(vendor.pull()) == ALL and vendor.waits == []


def test_a_token_that_is_wrong_is_a_matter_for_a_person_and_not_hammered(vendor: Vendor) -> None:
    vendor.stub.secret = "another"
    with pytest.raises(Misconfigured, match="correct the login or secret") as refused:
        vendor.pull()
    assert len(vendor.stub.asked) == 2 and "open-sesame" not in str(refused.value)


@pytest.mark.parametrize(("status", "sentence"), [(403, "have the right given"), (404, "does not know"), (422, "correct the settings"),
                                                  (302, "correct the settings")])
def test_a_refusal_is_a_matter_for_a_person(vendor: Vendor, status: int, sentence: str) -> None:
    vendor.stub.plan.append((vendor.marks, Reply(status, {"error": NAMES[0]}, {"Location": "http://127.0.0.1:1/elsewhere"})))
    with pytest.raises(Misconfigured, match=sentence) as refused:
        vendor.pull()
    assert NAMES[0] not in str(refused.value) and vendor.waits == []


def test_a_web_page_in_place_of_data_is_a_matter_for_a_person(vendor: Vendor) -> None:
    vendor.stub.plan.append((vendor.marks, Reply(200, b"<html>Please sign in</html>", {"Content-Type": "text/html"})))
    with pytest.raises(Misconfigured, match="web page"):
        vendor.pull()


@pytest.mark.parametrize("body", [b"[]", b"null", b"{}", b'{"data": {"a": 1}}', b'"x"'])
def test_another_shape_than_documented_is_a_matter_for_a_person(vendor: Vendor, body: bytes) -> None:
    vendor.stub.plan.append((vendor.marks, Reply(200, body)))
    with pytest.raises(Transient):
        vendor.pull()


def test_the_wrong_region_is_empty_and_never_taken_for_absence(vendor: Vendor) -> None:
    if vendor.kind == "bromcom":
        vendor.stub.pupils, vendor.stub.weeks = [], {}
    else:
        vendor.stub.rows = {name: [] for name in vendor.stub.rows}
    with pytest.raises(Misconfigured, match="Nothing is taken for absence"):
        vendor.pull()


def test_pupils_without_any_mark_are_suspicious_and_take_nothing_back(vendor: Vendor) -> None:
    if vendor.kind == "bromcom":
        vendor.stub.weeks = {}
    else:
        vendor.stub.rows[vendor.marks] = []
    pulled = vendor.pull()
    assert "no " in pulled.gaps[0] and not [scope for scope in pulled.whole if scope[1] == "session"] and pulled.pupils


def test_a_page_that_comes_twice_neither_doubles_nor_hides_a_mark(vendor: Vendor) -> None:
    held: list[Reply] = []

    def keep(own: Reply) -> Reply:
        held.append(own)
        return own

    if vendor.kind == "wonde":      # the address of the next page leads; the records of the first come again in the second
        vendor.stub.plan += [(vendor.marks, keep), (vendor.marks, lambda own: replace(own, body={**own.body, "data": [
            *held[0].body["data"], *own.body["data"]]}))]
    else:
        vendor.stub.plan += [(vendor.marks, keep), (vendor.marks, lambda own: held[0])]
    if vendor.kind == "wonde":
        assert entered(vendor.pull()) == ALL
    else:                           # the first page came in the place of the second, which nobody saw
        with pytest.raises(Transient, match="the same page twice"):
            vendor.pull()


def test_neither_a_secret_nor_a_name_reaches_a_log(vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        vendor.pull()
        vendor.stub.plan += [(vendor.marks, Reply(403, {"pupil": NAMES[0]}))]
        with pytest.raises(Misconfigured) as refused:
            vendor.pull()
    told = caplog.text + repr(refused.value) + repr(refused.value.__cause__)
    assert not [word for word in [*NAMES, "open-sesame", "YXBwOm9wZW4"] if word in told]


def test_a_source_whose_clock_is_wrong_says_so(vendor: Vendor) -> None:
    vendor.stub.now += timedelta(minutes=7)
    pulled = vendor.pull()
    if vendor.kind != "wonde":      # which judges no lateness anyway
        assert "420 seconds ahead" in pulled.notes[0]
    assert all(register.taken_at is None for register in pulled.registers)


@pytest.mark.parametrize("address", ["http://mis.school.example", "ftp://127.0.0.1", "https://user:hush@mis.school.example", "mis.school.example",
                                     "https://mis.school.example/?key=hush", "http://127.0.0.1.mis.example", "http://[", ""])
def test_a_secret_is_sent_by_https_or_on_this_machine_only(address: str) -> None:
    with pytest.raises(Misconfigured, match="must begin with https://") as refused:
        ArborSource(address, "app", lambda: "open-sesame").pull([MONDAY])
    assert "hush" not in str(refused.value)


def test_a_secret_that_no_header_can_carry_is_a_matter_for_a_person_and_not_repeated(vendor: Vendor) -> None:
    vendor.secret = lambda: "open\nsesame\u20ac"
    if vendor.kind != "arbor":      # where it travels encoded
        with pytest.raises(Misconfigured) as refused:
            vendor.pull()
        assert "sesame" not in str(refused.value)


# Arbor

def test_lessons_of_the_last_day_say_when_their_register_was_completed(arbor: ArborStub) -> None:
    source = ArborSource(arbor.url, "app", lambda: "open-sesame")
    pulled = source.pull([FRIDAY, MONDAY])
    lessons = {r.group: r for r in pulled.registers if r.kind == "lesson"}
    assert lessons["7A/Ma"].taken_at == datetime(2026, 11, 23, 8, 57, 30, tzinfo=timezone.utc) and lessons["7A/Ma"].taken is True
    assert [m.code for m in lessons["7A/Ma"].marks] == ["/", "N"]          # Arbor's own word: the other mark is redundant
    assert lessons["7A/En"].taken_at is None and lessons["7A/En"].taken is False
    assert {(e.group, e.required, e.not_required_reason) for e in pulled.expected} == {
        ("7A/Ma", True, ""), ("7A/En", True, ""), ("7B/En", False, "the lesson is suspended"), ("Briefing", False, "no register is kept for it")}
    assert {e.slot for e in pulled.expected if e.group == "7A/Ma"} == {lessons["7A/Ma"].slot}
    assert source.time_semantics is TimeSemantics.FIRST_COMPLETED


def test_times_without_an_offset_are_read_in_the_zone_that_the_settings_say(arbor: ArborStub) -> None:
    arbor.rows["attendance-registers"][0]["completedDatetime"] = {"entityType": "date", "date": "2026-11-23 08:57:30"}
    pulled = ArborSource(arbor.url, "app", lambda: "open-sesame", zone=ZoneInfo("Asia/Hong_Kong")).pull([MONDAY])
    assert next(r.taken_at for r in pulled.registers if r.taken) == datetime(2026, 11, 23, 0, 57, 30, tzinfo=timezone.utc)


def test_a_server_that_gives_smaller_pages_than_asked_for_or_none_loses_no_mark(arbor: ArborStub) -> None:
    arbor.page_cap = 1
    assert entered(ArborSource(arbor.url, "app", lambda: "open-sesame").pull([FRIDAY, MONDAY])) == ALL
    arbor.ignores_pages = True
    assert entered(ArborSource(arbor.url, "app", lambda: "open-sesame").pull([FRIDAY, MONDAY])) == ALL


def test_an_error_in_the_body_counts_before_the_code_of_http(arbor: ArborStub) -> None:
    for code, fate in ((403, Misconfigured), (500, Transient)):
        arbor.plan.append(("students", Reply(200, {"response": {"code": code, "reason": NAMES[0], "errors": [{"message": NAMES[1]}]}})))
        with pytest.raises(fate) as refused:
            ArborSource(arbor.url, "app", lambda: "open-sesame").pull([MONDAY])
        assert NAMES[0] not in str(refused.value) and (fate is Misconfigured) == isinstance(refused.value, Misconfigured)


def change(kind: str, number: int, revision: int) -> dict[str, Any]:
    return {"changedObject": ArborStub.ref("AttendanceRollCallRecord", "attendance-roll-call-records", number), "changeType": kind,
            "fromRevision": revision - 1, "toRevision": revision}


def days_asked(stub: Stub) -> list[str]:
    return [query["filters.recordDate.from"][:10] for path, query, _ in stub.asked if path.endswith("roll-call-records") and query.get("page-number") == "1"]


def test_with_a_cursor_only_today_and_the_days_with_changes_are_read_again(arbor: ArborStub) -> None:
    def source(cursor: Any) -> ArborSource:
        arbor.asked.clear()
        return ArborSource(arbor.url, "app", lambda: "open-sesame", cursor=cursor)

    thursday = FRIDAY - timedelta(days=1)
    first = source({}).pull([thursday, FRIDAY, MONDAY])
    assert first.cursor == {"revision": "100", "whole": "2026-11-23", "from": str(thursday)} and days_asked(arbor) == [str(thursday)]
    arbor.revision = 101
    quiet = source(first.cursor).pull([thursday, FRIDAY, MONDAY])
    assert days_asked(arbor) == [str(MONDAY)] and quiet.cursor == {**first.cursor, "revision": "101"}
    assert quiet.whole and {day for day, _ in quiet.whole} == {MONDAY}
    arbor.changes.append(change("update", 1, 102))
    changed = source(quiet.cursor).pull([thursday, FRIDAY, MONDAY])
    assert {r.local_date for r in changed.registers} == {FRIDAY, MONDAY} and entered(changed) == ALL
    arbor.changes.append(change("delete", 1, 103))
    source(quiet.cursor).pull([thursday, FRIDAY, MONDAY])
    assert days_asked(arbor) == [str(thursday)]          # what was deleted is not told, so all days are read
    source({**quiet.cursor, "revision": "103", "whole": "2026-11-20"}).pull([thursday, FRIDAY, MONDAY])
    assert days_asked(arbor) == [str(thursday)]          # once a day everything
    source({**quiet.cursor, "revision": "103", "from": str(FRIDAY)}).pull([thursday, FRIDAY, MONDAY])
    assert days_asked(arbor) == [str(thursday)]          # and whenever more days are asked for than were read


def test_a_mark_whose_code_is_not_told_is_quarantined_as_it_came(arbor: ArborStub) -> None:
    arbor.rows["attendance-marks"] = arbor.rows["attendance-marks"][1:]
    pulled = ArborSource(arbor.url, "app", lambda: "open-sesame").pull([FRIDAY, MONDAY])
    assert pulled.rows_read == pulled.rows_accepted + len(pulled.bad_rows)
    assert "attendance-marks does not hold" in pulled.bad_rows[0].reason and "attendance-roll-call-records/" in pulled.bad_rows[0].raw


# Wonde

def test_wonde_refuses_to_judge_lateness_and_says_how_old_it_is(wonde: WondeStub) -> None:
    source = WondeSource(wonde.url, "A1234567890", lambda: "open-sesame")
    pulled = source.pull(None)
    assert source.time_semantics is TimeSemantics.NONE and source.freshness == timedelta(hours=4)
    assert not pulled.expected and all(r.taken_at is None for r in pulled.registers)
    assert pulled.as_of == datetime(2026, 11, 23, 18, tzinfo=timezone.utc)


@pytest.mark.parametrize("shape", [
    {"student": "12", "student_id": None, "attendance_code": "N"}, {"student_id": "12", "attendance_code_id": "C2"},
    {"student": {"id": "12"}, "attendance_code": {"code": "N"}}, {"student": {"data": {"id": "12"}}, "attendance_code": {"data": {"id": "C2"}}},
    {"student": "12", "attendance_code": "C2"}])
def test_each_shape_that_a_mark_may_have_is_understood(wonde: WondeStub, shape: dict[str, Any]) -> None:
    wonde.rows["attendance-codes/"] = [{"id": "C2", "code": "N"}]
    wonde.rows["attendance/session/"] = [{"id": "M1", "date": "2026-11-23", "session": "AM", **shape}]
    [register] = WondeSource(wonde.url, "A1234567890", lambda: "open-sesame").pull(None).registers
    assert [(m.pupil, m.code) for m in register.marks] == [("12", "N")]


@pytest.mark.parametrize(("change", "sentence"), [
    ({"student": None}, "has the school given Wonde the right"), ({"attendance_code": None, "attendance_code_id": None}, "the right to read it"),
    ({"date": "someday"}, "no moment"), ({"date": {"date": "2026-11-20 00:00:00", "timezone": "Mars/Olympus"}}, "time zone that is not known")])
def test_a_mark_that_lacks_what_is_needed_is_quarantined_with_the_fields_it_has(wonde: WondeStub, change: dict[str, Any], sentence: str) -> None:
    wonde.rows["attendance/session/"][0].update(change)
    pulled = WondeSource(wonde.url, "A1234567890", lambda: "open-sesame").pull(None)
    [bad] = pulled.bad_rows
    assert sentence in bad.reason and '"id": "M1"' in bad.raw and entered(pulled) == ALL - 1
    del wonde.rows["attendance/session/"][1]["student"]
    reasons = [row.reason for row in WondeSource(wonde.url, "A1234567890", lambda: "open-sesame").pull(None).bad_rows]
    assert any("it holds attendance_code, comment, date, id, session, updated_at" in reason for reason in reasons)


def test_midnight_in_utc_is_the_day_it_is_in_london(wonde: WondeStub) -> None:
    wonde.rows["attendance/session/"] = [{**wonde.rows["attendance/session/"][0], "date": {"date": "2026-07-01 23:00:00.000000", "timezone": "UTC"}}]
    assert [str(r.local_date) for r in WondeSource(wonde.url, "A1234567890", lambda: "open-sesame").pull(None).registers] == ["2026-07-02"]


def test_with_a_cursor_only_changes_are_read_and_nothing_is_taken_back_for_it(wonde: WondeStub) -> None:
    first = WondeSource(wonde.url, "A1234567890", lambda: "open-sesame").pull(None)
    assert first.cursor == {"updated": "2026-11-23 18:00:00", "whole": "2026-11-23", "deleted": "", "leavers": "2026-11-23"} and first.whole
    later = WondeSource(wonde.url, "A1234567890", lambda: "open-sesame", cursor=first.cursor).pull([FRIDAY, MONDAY])
    assert {r.local_date for r in later.registers} == {MONDAY} and not later.whole and not any(r.complete for r in later.registers)
    assert ("attendance/session/", True) not in later.places
    wonde.deleted.append({"id": "M1", "type": "session_attendance"})
    again = WondeSource(wonde.url, "A1234567890", lambda: "open-sesame", cursor=first.cursor).pull([FRIDAY, MONDAY])
    assert {r.local_date for r in again.registers} == {FRIDAY, MONDAY} and again.whole and again.cursor == {**first.cursor, "deleted": "M1"}
    assert not WondeSource(wonde.url, "A1234567890", lambda: "open-sesame", cursor=again.cursor).pull([FRIDAY, MONDAY]).whole     # seen already
    wonde.deleted.clear()
    old = {**first.cursor, "whole": "2026-11-16"}
    assert WondeSource(wonde.url, "A1234567890", lambda: "open-sesame", cursor=old).pull([FRIDAY, MONDAY]).whole


def test_the_next_page_is_never_fetched_from_another_address(wonde: WondeStub) -> None:
    def elsewhere(own: Reply) -> Reply:
        own.body["meta"]["pagination"]["next"] = own.body["meta"]["pagination"]["next"].replace("127.0.0.1", "127.0.0.2")
        return own

    wonde.plan.append(("students/", elsewhere))
    with pytest.raises(Misconfigured, match="another address"):
        WondeSource(wonde.url, "A1234567890", lambda: "open-sesame").pull(None)


def test_pages_in_a_circle_and_a_page_that_is_promised_and_not_named_end(wonde: WondeStub) -> None:
    def circle(own: Reply) -> Reply:
        own.body["meta"]["pagination"]["next"] = f"{wonde.url}/v1.0/schools/A1234567890/students/?page=1"
        return own

    def promise(own: Reply) -> Reply:
        own.body["meta"]["pagination"]["next"] = None
        return own

    for faults, sentence in (([circle] * 3, "circle"), ([promise], "more pages")):
        wonde.plan = [("students/", fault) for fault in faults]
        with pytest.raises(Transient, match=sentence):
            WondeSource(wonde.url, "A1234567890", lambda: "open-sesame").pull(None)


def test_a_machine_writes_only_to_whom_the_source_gives_parental_responsibility(wonde: WondeStub, bromcom: BromcomStub) -> None:
    for pulled in (WondeSource(wonde.url, "A1234567890", lambda: "open-sesame").pull(None),
                   BromcomSource(bromcom.url, "77", "app", lambda: "open-sesame").pull([MONDAY])):
        contacts: dict[str, Contact] = {p.mis_id: p.contacts[0] for p in pulled.pupils}
        assert {pupil: contact.do_not_contact for pupil, contact in contacts.items()} == {"12": False, "13": True, "14": True}
        assert contacts["12"].email == "p12@home.example"


def test_wonde_says_when_pupils_came_and_left_who_is_in_care_and_nothing_without_the_right(wonde: WondeStub) -> None:
    def pupils(**more: Any) -> dict[str, Pupil]:
        pulled = WondeSource(wonde.url, "A1234567890", lambda: "open-sesame", **more).pull([MONDAY])
        assert pulled.rows_read == pulled.rows_accepted + len(pulled.bad_rows)
        return {pupil.mis_id: pupil for pupil in pulled.pupils}

    every = wonde.rows["students/"]
    for mis_id, day in (("15", "2026-11-06"), ("16", "2019-07-19"), ("12", "2026-10-01"), ("17", "long ago")):     # gone, long gone, come back, unreadable
        wonde.rows["students-leaver/"].append({**every[0], "id": mis_id, "education_details": {"data": {"leaving_date": day}}})
    found = pupils()
    assert set(found) == {"12", "13", "14", "15"} and found["15"].left == date(2026, 11, 6)
    assert {p.admitted for p in found.values()} == {date(2026, 9, 2), None} and found["12"].left is None and "left" in (found["12"].given or ())
    assert {mis_id: p.flags for mis_id, p in found.items()} == {"12": (), "13": ("looked after",), "14": ("EHCP",), "15": ()}
    assert "15" not in pupils(cursor={"leavers": "2026-11-23"})                                        # once a day
    every[0]["education_details"]["data"].update(admission_date=None)
    every[0]["extended_details"]["data"].update(in_lea_care=None)
    assert not {"admitted", "left", "flags"} & (pupils()["12"].given or frozenset())
    del wonde.rows["students-leaver/"]
    pulled = WondeSource(wonde.url, "A1234567890", lambda: "open-sesame").pull(None)
    assert "who has left could not be read" in pulled.notes[0] and len(pulled.pupils) == 3


# Bromcom

def test_bromcom_says_who_is_in_care(bromcom: BromcomStub) -> None:
    pulled = BromcomSource(bromcom.url, "77", "app", lambda: "open-sesame").pull([MONDAY])
    assert {pupil.mis_id: pupil.flags for pupil in pulled.pupils} == {"12": (), "13": ("looked after",), "14": ()}


def test_a_refusal_that_comes_as_http_200_is_one(bromcom: BromcomStub) -> None:
    with pytest.raises(Transient, match="did not succeed"):
        BromcomSource(bromcom.url, "78", "app", lambda: "open-sesame").pull([MONDAY])


def test_empty_cells_of_days_to_come_are_no_registers_and_names_are_not_padded(bromcom: BromcomStub) -> None:
    pulled = BromcomSource(bromcom.url, "77", "app", lambda: "open-sesame").pull([MONDAY, MONDAY + timedelta(days=1)])
    assert {(r.local_date, r.slot) for r in pulled.registers} == {(MONDAY, "AM"), (MONDAY, "PM")}
    assert {p.forename for p in pulled.pupils} == {"Zoë", "Ivo", "Una"} and {p.group for p in pulled.pupils} == {"7A"}


def test_the_same_week_twice_with_other_marks_is_quarantined_and_with_the_same_is_one(bromcom: BromcomStub) -> None:
    week = bromcom.weeks["2026-11-23"]
    week += [dict(week[0]), {**week[1], "monAM": "N "}]
    pulled = BromcomSource(bromcom.url, "77", "app", lambda: "open-sesame").pull([MONDAY])
    assert pulled.rows_read == pulled.rows_accepted + len(pulled.bad_rows) and len(pulled.bad_rows) == 2
    assert "13" not in {m.pupil for r in pulled.registers if r.slot == "AM" for m in r.marks}


def test_a_school_that_is_no_number_cannot_reach_the_filter(bromcom: BromcomStub) -> None:
    with pytest.raises(Misconfigured, match="is a number at Bromcom"):
        BromcomSource(bromcom.url, "77 or 1=1", "app", lambda: "open-sesame")
    with pytest.raises(Misconfigured, match="letters and digits"):
        WondeSource(bromcom.url, "../schools/all", lambda: "open-sesame")
