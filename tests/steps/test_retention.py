"""Retention: proposed by rules, approved by a person, recorded, and the history stays whole."""

from datetime import date, datetime, timedelta, timezone

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from tests.steps.school import MONDAY, School, a_pupil

from cme.errors import BadInput
from cme.records.emptied import ERASED
from cme.records.held import ABOUT_NO_CHILD, Held, condition
from cme.records.history import Stamp, events, record, verify
from cme.records.tables import Base, Case, CaseEvent, Erasure, Flag, MailReceived, Pupil, RegisterVersion
from cme.steps import holds, retention
from cme.steps.report_form import reference_of

LATER = datetime(2033, 3, 1, 10, 0, tzinfo=timezone.utc)
WHY = "past the school's six years, nothing known against it"


def close(school: School, reference: str, on: str = "2026-12-01T10:00+00:00") -> None:
    """As if a person had closed the case then, with nothing left to do."""
    with school.transaction() as session:
        session.execute(update(Case).where(Case.reference == reference).values(state="closed", closed_at=datetime.fromisoformat(on),
                                                                               next_step_due=None, next_step_owner=""))


def stamp(who: str = "head", at: datetime = LATER) -> Stamp:
    return Stamp(who, at)


def count(school: School, table: type[Base]) -> int:
    with school.transaction() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
def old(school: School, ten_days_gone: str, set_clock) -> str:
    """A case closed in December 2026, looked at in March 2033."""
    close(school, ten_days_gone)
    set_clock(LATER.isoformat())
    return ten_days_gone


def approve(school: School, who: str = "head") -> Erasure:
    return retention.apply(school, retention.proposal(school).number[:12], WHY, stamp(who))


def test_nothing_is_due_the_day_before_its_time(school: School, ten_days_gone: str) -> None:
    close(school, ten_days_gone)          # on 1 December 2026; the registers were read on 23 November
    with school.transaction() as session:
        due = {day: set(retention.propose(school, session, day).due.rules) for day in (
            date(2032, 11, 22), date(2032, 11, 30), date(2032, 12, 1))}
    assert due[date(2032, 11, 22)] == due[date(2032, 11, 30)] == set()       # while the case is kept, so is what it rests on
    assert due[date(2032, 12, 1)] == {"closed cases", "registers", "children who have left"}


def test_what_a_person_approves_is_gone_and_what_went_is_on_record(school: School, old: str) -> None:
    listed = retention.proposal(school)
    assert {line.rule for line in listed.lines} >= {"closed cases", "registers", "children who have left"}
    done = approve(school)
    assert (done.approved_by, done.reason, done.proposal) == ("head", WHY, listed.number) and done.rules["closed cases"] == 1
    assert done.rows["case"] == 1 and done.rows["pupil"] == 1 and done.rows["contact"] == 2 and done.rows["register_version"] == 20
    assert len(done.digest) == 64
    for table in (Case, Pupil, RegisterVersion):
        assert count(school, table) == 0
    assert retention.proposal(school).lines == ()


def test_the_record_of_an_erasure_names_no_child(school: School, old: str) -> None:
    approve(school)
    with school.engine.connect() as connection:
        kept = " ".join(row for table in Base.metadata.tables for row in connection.execute(text(f'SELECT t::text FROM "{table}" t')).scalars())
    for word in ("Quilla", "Bramblewick", "P207000016049", "2013-02-03", "Made-up Lane", "aoife@home.example", "07700 900101"):
        assert word not in kept, word


def test_the_history_is_still_whole_and_says_what_was_emptied(school: School, old: str) -> None:
    before = {event.id: event.hash for event in history_of(school, old)}
    approve(school)
    with school.transaction() as session:
        assert verify(session) == []
        emptied = events(session, old)
        assert {event.id: event.hash for event in emptied} == before
        assert all(event.why == "" and event.data == {} and event.erased_by == 1 for event in emptied)
        [said] = events(session, "retention")
        assert said.what == ERASED and said.who == "head" and said.data["events"] == len(before)


