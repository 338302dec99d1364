import multiprocessing
import os
import stat
from pathlib import Path

import psutil
import psycopg2
import pytest
from sqlalchemy.engine import make_url

from cme.errors import Misconfigured
from cme.records import postgres_server
from cme.records.embedded import Cluster
from cme.records.postgres_binaries import choose, reachable, server_user


def test_a_wrong_password_is_refused(cluster: Cluster):
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(host=str(cluster.server.socket_folder), user="app", password="guess", dbname="postgres")


def test_its_log_holds_neither_statements_nor_values(cluster: Cluster):
    with cluster.server.connection() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE child (name text PRIMARY KEY)")
        for _ in range(2):
            try:
                cursor.execute("INSERT INTO child VALUES (%s)", ("Ottilie Fictional",))
            except psycopg2.IntegrityError as error:
                assert "Ottilie" in str(error)          # so there was something to keep out
    log = cluster.server.log.read_text()
    assert "duplicate key" in log and "Ottilie" not in log and "INSERT" not in log


def test_the_addresses_of_both_drivers_lead_to_the_database(cluster: Cluster):
    assert cluster.url("cme").startswith("postgresql+psycopg2://app:")
    address = cluster.asyncpg_url("prefect", "cme_prefect")
    assert address.startswith("postgresql+asyncpg://cme_prefect:") and "@/prefect?host=%2F" in address
    assert make_url(address).password not in (make_url(cluster.url("cme")).password, make_url(cluster.url("cme", "cme_app")).password)


