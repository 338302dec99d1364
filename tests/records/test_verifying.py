"""Every kind of tampering, through SQL as the owner with the triggers switched off, is found, with its place."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.orm import Session

from cme.errors import BadInput
from cme.records import anchors
from cme.records.anchors import Anchor, anchor, protected, read_anchors
from cme.records.emptied import NOTHING
from cme.records.history import GENESIS, Stamp, chain_hash, content, record
from cme.records.tables import Base, CaseEvent, ResumeRequest, RoleHolder
from cme.records.verifying import verify

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)


def stamp(minute: int = 0) -> Stamp:
    return Stamp("machine", NOON + timedelta(minutes=minute))


@contextmanager
def owner(engine: Engine, *tables: str) -> Iterator[Connection]:
    """A connection for which the database refuses nothing; everything is refused again afterwards."""
    with engine.begin() as connection:
        triggers = connection.execute(text("SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal")).all()
        for table in tables:
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        yield connection
        for table, trigger in triggers:
            if table in tables:
                connection.execute(text(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}"))


def found(engine: Engine, *held: Anchor) -> list[str]:
    with Session(engine) as session:
        return verify(session, held)


@pytest.fixture
def anchored(engine: Engine) -> Anchor:
    """Eight events; four people who held a role; an anchor over them; and after it two events more."""
    with Session(engine) as session, session.begin():
        for number in range(8):
            record(session, "CME-2026-0001", "case.opened", stamp(number), why="because", data={"number": number, "reason": "a reason"})
        session.add_all(RoleHolder(person=f"deputy_{n}", name=f"D {n}", email=f"d{n}@school.example", since=NOON) for n in range(1, 5))
    with Session(engine) as session, session.begin():
        made = anchor(session, stamp(9))
    with Session(engine) as session, session.begin():
        record(session, "CME-2026-0001", "case.closed", stamp(10))
        record(session, "CME-2026-0001", "case.closed", stamp(11))
    return made


def test_a_whole_record_fits_its_anchor(engine: Engine, anchored: Anchor) -> None:
    assert found(engine, anchored) == []


# the history ---------------------------------------------------------------------------------------------------------------------------

def other(connection: Connection, table: str, column: str) -> str:
    """SQL for a value that a column does not hold now."""
    kind = connection.execute(text("SELECT data_type FROM information_schema.columns WHERE table_name = :t AND column_name = :c"),
                              {"t": table, "c": column}).scalar_one()
    return {"text": "'tampered'", "bigint": "900", "boolean": f"NOT {column}", "jsonb": "'{\"tampered\": 1}'", "date": "DATE '2001-01-01'",
            "bytea": "'\\x00'", "timestamp with time zone": "now()", "ARRAY": "'{9}'"}[kind]


@pytest.mark.parametrize("column", [column.name for column in CaseEvent.__table__.columns])
def test_any_column_of_any_event_that_was_changed_is_found_at_its_place(engine: Engine, anchored: Anchor, column: str) -> None:
    with owner(engine, "case_event") as connection:
        connection.execute(text(f"UPDATE case_event SET {column} = {other(connection, 'case_event', column)} WHERE id = 4"))
    faults = found(engine, anchored)
    place = "event 4" if column != "id" else "event 900"
    assert any(place in fault for fault in faults), faults


def test_a_sealed_value_moved_from_another_event_is_found(engine: Engine, anchored: Anchor) -> None:
    with owner(engine, "case_event") as connection:
        connection.execute(text("UPDATE case_event SET why = (SELECT why FROM case_event WHERE id = 9) WHERE id = 4"))
    assert found(engine, anchored) == ["event 4 (case.opened of CME-2026-0001) was changed after it was written"]


@pytest.mark.parametrize("number", [1, 5, 9])
def test_an_event_that_was_removed_is_found_at_its_place(engine: Engine, anchored: Anchor, number: int) -> None:
    with owner(engine, "case_event") as connection:
        connection.execute(text(f"DELETE FROM case_event WHERE id = {number}"))
    assert f"event {number} is missing: the next one found is {number + 1}" in found(engine, anchored)


def test_events_that_changed_places_are_both_found(engine: Engine, anchored: Anchor) -> None:
    with owner(engine, "case_event") as connection:
        for before, after in ((3, 99), (6, 3), (99, 6)):
            connection.execute(text(f"UPDATE case_event SET id = {after} WHERE id = {before}"))
    faults = found(engine, anchored)
    assert all(any(fault.startswith(f"event {n} (case.opened") for fault in faults) for n in (3, 6))


def test_an_event_put_in_between_is_found(engine: Engine, anchored: Anchor) -> None:
    with owner(engine, "case_event") as connection:
        for number in range(11, 4, -1):
            connection.execute(text(f"UPDATE case_event SET id = {number + 1} WHERE id = {number}"))
        connection.execute(text("INSERT INTO case_event SELECT 5, subject, at, who, 'case.forged', why, data, flow_run_id, task_run_id, "
                                "previous_hash, hash FROM case_event WHERE id = 4"))
    assert "event 5 (case.forged of CME-2026-0001) was changed after it was written" in found(engine, anchored)


def test_a_tail_that_was_cut_off_is_found_by_the_anchor_and_by_nothing_else(engine: Engine, anchored: Anchor) -> None:
    with Session(engine) as session, session.begin():
        later = anchor(session, stamp(20))
    with owner(engine, "case_event") as connection:
        connection.execute(text(f"DELETE FROM case_event WHERE id > {anchored.event + 1}"))
    assert found(engine, anchored) == []
    assert found(engine, anchored, later) == [
        f"events {anchored.event + 2} to {later.event} are missing: the history ends at event {anchored.event + 1}, and the anchor of "
        f"{later.at} names event {later.event}; its end was cut off"]


def rewrite(engine: Engine, after: int) -> None:
    """Write the chain anew after an event, as somebody who knows how it is made: every hash fits the one before."""
    with Session(engine) as session:
        rows = session.scalars(select(CaseEvent).order_by(CaseEvent.id)).all()
        session.expunge_all()
    with owner(engine, "case_event") as connection:
        previous = GENESIS
        for event in rows:
            if event.id > after:
                event.who = "dsl"
                event.previous_hash, event.hash = previous, chain_hash(previous, content(event))
                connection.execute(text("UPDATE case_event SET who = 'dsl', previous_hash = :p, hash = :h WHERE id = :n"),
                                   {"p": event.previous_hash, "h": event.hash, "n": event.id})
            previous = event.hash


@pytest.mark.parametrize(("after", "where"), [(0, "from its beginning or later"), (10, "after event 9")])
def test_a_chain_that_was_written_anew_is_found_by_the_anchors_and_by_nothing_else(engine: Engine, anchored: Anchor, after: int,
                                                                                    where: str) -> None:
    with Session(engine) as session, session.begin():
        later = anchor(session, stamp(20))
    rewrite(engine, after)
    assert found(engine) == []
    [*_, last] = found(engine, anchored, later)
    assert last == (f"event {later.event} (record.anchored of record) is not the one that the anchor of {later.at} names: "
                    f"the history was written anew, {where}")


# the rows beside it --------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("column", [column.name for column in RoleHolder.__table__.columns])
def test_any_column_of_an_anchored_row_that_was_changed_is_found_at_its_place(engine: Engine, anchored: Anchor, column: str) -> None:
    with owner(engine, "role_holder") as connection:
        connection.execute(text(f"UPDATE role_holder SET {column} = {other(connection, 'role_holder', column)} WHERE id = 2"))
    said = "was changed after the anchor of event 9" if column != "id" else "is missing: it was there at the anchor of event 9"
    assert f"row 2 of role_holder {said}" in found(engine, anchored)


def test_an_anchored_row_that_was_removed_is_found(engine: Engine, anchored: Anchor) -> None:
    with owner(engine, "role_holder") as connection:
        connection.execute(text("DELETE FROM role_holder WHERE id = 3"))
    assert found(engine, anchored) == ["row 3 of role_holder is missing: it was there at the anchor of event 9"]


def test_rows_that_an_approved_erasure_took_are_not_missed_and_one_more_is(engine: Engine, anchored: Anchor) -> None:
    with owner(engine, "role_holder") as connection:
        connection.execute(text("DELETE FROM role_holder WHERE id = 3"))
    with Session(engine) as session, session.begin():
        record(session, "retention", "retention.erased", stamp(12), "six years have passed", {
            "rows": {"role_holder": 1}, "erasure": 1, "events": 0, "events_digest": NOTHING})
    assert found(engine, anchored) == []
    with owner(engine, "role_holder") as connection:
        connection.execute(text("DELETE FROM role_holder WHERE id = 1"))
    assert len(found(engine, anchored)) == 2


def test_a_row_put_in_among_anchored_ones_is_found(engine: Engine, anchored: Anchor) -> None:
    with owner(engine, "role_holder") as connection:
        connection.execute(text("UPDATE role_holder SET id = 0 WHERE id = 1"))
    assert "row 0 of role_holder was put in after the rows around it were anchored" in found(engine, anchored)


def test_rows_that_changed_places_are_both_found(engine: Engine, anchored: Anchor) -> None:
    with owner(engine, "role_holder") as connection:
        for before, after in ((1, 99), (4, 1), (99, 4)):
            connection.execute(text(f"UPDATE role_holder SET id = {after} WHERE id = {before}"))
    assert found(engine, anchored) == [f"row {n} of role_holder was changed after the anchor of event 9" for n in (1, 4)]


def test_a_trigger_that_was_switched_off_is_found(engine: Engine, anchored: Anchor) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE role_holder DISABLE TRIGGER append_only"))
    assert found(engine, anchored) == ["table role_holder no longer refuses changes: its trigger is missing or switched off"]


def test_every_append_only_table_is_anchored_and_has_one_number_for_each_row(session: Session) -> None:
    names = protected(session)
    assert {"answer", "confirmation", "decision", "dossier_shown", "prefect_record", "register_version", "resume_request", "role_holder",
            "roster"} <= set(names)
    assert all([column.name for column in Base.metadata.tables[name].primary_key] == ["id"] for name in names)


def test_the_next_anchor_holds_only_what_came_since(engine: Engine, anchored: Anchor) -> None:
    with Session(engine) as session, session.begin():
        session.add(ResumeRequest(flow_run_id="r", at=NOON))
    with Session(engine) as session, session.begin():
        second = anchor(session, stamp(20))
        data = session.get_one(CaseEvent, second.event).data
    assert {name: len(part["rows"]) for name, part in data["tables"].items()} == {"resume_request": 1}


def test_a_row_whose_writer_has_not_finished_is_left_to_the_next_anchor(engine: Engine, anchored: Anchor,
                                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    settled = anchors.settled
    monkeypatch.setattr(anchors, "settled", lambda session, name: settled(session, name, patience=0.2))
    with Session(engine) as slow:
        slow.add(ResumeRequest(flow_run_id="slow", at=NOON))
        slow.flush()                                                 # has its number, and is not there yet
        with Session(engine) as session, session.begin():
            session.add(ResumeRequest(flow_run_id="quick", at=NOON))
        with Session(engine) as session, session.begin():
            between = anchor(session, stamp(20))
        slow.commit()
    assert found(engine, anchored, between) == []
    with Session(engine) as session, session.begin():
        last = anchor(session, stamp(30))
        assert len(session.get_one(CaseEvent, last.event).data["tables"]["resume_request"]["rows"]) == 2


# the place outside ---------------------------------------------------------------------------------------------------------------------

def test_anchors_are_read_from_their_file_and_as_they_stand_in_a_mail(tmp_path: Path, anchored: Anchor) -> None:
    file = tmp_path / "below" / "anchors.jsonl"
    anchors.write_line(file, anchored.line("999/0001"))
    anchors.write_line(file, Anchor(40, "b" * 64, "2026-11-24T12:00:00+00:00").line("999/0001"))
    assert [a.event for a in read_anchors(str(file))] == [9, 40] and read_anchors(str(file))[0] == anchored
    assert read_anchors(str(anchored)) == [Anchor(anchored.event, anchored.hash)]
    assert anchors.last_at(file) == datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
    assert set(json.loads(file.read_text().splitlines()[0])) == {"at", "event", "hash", "school"}


@pytest.mark.parametrize(("said", "sentence"), [("12:abc", "neither a file of anchors nor an anchor"), ("nowhere.jsonl", "neither")])
def test_what_is_no_anchor_is_said_to_be_none(said: str, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        read_anchors(said)


def test_a_spoilt_line_of_the_file_is_named(tmp_path: Path, anchored: Anchor) -> None:
    (tmp_path / "a.jsonl").write_text(anchored.line("s") + "\nspoilt\n")
    with pytest.raises(BadInput, match="a.jsonl, line 2, is no anchor"):
        read_anchors(str(tmp_path / "a.jsonl"))
