"""What is copied in binary form reads as it was given, and an error quotes no row."""

from datetime import date, datetime, timedelta, timezone

import psycopg2
import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from tests.conftest import PASSWORD

from cme.records import database
from cme.records.binary_copy import copy_rows
from cme.records.tables import Flag, RegisterVersion, Roster

ROW = {"school": "999/0001", "local_date": date(2026, 11, 23), "kind": "session", "slot": "PM", "group_key": "7A \u00e9\t\\N",
       "seen_at": datetime(2026, 11, 23, 9, 5, 0, 123457, tzinfo=timezone.utc), "source": "test", "pull_id": None, "status": "taken",
       "taken_from": None, "taken_to": datetime(1999, 12, 31, 23, 0, 0, 1, tzinfo=timezone(timedelta(hours=-1))), "basis": "observed",
       "taken_by": "", "roster_id": 2**40, "marks": b"\\ \x00\xff", "extras": {"3": {"note": "\u201cbus\u201d \\ \n", "minutes_late": 12}},
       "content_hash": b""}


def test_every_kind_of_value_comes_back_as_it_was(session: Session) -> None:
    copy_rows(session, RegisterVersion, [ROW, {**ROW, "local_date": date(1969, 2, 3), "extras": {}}])
    first, second = session.scalars(select(RegisterVersion).order_by(RegisterVersion.id))
    assert {name: getattr(first, name) for name in ROW} == ROW
    assert (second.local_date, second.extras) == (date(1969, 2, 3), {})


def test_a_list_of_numbers_is_an_array_also_an_empty_one(session: Session) -> None:
    copy_rows(session, Roster, [{"hash": b"1", "pupils": [3, 2**40, -1]}, {"hash": b"2", "pupils": []}])
    assert session.scalars(select(Roster.pupils).order_by(Roster.id)).all() == [[3, 2**40, -1], []]


def test_what_is_copied_belongs_to_the_transaction(session: Session) -> None:
    copy_rows(session, Roster, [])
    copy_rows(session, Roster, [{"hash": b"1", "pupils": [1]}])
    session.rollback()
    assert session.scalars(select(Roster)).all() == []


def test_an_error_of_the_database_says_nothing_of_the_row(session: Session) -> None:
    with pytest.raises(psycopg2.Error) as caught:
        copy_rows(session, RegisterVersion, [{**ROW, "taken_by": "Quillfeather\x00"}])
    assert "invalid byte sequence" in str(caught.value) and "Quillfeather" not in str(caught.value)


@pytest.mark.parametrize("many", [1, 500], ids=["few", "many"])
def test_a_role_that_sees_one_school_writes_the_same_rows(engine: Engine, many: int) -> None:
    app = database.engine(engine.url.set(username=database.APP, password=PASSWORD).render_as_string(hide_password=False), ROW["school"])
    with Session(app) as session, session.begin():
        for _ in range(2):                  # also twice in a transaction
            copy_rows(session, RegisterVersion, [ROW] * many)
    with Session(app) as session:
        kept = session.scalars(select(RegisterVersion)).all()
        assert len(kept) == 2 * many and all({name: getattr(each, name) for name in ROW} == ROW for each in kept)
        with pytest.raises(DBAPIError if many == 1 else psycopg2.Error, match="row-level security"):
            copy_rows(session, RegisterVersion, [{**ROW, "school": "999/0002"}] * many)
    app.dispose()


def test_a_value_of_another_kind_is_refused(session: Session) -> None:
    for value in (1.5, {1}):
        with pytest.raises(TypeError, match="cannot be copied"):
            copy_rows(session, Flag, [{"pupil_id": 1, "flag": value}])