def durable_closed_and_utf8(cluster: Cluster, ask) -> None:
    expected = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "data_checksums": "on",
                "listen_addresses": "", "server_encoding": "UTF8", "password_encryption": "scram-sha-256", "timezone": "UTC"}
    assert {name: ask(cluster, f"SHOW {name}") for name in expected} == expected
    assert stat.S_IMODE((cluster.home / "password").stat().st_mode) == 0o600
    assert stat.S_IMODE(cluster.server.socket_folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(cluster.server.data.stat().st_mode) == 0o700
    assert not [c for c in cluster.server.postmaster().net_connections("inet") if c.status == psutil.CONN_LISTEN]


def test_it_is_durable_closed_speaks_utf8_and_what_was_written_is_there_after_a_stop_and_a_start(short_home: Path, ask):
    with Cluster.start(short_home) as first:
        durable_closed_and_utf8(first, ask)
        first.create_database("kept")
        address = first.url("kept")
    assert first.server.state() == "away" and first.server.processes() == []
    with Cluster.start(short_home) as second:
        assert ask(second, "SELECT count(*) FROM pg_database WHERE datname = 'kept'") == 1
        assert second.url("kept") == address


def test_two_processes_share_one_server_and_the_last_to_leave_stops_it(short_home: Path, neighbour):
    cluster = Cluster.start(short_home)
    server = cluster.server.postmaster().pid
    other = neighbour(short_home)
    cluster.stop()
    assert cluster.server.state() == "up" and cluster.server.postmaster().pid == server
    other.communicate()
    assert other.returncode == 0 and cluster.server.state() == "away" and cluster.server.processes() == []


def test_many_that_start_at_once_on_an_empty_folder_get_one_server(short_home: Path, begin_neighbour):
    others = [begin_neighbour(short_home) for _ in range(4)]
    assert [other.stdout.readline() for other in others] == ["ready\n"] * 4
    with Cluster.start(short_home) as cluster:
        assert len({p.ppid() for p in cluster.server.processes() if p.pid != cluster.server.postmaster().pid}) == 1
        for other in others:
            other.communicate()
    assert cluster.server.processes() == []


def test_data_of_another_major_version_are_named_in_one_sentence(short_home: Path):
    Cluster.start(short_home).stop()
    (short_home / "server" / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(Misconfigured, match=r"written by PostgreSQL 9 .* pg_dump and pg_restore"):
        Cluster.start(short_home)


def test_a_lost_or_wrong_password_file_is_said(short_home: Path):
    with Cluster.start(short_home) as cluster:
        (short_home / "password").rename(short_home / "kept")
        with pytest.raises(Misconfigured, match="password is missing"):
            Cluster.start(short_home)
        (short_home / "password").write_text("another one")
        with pytest.raises(Misconfigured, match="is not that of the database"):
            Cluster.start(short_home)
        (short_home / "kept").rename(short_home / "password")
        assert cluster.server.state() == "up"             # the one who was in was not thrown out


def test_a_path_too_long_for_a_socket_gets_a_short_one(short_home: Path):
    cluster = Cluster.start(short_home / ("long" * 30))
    folder = cluster.server.socket_folder
    assert len(str(folder)) < 80 and stat.S_IMODE(folder.stat().st_mode) == 0o700 and cluster.server.state() == "up"
    cluster.remove()
    assert not folder.exists() and list(short_home.iterdir()) == []


def test_a_home_the_server_cannot_enter_keeps_its_data_where_it_can(short_home: Path, monkeypatch: pytest.MonkeyPatch, ask):
    monkeypatch.setattr("cme.records.postgres_binaries.ServerUser.can_enter",
                        lambda user, folder: not folder.is_relative_to(short_home))
    cluster = Cluster.start(short_home / "closed")
    place = cluster.server.place
    assert not place.is_relative_to(short_home) and cluster.server.state() == "up"
    cluster.create_database("kept")
    cluster.stop()
    with Cluster.start(short_home / "closed") as again:
        assert again.server.place == place and ask(again, "SELECT count(*) FROM pg_database WHERE datname = 'kept'") == 1
    again.remove()
    assert not place.exists()


def test_a_machine_on_which_the_server_can_enter_nothing_is_told_so(short_home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("cme.records.postgres_binaries.ServerUser.can_enter", lambda user, folder: False)
    with pytest.raises(Misconfigured, match="cannot enter .* CME_DATA_DIR"):
        Cluster.start(short_home / "closed")


def test_it_is_not_removed_under_somebody_else(short_home: Path, neighbour):
    other = neighbour(short_home)
    cluster = Cluster.start(short_home)
    with pytest.raises(Misconfigured, match="still in use"):
        cluster.remove()
    other.communicate()
    assert cluster.server.data.is_dir()


def test_a_forked_child_that_ends_leaves_its_parents_server_alone(short_home: Path, neighbour):
    with Cluster.start(short_home) as cluster:
        child = multiprocessing.get_context("fork").Process(target=cluster.stop)
        child.start()
        child.join()
        assert child.exitcode == 0 and cluster.server.state() == "up"
        other = neighbour(short_home)
        other.communicate()
        assert cluster.server.state() == "up"             # the neighbour still saw that the parent uses it


def test_an_ordinary_user_can_start_it(short_home: Path, monkeypatch: pytest.MonkeyPatch):
    user = server_user()
    place = short_home / "programs"
    place.mkdir()
    place.chmod(0o755)
    programs = reachable(choose(None), user, place)       # what a user without rights can run, even if our own folder is closed
    monkeypatch.setattr(postgres_server, "choose", lambda wanted: programs)
    home = short_home / "home"
    home.mkdir()
    user.own(home, 0o700)

    def start_as_that_user() -> None:
        if user.lent:
            os.setgroups([])
            os.setgid(user.gid)
            os.setuid(user.uid)
        with Cluster.start(home) as cluster:
            up = os.geteuid() != 0 and cluster.server.state() == "up" and cluster.server.postmaster().uids().real == os.geteuid()
        os._exit(0 if up and cluster.server.processes() == [] else 7)

    child = multiprocessing.get_context("fork").Process(target=start_as_that_user)
    child.start()
    child.join(60)
    assert child.exitcode == 0


def test_ctrl_c_at_the_terminal_does_not_reach_the_server(cluster: Cluster):
    server = cluster.server.postmaster().pid
    assert os.getpgid(server) != os.getpgid(0) and os.getsid(server) != os.getsid(0)
