"""An authority's pull: many schools in one transaction, with the same result as one school after another."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select, text
from sqlalchemy.orm import Session

from cme.config.policies import load
from cme.records import registers
from cme.records.history import Stamp, events, verify
from cme.records.registers import PullResult
from cme.records.tables import Contact, ExpectedRegister, Flag, Pull, Pupil, Quarantine, RegisterVersion, Roster, Staff
from cme.rules.marks import CodeTable, LocalCode
from cme.sources import source as s
from cme.sources.source import BadRow, Mark, Pulled, RegisterDocument, TimeSemantics

MONDAY = date(2026, 11, 23)
MORNING = datetime(2026, 11, 23, 9, 5, tzinfo=timezone.utc)
SCHOOLS = ("330/1999", "330/2998", "331/4000")
CODES = CodeTable(load().codes.codes, (LocalCode("I01", "I"),))
RAW = ["/", "\\", "/", "/", "N", "L", "C1", "-", "", "I01", "H", "zz"]


def pull_of(chance: Random, school: str, turn: int) -> Pulled:
    """A pull of a small school: other marks, pupils, teachers and unreadable rows at every turn, and much that stays as it was."""
    documents = []
    for day, slot, group in ((MONDAY, "AM", "7A"), (MONDAY, "PM", "7A"), (MONDAY - timedelta(days=3), "AM", "7B")):
        names = [f"{group}-{n}" for n in range(5)] + [f"{group}-new"] * (turn > 1)
        if chance.random() < 0.3:
            names.pop(chance.randrange(len(names)))
        chance.shuffle(names)
        steady = Random(f"{school}{slot}{group}")
        marks = tuple(Mark(name, (chance if chance.random() < 0.1 else steady).choice(RAW), chance.choice([None, None, None, 5]),
                           chance.choice(["", "", "", "bus"])) for name in names)
        documents.append(RegisterDocument(day, "session", slot, group, marks, chance.choice([None, MORNING]), "T1",
                                          complete=chance.random() < 0.9))
    people = tuple(s.Pupil(f"7A-{n}", surname=f"Quillfeather {chance.randrange(2)}", born=date(2013, 1, 1 + chance.randrange(2)),
                           left=chance.choice([None, None, date(2026, 11, 20)]), flags=("EHCP",) * chance.randrange(2),
                           contacts=(s.Contact("P Vex", email=f"p{chance.randrange(2)}@home.example"),),
                           given=chance.choice([None, frozenset({"surname"}), frozenset({"left", "contacts"})])) for n in range(4))
    due = tuple(s.ExpectedRegister(MONDAY, "session", slot, "7A", MORNING, MORNING + timedelta(hours=1), ("T1",), chance.random() < 0.9)
                for slot in ("AM", "PM"))
    bad = tuple(BadRow("registers.csv", chance.randrange(4), "no day", f"row {n}") for n in range(chance.randrange(3)))
    return Pulled(registers=tuple(documents), expected=due, pupils=people[:chance.randrange(5)], bad_rows=bad, rows_read=20 + len(bad),
                  staff=(s.Staff("T1", f"P. Vex {chance.randrange(2)}"),), one_moment=chance.random() < 0.7,
                  waiting=("late.csv",) * (chance.random() < 0.2), as_of=chance.choice([None, MORNING - timedelta(minutes=3)]))


def one_by_one(session: Session, pulled: dict[str, Pulled], when: datetime, semantics: TimeSemantics) -> list[PullResult]:
    return [registers.store(session, school, what, source="test", codes=CODES, stamp=Stamp("machine", when), time_semantics=semantics)
            for school, what in pulled.items()]


def together(session: Session, pulled: dict[str, Pulled], when: datetime = MORNING,
             semantics: TimeSemantics = TimeSemantics.OBSERVED) -> list[PullResult]:
    results = registers.store_all(session, pulled, source="test", codes=CODES, stamp=Stamp("machine", when), time_semantics=semantics)
    assert list(results) == list(pulled)
    return list(results.values())


def everything(session: Session) -> dict[str, list[Any]]:
    """All that is kept, with a pupil's school and identifier in place of its number."""
    session.expire_all()
    who = {row.id: (row.school, row.mis_id) for row in session.scalars(select(Pupil))}
    rosters = {row.id: [who[pupil] for pupil in row.pupils] for row in session.scalars(select(Roster))}

    def rows(table: type[Any], **changed: Callable[[Any], Any]) -> list[Any]:
        columns = [c.key for c in table.__mapper__.column_attrs if c.key not in ("id", "content_hash")]
        return [{name: changed[name](row) if name in changed else getattr(row, name) for name in columns}
                for row in session.scalars(select(table).order_by(table.id))]

    def in_order(found: list[Any]) -> list[Any]:
        return sorted(found, key=repr)

    def marks(row: RegisterVersion) -> list[Any]:
        return sorted(zip(rosters[row.roster_id], [bytes(row.marks[at:at + 2]) for at in range(0, len(row.marks), 2)], strict=True))

    school_of_pull = {row.id: row.school for row in session.scalars(select(Pull))}
    return {"pupils": in_order(rows(Pupil)), "contacts": in_order(rows(Contact, pupil_id=lambda row: who[row.pupil_id])),
            "flags": in_order(rows(Flag, pupil_id=lambda row: who[row.pupil_id])), "staff": in_order(rows(Staff)),
            "expected": in_order(rows(ExpectedRegister)), "quarantine": in_order(rows(Quarantine)), "pulls": in_order(rows(Pull)),
            "versions": in_order(rows(RegisterVersion, marks=marks, roster_id=lambda row: rosters[row.roster_id],
                                      pull_id=lambda row: school_of_pull[row.pull_id],
                                      extras=lambda row: sorted((who[int(pupil)], sorted(extra.items())) for pupil, extra in row.extras.items()))),
            "events": [(e.what, e.who, e.why, e.at, {**e.data, "pull": school_of_pull[e.data["pull"]]}) for e in events(session, "register")]}


