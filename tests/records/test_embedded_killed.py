import subprocess
import threading
import time
from pathlib import Path

import psutil
import psycopg2
import pytest

from cme.records.embedded import Cluster
from cme.records.postgres_binaries import server_user


def test_a_killed_owner_is_not_counted_any_more(short_home: Path, neighbour):
    owner = neighbour(short_home)
    owner.kill()
    owner.wait()
    with Cluster.start(short_home) as cluster:
        assert cluster.server.state() == "up"
    assert cluster.server.state() == "away" and list((short_home / "users").iterdir()) == []


@pytest.mark.parametrize("with_backends", [False, True], ids=["postmaster", "postmaster-and-backends"])
def test_a_killed_server_loses_no_commit_and_starts_again(short_home: Path, with_backends: bool, ask):
    cluster = Cluster.start(short_home)
    with cluster.server.connection() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE written (n bigint PRIMARY KEY)")
    acknowledged: list[int] = []

    def write() -> None:
        try:
            with cluster.server.connection() as connection, connection.cursor() as cursor:
                while True:
                    number = len(acknowledged)
                    cursor.execute("INSERT INTO written VALUES (%s) ON CONFLICT DO NOTHING", (number,))
                    acknowledged.append(number)
        except psycopg2.Error:
            pass                                          # the kill

    for _ in range(3):
        before = len(acknowledged)
        writer = threading.Thread(target=write)
        writer.start()
        while len(acknowledged) < before + 30:
            time.sleep(0.005)
        victims = cluster.server.processes() if with_backends else [cluster.server.postmaster()]
        for victim in victims:
            victim.kill()
        restarted = Cluster.start(short_home)
        writer.join()
        assert ask(restarted, "SELECT count(*) FROM written") >= len(acknowledged)
        assert ask(restarted, f"SELECT count(*) FROM written WHERE n < {len(acknowledged)}") == len(acknowledged)
        restarted.stop()                                  # the first hold keeps it up
        assert cluster.server.state() == "up"
    cluster.stop()
    assert cluster.server.processes() == []


@pytest.mark.parametrize("fate", ["lives", "zombie"])
def test_a_pid_file_that_names_a_stranger_or_a_zombie_is_not_believed(short_home: Path, fate: str):
    Cluster.start(short_home).stop()
    stranger = subprocess.Popen(["sleep", "60" if fate == "lives" else "0"], cwd="/", **server_user().start_options())
    try:
        if fate == "zombie":
            while psutil.Process(stranger.pid).status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.01)
        data = short_home / "server" / "data"
        (data / "postmaster.pid").write_text(f"{stranger.pid}\n{data}\n{int(time.time())}\n5432\n\n\n\nready\n")
        with Cluster.start(short_home) as cluster:
            assert cluster.server.state() == "up" and cluster.server.postmaster().pid != stranger.pid
    finally:
        stranger.kill()
        stranger.wait()


def test_a_server_whose_socket_was_deleted_is_replaced(short_home: Path):
    lost = Cluster.start(short_home)
    first = lost.server.postmaster().pid
    for file in lost.server.socket_folder.iterdir():
        file.unlink()
    with Cluster.start(short_home) as cluster:
        assert cluster.server.state() == "up" and cluster.server.postmaster().pid != first
    lost.stop()
    assert cluster.server.processes() == []


def test_a_first_start_that_was_cut_short_leaves_nothing_in_the_way(short_home: Path):
    place = short_home / "server"
    (place / "data.unfinished" / "base").mkdir(parents=True)
    (short_home / "password").write_text("of the first try")
    server_user().own(place, 0o700)
    with Cluster.start(short_home) as cluster:
        assert cluster.server.state() == "up"


def test_a_start_that_is_interrupted_leaves_no_server_behind(short_home: Path, monkeypatch: pytest.MonkeyPatch):
    started: list[Cluster] = []

    def interrupted(self: Cluster) -> None:
        started.append(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(Cluster, "_take_hold", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Cluster.start(short_home)
    assert started[0].server.data.is_dir() and started[0].server.processes() == []
