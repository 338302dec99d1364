"""The bundle of a child: whole, ordered, hashed, for one recipient only, and nobody else's affairs in it."""

import csv
import hashlib
import io
import json
import stat
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from tests.mail.pdf_text import opened, text_of
from tests.steps.answers import RUN, answer, code_for, shown
from tests.steps.school import AOIFE, MONDAY, School, a_pupil

from cme import clock
from cme.errors import BadInput
from cme.mail.safe_csv import safe_cell
from cme.records import outbox
from cme.records.history import events, record_each
from cme.records.reviews import SAFEGUARDING, dossier_hash
from cme.records.tables import AbsenceRequest, Action, Case, CaseEvent, Contact, ContactAttempt, DossierShown, Outbox, Pupil, Review
from cme.sources.source import Contact as Given
from cme.steps import decisions
from cme.steps.bundle import Bundle, make_bundle
from cme.steps.dossier import dossier_of
from cme.steps.notify import prepare
from cme.steps.review import ring, take_answer

REASON = "Seen with Tamsin Okafor; her mother is on 07700 900777. Aoife rang from 07700 900101."


@pytest.fixture
def case(school: School, before_the_dsl: str) -> str:
    """A case that was referred, with another child of the class in what the DSL typed."""
    mother = Given("Bisi Okafor", "mother", 1, "bisi@home.example", "07700 900777")
    school.write(a_pupil(mis_id="P002", forename="Tamsin", surname="Okafor", upn="Z123456789012", contacts=(mother,), address="2 Other Lane"),
                 {MONDAY: ("/", "\\")})
    asked = ring(school, before_the_dsl, SAFEGUARDING, RUN, school.stamp())
    assert asked and take_answer(school, before_the_dsl, SAFEGUARDING, shown("k1", asked), answer(code_for(school, "dsl"), reason=REASON), RUN).accepted
    assert prepare(school, before_the_dsl, school.stamp())
    school.deliver(worker="test")
    return before_the_dsl


def made(school: School, folder: Path, recipient: str = "court", reference: str = "P-1", by: str = "dsl") -> Bundle:
    return make_bundle(school, reference, recipient, folder / recipient.replace(" ", "-"), school.stamp(by))


def everything(bundle: Bundle) -> str:
    """All text of our own making: pages, tables, data, dossiers."""
    texts = [path.read_text("utf-8") for path in sorted(bundle.folder.rglob("*")) if path.suffix in (".csv", ".json")]
    return "\n".join([text_of(opened((bundle.folder / "chronology.pdf").read_bytes())), *texts])


def test_it_holds_the_chronology_the_messages_with_their_bytes_the_dossiers_and_the_registers(school: School, case: str, tmp_path: Path) -> None:
    bundle = made(school, tmp_path)
    data = json.loads((bundle.folder / "bundle.json").read_text())
    with school.transaction() as session:
        told = [event.id for event in events(session, case)]
        sent = dict(session.execute(select(Outbox.sha256, Outbox.kind).where(Outbox.keep_body, Outbox.subject_of == case)).tuples().all())
        frozen = session.scalars(select(DossierShown.dossier_hash)).all()
    assert [row["event"] for row in data["chronology"]] == told
    attached = {hashlib.sha256((bundle.folder / row["file"]).read_bytes()).hexdigest() for row in data["attachments"] if row["file"].endswith(".eml")}
    assert attached == set(sent) and {"la_cme_referral", "parent_contact"} <= set(sent.values())
    assert [row["original"] for row in data["attachments"] if "dossier" in row["what"]] == list(frozen) and len(frozen) >= 2
    assert len(data["registers as they were known"]) == 20 and data["registers as they were known"][0]["code"] == "N"
    said = text_of(opened((bundle.folder / "chronology.pdf").read_bytes()))
    for word in ("Chronology P-1", "Quilla Bramblewick", AOIFE.telephone, decisions.REFER, "Home visit", "10. Attachments", "P-1, page 1 of"):
        assert word in said, word


