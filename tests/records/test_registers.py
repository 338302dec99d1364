"""What a pull leaves in the records: versions only where something changed, nothing lost, everything findable as of then."""

from datetime import date, datetime, timedelta, timezone

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from cme.config.policies import load
from cme.records import registers
from cme.records.history import Stamp, events, verify
from cme.records.registers import PullResult, current_marks, read_one
from cme.records.tables import Contact, ExpectedRegister, Pull, Quarantine, RegisterVersion, Roster, Staff
from cme.records.tables import Pupil as PupilRow
from cme.rules.marks import AttendanceCode, Category, CodeTable, LocalCode, SessionMark
from cme.sources import source as s
from cme.sources.source import BadRow, Mark, Pulled, RegisterDocument, TimeSemantics

SCHOOL = "330/1999"
MONDAY = date(2026, 11, 23)
CODES = load().codes
EXACT, SAVED = TimeSemantics.FIRST_COMPLETED, TimeSemantics.LAST_SAVED
OBSERVED, STALE = TimeSemantics.OBSERVED, TimeSemantics.NONE


def at(hour: int, minute: int, day: date = MONDAY) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=timezone.utc)


def register(marks: str | dict[str, str], *, day: date = MONDAY, slot: str = "AM", group: str = "7A", kind: str = "session",
             taken_at: datetime | None = None, complete: bool = True) -> RegisterDocument:
    pairs = marks.items() if isinstance(marks, dict) else enumerate(marks.split(), 1)
    return RegisterDocument(day, kind, slot, group, tuple(Mark(str(pupil), code) for pupil, code in pairs), taken_at,
                            "T1" if taken_at else "", complete)


def store(session: Session, *documents: RegisterDocument, when: datetime = at(9, 5), semantics: TimeSemantics = OBSERVED,
          codes: CodeTable = CODES,
          source: str = "test", **more: object) -> PullResult:
    marks = sum(len(d.marks) for d in documents)
    pulled = Pulled(registers=documents, **{"rows_read": marks, "rows_accepted": marks, **more})  # type: ignore[arg-type]
    result = registers.store(session, SCHOOL, pulled, source=source, codes=codes, stamp=Stamp("machine", when),
                             time_semantics=semantics)
    session.commit()
    return result


def count(session: Session, table: type) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def now_in(session: Session, *, slot: str = "AM", group: str = "7A", kind: str = "session", day: date = MONDAY,
           known_at: datetime | None = None) -> registers.StoredRegister:
    found = read_one(session, SCHOOL, day, kind, slot, group, known_at)
    assert found is not None
    return found


def codes_of(session: Session, **where: object) -> dict[str, str]:
    ids = {row.id: row.mis_id for row in session.scalars(select(PupilRow))}
    return {ids[pupil]: code for pupil, code in now_in(session, **where).marks.items()}  # type: ignore[arg-type]


# --- versions -------------------------------------------------------------------------------------------------------

def test_a_pull_keeps_each_register_and_says_how_many(session: Session) -> None:
    result = store(session, register("/ N -"), register("\\ \\ L", slot="PM"))
    assert (result.registers_new, result.registers_changed, result.rows_accepted, result.pupils_new) == (2, 0, 6, 3)
    assert codes_of(session) == {"1": "/", "2": "N", "3": "-"}
    assert count(session, Roster) == 1, "two registers with the same pupils share one roster"


def test_the_backslash_of_the_afternoon_is_stored_as_it_is_and_so_is_what_follows_it(session: Session) -> None:
    store(session, register("\\ N \\ C1 # \\", slot="PM"))
    assert codes_of(session, slot="PM") == {"1": "\\", "2": "N", "3": "\\", "4": "C1", "5": "#", "6": "\\"}
    assert session.scalar(select(RegisterVersion.marks)) == b"\\ N \\ C1# \\ "


def test_a_second_pull_of_the_same_export_writes_nothing(session: Session) -> None:
    store(session, register("/ N"), bad_rows=(BadRow("registers.csv", 7, "no day", "x"),), rows_read=3)
    tables = (RegisterVersion, Roster, PupilRow, Quarantine)
    before = [count(session, table) for table in tables], len(events(session, "register"))
    again = store(session, register("/ N"), when=at(9, 10), bad_rows=(BadRow("registers.csv", 7, "no day", "x"),), rows_read=3)
    assert ([count(session, table) for table in tables], len(events(session, "register"))) == before
    assert (again.changed, again.registers_unchanged) == (False, 1)
    assert count(session, Pull) == 2, "that it was read is noted every time"


