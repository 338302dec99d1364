"""After a simulated year: nothing that identifies a child stands in a log, a mail's subject, a file's name or what Prefect is shown.

CME_SCANNED_CASES (12 unless set) is how many cases are lived; with 150 it is a year of a school of 200 pupils.
"""

import io
import json
import logging
import os
from datetime import date, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text
from tests.steps.conftest import as_owner, school  # noqa: F401  (fixtures)
from tests.steps.school import School

from cme import clock
from cme.records.anchors import ANCHORED, anchor
from cme.records.tables import Alarm, Case, CaseEvent, Contact, Outbox, Pupil
from cme.records.verifying import verify
from cme.steps import alarms, feed, operations, subject_access, view
from cme.steps.dossier import dossier_of, opaque_summary
from cme.steps.figures import figures
from cme.steps.police_pack import make_pack
from cme.steps.report_form import reference_of

CASES = int(os.environ.get("CME_SCANNED_CASES", "12"))
BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"


NAMED = (
    """CREATE FUNCTION name_pupil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        NEW.forename := 'Zephrina' || NEW.id; NEW.surname := 'Bramblethorn' || NEW.id; NEW.upn := 'P2070000' || lpad(NEW.id::text, 5, '0');
        NEW.born := date '2012-01-01' + NEW.id::int; NEW.address := NEW.id || ' Wyverncroft Lane'; NEW.postcode := 'ZZ' || NEW.id || ' 9ZZ'; RETURN NEW;
    END $$""",
    """CREATE FUNCTION name_parents() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO contact (pupil_id, priority, name, relationship, email, telephone, valid_from)
        SELECT NEW.id, n, 'Odalys Bramblethorn' || NEW.id || n, 'mother', 'odalys' || NEW.id || n || '@home.example', '07700 9' || NEW.id || n, NEW.first_seen
        FROM generate_series(1, 2) n; RETURN NULL;
    END $$""",
    "CREATE TRIGGER name_pupil BEFORE INSERT ON pupil FOR EACH ROW EXECUTE FUNCTION name_pupil()",
    "CREATE TRIGGER name_parents AFTER INSERT ON pupil FOR EACH ROW EXECUTE FUNCTION name_parents()")


def secrets(school: School) -> set[str]:  # noqa: F811
    """All that names a child or a parent of the school, as stored and as people write it."""
    found: set[str] = set()
    with school.transaction() as session:
        for pupil in session.scalars(select(Pupil)):
            found |= {pupil.forename, pupil.surname, pupil.upn, pupil.address, pupil.postcode}
            if pupil.born:
                found |= {pupil.born.isoformat(), f"{pupil.born:%d/%m/%Y}", f"{pupil.born:%d %B %Y}", f"{pupil.born:%a} {pupil.born.day} {pupil.born:%b %Y}"}
        for contact in session.scalars(select(Contact)):
            found |= {contact.name, contact.email, contact.telephone}
    return {value for value in found if len(value) > 3}


def anchored(school: School) -> None:  # noqa: F811
    """The daily anchor, at the sweep of noon; what went on living since the last one must not look as if somebody had tampered with it."""
    if clock.local().hour in (12, 16):
        with school.transaction() as session:
            anchor(session, school.stamp())


@pytest.fixture
def lived(as_owner: None, school: School, monkeypatch: pytest.MonkeyPatch) -> tuple[School, str]:  # noqa: F811
    """A school whose cases have been lived, and all that was logged meanwhile."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    first = date(2026, 9, 7) if CASES > 50 else date(2026, 11, 30)
    last = date(2027, 7, 20) if CASES > 50 else date(2026, 12, 11)
    monkeypatch.setenv("CME_CLOCK", f"{first}T00:00:00")
    from life_of_cases import Life

    with school.engine.begin() as connection:       # the benchmark's children have no names: here they get some, and two parents each
        for statement in NAMED:
            connection.execute(text(statement))

    said = io.StringIO()
    handler = logging.StreamHandler(said)
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        life = Life(school, school.settings.people_file, CASES, first, last, seed=8, step=timedelta(hours=6 if CASES > 50 else 8))
        life.live(lambda life: anchored(school))
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    return school, said.getvalue()


def shown_to_prefect(school: School) -> str:  # noqa: F811
    now = clock.now()
    parts: list[Any] = [view.open_cases_table(school), view.alarms_table(school), view.outbox_table(school), alarms.needs_a_person(school), feed.page(school, now),
                        operations.registers_today(school, now), operations.cases_by_state(school, now), operations.overdue_questions(school, now),
                        operations.outbox_by_age(school, now), [(f.name, f.labels) for f in figures(school, now)]]
    with school.transaction() as session:
        cases = session.scalars(select(Case)).all()
        parts += [opaque_summary(dossier_of(session, school, case)) for case in cases]
        parts += [alarm.sentence for alarm in session.scalars(select(Alarm))]
    return json.dumps([*parts, *(view.opaque_history(school, case.reference) for case in cases)])


def test_nothing_that_names_a_child_stands_where_everybody_may_look(lived: tuple[School, str], tmp_path: Path) -> None:
    school, logged = lived  # noqa: F811
    names = secrets(school)
    with school.transaction() as session:
        cases, subjects = session.scalars(select(Case)).all(), list(session.scalars(select(Outbox.mail_subject)))
        assert session.scalar(select(func.count()).where(CaseEvent.what == ANCHORED)) > 8
        assert verify(session) == [] and len(cases) == CASES and len(names) > 4 * CASES and len(subjects) > 3 * CASES
    heads = [str(message_from_bytes(wire, policy=policy.default)["Subject"]) for _, wire in school.post.accepted]
    attached = [part.get_filename() or "" for _, wire in school.post.accepted for part in message_from_bytes(wire, policy=policy.default).iter_attachments()]
    make_pack(school, cases[0].reference, school.stamp("dsl"), tmp_path / f"{cases[0].reference}.pdf")
    subject_access.export(school, reference_of(cases[0].pupil_id), tmp_path / "out", "", school.stamp("dsl"))
    files = [path.name for folder in (tmp_path, school.settings.data_dir) for path in folder.rglob("*")]
    for where, said in {"log": logged, "subject": "\n".join([*subjects, *heads]), "file name": "\n".join([*attached, *files]),
                        "Prefect": shown_to_prefect(school)}.items():
        assert said or where == "log"
        assert not (found := {name for name in names if name in said}), f"{where}: {len(found)} of {len(names)}"
    assert any(name in (tmp_path / "out" / "record.html").read_text() for name in names)      # the scan can find what it looks for