def test_the_manifest_names_every_file_by_its_hash_and_the_event_names_the_manifest(school: School, case: str, tmp_path: Path) -> None:
    bundle = made(school, tmp_path, by="head")
    manifest = json.loads((bundle.folder / "manifest.json").read_text())
    files = {str(path.relative_to(bundle.folder)) for path in bundle.folder.rglob("*") if path.is_file()}
    assert set(manifest["files"]) == files - {"manifest.json", "SHA256SUMS"}
    assert subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=bundle.folder, capture_output=True).returncode == 0
    with school.transaction() as session:
        [event] = events(session, "P-1")
        before = session.get_one(CaseEvent, event.id - 1)
    assert (event.what, event.who, event.why) == ("bundle.made", "head", "for: court")
    assert event.data["manifest"] == hashlib.sha256((bundle.folder / "manifest.json").read_bytes()).hexdigest()
    assert manifest["head of the history"] == f"event {before.id}, {before.hash}"
    assert all(stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600) for path in (bundle.folder, *bundle.folder.rglob("*")))
    assert not [name for name in files if "quilla" in name.lower() or "bramblewick" in name.lower()]


@pytest.mark.parametrize("recipient", ["local authority", "court", "next school", "subject access"])
def test_no_recipient_reads_of_another_child_or_of_another_child_s_parents(school: School, case: str, tmp_path: Path, recipient: str) -> None:
    bundle = made(school, tmp_path, recipient)
    said = everything(bundle)
    for word in ("Tamsin", "Okafor", "07700 900777", "bisi@home.example", "Z123456789012", "2 Other Lane"):
        assert word not in said, word
    assert bundle.replaced.get("[another child]", 0) >= 1 or recipient == "subject access"
    assert not [path for path in bundle.folder.rglob("*") if path.stat().st_mode & 0o077]


def test_whoever_asks_for_their_own_data_reads_no_decision_no_reason_and_no_other_person_s_number(school: School, case: str, tmp_path: Path) -> None:
    said = everything(made(school, tmp_path, "subject access"))
    for word in (REASON[:9], AOIFE.telephone, AOIFE.email, AOIFE.name, "No word for ten", "neglect"):
        assert word not in said, word
    assert "[contact 1]" in said and "[withheld]" in said and "withheld from this recipient" in said and "Quilla" in said
    assert not (tmp_path / "subject-access" / "attachments").exists()


def test_the_next_school_reads_roles_and_no_names_of_staff(school: School, case: str, tmp_path: Path) -> None:
    said, whole = everything(made(school, tmp_path, "next school")), everything(made(school, tmp_path, "court"))
    name = school.person("attendance_officer").name
    assert name in whole and name not in said and "[staff] (attendance officer)" in said
    assert school.person("dsl").email not in whole and "07700 900101" in said


def test_a_bundle_of_a_case_holds_that_case_alone(school: School, case: str, tmp_path: Path) -> None:
    with school.transaction() as session:
        record_each(session, "HOME-1", "home_school.told", school.stamp(), [("by e-mail", {})])
    bundle = made(school, tmp_path, reference=case.lower())
    with school.transaction() as session:
        assert [event.what for event in events(session, case)][-1] == "bundle.made" and events(session, "P-1") == []
    assert {row["of"] for row in json.loads((bundle.folder / "bundle.json").read_text())["chronology"]} == {case}


def test_what_was_asked_of_parents_without_a_case_is_in_the_bundle_of_the_child(school: School, case: str, tmp_path: Path) -> None:
    row = outbox.new_row_id()
    with school.transaction() as session:
        request = AbsenceRequest(school=school.school, pupil_id=1, day=MONDAY, session="AM", code="N", opened_at=clock.now(), since=clock.now(), state="open")
        session.add(request)
        session.flush()
        session.add(ContactAttempt(request_id=request.id, channel="call", attempted_at=clock.now(), answer_due_at=clock.now(), note="Nobody there"))
        outbox.queue(session, sealer=school.sealer, dedupe_key=row, kind="parent_contact", subject_of=f"ABS-{request.id}", recipient=AOIFE.email,
                     mail_subject="x", message_id=f"<{row}@school.example>", wire=b"to a parent\r\n", row_id=row, stamp=school.stamp())
    data = json.loads((made(school, tmp_path).folder / "bundle.json").read_text())
    assert "Nobody there" in [attempt["note"] for attempt in data["contact attempts"]]
    assert "ABS-1" in {each["of"] for each in data["attachments"]} & {event["of"] for event in data["chronology"]}
    of_case = json.loads((made(school, tmp_path, "local authority", case).folder / "bundle.json").read_text())
    assert "ABS-1" not in {each["of"] for each in of_case["attachments"]}