def test_the_order_of_the_rows_in_an_export_changes_nothing(session: Session) -> None:
    store(session, register({"1": "/", "2": "N"}))
    assert store(session, register({"2": "N", "1": "/"}), when=at(9, 10)).registers_changed == 0


def test_a_corrected_mark_is_a_new_version_and_the_old_one_stays(session: Session) -> None:
    store(session, register("/ N"), when=at(9, 5))
    assert store(session, register("/ L"), when=at(9, 30)).registers_changed == 1
    assert codes_of(session) == {"1": "/", "2": "L"}
    assert codes_of(session, known_at=at(9, 29)) == {"1": "/", "2": "N"}
    assert read_one(session, SCHOOL, MONDAY, "session", "AM", "7A", at(9, 4)) is None


def test_the_database_itself_refuses_to_change_a_version(session: Session) -> None:
    store(session, register("/ N"))
    with pytest.raises(DatabaseError, match="append-only"):
        session.execute(text("UPDATE register_version SET marks = 'xx'"))


def test_minutes_late_and_notes_stand_beside_their_mark(session: Session) -> None:
    document = RegisterDocument(MONDAY, "session", "AM", "7A", (Mark("1", "L", 12, "bus"), Mark("2", "/")))
    store(session, document)
    assert list(now_in(session).extras.values()) == [{"minutes_late": 12, "note": "bus"}]
    changed = RegisterDocument(MONDAY, "session", "AM", "7A", (Mark("1", "L", 14, "bus"), Mark("2", "/")))
    assert store(session, changed, when=at(9, 10)).registers_changed == 1


# --- nothing is lost ------------------------------------------------------------------------------------------------

def test_a_pupil_missing_from_a_new_export_keeps_the_last_known_mark(session: Session) -> None:
    store(session, register({"1": "/", "2": "N"}))
    store(session, register({"1": "/"}), when=at(9, 10))
    assert codes_of(session) == {"1": "/", "2": "N"}
    assert list(now_in(session).extras.values()) == [{"not_in_export": True}]
    assert store(session, register({"1": "/"}), when=at(9, 15)).registers_changed == 0


def test_a_pupil_who_comes_back_into_the_export_is_taken_from_it_again(session: Session) -> None:
    for marks in ({"1": "/", "2": "N"}, {"1": "/"}, {"1": "/", "2": "M"}):
        store(session, register(marks))
    assert codes_of(session) == {"1": "/", "2": "M"} and now_in(session).extras == {}


def test_a_mark_that_is_no_code_is_quarantined_and_the_mark_before_it_stays(session: Session) -> None:
    store(session, register({"1": "N", "2": "/"}))
    result = store(session, register({"1": "I01", "2": "L", "3": "zz"}), when=at(9, 10))
    assert codes_of(session) == {"1": "N", "2": "L", "3": "-"}
    assert (result.rows_quarantined, result.rows_accepted) == (2, 1)
    kept = registers.quarantined(session, SCHOOL)
    assert [row.raw for row in kept] == ["1,I01", "3,zz"] and "is not in the attendance code table" in kept[0].reason
    assert kept[0].place == "register 2026-11-23 AM 7A"


def test_a_code_is_judged_by_the_day_it_was_entered_on(session: Session) -> None:
    store(session, register("H", day=date(2024, 6, 3)), register("H", day=date(2025, 6, 3)))
    assert codes_of(session, day=date(2024, 6, 3)) == {"1": "H"}
    assert codes_of(session, day=date(2025, 6, 3)) == {"1": "-"}
    assert "could be entered only until" in registers.quarantined(session, SCHOOL)[0].reason


def test_a_schools_own_code_is_kept_with_the_statutory_code_it_stands_for(session: Session) -> None:
    table = CodeTable((AttendanceCode("I", "illness", Category.AUTHORISED),), (LocalCode("I01", "I"),))
    store(session, register("I01"), codes=table)
    assert codes_of(session) == {"1": "I"} and list(now_in(session).extras.values()) == [{"as_entered": "I01"}]


def test_a_register_not_read_whole_keeps_what_was_known_and_takes_what_could_be_read(session: Session) -> None:
    store(session, register({"1": "-", "2": "-", "3": "-"}), when=at(8, 55))
    result = store(session, register({"1": "/", "3": "N"}, complete=False), when=at(9, 5))
    assert result.registers_incomplete == 1
    assert codes_of(session) == {"1": "/", "2": "-", "3": "N"} and now_in(session).status == "partial"


