"""What the product, a reader, and somebody of another school can do in the database, by the rights of their roles alone."""

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import Engine, func, insert, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.orm import Session

from cme import clock
from cme.config.policies import load
from cme.records import database, registers, roles
from cme.records.database import APP
from cme.records.anchors import append_only_tables, protected
from cme.records.embedded import Cluster
from cme.records.history import MACHINE, Stamp, record
from cme.records.sealed_columns import keep_keys
from cme.records.sealing import Sealer
from cme.records.tables import Base, Case, CaseEvent, Contact, Finding, Pupil, RegisterVersion, RoleHolder
from cme.records.verifying import verify
from cme.sources import source as s
from cme.sources.source import Mark, Pulled, RegisterDocument, TimeSemantics
from tests.conftest import SECRET

MONDAY, A, B = date(2026, 11, 23), "999/0001", "999/0002"


def connected(engine: Engine, role: str, school: str = "") -> Engine:
    made = database.engine(make_url(engine.url).set(username=role, password="of the tests").render_as_string(hide_password=False), school)
    keep_keys(made, Sealer(SECRET))
    return made


def keep(session: Session, school: str, name: str) -> None:
    pupil = s.Pupil("1", surname=name, group="9A", contacts=(s.Contact("C", priority=1, email="c@home.example"),))
    registers.store(session, school, Pulled(registers=(RegisterDocument(MONDAY, "session", "AM", "9A", (Mark("1", "/"),)),), pupils=(pupil,)),
                    source="test", codes=load().codes, stamp=Stamp(MACHINE, clock.now()), time_semantics=TimeSemantics.FIRST_COMPLETED)


@pytest.fixture
def owner(engine: Engine) -> Engine:
    """The owner's engine on two schools' rows, the roles made."""
    with Session(engine) as session, session.begin():
        keep(session, A, "Alder")
        keep(session, B, "Birch")
        session.add(RoleHolder(person="dsl", name="D", email="d@school.example", since=clock.now()))
    roles.grant(engine)
    with engine.begin() as connection:
        for role in (APP, roles.READER):
            roles.set_password(connection, role, "of the tests")
    return engine


@pytest.fixture
def app(owner: Engine) -> Iterator[Engine]:
    made = connected(owner, APP, A)
    yield made
    made.dispose()


@pytest.fixture
def reader(owner: Engine) -> Iterator[Engine]:
    made = connected(owner, roles.READER, A)
    yield made
    made.dispose()


def refused(engine: Engine, statement: str) -> str:
    with pytest.raises(DBAPIError) as caught, engine.begin() as connection:
        connection.execute(text(statement))
    return str(caught.value.orig)


def test_the_application_adds_to_history_and_can_neither_change_nor_remove_nor_empty_it(app: Engine) -> None:
    with app.connect() as connection:
        tables = append_only_tables(connection)
    assert {"case_event", "decision", "register_version", "dossier_shown"} <= set(tables)
    for table in tables:
        column = "what" if table == "case_event" else "id"
        for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            assert "permission denied" in refused(app, statement)
    with Session(app) as session, session.begin():
        record(session, "school", "people.changed", Stamp(MACHINE, clock.now()))


@pytest.mark.parametrize("statement", [
    "ALTER TABLE case_event DISABLE TRIGGER ALL", "DROP TRIGGER append_only ON case_event", "ALTER TABLE case_event DISABLE ROW LEVEL SECURITY",
    "DROP TABLE decision", "SET session_replication_role = replica", "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql "
    "AS 'BEGIN RETURN NEW; END'", "CREATE TABLE aside (id int)", "ALTER ROLE cme_app SUPERUSER", "GRANT UPDATE ON case_event TO cme_app"])
def test_the_application_cannot_take_the_refusal_away(app: Engine, statement: str) -> None:
    with app.begin() as connection:
        before = connection.scalar(text("SELECT has_table_privilege('case_event', 'UPDATE')"))
    if statement.startswith("GRANT"):        # a grant without the right to grant is a warning that changes nothing
        with pytest.raises(DBAPIError), app.begin() as connection:
            connection.execute(text(statement))
            connection.execute(text("UPDATE case_event SET what = what"))
    else:
        assert any(word in refused(app, statement) for word in ("must be owner", "permission denied"))
    with app.begin() as connection:
        assert before is False and connection.scalar(text("SELECT has_table_privilege('case_event', 'UPDATE')")) is False


def test_a_key_can_be_changed_by_the_owner_alone(app: Engine) -> None:
    assert "permission denied" in refused(app, "SET LOCAL cme.resealing = 'on'; UPDATE case_event SET why = ''")


def test_a_reader_reads_and_writes_nothing(reader: Engine) -> None:
    with Session(reader) as session:
        assert session.scalars(select(Pupil.surname)).all() == ["Alder"]
        assert session.scalars(select(Contact.email)).all() == ["c@home.example"]
    for name in Base.metadata.tables:
        assert "permission denied" in refused(reader, f'INSERT INTO "{name}" DEFAULT VALUES')
    for name in ("message_password", "review_code", "review_link"):
        assert "permission denied" in refused(reader, f"SELECT * FROM {name}")