def test_registers_show_each_mark_when_it_became_known_and_every_change(school: School, case: str, tmp_path: Path, set_clock: Callable[[str], None]) -> None:
    set_clock("2026-11-24T09:30:00")
    school.write(a_pupil(), {MONDAY: ("I", "N")})
    bundle = made(school, tmp_path)
    rows = list(csv.DictReader(io.StringIO((bundle.folder / "registers.csv").read_text("utf-8-sig"))))
    of_monday = [(row["session"], row["code"], row["known from"]) for row in rows if row["day"] == "2026-11-23"]
    assert of_monday == [("AM", "N", "2026-11-23 09:30:00"), ("AM", "I", "2026-11-24 09:30:00"), ("PM", "N", "2026-11-23 09:30:00")]


def test_nothing_is_written_over_and_what_cannot_be_is_one_sentence_and_leaves_nothing(school: School, case: str, tmp_path: Path) -> None:
    bundle = made(school, tmp_path)
    before = (bundle.folder / "manifest.json").read_bytes()
    for reference, recipient, by, words in (
            ("P-1", "court", "dsl", "is there already, and nothing is written over"), ("P-1", "the press", "dsl", "is no recipient of a bundle"),
            ("P-77", "court", "dsl", "there is no pupil 'P-77'"), ("CME-1999-0001", "court", "dsl", "there is no case"), ("Quilla", "court", "dsl", "is no reference"),
            ("P-1", "next school", "attendance_officer", "by the word of the DSL, a deputy or the head"), ("P-1", "court", "machine", "not a role")):
        with pytest.raises(BadInput, match=words):
            made(school, tmp_path, recipient, reference, by)
    with pytest.raises(BadInput, match="give another place with --out"):
        make_bundle(school, "P-1", "court", tmp_path / "no" / "where", school.stamp("dsl"))
    assert (bundle.folder / "manifest.json").read_bytes() == before and not list(tmp_path.glob(".*"))
    with school.transaction() as session:
        assert len(events(session, "P-1")) == 1


def test_a_message_that_cannot_be_opened_is_named_and_the_rest_is_made(school: School, case: str, tmp_path: Path) -> None:
    with school.transaction() as session:
        session.execute(update(Outbox).where(Outbox.kind == "parent_contact").values(sealed=b"spoilt"))
    bundle = made(school, tmp_path)
    assert len(bundle.left_out) == 1 and "cannot be opened" in bundle.left_out[0] and "cannot be opened" in everything(bundle)


def test_what_was_typed_never_runs_in_a_spreadsheet_and_markup_is_text(school: School, case: str, tmp_path: Path) -> None:
    typed = "=HYPERLINK(\"http://x.example\") #panic() *x* \u674e"
    with school.transaction() as session:
        session.execute(update(Contact).values(name=typed))
        session.execute(update(Pupil).where(Pupil.id == 1).values(forename=typed))
        record_each(session, case, "contact.outcome", school.stamp("attendance_officer"), [(typed, {})])
    bundle = made(school, tmp_path)
    cells = [cell for row in csv.reader(io.StringIO((bundle.folder / "chronology.csv").read_text("utf-8-sig"))) for cell in row]
    assert safe_cell(typed) in cells and not [cell for cell in cells if cell.startswith(("=", "+", "@"))]
    said = text_of(opened((bundle.folder / "chronology.pdf").read_bytes()))
    assert "#panic() *x* [U+674E]" in said and "cannot be printed here" in said


def test_the_childs_own_name_stays_whole_where_a_classmate_is_called_like_a_part_of_it(school: School, case: str, tmp_path: Path) -> None:
    school.write(a_pupil(mis_id="P003", forename="Shea", surname="Marlowe", upn="", contacts=(), address="3 Other Lane"), {MONDAY: ("/", "\\")})
    with school.transaction() as session:
        session.execute(update(Pupil).where(Pupil.id == 1).values(surname="Bram-Shea"))
        record_each(session, case, "contact.outcome", school.stamp("attendance_officer"), [("Quilla Bram-Shea was seen with Tamsin Okafor", {})])
    said = everything(made(school, tmp_path))
    assert "Quilla Bram-Shea was seen with" in said and "Tamsin" not in said