@pytest.mark.parametrize("seed", range(6))
def test_many_schools_at_once_leave_what_one_after_another_leaves(session: Session, seed: int) -> None:
    chance = Random(seed)
    semantics = chance.choice(list(TimeSemantics))
    turns = [{school: pull_of(chance, school, turn) for school in SCHOOLS} for turn in range(4)]
    left, said = [], []
    for way in (one_by_one, together):
        said.append([[replace(result, pull_id=0) for result in way(session, pulled, MORNING + timedelta(minutes=5 * turn), semantics)]
                     for turn, pulled in enumerate(turns)])
        left.append(everything(session))
        assert verify(session) == []
        session.rollback()
    assert said[0] == said[1] and left[0] == left[1]
    assert len(left[0]["versions"]) > 3 * len(SCHOOLS) and left[0]["quarantine"], "or nothing was compared"


def small(code: str = "/", note: str = "") -> Pulled:
    return Pulled(registers=(RegisterDocument(MONDAY, "session", "AM", "7A", (Mark("1", code, None, note), Mark("2", "-"))),), rows_read=2,
                  pupils=(s.Pupil("1", contacts=(s.Contact("P Vex"),)),))


def test_each_school_has_its_own_pull_its_own_event_and_its_own_pupils(session: Session) -> None:
    together(session, {school: small() for school in SCHOOLS})
    assert session.scalars(select(Pull.school).order_by(Pull.school)).all() == list(SCHOOLS)
    assert len(session.execute(select(Pupil.school, Pupil.mis_id)).all()) == 2 * len(SCHOOLS)
    assert len(events(session, "register")) == len(SCHOOLS) and verify(session) == []


def test_only_the_school_with_news_has_an_event_and_a_version(session: Session) -> None:
    together(session, {school: small() for school in SCHOOLS})
    changed = together(session, {school: small("N" if school == SCHOOLS[1] else "/") for school in SCHOOLS}, MORNING + timedelta(minutes=5))
    assert [(result.changed, result.registers_changed) for result in changed] == [(False, 0), (True, 1), (False, 0)]
    assert len(events(session, "register")) == len(SCHOOLS) + 1
    assert session.scalars(select(RegisterVersion.school).order_by(RegisterVersion.id.desc())).first() == SCHOOLS[1]


def test_a_fault_in_one_school_keeps_nothing_of_any_and_the_others_can_be_kept_one_by_one(session: Session) -> None:
    pulled = {school: small(note="\x00" if school == SCHOOLS[1] else "") for school in SCHOOLS}
    with pytest.raises(Exception, match="[Uu]nicode|0x00|NUL"):
        together(session, pulled)
    session.rollback()
    assert [session.scalar(select(func.count()).select_from(table)) for table in (Pull, Pupil, RegisterVersion)] == [0, 0, 0]
    kept = []
    for school, what in pulled.items():
        with Session(session.get_bind()) as own:
            try:
                together(own, {school: what})
                own.commit()
                kept.append(school)
            except Exception:
                own.rollback()
    assert kept == [SCHOOLS[0], SCHOOLS[2]]


def test_the_number_of_statements_does_not_depend_on_the_number_of_schools(engine: Engine) -> None:
    def counted(schools: Sequence[str], code: str, when: datetime) -> int:
        statements.clear()
        with Session(engine) as session, session.begin():
            together(session, {school: small(code) for school in schools}, when)
        return len(statements)

    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    first, many = ["100/0001"], [f"200/{n:04d}" for n in range(40)]
    for turn, code in enumerate(("/", "zz", "N")):
        one, forty = (counted(schools, code, MORNING + timedelta(minutes=turn)) for schools in (first, many))
        assert one == forty <= 20


def test_two_pulls_of_the_same_schools_take_their_locks_in_the_same_order_and_never_wait_for_each_other(engine: Engine) -> None:
    """While somebody holds the lock that comes first, a pull that names that school last waits and holds no other lock."""
    with engine.connect() as holder:
        numbers = {school: holder.scalar(text("SELECT hashtext(:s)"), {"s": school}) for school in SCHOOLS}
        last_to_first = sorted(SCHOOLS, key=lambda school: -numbers[school])
        holder.execute(text("SELECT pg_advisory_xact_lock(:lock, :number)"), {"lock": registers._STORE_LOCK, "number": min(numbers.values())})

        def pull() -> None:
            with Session(engine) as session, session.begin():
                together(session, {school: small() for school in last_to_first})

        waiting = threading.Thread(target=pull)
        waiting.start()
        locks = text("SELECT granted, objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND classid = :lock AND pid <> pg_backend_pid()")
        with engine.connect() as watcher:
            deadline = time.monotonic() + 20
            while not (held := [tuple(row) for row in watcher.execute(locks, {"lock": registers._STORE_LOCK}) if not row.granted]):
                assert time.monotonic() < deadline, "the pull never waited"
                time.sleep(0.02)
            granted = [row for row in watcher.execute(locks, {"lock": registers._STORE_LOCK}) if row.granted]
        assert len(held) == 1 and len(granted) == 1, "beside the holder's own lock none is held yet"
        holder.rollback()
        waiting.join(20)
        assert not waiting.is_alive()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM pull")) == len(SCHOOLS)