def test_a_register_that_came_with_nothing_readable_stays_as_it_was(session: Session) -> None:
    store(session, register("/ N"))
    result = store(session, bad_rows=(BadRow("registers.csv", None, "the file is empty", ""),), rows_read=1, when=at(9, 10))
    assert codes_of(session) == {"1": "/", "2": "N"} and (result.rows_quarantined, result.rows_accepted) == (1, 0)


def test_two_registers_a_day_of_the_same_group_do_not_overwrite_each_other(session: Session) -> None:
    store(session, register("/", kind="lesson", slot="P1", group="Maths"), register("N", kind="lesson", slot="P2", group="Maths"))
    assert [codes_of(session, kind="lesson", slot=slot, group="Maths") for slot in ("P1", "P2")] == [{"1": "/"}, {"1": "N"}]


# --- status and the moment it was taken -----------------------------------------------------------------------------

@pytest.mark.parametrize(("marks", "status"), [("/ N", "taken"), ("/ -", "partial"), ("- -", "not taken"), ("- zz", "partial"),
                                               ("/ zz", "taken")])
def test_a_register_is_taken_when_every_expected_mark_is_entered(session: Session, marks: str, status: str) -> None:
    store(session, register(marks))
    assert now_in(session).status == status


def test_a_pupil_who_is_not_expected_does_not_leave_a_register_unfinished(session: Session) -> None:
    people = (s.Pupil("1"), s.Pupil("2", left=date(2026, 11, 20)), s.Pupil("3", admitted=date(2026, 12, 1)),
              s.Pupil("4", expected_pattern="MonPM TueAM"))
    store(session, register("/ - - -"), pupils=people)
    assert now_in(session).status == "taken"
    store(session, register("\\ - - -", slot="PM"))
    assert now_in(session, slot="PM").status == "partial"


def test_rows_lost_while_the_source_says_it_is_done_do_not_make_the_register_unfinished(session: Session) -> None:
    store(session, register("/ /", taken_at=at(9, 4), complete=False), semantics=EXACT)
    assert now_in(session).status == "taken"


def interval(session: Session) -> tuple[datetime | None, datetime | None, str]:
    found = now_in(session)
    return found.taken_from, found.taken_to, found.basis


def test_a_first_completed_time_is_exact_and_a_correction_does_not_move_it(session: Session) -> None:
    store(session, register("/ N", taken_at=at(9, 4)), semantics=EXACT)
    store(session, register("/ L", taken_at=at(9, 40)), semantics=EXACT, when=at(9, 45))
    assert interval(session) == (at(9, 4), at(9, 4), "first_completed")


def test_a_last_saved_time_is_only_an_upper_bound_and_the_earliest_ever_seen(session: Session) -> None:
    for saved, seen in ((at(9, 8), at(9, 10)), (at(10, 30), at(10, 35)), (at(9, 7), at(10, 40))):
        store(session, register("/ N" if saved.hour == 9 else "/ L", taken_at=saved), semantics=SAVED, when=seen)
    assert interval(session) == (None, at(9, 7), "last_saved")


def test_an_observed_register_was_taken_between_the_last_look_without_it_and_the_first_with_it(session: Session) -> None:
    store(session, register("- -"), when=at(8, 55))
    store(session, register("- -"), when=at(9, 0))
    store(session, register("/ -"), when=at(9, 5))
    store(session, register("/ N"), when=at(9, 10))
    store(session, register("/ L"), when=at(9, 15))
    assert interval(session) == (at(9, 5), at(9, 10), "observed") and now_in(session).status == "taken"


def test_a_look_at_an_old_export_is_no_look_at_the_moment_itself(session: Session) -> None:
    store(session, register("- -"), when=at(9, 5), as_of=at(8, 40))
    store(session, register("/ N"), when=at(9, 12))
    assert interval(session) == (at(8, 40), at(9, 12), "observed")


def test_what_is_missing_in_one_of_several_files_may_only_not_have_come_yet(session: Session) -> None:
    store(session, register("- -"), when=at(8, 55))
    store(session, register("/ N"), when=at(9, 12), one_moment=False)
    assert interval(session) == (None, at(9, 12), "observed")


@pytest.mark.parametrize("more", [{"waiting": ("registers.csv",)}, {"days": (date(2026, 11, 20),)},
                                  {"gaps": ("the folder holds no file registers*.csv",)}])
