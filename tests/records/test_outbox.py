"""A message leaves at most once by itself, and none is forgotten."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from cme.errors import Ambiguous, BadInput, CmeError, Misconfigured, Permanent, Transient
from cme.records import outbox
from cme.records.alarms import open_alarms
from cme.records.history import Stamp, events, verify
from cme.records.sealing import Sealer
from cme.records.tables import Alarm, Outbox

SEALER = Sealer("a secret of the tests, long enough")
AT = datetime(2026, 11, 23, 9, 30, tzinfo=timezone.utc)
CASE, WIRE = "CME-2026-0012", b"Subject: Case CME-2026-0012\r\n\r\nText about a child.\r\n"
MINUTE = timedelta(minutes=1)


@dataclass
class Taken:
    text: str = "2.0.0 taken as AB12CD"


class Server:
    """What the worker is given to hand messages to: says what it is told to say, and keeps what it has taken."""

    def __init__(self, *answers: CmeError | Exception | None, mark: bool = True):
        self.answers, self.mark, self.seen = list(answers), mark, []
        self.meanwhile: Callable[[], object] = lambda: None

    def hand_over(self, recipient: str, wire: bytes, point_of_no_return: Callable[[], None]) -> Taken:
        self.meanwhile()
        answer = self.answers.pop(0) if self.answers else None
        if self.mark:
            point_of_no_return()
        self.seen.append((recipient, wire))
        if answer:
            raise answer
        return Taken()


def put(engine: Engine, key: str = "notice:1", **changes: Any) -> str:
    with Session(engine) as session, session.begin():
        row_id = outbox.new_row_id()
        return outbox.queue(session, **{
            "sealer": SEALER, "dedupe_key": key, "kind": "la_cme_referral", "subject_of": CASE,
            "recipient": "cme.officer@la.example", "mail_subject": f"Case {CASE}",
            "message_id": f"<{row_id}@school.example>", "wire": WIRE, "row_id": row_id,
            "stamp": Stamp("machine", AT), **changes})


def send(engine: Engine, server: Server, at: datetime = AT, **changes: Any) -> list[str]:
    done = outbox.deliver(engine, SEALER, server.hand_over, clock=lambda: at, **{"worker": "one", **changes})
    return [each.state for each in done]


def row(engine: Engine, row_id: str) -> Outbox:
    with Session(engine, expire_on_commit=False) as session:
        return session.get_one(Outbox, row_id)


def history(engine: Engine, subject: str = CASE) -> list[str]:
    with Session(engine) as session:
        assert verify(session) == []
        return [event.what for event in events(session, subject) if event.what.startswith("mail.")]


def alarms(engine: Engine) -> list[str]:
    with Session(engine) as session:
        return [alarm.key for alarm in open_alarms(session)]


def by_person(engine: Engine, act: Callable[..., None], row_id: str, at: datetime = AT, reason: str = "the officer rang") -> None:
    with Session(engine) as session, session.begin():
        act(session, row_id, Stamp("dsl", at), reason)


def test_a_queued_message_is_sent_and_its_history_says_so(engine: Engine) -> None:
    row_id, server = put(engine), Server()
    assert send(engine, server) == ["sent"]
    assert server.seen == [("cme.officer@la.example", WIRE)]
    sent = row(engine, row_id)
    assert (sent.state, sent.sent_at, sent.handed_over_at, sent.server_reply) == ("sent", AT, AT, "2.0.0 taken as AB12CD")
    assert history(engine) == ["mail.queued", "mail.sent"]
    assert send(engine, server) == []


def test_the_text_lies_encrypted_and_neither_text_nor_recipient_reach_the_history(engine: Engine) -> None:
    row_id = put(engine)
    send(engine, Server(Permanent("no")))
    assert b"child" not in (row(engine, row_id).sealed or b"child")
    with Session(engine) as session:
        told = repr([(event.why, event.data) for event in events(session, CASE)])
        told += repr([alarm.sentence for alarm in open_alarms(session)])
    assert "officer" not in told and "child" not in told
    assert hashlib.sha256(WIRE).hexdigest() in told


def test_the_same_reason_queues_one_message(engine: Engine) -> None:
    assert put(engine, "notice:1") == put(engine, "notice:1")
    assert put(engine, "notice:2") != put(engine, "notice:1")
    assert history(engine) == ["mail.queued", "mail.queued"]


def test_what_is_rolled_back_was_never_queued(engine: Engine) -> None:
    with pytest.raises(RuntimeError), Session(engine) as session, session.begin():
        outbox.queue(session, sealer=SEALER, dedupe_key="k", kind="alarm", subject_of=CASE, recipient="a@b.example",
                     mail_subject="s", message_id="<m@b.example>", wire=WIRE, row_id="r", stamp=Stamp("machine", AT))
        raise RuntimeError
    assert send(engine, Server()) == []
    assert history(engine) == []


def test_a_passing_fault_is_tried_again_with_growing_pauses_and_the_same_bytes(engine: Engine) -> None:
    row_id, server, at, pauses = put(engine), Server(*[Transient("later")] * 7), AT, []
    for _ in range(7):
        assert send(engine, server, at) == ["queued"]
        due = row(engine, row_id).next_try_at
        assert send(engine, server, due - MINUTE / 60) == []
        pauses.append((due - at) // MINUTE)
        at = due
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    assert send(engine, server, at) == ["sent"]
    assert {wire for _, wire in server.seen} == {WIRE}
    assert alarms(engine) == []
    assert history(engine) == ["mail.queued", *["mail.delayed"] * 7, "mail.sent"]


def test_a_fault_a_person_must_mend_is_tried_again_and_rings_once(engine: Engine) -> None:
    row_id, server = put(engine), Server(Misconfigured("wrong password"), Misconfigured("wrong password"))
    assert send(engine, server) == ["queued"]
    assert send(engine, server, AT + MINUTE) == ["queued"]
    assert alarms(engine) == [f"outbox:{row_id}"]
    assert send(engine, server, AT + 9 * MINUTE) == ["sent"]
    assert alarms(engine) == []


@pytest.mark.parametrize(("fault", "state"), [(Permanent("no such person"), "failed"),
                                               (Ambiguous("lost after the dot"), "ambiguous")])
def test_what_will_not_be_tried_again_is_told_to_a_person(fault: CmeError, state: str, engine: Engine) -> None:
    row_id = put(engine)
    assert send(engine, Server(fault)) == [state]
    assert send(engine, Server(), AT + timedelta(days=9)) == []
    assert alarms(engine) == [f"outbox:{row_id}"]
    assert history(engine) == ["mail.queued", f"mail.{state}"]


def test_an_unexpected_fault_means_what_the_dot_says(engine: Engine) -> None:
    before, after = put(engine, "a"), put(engine, "b")
    assert send(engine, Server(KeyError("x"), mark=False), only=before) == ["queued"]
    assert send(engine, Server(KeyError("x")), only=after) == ["ambiguous"]
    assert len(alarms(engine)) == 2


def test_a_message_that_was_changed_in_the_database_is_not_sent(engine: Engine) -> None:
    row_id, server = put(engine), Server()
    with Session(engine) as session, session.begin():
        session.get_one(Outbox, row_id).sealed = SEALER.seal(b"another text\r\n")
    assert send(engine, server) == ["failed"]
    assert server.seen == []


def test_another_secret_sends_nothing_and_rings(engine: Engine) -> None:
    put(engine)
    server, other = Server(), Sealer("quite another secret")
    done = outbox.deliver(engine, other, server.hand_over, clock=lambda: AT, worker="one")
    assert ([each.state for each in done], server.seen, len(alarms(engine))) == (["queued"], [], 1)


def test_a_worker_that_outlived_its_lease_sends_nothing(engine: Engine) -> None:
    row_id, slow, quick = put(engine), Server(), Server()

    def overtaken() -> None:
        assert [done.state for done in outbox.recover(engine, now=AT + 16 * MINUTE)] == ["queued"]
        assert send(engine, quick, AT + 16 * MINUTE, worker="two") == ["sent"]
    slow.meanwhile = overtaken
    assert send(engine, slow) == ["lost claim"]
    assert (slow.seen, len(quick.seen)) == ([], 1)
    assert row(engine, row_id).state == "sent"


def test_a_lease_that_ended_is_not_handed_over_even_if_nobody_else_came(engine: Engine) -> None:
    put(engine)
    server, times = Server(), iter([AT, AT + 16 * MINUTE, AT + 16 * MINUTE])
    done = outbox.deliver(engine, SEALER, server.hand_over, clock=lambda: next(times), worker="one", limit=1)
    assert ([each.state for each in done], server.seen) == (["lost claim"], [])


def test_a_lost_worker_before_the_dot_is_replaced_and_after_it_a_person_is_asked(engine: Engine) -> None:
    before, after = put(engine, "a"), put(engine, "b")
    with Session(engine) as session, session.begin():
        for row_id, state in ((before, "sending"), (after, "handing_over")):
            lost = session.get_one(Outbox, row_id)
            lost.state, lost.worker, lost.lease_until, lost.tries = state, "gone", AT + 15 * MINUTE, 1
    assert outbox.recover(engine, now=AT + 14 * MINUTE) == []
    recovered = {done.outbox_id: done.state for done in outbox.recover(engine, now=AT + 16 * MINUTE)}
    assert recovered == {before: "queued", after: "ambiguous"}
    assert alarms(engine) == [f"outbox:{after}"]
    assert send(engine, Server(), AT + 16 * MINUTE) == ["sent"]
    assert sorted(history(engine)) == ["mail.ambiguous", "mail.queued", "mail.queued", "mail.recovered", "mail.sent"]


def test_a_worker_known_to_be_dead_is_replaced_at_once(engine: Engine) -> None:
    row_id = put(engine)
    with Session(engine) as session, session.begin():
        lost = session.get_one(Outbox, row_id)
        lost.state, lost.worker, lost.lease_until = "sending", "gone", AT + 15 * MINUTE
    assert outbox.recover(engine, now=AT, dead=["someone else"]) == []
    assert [done.state for done in outbox.recover(engine, now=AT, dead=["gone"])] == ["queued"]


def test_a_receipt_that_comes_late_settles_what_was_given_up(engine: Engine) -> None:
    row_id, slow = put(engine), Server()
    taken = slow.hand_over

    def very_slow(recipient: str, wire: bytes, point_of_no_return: Callable[[], None]) -> Taken:
        receipt = taken(recipient, wire, point_of_no_return)
        assert [done.state for done in outbox.recover(engine, now=AT + 16 * MINUTE)] == ["ambiguous"]
        return receipt
    slow.hand_over = very_slow  # type: ignore[method-assign]
    assert send(engine, slow) == ["sent"]
    assert (row(engine, row_id).state, alarms(engine)) == ("sent", [])


def test_a_receipt_after_a_person_has_sent_again_is_not_kept_quiet(engine: Engine) -> None:
    row_id, slow, second = put(engine), Server(), Server()
    taken = slow.hand_over

    def very_slow(recipient: str, wire: bytes, point_of_no_return: Callable[[], None]) -> Taken:
        receipt = taken(recipient, wire, point_of_no_return)
        outbox.recover(engine, now=AT + 16 * MINUTE)
        by_person(engine, outbox.resend, row_id, AT + 20 * MINUTE)
        assert send(engine, second, AT + 20 * MINUTE, worker="two") == ["sent"]
        return receipt
    slow.hand_over = very_slow  # type: ignore[method-assign]
    assert send(engine, slow) == ["lost claim"]
    assert "mail.receipt_late" in history(engine)
    assert alarms(engine) == [f"outbox:{row_id}"]


def test_a_person_who_cancels_while_it_is_on_its_way_stops_it_before_the_dot(engine: Engine) -> None:
    row_id, server = put(engine), Server()
    server.meanwhile = lambda: by_person(engine, outbox.cancel, row_id)
    assert send(engine, server) == ["lost claim"]
    assert (server.seen, row(engine, row_id).state) == ([], "cancelled")


def test_an_ambiguous_message_is_sent_again_by_a_person_byte_for_byte(engine: Engine) -> None:
    row_id, server = put(engine), Server(Ambiguous("lost"))
    send(engine, server)
    by_person(engine, outbox.resend, row_id, AT + MINUTE)
    assert alarms(engine) == []
    assert send(engine, server, AT + MINUTE) == ["sent"]
    assert server.seen[0] == server.seen[1] == ("cme.officer@la.example", WIRE)
    assert history(engine) == ["mail.queued", "mail.ambiguous", "mail.resent", "mail.sent"]


def test_an_ambiguous_message_that_did_arrive_is_confirmed_by_a_person(engine: Engine) -> None:
    row_id = put(engine)
    send(engine, Server(Ambiguous("lost")))
    by_person(engine, outbox.confirm_sent, row_id)
    assert (row(engine, row_id).state, alarms(engine)) == ("sent", [])
    assert history(engine)[-1] == "mail.confirmed"


def test_a_failed_message_is_tried_again_by_a_person(engine: Engine) -> None:
    row_id, server = put(engine), Server(Permanent("no such person"))
    send(engine, server)
    by_person(engine, outbox.retry, row_id, AT + MINUTE)
    assert (send(engine, server, AT + MINUTE), alarms(engine)) == (["sent"], [])


def test_a_person_needs_a_reason_and_the_right_moment(engine: Engine) -> None:
    row_id = put(engine)
    for act, reason, sentence in ((outbox.cancel, " ", "say why"), (outbox.resend, "r", "is queued"),
                                  (outbox.confirm_sent, "r", "is queued")):
        with pytest.raises(BadInput, match=sentence):
            by_person(engine, act, row_id, reason=reason)
    with pytest.raises(BadInput, match="there is no message"):
        by_person(engine, outbox.cancel, "nothing")
    by_person(engine, outbox.cancel, row_id)
    for act in (outbox.cancel, outbox.retry, outbox.resend, outbox.confirm_sent):
        with pytest.raises(BadInput, match="is cancelled"):
            by_person(engine, act, row_id)


@pytest.mark.parametrize("end", ["sent", "cancelled", "expired"])
def test_a_code_is_blanked_when_it_is_done_with(end: str, engine: Engine) -> None:
    row_id = put(engine, keep_body=False, expires_at=AT + 30 * MINUTE)
    if end == "sent":
        send(engine, Server())
    elif end == "cancelled":
        by_person(engine, outbox.cancel, row_id)
    else:
        outbox.expire(engine, now=AT + 30 * MINUTE)
    assert row(engine, row_id).sealed is None


def test_a_code_is_never_sent_twice(engine: Engine) -> None:
    row_id = put(engine, keep_body=False)
    send(engine, Server(Ambiguous("lost")))
    with pytest.raises(BadInput, match="new code"):
        by_person(engine, outbox.resend, row_id)


def test_a_message_past_its_time_is_cancelled_and_not_sent(engine: Engine) -> None:
    row_id, server = put(engine, expires_at=AT + 30 * MINUTE), Server()
    put(engine, "for ever")
    assert send(engine, server, AT + 30 * MINUTE) == ["sent"]
    assert [done.outbox_id for done in outbox.expire(engine, now=AT + 30 * MINUTE)] == [row_id]
    assert (row(engine, row_id).state, len(server.seen)) == ("cancelled", 1)
    assert history(engine)[-1] == "mail.cancelled"


def test_what_has_waited_too_long_is_listed(engine: Engine) -> None:
    first, second = put(engine, "a"), put(engine, "b", stamp=Stamp("machine", AT + 20 * MINUTE))
    with Session(engine) as session:
        assert [each.id for each in outbox.old(session, AT + 21 * MINUTE, 10 * MINUTE)] == [first]
        assert [each.id for each in outbox.old(session, AT + 99 * MINUTE, 10 * MINUTE)] == [first, second]
    send(engine, Server(), AT + 99 * MINUTE)
    with Session(engine) as session:
        assert outbox.old(session, AT + 999 * MINUTE, 10 * MINUTE) == []


def test_messages_that_are_held_back_do_not_stand_in_the_way_of_others(engine: Engine) -> None:
    held = [put(engine, str(number), recipient="stranger@la.example") for number in range(3)]
    free, server = put(engine, "free"), Server()

    def may_leave(kind: str, recipient: str) -> None:
        if recipient.startswith("stranger"):
            raise Misconfigured("not on the list")
    assert sorted(send(engine, server, may_leave=may_leave)) == ["queued"] * 3 + ["sent"]
    assert row(engine, free).state == "sent" and sorted(alarms(engine)) == sorted(f"outbox:{each}" for each in held)
    assert [recipient for recipient, _ in server.seen] == ["cme.officer@la.example"]


def test_only_the_asked_for_row_is_delivered_and_a_limit_holds(engine: Engine) -> None:
    rows = [put(engine, str(number)) for number in range(5)]
    [done] = outbox.deliver(engine, SEALER, Server().hand_over, clock=lambda: AT, worker="one", only=rows[3])
    assert done.outbox_id == rows[3]
    assert len(send(engine, Server(), limit=3)) == 3
    assert len(send(engine, Server())) == 1


def test_when_the_database_dies_at_the_dot_nothing_is_sent(engine: Engine) -> None:
    row_id, server = put(engine), Server()

    def database_dies() -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                                       "AND datname = current_database()")
            connection.exec_driver_sql("ALTER TABLE outbox RENAME TO outbox_gone")
            connection.commit()
    server.meanwhile = database_dies
    with pytest.raises(Exception, match="outbox"):
        send(engine, server)
    assert server.seen == []
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE outbox_gone RENAME TO outbox")
    assert row(engine, row_id).state == "sending"


def test_no_session_is_held_while_the_server_is_talked_to(engine: Engine) -> None:
    put(engine)
    server, held = Server(), []
    server.meanwhile = lambda: held.append(engine.pool.checkedout())  # type: ignore[attr-defined]
    send(engine, server)
    assert held == [0]


def test_alarms_are_kept_after_they_were_cleared(engine: Engine) -> None:
    row_id = put(engine)
    send(engine, Server(Permanent("no")))
    by_person(engine, outbox.cancel, row_id, reason="telephoned instead")
    with Session(engine) as session:
        [alarm] = session.scalars(select(Alarm)).all()
    assert (alarm.cleared_by, alarm.cleared_reason) == ("dsl", "cancelled: telephoned instead")
