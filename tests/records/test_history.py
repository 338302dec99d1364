import threading
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import Engine, delete, insert, select, text, update
from sqlalchemy.event import listen
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cme.records.database import sessions
from cme.records.history import GENESIS, MACHINE, Stamp, events, lock, record, verify
from cme.records.tables import Answer, CaseEvent, Decision, RegisterVersion, Roster

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)
STAMP = Stamp(MACHINE, NOON)
CASE = "CME-2026-0012"
APPEND_ONLY = [Answer, CaseEvent, Decision, RegisterVersion, Roster]


@pytest.fixture
def written(engine: Engine) -> Engine:
    """A history of six events about two subjects."""
    with sessions(engine).begin() as session:
        for number in range(6):
            record(session, CASE if number % 2 else "school", f"step.{number}", Stamp("dsl", NOON + timedelta(minutes=number)),
                   why="because", data={"number": number, "names": ["ü", None]})
    return engine


def meddle(engine: Engine, *statements: str) -> list[str]:
    """What ``verify`` finds after the owner of the tables has switched the refusal off and changed rows."""
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE case_event DISABLE TRIGGER USER"))
        for statement in statements:
            connection.execute(text(statement))
        for trigger in ("append_only", "never_updated", "only_resealed"):
            connection.execute(text(f"ALTER TABLE case_event ENABLE ALWAYS TRIGGER {trigger}"))
    with sessions(engine)() as session:
        return verify(session)


def test_an_event_keeps_who_when_why_and_the_run_that_did_it(session: Session):
    stamp = Stamp("dsl", NOON, "run-1", "task-1")
    number = record(session, CASE, "review.answered", stamp, why="The address was visited.", data={"actions": ["home_visit"]})
    session.commit()
    session.expire_all()
    event, = events(session, CASE)
    assert (event.id, event.subject, event.at, event.who, event.what, event.why, event.flow_run_id, event.task_run_id) == (
        number, CASE, NOON, "dsl", "review.answered", "The address was visited.", "run-1", "task-1")
    assert event.data == {"actions": ["home_visit"]} and event.previous_hash == GENESIS


def test_an_event_of_a_transaction_that_failed_never_happened(engine: Engine):
    with pytest.raises(RuntimeError), sessions(engine).begin() as session:
        record(session, CASE, "case.opened", STAMP)
        raise RuntimeError
    with sessions(engine).begin() as session:
        assert record(session, CASE, "case.opened", STAMP) == 1
        assert verify(session) == []


def test_the_events_of_a_subject_come_oldest_first(written: Engine):
    with sessions(written)() as session:
        assert [event.what for event in events(session, CASE)] == ["step.1", "step.3", "step.5"]


@pytest.mark.parametrize("table", APPEND_ONLY, ids=lambda table: table.__tablename__)
def test_the_database_refuses_any_change_of_what_is_append_only(session: Session, table):
    # also where no row would be touched: a statement that could change history is a fault of the program
    for change, statement in {"UPDATE": update(table).values(id=table.id), "DELETE": delete(table),
                              "TRUNCATE": text(f"TRUNCATE {table.__tablename__} CASCADE")}.items():
        refused = pytest.raises(IntegrityError, match=f"{table.__tablename__} is append-only: {change} is refused")
        with refused, session.begin_nested():
            session.execute(statement)


def test_the_refusal_holds_in_replica_mode_too(written: Engine):
    with pytest.raises(IntegrityError, match="append-only"), written.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("DELETE FROM case_event"))


def test_a_whole_chain_has_no_faults(written: Engine):
    with sessions(written)() as session:
        assert verify(session) == []


@pytest.mark.parametrize("column, value", [
    ("subject", "'CME-2026-0099'"), ("at", "at + interval '1 microsecond'"), ("who", "'machine'"), ("what", "'step.9'"),
    ("why", "''"), ("data", "'{\"number\": 3}'"), ("flow_run_id", "'run-2'"), ("task_run_id", "'task-2'"), ("hash", "repeat('a', 64)"),
    ("previous_hash", "repeat('a', 64)")])
def test_a_single_changed_value_is_found(written: Engine, column: str, value: str):
    faults = meddle(written, f"UPDATE case_event SET {column} = {value} WHERE id = 4")
    assert faults and all("event 4" in fault or "event 5" in fault for fault in faults)


def test_a_removed_event_is_found(written: Engine):
    assert meddle(written, "DELETE FROM case_event WHERE id = 3") == [
        "event 3 is missing: the next one found is 4", f"event 4 (step.3 of {CASE}) does not follow the event before it"]