def test_a_pull_that_did_not_see_the_whole_of_today_proves_nothing(session: Session, more: dict[str, object]) -> None:
    store(session, register("- -"), when=at(8, 55))
    store(session, when=at(9, 5), **more)
    store(session, register("/ N"), when=at(9, 12))
    assert interval(session) == (at(8, 55), at(9, 12), "observed")


@pytest.mark.parametrize("more", [{"notes": ("registers.csv: 1 line(s) of totals passed over",)}, {"bad_rows": (BadRow("query registers", None, "bad", ""),)}])
def test_a_remark_or_a_bad_row_leaves_a_pull_a_proof(session: Session, more: dict[str, object]) -> None:
    store(session, register("- -"), when=at(8, 55))
    store(session, register("- -"), when=at(9, 5), **more)
    store(session, register("/ N"), when=at(9, 12))
    assert interval(session) == (at(9, 5), at(9, 12), "observed")


def test_a_register_first_seen_days_later_has_no_lower_bound(session: Session) -> None:
    store(session, when=at(8, 0))
    store(session, register("/ N", day=date(2026, 11, 20)), when=at(9, 0))
    found = now_in(session, day=date(2026, 11, 20))
    assert (found.taken_from, found.taken_to) == (None, at(9, 0))


def test_a_source_that_cannot_say_when_says_nothing(session: Session) -> None:
    store(session, register("/ N", taken_at=at(9, 4)), semantics=STALE)
    assert interval(session) == (None, None, "none")


# --- people ---------------------------------------------------------------------------------------------------------

def test_a_pupil_keeps_its_number_whatever_changes(session: Session) -> None:
    store(session, pupils=(s.Pupil("1", forename="Zoë", surname="Quillfeather"),))
    number = session.scalar(select(PupilRow.id))
    result = store(session, pupils=(s.Pupil("1", forename="Zoë", surname="Marrowby"),), when=at(9, 10))
    row = session.scalars(select(PupilRow)).one()
    assert (row.id, row.surname, result.pupils_changed) == (number, "Marrowby", 1)


def test_what_a_source_does_not_give_stays_as_it_was(session: Session) -> None:
    contact = s.Contact("P Quillfeather", email="p@home.example")
    store(session, pupils=(s.Pupil("1", surname="Quillfeather", address="1 Lanternwick Row", left=MONDAY, flags=("EHCP",),
                                   contacts=(contact,)),))
    store(session, pupils=(s.Pupil("1", left=None, given=frozenset({"left"})),), when=at(9, 10))
    row = session.scalars(select(PupilRow)).one()
    assert (row.surname, row.address, row.left) == ("Quillfeather", "1 Lanternwick Row", None)
    assert session.execute(text("SELECT count(*) FROM contact WHERE valid_to IS NULL")).scalar() == 1
    assert session.execute(text("SELECT count(*) FROM flag WHERE valid_to IS NULL")).scalar() == 1


def test_a_changed_contact_ends_the_old_row_and_an_unchanged_one_keeps_its_number(session: Session) -> None:
    def rows() -> list[tuple[object, ...]]:
        return [tuple(row)
                for row in session.execute(select(Contact.id, Contact.name, Contact.email, Contact.valid_from, Contact.valid_to).order_by(Contact.id))]

    one, two = s.Contact("P Vex", priority=1, email="old@home.example"), s.Contact("Q Vex", priority=2)
    store(session, pupils=(s.Pupil("1", contacts=(one, two)),))
    first = rows()
    store(session, pupils=(s.Pupil("1", contacts=(s.Contact("P Vex", priority=1, email="new@home.example"), two)),),
          when=at(9, 10))
    *before, newest = rows()
    assert before == [(*first[0][:4], at(9, 10)), first[1]] and newest[1:] == ("P Vex", "new@home.example", at(9, 10), None)


def test_flags_begin_and_end(session: Session) -> None:
    for flags, when in ((("EHCP", "looked after"), at(9, 5)), (("EHCP",), at(9, 10)), (("EHCP",), at(9, 15))):
        store(session, pupils=(s.Pupil("1", flags=flags),), when=when)
    rows = session.execute(text("SELECT flag, valid_from, valid_to FROM flag ORDER BY flag")).all()
    assert [tuple(row) for row in rows] == [("EHCP", at(9, 5), None), ("looked after", at(9, 5), at(9, 10))]


