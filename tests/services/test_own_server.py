"""The house on a PostgreSQL of one's own, named by its address."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from cme.errors import Misconfigured
from cme.records.database import open_records
from cme.records.embedded import Cluster
from cme.services.up import PREFECT_DATABASE, House


@pytest.fixture
def house(cluster: Cluster, tmp_path: Path) -> Iterator[House]:
    """A house whose records are open on a server by address; nothing else of it runs."""
    cluster.create_database("own")
    with open_records(cluster.url("own"), tmp_path, migrate=True) as records:
        made = House(tmp_path, cluster.url("own"))
        made.records = records
        yield made
    cluster.drop_database("own")
    cluster.drop_database(PREFECT_DATABASE)


def test_prefects_database_is_made_beside_ours_where_that_is_allowed(house: House):
    for _ in range(2):                                      # the second time it is there already
        address = make_url(house._prefect_database())
        assert address.drivername == "postgresql+asyncpg" and address.database == PREFECT_DATABASE

    async def ask() -> int:
        connection = await asyncpg.connect(host=address.query["host"], user=address.username, password=address.password,
                                           database=address.database)
        try:
            return await connection.fetchval("SELECT 1")
        finally:
            await connection.close()

    assert asyncio.run(ask()) == 1


def test_where_it_is_not_allowed_one_sentence_says_who_must_do_it(cluster: Cluster, house: House, tmp_path: Path):
    with cluster.server.connection("own") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE ROLE clerk LOGIN PASSWORD 'clerk'")
        cursor.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO clerk")
    try:
        address = make_url(cluster.url("own")).set(username="clerk", password="clerk")
        with open_records(address.render_as_string(hide_password=False), tmp_path) as records:
            house.records = records
            with pytest.raises(Misconfigured, match="clerk may not create it: let the database's administrator create it"):
                house._prefect_database()
    finally:
        with cluster.server.connection("own") as connection, connection.cursor() as cursor:
            cursor.execute("DROP OWNED BY clerk")
            cursor.execute("DROP ROLE clerk")


def test_an_address_given_for_prefect_is_used_as_it_is(house: House):
    house._prefect_database_url = "postgresql+asyncpg://prefect@db.example/prefect"
    assert house._prefect_database() == "postgresql+asyncpg://prefect@db.example/prefect"