def history_of(school: School, reference: str) -> list[CaseEvent]:
    with school.transaction() as session:
        return events(session, reference)


MEDDLING = {
    "UPDATE case_event SET who = 'dsl' WHERE id = {last}": "not the",
    "UPDATE case_event SET why = 'nothing happened' WHERE id = {last}": "holds text all the same",
    "UPDATE case_event SET erased_by = 2 WHERE id = {last}": "of which the history knows nothing",
    "UPDATE case_event SET why = '', data = '{{}}', erased_by = 1 WHERE subject = 'school'": "not the",
    "UPDATE case_event SET erased_by = NULL WHERE id = {last}": "was changed after it was written"}


@pytest.mark.usefixtures("as_owner")
def test_whoever_meddles_with_emptied_events_is_found(school: School, old: str) -> None:
    with school.transaction() as session:
        record(session, "school", "pull.failed", school.stamp(), "of no child")
    approve(school)
    last = history_of(school, old)[-1].id
    for meddling, sentence in MEDDLING.items():
        with school.engine.connect() as connection:         # never committed: each begins with the whole history
            connection.execute(text("ALTER TABLE case_event DISABLE TRIGGER USER"))
            connection.execute(text(meddling.format(last=last)))
            faults = verify(Session(connection))
        assert any(sentence in fault for fault in faults), meddling


@pytest.mark.usefixtures("as_owner")
def test_append_only_rows_go_in_no_other_way(school: School, old: str) -> None:
    approve(school)
    with school.transaction() as session:
        record(session, "CME-2033-0001", "case.opened", stamp(), "anew")
    for setting in ("SELECT 1", "SELECT set_config('cme.erasure', '1', true)"):         # an erasure of another transaction opens nothing
        for statement in ("UPDATE case_event SET why = ''", "DELETE FROM register_version", "DELETE FROM case_event", "DELETE FROM erasure"):
            with pytest.raises(IntegrityError, match="is append-only"), school.engine.begin() as connection:
                connection.execute(text(setting))
                connection.execute(text(statement))


@pytest.mark.usefixtures("as_owner")
def test_an_erasure_in_progress_may_only_empty_events(school: School, old: str) -> None:
    for change in ("who = 'nobody'", "why = 'other'", "data = '{\"a\": 1}'", "why = '', data = '{}', hash = 'x'", "why = '', data = '{}'"):
        with pytest.raises(IntegrityError, match="append-only"), school.engine.begin() as connection:
            number = connection.scalar(text("INSERT INTO erasure (school, approved_by, approved_at, reason, as_of, proposal, rules, rows, digest) "
                                            "VALUES ('s', 'head', now(), 'r', now(), 'p', '{}', '{}', 'd') RETURNING id"))
            connection.execute(text("SELECT set_config('cme.erasure', :n, true)"), {"n": str(number)})
            connection.execute(text(f"UPDATE case_event SET {change}"))


def test_a_machine_or_an_officer_may_not_approve_and_nobody_without_a_reason_or_the_lists_number(school: School, old: str) -> None:
    number = retention.proposal(school).number
    for who, given, reason, words in (("machine", number, WHY, "only dsl"), ("operations", number, WHY, "only dsl"), ("head", number, " ", "--reason"),
                                      ("head", number[:4], WHY, "another number"), ("head", "f" * 64, WHY, "another number")):
        with pytest.raises(BadInput, match=words):
            retention.apply(school, given, reason, stamp(who))
    assert count(school, Case) == 1


def test_a_list_that_has_changed_since_it_was_seen_is_not_erased(school: School, old: str) -> None:
    seen = retention.proposal(school).number
    holds.hold(school, old, "a claim is expected", stamp("dsl"))
    with pytest.raises(BadInput, match="nothing is due|another number"):
        retention.apply(school, seen, WHY, stamp())