def test_staff_are_brought_up_to_date(session: Session) -> None:
    store(session, staff=(s.Staff("T1", "P. Vex", "p.vex@school.example"),))
    store(session, staff=(s.Staff("T1", "P. Vex", "vex@school.example"), s.Staff("T2")), when=at(9, 10))
    assert {(row.code, row.email) for row in session.scalars(select(Staff))} == {("T1", "vex@school.example"), ("T2", "")}


# --- history --------------------------------------------------------------------------------------------------------

def test_one_event_in_the_history_tells_the_counts_of_a_pull_and_no_name(session: Session) -> None:
    store(session, register({"77-QUILL": "/"}), pupils=(s.Pupil("77-QUILL", surname="Quillfeather"),),
          bad_rows=(BadRow("registers.csv", 3, "no day", "Quillfeather"),),
          rows_read=2)
    event, = events(session, "register")
    assert (event.what, event.who) == ("registers.pulled", "machine")
    assert (event.data["registers_new"], event.data["quarantined_new"]) == (1, 1)
    assert "uill" not in f"{event.why} {event.data}".lower() and verify(session) == []


def test_the_row_of_a_pull_balances(session: Session) -> None:
    store(session, register("/ zz"), bad_rows=(BadRow("registers.csv", 3, "no day", "x"),), rows_read=3, as_of=at(9, 1))
    pull = session.scalars(select(Pull)).one()
    assert (pull.rows_read, pull.rows_accepted, pull.rows_quarantined) == (3, 1, 2)
    assert (pull.outcome, pull.source_as_of) == ("ok", at(9, 1))
    assert pull.started_at == at(9, 5) and pull.finished_at is not None


def test_nothing_of_a_pull_is_kept_when_its_transaction_fails(session: Session) -> None:
    registers.store(session, SCHOOL, Pulled(registers=(register("/"),), rows_read=1), source="test", codes=CODES,
                    stamp=Stamp("machine", at(9, 5)),
                    time_semantics=EXACT)
    session.rollback()
    assert [count(session, table) for table in (RegisterVersion, PupilRow, Pull)] == [0, 0, 0]
    assert events(session, "register") == []


def test_a_row_that_stands_in_another_line_since_the_file_grew_is_no_new_row(session: Session) -> None:
    def pulled(*lines: int) -> PullResult:
        return store(session, bad_rows=tuple(BadRow("registers.csv", line, "no day", "x") for line in lines),
                     rows_read=len(lines))

    assert [pulled(3).quarantined_new, pulled(5).quarantined_new, pulled(5, 9).quarantined_new,
            pulled(6, 10).quarantined_new] == [1, 0, 1, 0]
    assert sorted(row.line or 0 for row in registers.quarantined(session, SCHOOL)) == [6, 10]


def test_a_person_takes_a_row_out_of_quarantine_and_the_history_says_who(session: Session) -> None:
    store(session, bad_rows=(BadRow("registers.csv", 3, "no day", "x"),), rows_read=1)
    row, = registers.quarantined(session, SCHOOL)
    registers.resolve(session, SCHOOL, row.id, Stamp("attendance_officer", at(10, 0)), "corrected in the export")
    assert registers.quarantined(session, SCHOOL) == [] and len(registers.quarantined(session, SCHOOL, resolved=True)) == 1
    assert [(e.what, e.who) for e in events(session, "register")][-1] == ("quarantine.resolved", "attendance_officer")
    with pytest.raises(Exception, match="no row"):
        registers.resolve(session, SCHOOL, row.id, Stamp("attendance_officer", at(10, 0)), "again")


# --- readers --------------------------------------------------------------------------------------------------------

def of(session: Session, mis_id: str, **more: object) -> tuple[SessionMark, ...]:
    number = session.scalar(select(PupilRow.id).where(PupilRow.mis_id == mis_id))
    assert number is not None
    return current_marks(session, SCHOOL, date(2026, 11, 1), date(2026, 11, 30), **more).get(number, ())  # type: ignore[arg-type]


def test_current_marks_are_the_newest_session_marks_in_order_and_no_lessons(session: Session) -> None:
    friday = date(2026, 11, 20)
    store(session, register("\\", slot="PM"), register("N"), register("L", day=friday), register("O", kind="lesson", slot="P1"),
          register("/", day=date(2026, 10, 30)))
    store(session, register("I"), when=at(9, 30))
    assert of(session, "1") == (SessionMark(friday, "AM", "L"), SessionMark(MONDAY, "AM", "I"), SessionMark(MONDAY, "PM", "\\"))
    assert of(session, "1", known_at=at(9, 10))[1] == SessionMark(MONDAY, "AM", "N")