def test_each_school_sees_its_own_rows_and_those_that_hang_on_them(owner: Engine, app: Engine) -> None:
    other, nobody = connected(owner, APP, B), connected(owner, APP)
    for engine, names in ((app, ["Alder"]), (other, ["Birch"]), (nobody, [])):
        with Session(engine) as session:
            assert session.scalars(select(Pupil.surname)).all() == names
            for table in (Contact, RegisterVersion):
                assert session.scalar(select(func.count()).select_from(table)) == len(names)
        engine.dispose()
    with Session(owner) as session:
        assert session.scalars(select(Pupil.surname).order_by(Pupil.surname)).all() == ["Alder", "Birch"]


def test_a_row_of_another_school_cannot_be_written_or_touched(owner: Engine, app: Engine) -> None:
    with owner.connect() as connection:
        theirs = connection.scalar(select(Pupil.id).where(Pupil.school == B))
    now = clock.now()
    for statement in (insert(Pupil).values(school=B, mis_id="9", first_seen=now, last_seen=now),
                      insert(Contact).values(pupil_id=theirs, priority=1, name="X", valid_from=now)):
        with pytest.raises(ProgrammingError, match="row-level security"), app.begin() as connection:
            connection.execute(statement)
    with app.begin() as connection:
        assert connection.execute(text("UPDATE pupil SET surname = 'X' WHERE school = :b"), {"b": B}).rowcount == 0


def test_registers_are_stored_and_read_under_separation_as_without_it(owner: Engine, app: Engine) -> None:
    with Session(app) as session, session.begin():
        registers.store(session, A, Pulled(registers=(RegisterDocument(MONDAY, "session", "PM", "9A", (Mark("1", "\\"),)),)), source="test",
                        codes=load().codes, stamp=Stamp(MACHINE, clock.now()), time_semantics=TimeSemantics.FIRST_COMPLETED)
    with Session(app) as mine, Session(owner) as all_of_it:
        query = select(RegisterVersion.slot, RegisterVersion.marks, RegisterVersion.extras, RegisterVersion.content_hash).where(
            RegisterVersion.school == A).order_by(RegisterVersion.id)
        assert mine.execute(query).all() == all_of_it.execute(query).all()
        assert len(mine.execute(query).all()) == 2


def test_the_owner_anchors_and_verifies_all_schools_of_a_database(owner: Engine, app: Engine) -> None:
    from cme.records.anchors import anchor

    with Session(owner) as session, session.begin():
        pupil = session.scalars(select(Pupil).where(Pupil.school == B)).one()
        case = Case(reference="CME-2026-0001", school=B, pupil_id=pupil.id, episode_start=MONDAY, state="x", opened_at=clock.now(),
                    state_since=clock.now())
        session.add(case)
        finding = Finding(school=B, pupil_id=pupil.id, rule="r", rule_version="1", as_of=MONDAY, reached_on=MONDAY, episode_start=MONDAY, count=1,
                          threshold=1, unit="d", reason="r", source="s", marks=[], found_at=clock.now())
        session.add(finding)
        session.flush()
        record(session, case.reference, "finding.made", Stamp(MACHINE, clock.now()), "r", {"finding": finding.id})
    with Session(owner) as session, session.begin():
        anchor(session, Stamp(MACHINE, clock.now()))
    with Session(owner) as session:
        assert verify(session) == []


def test_a_row_that_may_lack_one_of_its_links_is_found_by_any_of_them() -> None:
    """An attempt to reach a parent is of a case, or of an absence without one; a visit always of an absence, and only perhaps of a case."""
    assert roles.separation()["contact_attempt"] == 'case_id IN (SELECT id FROM "case") OR request_id IN (SELECT id FROM absence_request)'
    assert roles.separation()["home_visit"] == "request_id IN (SELECT id FROM absence_request)"


def test_every_table_that_names_a_school_a_pupil_a_case_or_a_question_is_separated() -> None:
    shared = {name for name, condition in roles.separation().items() if condition is None}
    assert {"alarm", "case_event", "case_number", "outbox", "prefect_record", "role_holder", "roster"} <= shared
    assert not [name for name in shared if {"school", "pupil_id", "case_id", "review_id", "request_id"} & set(Base.metadata.tables[name].columns.keys())]
    assert {"pupil", "contact", "register_version", "finding", "case", "action", "review", "answer", "decision", "dossier_shown"}.isdisjoint(shared)


def test_making_the_roles_again_changes_nothing_and_a_new_table_is_covered(owner: Engine, app: Engine) -> None:
    with owner.begin() as connection:
        before = connection.execute(text("SELECT count(*) FROM pg_policies")).scalar()
    roles.grant(owner)
    with owner.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM pg_policies")).scalar() == before
    with Session(owner) as session:
        assert set(protected(session)) == set(append_only_tables(session.connection())) - {CaseEvent.__tablename__}


def test_who_could_change_history_is_told_so(owner: Engine, app: Engine) -> None:
    assert "a superuser of the database" in roles.warning(owner) and "cme database roles" in roles.warning(owner)
    assert roles.warning(app) == ""


def test_the_private_database_is_opened_as_the_application(short_home, cluster: Cluster) -> None:  # type: ignore[no-untyped-def]
    with database.open_records(None, short_home, school=A) as opened:
        assert opened.engine.url.username == APP and roles.warning(opened.engine) == ""
        assert "permission denied" in refused(opened.engine, "DELETE FROM case_event")
    with database.open_records(None, short_home, school=A) as opened, opened.engine.connect() as connection:
        assert connection.scalar(text("SELECT current_setting('cme.school')")) == A