@pytest.mark.parametrize("about", ["child", "case"])
def test_a_hold_keeps_everything_of_the_child_until_a_person_lifts_it_with_a_reason(school: School, old: str, about: str) -> None:
    with school.transaction() as session:
        child = reference_of(session.scalars(select(Case.pupil_id)).one())
    number = holds.hold(school, child if about == "child" else old, "a court has asked for the papers", stamp("dsl"))
    listed = retention.proposal(school)
    assert not {"closed cases", "registers", "children who have left"} & {line.rule for line in listed.lines}
    assert listed.kept["cases: a legal hold"] == 1 and any(n == 20 for n in listed.kept.values())
    with pytest.raises(BadInput, match="reason"):
        holds.lift(school, number, "", stamp("dsl"))
    with pytest.raises(BadInput, match="may lift"):
        holds.lift(school, number, "it is over, the court said so", stamp("operations"))
    holds.lift(school, number, "it is over, the court said so", stamp("dsl"))
    assert "closed cases" in {line.rule for line in retention.proposal(school).lines}
    with pytest.raises(BadInput, match="lifted already"):
        holds.lift(school, number, "it is over, the court said so", stamp("dsl"))


def test_an_open_case_and_unfinished_matters_keep_it(school: School, old: str) -> None:
    with school.transaction() as session:
        session.execute(text("INSERT INTO alarm (key, subject, sentence, raised_at) VALUES ('outbox:x', :r, 's', now())"), {"r": old})
    assert retention.proposal(school).kept["cases: something unfinished in the case"] == 1
    with school.transaction() as session:
        session.execute(update(Case).values(closed_at=None))
    assert retention.proposal(school).kept["cases: an open case"] == 1 and "closed cases" not in retention.proposal(school).due.rules


def test_a_child_protection_record_is_kept_until_the_configured_age(school: School, old: str) -> None:
    with school.transaction() as session:
        session.add(Flag(pupil_id=session.scalars(select(Pupil.id)).one(), flag="Looked After", valid_from=LATER - timedelta(days=3000),
                         valid_to=LATER - timedelta(days=2500)))     # ever, not only now
    listed = retention.proposal(school)
    assert listed.kept["cases: the child protection record until 2038 at the earliest"] == 1 and "registers" not in listed.due.rules
    with school.transaction() as session:
        assert "the child protection record" not in retention.propose(school, session, date(2038, 2, 2)).due.rules
        assert retention.propose(school, session, date(2038, 2, 3)).due.rules["the child protection record"] == 1
        session.execute(update(Pupil).values(born=None))
        assert retention.propose(school, session, date(2099, 1, 1)).kept["cases: child protection, and no date of birth is held"] == 1


def test_the_registers_of_a_class_stay_whole_while_one_child_of_it_is_kept_and_the_others_lose_their_names(school: School, ten_days_gone: str,
                                                                                                            set_clock) -> None:
    from cme.records import registers
    from cme.sources.source import Mark, Pulled, RegisterDocument, TimeSemantics

    both = (a_pupil(mis_id="P001", group="9B"), a_pupil(mis_id="P002", forename="Tamsin", upn="", group="9B"))
    with school.transaction() as session:
        registers.store(session, school.school, Pulled(pupils=both, registers=(RegisterDocument(MONDAY, "session", "AM", "9B", (Mark("P001", "/"), Mark("P002", "N"))),)),
                        source="test", codes=school.policies.codes, stamp=school.stamp(), time_semantics=TimeSemantics.FIRST_COMPLETED)
    set_clock(LATER.isoformat())
    listed = retention.proposal(school)
    assert "children who have left" in listed.due.rules and "registers" not in listed.due.rules          # the first child's case is open
    approve(school)
    with school.transaction() as session:
        assert session.scalars(select(Pupil.mis_id)).all() == ["P001"] and session.scalar(select(func.count()).select_from(RegisterVersion)) == 21