@pytest.mark.parametrize(("one", "other", "seen"), [("-", "N", "N"), ("N", "-", "N"), ("D", "/", "/"), ("/", "D", "/"),
                                                    ("D", "-", "D"), ("D", "D", "D"),
                                                    ("-", "-", "-"), ("N", "/", "/N"), ("/", "N", "/N"), ("N", "N", "N")])
def test_a_pupil_in_two_groups_loses_no_real_mark(session: Session, one: str, other: str, seen: str) -> None:
    store(session, register(one, group="7A"), register(other, group="7B"))
    assert "".join(mark.code for mark in of(session, "1")) == seen


def test_current_marks_can_be_asked_for_some_pupils_only(session: Session) -> None:
    store(session, register("/ N"), register({"3": "/"}, group="7B"))
    numbers = list(session.scalars(select(PupilRow.id).order_by(PupilRow.mis_id)))
    assert set(current_marks(session, SCHOOL, MONDAY, MONDAY, pupils=[numbers[1]])) == {numbers[1]}
    assert current_marks(session, SCHOOL, MONDAY, MONDAY, pupils=[]) == {} and current_marks(session, "other", MONDAY,
                                                                                             MONDAY) == {}


def test_a_pupil_record_carries_the_enrolment_that_the_rules_need(session: Session) -> None:
    people = (s.Pupil("1", admitted=date(2026, 9, 7), born=date(2012, 3, 4), registration="dual-subsidiary",
                      expected_pattern="MonAM FriPM"),
              s.Pupil("2", left=date(2025, 7, 20)), s.Pupil("3", admitted=date(2026, 12, 1)), s.Pupil("4"))
    store(session, register({"1": "/", "2": "/", "4": "N"}), pupils=people)
    first, last = registers.pupil_records(session, SCHOOL, MONDAY, date(2025, 9, 1))
    assert (first.enrolment.admitted, first.enrolment.born, first.enrolment.registration) == (date(2026, 9, 7), date(2012, 3, 4),
                                                                                              "dual-subsidiary")
    assert first.enrolment.expected == {(1, "AM"), (5, "PM")} and first.marks == (SessionMark(MONDAY, "AM", "/"),)
    assert last.enrolment.expected is None
    assert last.enrolment.admitted == MONDAY, "without a known admission the first mark stands for it"


def test_expected_registers_meet_what_was_seen_of_them(session: Session) -> None:
    def expected(group: str, starts: datetime, required: bool = True) -> s.ExpectedRegister:
        return s.ExpectedRegister(MONDAY, "session", "AM", group, starts, starts + timedelta(hours=3), ("T1", "T2"), required,
                                  "" if required else "nobody")

    due = (expected("7A", at(9, 0)), expected("7B", at(9, 0)), expected("7C", at(8, 30), required=False))
    store(session, register("/ N", taken_at=at(9, 4)), expected=due, semantics=EXACT)
    states = registers.register_states(session, SCHOOL, MONDAY)
    assert [(state.group, state.status, state.required) for state in states] == [("7C", "not taken", False),
                                                                                 ("7A", "taken", True), ("7B", "not taken", True)]
    assert (states[1].taken_to, states[1].basis, states[1].staff, states[1].source) == (at(9, 4), "first_completed", ("T1", "T2"),
                                                                                        "test")
    assert store(session, expected=due, when=at(9, 10)).expected_changed == 0
    assert store(session, expected=(expected("7B", at(9, 0), required=False),), when=at(9, 11)).expected_changed == 1
    assert count(session, ExpectedRegister) == 3


def test_eight_thousand_registers_are_kept_in_seconds(session: Session) -> None:
    documents = tuple(register({str(group * 12 + n): "/" for n in range(12)}, day=date(2026, 1, 1) + timedelta(days=day),
                               slot=slot, group=str(group))
                      for day in range(200) for slot in ("AM", "PM") for group in range(20))
    statements = []
    from sqlalchemy import event
    event.listen(session.get_bind(), "before_cursor_execute", lambda *a: statements.append(a[2][:40]))
    assert store(session, *documents).registers_new == 8000
    assert len(statements) < 150, "rows go in batches, not one by one"
    assert store(session, *documents, when=at(9, 10)).registers_unchanged == 8000
