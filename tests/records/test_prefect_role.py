"""Prefect's server cannot read the records: its role owns its own database and may not even connect to another."""

from collections.abc import Iterator

import psycopg2
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url
from tests.conftest import PASSWORD

from cme.records import database, prefect_role, roles
from cme.records.embedded import Cluster
from cme.records.prefect_role import DATABASE, PREFECT


@pytest.fixture
def password(cluster: Cluster, engine: Engine) -> Iterator[str]:
    """Of Prefect's role, made beside an installation whose Prefect was still the owner."""
    roles.grant(engine, PASSWORD)
    cluster.create_database(DATABASE)
    with cluster.server.connection(DATABASE) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION pg_trgm; CREATE TYPE mood AS ENUM ('glad'); CREATE TABLE run (id serial PRIMARY KEY, number int "
                       "GENERATED ALWAYS AS IDENTITY, of mood); CREATE VIEW runs AS SELECT id FROM run; INSERT INTO run (of) VALUES ('glad')")
    for _ in range(2):                                                      # at every start
        address = make_url(prefect_role.address(cluster, str(engine.url.database)))
    assert (address.username, address.database) == (PREFECT, DATABASE) and address.password
    yield str(address.password)
    cluster.drop_database(DATABASE)


def connect(cluster: Cluster, password: str, name: str) -> "psycopg2.extensions.connection":
    return psycopg2.connect(host=str(cluster.server.socket_folder), user=PREFECT, password=password, dbname=name)


def test_it_is_refused_at_every_database_but_its_own(cluster: Cluster, engine: Engine, password: str) -> None:
    for name in (str(engine.url.database), "postgres", "template1"):
        with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
            connect(cluster, password, name)
    with engine.connect() as connection:                                    # were the door open, it would see nothing behind it
        assert connection.scalar(text("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND "
                                      "has_table_privilege(:role, oid, 'SELECT, INSERT, UPDATE, DELETE')"), {"role": PREFECT}) == 0
        assert connection.execute(text("SELECT rolsuper, rolcreatedb, rolcreaterole, rolbypassrls FROM pg_roles WHERE rolname = :role"),
                                  {"role": PREFECT}).one() == (False, False, False, False)


def test_the_product_itself_still_gets_in(cluster: Cluster, engine: Engine, password: str) -> None:
    app = database.engine(engine.url.set(username=database.APP, password=PASSWORD).render_as_string(hide_password=False), "999/0001")
    with app.connect() as connection:
        assert connection.scalar(text('SELECT count(*) FROM "case"')) == 0
        connection.execute(text("CREATE TEMPORARY TABLE of_its_own (n int)"))
    app.dispose()


def test_it_owns_all_that_prefect_had_before(cluster: Cluster, password: str) -> None:
    connection = connect(cluster, password, DATABASE)
    with connection, connection.cursor() as cursor:
        cursor.execute("ALTER TYPE mood ADD VALUE 'sad'")
        cursor.execute("ALTER TABLE run ADD COLUMN more int; DROP VIEW runs; CREATE TABLE other (id int); CREATE EXTENSION IF NOT EXISTS pg_trgm")
        cursor.execute("INSERT INTO run (of) VALUES ('glad') RETURNING id, number")
        assert cursor.fetchone() == (2, 2)
    connection.close()
