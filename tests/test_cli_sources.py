"""``cme sources``: what there is, and a dry look at what is in use."""

import os
import sqlite3
from pathlib import Path

from sqlalchemy import Engine, inspect, text

from tests.sources.one_school import NAMES
from tests.sources.vendor_stubs import ArborStub
from tests.test_cli import cme, environment

__all__ = ["environment"]


def rows_of(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {name: connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one() for name in inspect(connection).get_table_names()}


def test_all_sources_are_listed_with_what_they_can_say_and_which_is_in_use(environment: dict[str, str]) -> None:
    shown = cme(environment, "sources").stdout
    assert shown.count("not yet run") >= 6 and "csv folder (in use)" in shown
    for words in ("arbor", "wonde", "bromcom", "rosariosis", "never judged", "In use: csv folder, times first completed, without an offset by the clock of Europe/London"):
        assert words in shown, words


def test_a_dry_look_says_what_could_not_be_judged_and_writes_nothing(environment: dict[str, str], engine: Engine) -> None:
    export = Path(environment["CME_REGISTERS_FOLDER"]) / "registers.csv"
    export.write_text("date,session,group,pupil_id,mark,forename\n2026-11-23,AM,9A,P1,/,Quilla\n2026-11-23,AM,9A,P2,?!,\n2026-11-23,noon,9A,P3,/,\n")
    os.utime(export, (1_000_000_000, 1_000_000_000))
    before = rows_of(engine)
    done = cme(environment, "sources", "test", "csv-folder")
    assert done.returncode == 0, done.stderr
    for words in ("nothing was written", "3 rows read: 2 accepted, 1 not readable", "absence that adds up", "does not say which are expected (add a timetable)",
                  "whom to contact: no pupil has a parent or carer", "registers.csv, line 4: the session is neither AM nor PM", "marks entered", "'?!'"):
        assert words in done.stdout, words
    assert "given: date, forename, group, mark, pupil_id, session" in done.stdout and "its own, not read: none" in done.stdout
    other = cme(environment, "sources", "test", "--day", "2026-11-20").stdout
    assert "the files hold registers of 1 days, from 2026-11-23 to 2026-11-23: try one with --day" in other
    assert "Quilla" not in done.stdout and rows_of(engine) == before
    refused = cme(environment, "sources", "test", "arbor")
    assert refused.returncode == 1 and "'csv folder' is" in refused.stderr


def test_a_vendors_interface_is_tried_dry_and_its_cursor_stays(environment: dict[str, str], engine: Engine) -> None:
    before = rows_of(engine)
    del environment["CME_REGISTERS_FOLDER"]
    with ArborStub() as stub:
        secret = {"CME_REGISTERS_API": "arbor", "CME_REGISTERS_API_URL": stub.url, "CME_REGISTERS_API_USER": "app"}
        done = cme({**environment, **secret, "CME_REGISTERS_API_SECRET": "open-sesame"}, "sources", "test", "arbor")
        wrong = cme({**environment, **secret, "CME_REGISTERS_API_SECRET": "hush-hush"}, "sources", "test", "arbor")
    assert done.returncode == 0, done.stderr
    assert "late registers: the time taken is when the register was first completed" in done.stdout and "4 registers expected, 3 pupils" in done.stdout
    assert "pupils with forename" in done.stdout and not [name for name in NAMES if name in done.stdout] and rows_of(engine) == before
    assert wrong.returncode == 1 and "correct the login or secret" in wrong.stderr and "hush-hush" not in wrong.stderr + wrong.stdout



def test_the_views_of_a_database_are_chosen_by_the_settings(environment: dict[str, str], tmp_path: Path) -> None:
    del environment["CME_REGISTERS_FOLDER"]
    with sqlite3.connect(tmp_path / "mis.db") as mis:
        mis.executescript("CREATE VIEW cme_registers AS SELECT '2026-11-23' AS date, 'AM' AS session, '9A' AS \"group\", 'P1' AS pupil_id, '/' AS mark, 7 AS house;")
    done = cme({**environment, "CME_REGISTERS_SYSTEM": "views", "CME_REGISTERS_URL": f"sqlite:///{tmp_path / 'mis.db'}"}, "sources", "test", "views")
    assert "1 registers of sessions" in done.stdout and "its own, not read: house" in done.stdout, done.stderr


def test_without_a_source_the_list_says_how_to_choose_one(environment: dict[str, str]) -> None:
    del environment["CME_REGISTERS_FOLDER"]
    done = cme(environment, "sources")
    assert "None is in use" in done.stdout, done.stderr
