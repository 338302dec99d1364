"""The subject-access export: all of one child, nothing of another, and safe to open."""

import csv
import io
import json
import stat
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.steps.school import MONDAY, School, a_pupil

from cme.errors import BadInput
from cme.records import registers
from cme.records.history import events
from cme.records.tables import Case, Pupil
from cme.sources.source import Contact, Mark, Pulled, RegisterDocument, TimeSemantics
from cme.steps.report_form import reference_of
from cme.steps.subject_access import export

FORMULA = '=HYPERLINK("http://evil.example","x")'


@pytest.fixture
def child(school: School, before_the_dsl: str) -> str:
    """A child with a case, beside another one in the same register; what the source says of it tries to be more than text."""
    both = (a_pupil(), a_pupil(mis_id="P002", forename="Tamsin", surname="Otherchild", upn="", contacts=(Contact("Ottoline Otherchild", "mother", 1),)))
    marks = (Mark("P001", "N", 5, FORMULA), Mark("P002", "/", None, "<script>alert(1)</script>"))
    with school.transaction() as session:
        registers.store(session, school.school, Pulled(pupils=both, registers=(RegisterDocument(MONDAY, "lesson", "P1", "9A", marks),)), source="test",
                        codes=school.policies.codes, stamp=school.stamp(), time_semantics=TimeSemantics.FIRST_COMPLETED)
        return reference_of(session.scalars(select(Pupil.id).where(Pupil.mis_id == "P001")).one())


def test_all_of_the_child_and_nothing_of_another_is_written(school: School, child: str, before_the_dsl: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    files = export(school, child, folder, "", school.stamp("dsl"))
    assert {path.name for path in folder.iterdir()} == {path.name for path in files}
    data = json.loads((folder / "record.json").read_text())
    assert data["about"] == child and {"pupil", "contact", "case", "finding", "review", "outbox", "contact_attempt", "dossier_shown"} <= set(data["rows"])
    assert data["rows"]["pupil"][0]["surname"] == "Bramblewick" and len(data["marks"]) == 21
    assert any(event["what"] == "threshold crossed" for event in data["history"])
    assert any("aoife@home.example" in path.read_text() for path in folder.glob("message-*.eml"))
    everything = "".join(path.read_text() for path in files)
    assert "Otherchild" not in everything and '"mac"' not in everything and '"sealed"' not in everything
    assert "serious harm" in (folder / "READ-ME-FIRST.txt").read_text()


def test_the_files_are_private_their_names_opaque_and_nothing_in_them_runs(school: School, child: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    for path in export(school, child, folder, "", school.stamp("dsl")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600 and "ramble" not in path.name
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    rows = list(csv.reader(io.StringIO((folder / "marks.csv").read_text("utf-8-sig"))))
    assert f"'{FORMULA}" in rows[-1] + rows[1] or any(f"'{FORMULA}" in row for row in rows)
    page = (folder / "record.html").read_text()
    assert "<script" not in page and "default-src 'none'" in page and "=HYPERLINK(&#34;" in page


def test_who_made_it_is_in_the_history_and_no_content_of_it(school: School, child: str, tmp_path: Path) -> None:
    export(school, child, tmp_path / "out", "", school.stamp("dsl"))
    with school.transaction() as session:
        [event] = [e for e in events(session, child) if e.what == "subject_access.made"]
    assert event.who == "dsl" and len(event.data["sha256"]["record.json"]) == 64 and "Bramblewick" not in str(event.data)


def test_what_cannot_be_exported_is_one_sentence(school: School, child: str, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "of another child.txt").write_text("x")
    (tmp_path / "a file").write_text("x")
    for reference, folder, request, who, words in (
            ("P-999", tmp_path / "out", "", "dsl", "no pupil"), (child, tmp_path / "full", "", "dsl", "not empty"), (child, tmp_path / "a file", "", "dsl", "cannot be used"),
            (child, tmp_path / "out", "RIGHTS-2026-000000", "dsl", "no request"), (child, tmp_path / "out", "", "the cat", "not a role")):
        with pytest.raises(BadInput, match=words):
            export(school, reference, folder, request, school.stamp(who))
    with school.transaction() as session:
        assert session.scalars(select(Case.reference)).all()
        assert not [e for e in events(session, child) if e.what == "subject_access.made"]       # a file that cannot be written is no export