def test_a_child_with_a_year_of_history_is_bundled_within_ten_seconds(school: School, case: str, tmp_path: Path) -> None:
    """190 school days of registers, 6 cases, 60 dossiers, 80 messages, 1,500 events, 200 other children."""
    _a_year(school, case)
    begun, work = time.monotonic(), time.process_time()
    bundle = made(school, tmp_path)
    seconds, work = time.monotonic() - begun, time.process_time() - work
    data = json.loads((bundle.folder / "bundle.json").read_text())
    print(f"bundle of a year: {seconds:.2f} s ({work:.2f} s of processor), {len(bundle.files)} files, {len(data['chronology'])} events, {len(data['registers as they were known'])} marks, "
          f"{len(opened((bundle.folder / 'chronology.pdf').read_bytes()).pages)} pages")
    assert len(data["chronology"]) > 1500 and len(data["registers as they were known"]) >= 380 and len(data["cases"]) == 6 and len(bundle.files) > 130
    assert work < 10        # what it takes on a machine that does nothing else; PostgreSQL's share is small


def _a_year(school: School, case: str) -> None:
    days = list(school.policies.calendar.school_days(date(2025, 11, 24), date(2026, 11, 20)))
    school.write(replace(a_pupil()), {day: ("N", "\\") if n % 7 == 0 else ("/", "\\") for n, day in enumerate(days)})
    with school.transaction() as session:
        session.execute(insert(Pupil), [{"school": school.school, "mis_id": f"M{n}", "forename": f"Quince{n}", "surname": f"Marlowe{n}", "group_key": "9A",
                                         "first_seen": clock.now(), "last_seen": clock.now()} for n in range(200)])
        first = session.scalars(select(Case)).one()
        dossier = dossier_of(session, school, first)
        for n in range(5):
            old = Case(reference=f"CME-2025-{n + 1:04d}", school=school.school, pupil_id=first.pupil_id, episode_start=days[n * 30], origin="report",
                       state="closed", opened_at=_at(days[n * 30]), state_since=_at(days[n * 30 + 9]), closed_at=_at(days[n * 30 + 9]), next_step_owner="")
            session.add(old)
            session.flush()
            for number in range(12):
                review = Review(case_id=old.id, kind=SAFEGUARDING, number=number + 1, state="answered", assigned_to="dsl", opened_at=old.opened_at,
                                due_at=old.opened_at + timedelta(days=1), dossier=dossier, dossier_hash=dossier_hash(dossier))
                session.add(review)
                session.flush()
                session.add(DossierShown(review_id=review.id, number=1, dossier=dossier, dossier_hash=dossier_hash(dossier), frozen_at=old.opened_at))
                session.add(ContactAttempt(case_id=old.id, channel="call", attempted_at=old.opened_at, answer_due_at=old.opened_at, outcome="No answer",
                                           note=f"Rang about Quince{number} Marlowe{number}", recorded_by="attendance_officer", recorded_at=old.opened_at))
                session.add(Action(case_id=old.id, kind="Home visit", owner="attendance_officer", created_by="dsl", created_at=old.opened_at, due_at=old.opened_at))
            for number in range(16):
                row = outbox.new_row_id()
                outbox.queue(session, sealer=school.sealer, dedupe_key=row, kind="la_cme_referral", subject_of=old.reference, recipient="x@la.example",
                             mail_subject=old.reference, message_id=f"<{row}@school.example>", wire=b"a message\r\n" * 3000, row_id=row, stamp=school.stamp())
            record_each(session, old.reference, "contact.outcome", school.stamp("attendance_officer"),
                        [(f"No answer of the {number}th call, said Quince{number} Marlowe{number}", {"attempt": number}) for number in range(300)])


def _at(day: date) -> datetime:
    return clock.wall(day, "10:00")


def test_no_reading_of_a_bundle_changes_the_record(school: School, case: str, tmp_path: Path) -> None:
    def counted() -> dict[str, Any]:
        with school.transaction() as session:
            return {"events": len(session.scalars(select(CaseEvent.id)).all()), "rows": session.scalars(select(Outbox.state)).all()}

    before = counted()
    made(school, tmp_path)
    after = counted()
    assert after == {**before, "events": before["events"] + 1}