def test_a_removed_event_is_found_when_the_others_were_numbered_anew(written: Engine):
    faults = meddle(written, "DELETE FROM case_event WHERE id = 3", "UPDATE case_event SET id = id - 1 WHERE id > 3")
    assert f"event 3 (step.3 of {CASE}) does not follow the event before it" in faults


def test_an_inserted_event_is_found(written: Engine):
    faults = meddle(written, "UPDATE case_event SET id = id + 100 WHERE id > 3",
                    "UPDATE case_event SET id = id - 99 WHERE id > 100",
                    "INSERT INTO case_event SELECT 4, subject, at, who, 'step.forged', why, data, flow_run_id, task_run_id, "
                    "previous_hash, hash FROM case_event WHERE id = 3")
    assert {"event 4 (step.forged of school) does not follow the event before it",
            "event 4 (step.forged of school) was changed after it was written"} <= set(faults)


def test_events_that_changed_places_are_found(written: Engine):
    faults = meddle(written, "UPDATE case_event SET id = 99 WHERE id = 2", "UPDATE case_event SET id = 2 WHERE id = 3",
                    "UPDATE case_event SET id = 3 WHERE id = 99")
    assert any("event 2" in fault for fault in faults) and any("event 3" in fault for fault in faults)


def test_an_event_appended_past_the_chain_is_found(written: Engine):
    with written.begin() as connection:                  # an insert is allowed, so the chain must tell
        row = dict(connection.execute(select(CaseEvent.__table__).where(CaseEvent.id == 6)).one()._mapping)
        connection.execute(insert(CaseEvent).values(row | {"id": 7}))
    with sessions(written)() as session:
        assert f"event 7 (step.5 of {CASE}) does not follow the event before it" in verify(session)


def test_writers_at_the_same_time_keep_one_unbroken_chain(engine: Engine):
    start = threading.Barrier(5)

    def write(writer: int) -> None:
        start.wait()
        for number in range(20):
            with sessions(engine).begin() as session:
                record(session, f"CME-2026-{writer:04}", "step", STAMP, data={"number": number})

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(5)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with sessions(engine)() as session:
        assert verify(session) == []
        assert [len(events(session, f"CME-2026-{writer:04}")) for writer in range(5)] == [20] * 5


def test_writers_of_several_events_each_keep_one_unbroken_chain(engine: Engine):
    start = threading.Barrier(3)

    def write(writer: int) -> None:
        with sessions(engine)() as session:
            start.wait()
            for _ in range(8):                            # one session, one transaction after another
                for number in range(4):
                    record(session, f"CME-2026-{writer:04}", "step", STAMP, data={"number": number})
                session.commit()

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with sessions(engine)() as session:
        assert verify(session) == [] and [len(events(session, f"CME-2026-{w:04}")) for w in range(3)] == [32] * 3


@pytest.mark.parametrize("ending", ["rollback", "commit"])
def test_the_chain_goes_on_after_a_savepoint(engine: Engine, ending: str):
    with sessions(engine)() as session:
        record(session, CASE, "before", STAMP)
        nested = session.begin_nested()
        record(session, CASE, "within", STAMP)
        getattr(nested, ending)()
        record(session, CASE, "after", STAMP)
        record(session, CASE, "after that", STAMP)
        session.commit()
        assert verify(session) == []
        assert [event.what for event in events(session, CASE)] == ["before", *(["within"] if ending == "commit" else []), "after", "after that"]


def test_the_lock_taken_within_a_savepoint_is_not_believed_to_outlive_it(engine: Engine):
    with sessions(engine)() as session:
        nested = session.begin_nested()
        lock(session)
        nested.rollback()                                # gives the lock up
        with sessions(engine).begin() as other:
            record(other, "school", "another", STAMP)
        record(session, CASE, "after", STAMP)
        session.commit()
        assert verify(session) == []


def test_a_session_that_was_rolled_back_forgets_what_it_knew_of_the_chain(engine: Engine):
    with sessions(engine)() as session:
        record(session, CASE, "never", STAMP)
        session.rollback()
        with sessions(engine).begin() as other:
            record(other, "school", "another", STAMP)
        assert record(session, CASE, "second", STAMP) == 2
        session.commit()
        assert verify(session) == []


def test_a_transaction_asks_for_the_end_of_the_chain_once(session: Session):
    asked: list[str] = []
    listen(session.bind, "before_cursor_execute", lambda c, cursor, statement, *rest: asked.append(statement))
    for _ in range(3):
        record(session, CASE, "step", STAMP)
    assert len([s for s in asked if "pg_advisory_xact_lock" in s]) == len([s for s in asked if "ORDER BY case_event.id DESC" in s]) == 1
