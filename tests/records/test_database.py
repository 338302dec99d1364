from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, insert, inspect, text
from sqlalchemy.exc import IntegrityError

from cme.errors import Misconfigured
from cme.records import database
from cme.records.embedded import Cluster
from cme.records.tables import Base, CaseNumber, Staff


@pytest.fixture
def bare(cluster: Cluster):
    """An engine on a database without any table."""
    cluster.create_database("bare")
    opened = database.engine(cluster.url("bare"))
    yield opened
    opened.dispose()
    cluster.drop_database("bare")


def test_the_migrations_make_exactly_the_tables_of_the_models(engine: Engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={
            "version_table": database.VERSION_TABLE, "compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
        assert set(inspect(connection).get_table_names()) == {*Base.metadata.tables, database.VERSION_TABLE}


def test_an_empty_database_says_what_to_do_and_is_brought_up_to_date(bare: Engine):
    assert "cme up" in database.check(bare)
    database.upgrade(bare)
    assert database.check(bare) == ""


def test_bringing_up_to_date_a_second_time_changes_nothing(bare: Engine):
    database.upgrade(bare)
    with bare.begin() as connection:
        connection.execute(insert(CaseNumber).values(year=2026, last=12))
    database.upgrade(bare)
    with bare.connect() as connection:
        assert connection.execute(text("SELECT last FROM case_number")).scalars().all() == [12]


def test_tables_of_a_newer_program_are_named_as_such(engine: Engine):
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {database.VERSION_TABLE} SET version_num = '9999'"))
    assert "9999" in database.check(engine) and "newer" in database.check(engine)


def test_a_server_that_is_not_there_is_said_in_one_sentence(tmp_path: Path):
    sentence = database.check(database.engine(f"postgresql://someone:secret@/cme?host={tmp_path}"))
    assert "cannot be reached" in sentence and "secret" not in sentence and "\n" not in sentence


@pytest.mark.parametrize("url", ["sqlite:///records.db", "mysql://u:secret@host/cme", "postgresql+asyncpg://u:secret@host/cme",
                                 "not an address, secret"])
def test_any_other_database_is_refused_without_its_password(url: str):
    with pytest.raises(Misconfigured) as refused:
        database.engine(url)
    assert "postgresql://user:password@host:5432/database" in str(refused.value) and "secret" not in str(refused.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2"])
def test_the_usual_ways_to_write_the_address_all_mean_psycopg2(scheme: str):
    assert database.engine(f"{scheme}://u@host/cme").url.drivername == "postgresql+psycopg2"


def test_what_the_database_complains_about_never_quotes_a_row(engine: Engine):
    row = {"school": "demo", "code": "T1", "name": "Ottilie Fictional"}
    with engine.begin() as connection:
        connection.execute(insert(Staff).values(row))
    with pytest.raises(IntegrityError) as duplicate, engine.begin() as connection:
        connection.execute(insert(Staff).values(row | {"code": "T1"}))
    with pytest.raises(IntegrityError) as missing, engine.begin() as connection:
        connection.execute(insert(Staff).values(row | {"code": None}))
    for error in (duplicate.value, missing.value):
        said = f"{error} {error.orig} {error.__cause__}"
        assert "constraint" in said and "Fictional" not in said and "T1" not in said


def test_the_embedded_records_are_ready_when_opened_and_keep_what_was_written(short_home: Path):
    with database.open_records(None, short_home) as records:
        with records.sessions.begin() as session:
            session.add(CaseNumber(year=2026, last=7))
    with database.open_records(None, short_home) as records:
        assert records.cluster is not None
        with records.sessions() as session:
            assert session.get(CaseNumber, 2026).last == 7


def test_a_server_by_url_is_migrated_only_when_asked(cluster: Cluster, bare: Engine, tmp_path: Path):
    url = cluster.url("bare")
    with pytest.raises(Misconfigured, match="cme up"), database.open_records(url, tmp_path):
        pass
    with database.open_records(url, tmp_path, migrate=True) as records:
        assert records.cluster is None and database.check(records.engine) == ""
    assert list(tmp_path.iterdir()) == []


def test_the_newest_migration_is_told_without_alembic() -> None:
    assert database.newest_migration() == ScriptDirectory.from_config(database._config()).get_current_head()