def test_a_list_nobody_decides_on_is_an_alarm_that_ends_with_the_decision(school: School, old: str) -> None:
    assert retention.watch(school, stamp("machine")) is True and retention.watch(school, stamp("machine")) is True
    with school.transaction() as session:
        assert "past their time" in session.scalars(text("SELECT sentence FROM alarm WHERE cleared_at IS NULL")).one()
    approve(school)
    assert retention.watch(school, stamp("machine")) is False
    with school.transaction() as session:
        assert session.execute(text("SELECT 1 FROM alarm WHERE cleared_at IS NULL")).all() == []


def test_every_table_is_either_found_by_its_columns_or_said_to_be_about_no_child() -> None:
    nobody = Held(frozenset(), frozenset(), frozenset())
    missed = [name for name, table in Base.metadata.tables.items() if name not in ABOUT_NO_CHILD and condition(table, nobody) is None]
    assert not missed, f"{missed}: give the table a column by which a child's rows are found, or say in held.py why it holds none"
    assert not set(ABOUT_NO_CHILD) - set(Base.metadata.tables)


def test_an_old_register_that_was_amended_lately_stays_with_all_its_versions(school: School, ten_days_gone: str, set_clock) -> None:
    close(school, ten_days_gone)
    day = school.school_days_before(MONDAY, 10)[0]
    set_clock("2028-01-10T10:00")
    school.write(a_pupil(), {day: ("C", "N")})
    set_clock(LATER.isoformat())
    listed = retention.proposal(school)
    assert len(listed.due.registers) == 19 and "children who have left" not in listed.due.rules


def test_mail_that_belonged_to_nobody_goes_by_its_age_unless_somebody_must_still_read_it(school: School, old: str) -> None:
    with school.engine.begin() as connection:
        for n, (waits, settled, about) in enumerate((("false", "NULL", "NULL"), ("true", "now()", "'school'"), ("true", "NULL", "NULL"),
                                                    ("false", "NULL", "'CME-2026-9999'"), ("false", "NULL", "'ABS-9'"))):
            connection.execute(text("INSERT INTO mail_received (digest, place, message_id, sender, kind, subject_of, noted_at, needs_person, "
                                    "settled_at) "
                                    f"VALUES ('{n}', '1:{n}', '', '', 'written', {about}, '2026-12-02', {waits}, {settled})"))
    done = approve(school)
    assert done.rows["mail_received"] == 3                              # the first two, and the one about a case nobody holds
    with school.transaction() as session:
        assert session.scalars(select(MailReceived.digest).order_by(MailReceived.id)).all() == ["2", "4"]


def test_what_was_asked_of_parents_and_what_came_back_goes_with_its_case(school: School, old: str) -> None:
    with school.engine.begin() as connection:
        pupil, case = connection.execute(text('SELECT pupil_id, id FROM "case"')).one()
        connection.execute(text("INSERT INTO absence_request (school, pupil_id, day, session, code, case_id, state, opened_at, since) "
                                "VALUES (:s, :p, '2026-11-23', 'AM', 'N', :c, 'answered', now(), now())"), {"s": school.school, "p": pupil, "c": case})
        connection.execute(text("INSERT INTO home_visit (request_id, visited_on, half, address, result, outcome, recorded_by, recorded_at) "
                                "VALUES (1, '2026-11-23', 'AM', '1 Made-up Lane', 'no entry', 'nobody there', 'dsl', now())"))
        for about in (f'["{old}"]', f'["{old}", "CME-2026-9999"]', '[]'):
            connection.execute(text("INSERT INTO received_message (channel, service_id, sender, sent_at, noticed_at, sealed, sha256, about, pupils, state, done_at) "
                                    "VALUES ('text', :a, '07700 900101', now(), now(), 'x', 'h', cast(:a as jsonb), '[]', 'done', '2026-12-02')"), {"a": about})
    done = approve(school)
    assert (done.rows["absence_request"], done.rows["home_visit"], done.rows["received_message"]) == (1, 1, 2)     # its own, and the one about nobody
    assert retention.proposal(school).due.rules == {retention.MAIL: 1}                                             # now about no case that is held
