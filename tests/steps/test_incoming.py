"""After sending: what comes back fails its message, what is answered is before a person, and silence is chased."""

from collections.abc import Callable, Collection, Iterator
from email import message_from_bytes, policy
from typing import Any

import pytest
from sqlalchemy import select
from tests.mail.samples import dsn, old_delay, qmail, written
from tests.steps.answers import RUN, answer, code_for, shown, state
from tests.steps.school import School

from cme.errors import BadInput, Misconfigured, Transient
from cme.mail.mailbox import Found
from cme.records.alarms import open_alarms
from cme.records.history import events, verify
from cme.records.reviews import SAFEGUARDING
from cme.records.tables import Action, MailReceived, Outbox
from cme.steps import acknowledgement, incoming, mail_watch, notify, oversee, replies, view
from cme.steps.decisions import finish_action
from cme.steps.review import ring, take_answer

LA = "cme-referrals@birmingham-authority.example"


class Box:
    """A mailbox in memory: ``mails`` in order, numbered from 1; ``validity`` changes when a server numbers its mails anew."""

    def __init__(self, *mails: bytes) -> None:
        self.mails, self.validity, self.fault = list(mails), 7, None

    def read(self, new_of: Callable[[Collection[str]], Collection[str]]) -> Iterator[Found]:
        if self.fault:
            raise self.fault
        places = {f"{self.validity}:{n}": mail for n, mail in enumerate(self.mails, 1)}
        wanted = set(new_of(places))
        yield from (Found(place, mail) for place, mail in places.items() if place in wanted)


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def sent(school: School, before_the_dsl: str, box: Box) -> Outbox:
    """The referral of a case, accepted by the mail server; the mailbox was looked at before."""
    school.settings.imap_host = "imap.school.example"
    look(school, box)
    asked = ring(school, before_the_dsl, SAFEGUARDING, RUN, school.stamp())
    assert asked and take_answer(school, before_the_dsl, SAFEGUARDING, shown("k", asked), answer(code_for(school, "dsl")), RUN).accepted
    notify.prepare(school, before_the_dsl, school.stamp())
    oversee.send_mail(school, school.stamp())
    oversee.settle_notified(school, school.stamp())
    assert state(school, before_the_dsl) == "notified"
    return row(school)


def look(school: School, box: Box) -> dict[str, int]:
    return incoming.read_mailbox(school, school.stamp(), box)  # type: ignore[arg-type]


def row(school: School, kind: str = "la_cme_referral") -> Outbox:
    with school.transaction() as session:
        return session.scalars(select(Outbox).where(Outbox.kind == kind).order_by(Outbox.created_at.desc(), Outbox.tries.desc())).first()  # type: ignore[return-value]


def alarms(school: School) -> list[str]:
    with school.transaction() as session:
        assert verify(session) == []
        return [alarm.key for alarm in open_alarms(session)]


def told(school: School, subject: str) -> list[str]:
    with school.transaction() as session:
        return [event.what for event in events(session, subject)]


def tasks(school: School) -> list[tuple[str, str]]:
    with school.transaction() as session:
        return [(task.owner, task.kind) for task in session.scalars(select(Action).where(Action.done_at.is_(None)).order_by(Action.id))
                if not task.kind.startswith(("Home visit", "home visit"))]


# --- what came back -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("make", [dsn, qmail])
def test_a_bounce_fails_its_message_takes_the_case_back_and_is_handled_once(make: Any, school: School, sent: Outbox, box: Box) -> None:
    box.mails = [make(original=sent.message_id)]
    assert look(school, box) == {"bounced": 1}
    assert look(school, box) == {}
    box.validity = 8
    look(school, box)
    failed = row(school)
    assert failed.state == "failed" and "5.1.1" in (failed.last_error or "") and "@" not in (failed.last_error or "")
    assert state(school, sent.subject_of) == "notifying" and f"outbox:{sent.id}" in alarms(school)
    assert told(school, sent.subject_of).count("mail.bounced") == 1 and "case.returned" in told(school, sent.subject_of)
    with school.transaction() as session:
        assert [(m.kind, m.outbox_id, m.place) for m in session.scalars(select(MailReceived))] == [("bounced", sent.id, "8:1")]
    assert mail_watch.received_lines(school) == []


def test_a_bounced_referral_is_sent_again_by_a_person_or_made_anew_for_another_mailbox(school: School, sent: Outbox, box: Box) -> None:
    box.mails = [dsn(original=sent.message_id)]
    look(school, box)
    notify.settle_message(school, sent.id, by="operations", retry="their mailbox was full")
    oversee.send_mail(school, school.stamp())
    assert oversee.settle_notified(school, school.stamp()) == [sent.subject_of]
    first, second = school.post.to(LA)
    assert first == second
    box.mails.append(dsn(original=sent.message_id, number=2))
    look(school, box)
    notify.settle_message(school, sent.id, by="operations", anew="the authority has a new mailbox")
    new = notify.prepare(school, sent.subject_of, school.stamp())
    assert new and new != sent.id
    oversee.send_mail(school, school.stamp())
    assert oversee.settle_notified(school, school.stamp()) == [sent.subject_of]
    assert len({message_from_bytes(wire)["Message-ID"] for wire in school.post.to(LA)}) == 2
    with pytest.raises(BadInput, match="not the notification"):
        notify.settle_message(school, new, by="operations", anew="once more")


def test_a_message_held_up_on_its_way_is_an_alarm_and_stays_sent(school: School, sent: Outbox, box: Box) -> None:
    box.mails = [dsn("delayed", "4.4.1", "smtp; timed out", original=sent.message_id), old_delay(sent.message_id)]
    assert look(school, box) == {"delayed": 2}
    assert (row(school).state, alarms(school)) == ("sent", [f"outbox-delayed:{sent.id}"])
    assert [line.row for line in mail_watch.outbox_lines(school)] == [sent.id]
    box.mails.append(dsn("delivered", "2.0.0", "smtp; 250", original=sent.message_id))
    look(school, box)
    assert alarms(school) == [] and state(school, sent.subject_of) == "notified"


def test_a_person_who_knows_better_says_that_it_arrived(school: School, sent: Outbox, box: Box) -> None:
    box.mails = [dsn(original=sent.message_id)]
    look(school, box)
    notify.settle_message(school, sent.id, by="operations", confirm="the officer has it: only a forward of theirs failed")
    assert oversee.settle_notified(school, school.stamp()) == [sent.subject_of] and alarms(school) == []


def test_a_bounce_of_a_message_on_its_way_again_or_of_a_code_changes_no_state_it_must_not(school: School, sent: Outbox, box: Box) -> None:
    notify.settle_message(school, sent.id, by="operations", resend="not sure")
    code = row(school, "review_call")
    box.mails = [dsn(original=sent.message_id), dsn(original=code.message_id, number=2)]
    look(school, box)
    assert (row(school).state, row(school, "review_call").state) == ("queued", "failed")
    assert {f"outbox:{sent.id}", f"outbox:{code.id}"} <= set(alarms(school))
    with pytest.raises(BadInput, match="one-time code"):
        notify.settle_message(school, code.id, by="operations", retry="again")


# --- what was answered --------------------------------------------------------------------------------------------

def test_an_answer_of_the_authority_is_a_task_for_a_person_and_no_acknowledgement(school: School, sent: Outbox, box: Box) -> None:
    box.mails = [written(sender="officer@birmingham-authority.example", answers=sent.message_id)]
    assert look(school, box) == {"written": 1}
    assert state(school, sent.subject_of) == "notified" and ("attendance_officer", incoming.READ_REPLY) in tasks(school)
    acknowledgement.acknowledge(school, sent.subject_of, "BCC-77", "P. Officer", school.stamp("attendance_officer"), reported="Known to the team.")
    assert state(school, sent.subject_of) == "following up"
    assert tasks(school) == [("dsl", acknowledgement.READ_REPORT)], "the task to read it has ended"
    assert "case.authority_reported" in told(school, sent.subject_of)
    shown_lines = [line.why for line in view.history(school, sent.subject_of)]
    assert "P. Officer: Known to the team." in shown_lines and "Known" not in view.opaque_history(school, sent.subject_of)


@pytest.mark.parametrize("subject", ["Automatic reply: CME referral", "CME referral CME-2026-0001"])
def test_an_automatic_receipt_closes_nothing_and_stops_no_reminder(subject: str, school: School, sent: Outbox, box: Box, set_clock: Any) -> None:
    box.mails = [written(sender="cme-referrals@birmingham-authority.example", subject=subject, answers=sent.message_id,
                         more="Auto-Submitted: auto-replied\r\n", text="We have received your e-mail.")]
    assert look(school, box) == {"automatic": 1}
    assert state(school, sent.subject_of) == "notified" and tasks(school) == [] and "mail.auto_answered" in told(school, sent.subject_of)
    set_clock("2026-11-25T15:01:00")
    oversee.move_on(school, school.stamp())
    assert row(school, "la_chaser").state == "queued"


def test_the_reference_in_the_subject_counts_from_the_authority_alone(school: School, sent: Outbox, box: Box) -> None:
    box.mails = [written(sender="officer@birmingham-authority.example", answers="", subject=f"Re: {sent.subject_of}"),
                 written(sender="stranger@elsewhere.example", answers="", subject=f"Re: {sent.subject_of}", number=2),
                 written(sender="officer@birmingham-authority.example.evil.example", answers="", subject=f"Re: {sent.subject_of}", number=3)]
    look(school, box)
    assert [kind for _, kind in tasks(school)] == [incoming.READ_REPLY]
    assert [line.sender for line in mail_watch.received_lines(school)] == ["stranger@elsewhere.example", "officer@birmingham-authority.example.evil.example"]


def test_a_parents_answer_to_our_letter_becomes_a_note_that_a_person_must_see_to(school: School, sent: Outbox, box: Box) -> None:
    box.mails = [written(sender="Aoife@Home.example", answers=row(school, "parent_contact").message_id, subject="Re: School", text="She is ill."),
                 written(sender="grandmother@elsewhere.example", answers=row(school, "parent_contact").message_id, number=2)]
    look(school, box)
    look(school, box)
    mother, other = replies.waiting(school)
    assert (mother.channel, mother.text, mother.warnings) == ("email", "Re: School\n\nShe is ill.", ()) and sent.subject_of in mother.about
    assert other.about == (sent.subject_of,) and other.people == () and "not held" in other.warnings[0]
    assert tasks(school) == [] and mail_watch.received_lines(school) == []
    assert "reply.received" in told(school, sent.subject_of) and "ill" not in repr(alarms(school))


def test_a_mail_of_a_contact_that_answers_nothing_is_a_note_too_and_an_automatic_one_is_none(school: School, sent: Outbox, box: Box) -> None:
    box.mails = [written(sender="bram@home.example", answers="", subject="My daughter"),
                 written(sender="bram@home.example", answers="", subject="Out", number=2, more="Auto-Submitted: auto-replied\r\n")]
    look(school, box)
    [note] = replies.waiting(school)
    assert "Bram Bramblewick" in note.people[0]


def test_what_belongs_to_nothing_waits_for_a_person_until_it_was_seen_to(school: School, sent: Outbox, box: Box) -> None:
    box.mails = [written(answers="", subject="About my daughter"), dsn(original="<unknown@school.example>"), b"", b"\xff\xfe broken"]
    look(school, box)
    lines = mail_watch.received_lines(school)
    assert len(lines) == 4 and "mailbox" in alarms(school)
    for line in lines:
        assert "mailbox" in alarms(school)
        mail_watch.seen_to(school, line.number, "answered by telephone", school.stamp("attendance_officer"))
    assert "mailbox" not in alarms(school) and mail_watch.received_lines(school) == []
    with pytest.raises(BadInput, match="no mail"):
        mail_watch.seen_to(school, lines[0].number, "again", school.stamp("dsl"))
    assert "daughter" not in repr([(m.kind, m.said) for m in mail_watch.received_lines(school, everything=True)])


def test_what_lay_in_the_mailbox_before_needs_nobody_unless_it_is_about_a_message(school: School, before_the_dsl: str) -> None:
    letter = row(school, "parent_contact")
    school.deliver(worker="test")
    old = Box(written(answers="", subject="an old newsletter"), dsn(original=letter.message_id))
    assert look(school, old) == {"written": 1, "bounced": 1}
    assert mail_watch.received_lines(school) == [] and row(school, "parent_contact").state == "failed"
    old.mails.append(written(answers="", subject="new", number=2))
    look(school, old)
    assert len(mail_watch.received_lines(school)) == 1


def test_one_mail_that_cannot_be_handled_keeps_no_other_waiting(school: School, sent: Outbox, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.mails = [dsn(original=sent.message_id), written(answers="", subject="next")]
    real = incoming.after_sending.came_back
    monkeypatch.setattr(incoming.after_sending, "came_back", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        look(school, box)
    monkeypatch.setattr(incoming.after_sending, "came_back", real)
    assert [line.said for line in mail_watch.received_lines(school)] == ["it could not be handled", ""]
    assert look(school, box) == {}


def test_a_mailbox_out_of_reach_is_an_alarm_after_half_an_hour_and_at_once_where_a_person_must_act(
        school: School, box: Box, set_clock: Callable[[str], None]) -> None:
    look(school, box)
    box.fault = Transient("no answer")
    for moment, standing in (("2026-11-23T09:59:00", []), ("2026-11-23T10:00:00", [incoming.UNREACHED])):
        set_clock(moment)
        with pytest.raises(Transient):
            look(school, box)
        assert alarms(school) == standing
    box.fault = None
    look(school, box)
    assert alarms(school) == []
    box.fault = Misconfigured("wrong password")
    with pytest.raises(Misconfigured):
        look(school, box)
    assert alarms(school) == [incoming.UNREACHED]


def test_without_a_mailbox_nothing_is_read(school: School) -> None:
    assert incoming.read_mailbox(school, school.stamp()) == {}


# --- silence ------------------------------------------------------------------------------------------------------

def test_silence_is_chased_by_mail_then_by_telephone_then_before_the_dsl(school: School, sent: Outbox, set_clock: Callable[[str], None]) -> None:
    set_clock("2026-11-25T15:01:00")
    for _ in range(2):
        assert oversee.move_on(school, school.stamp()) == []
    oversee.send_mail(school, school.stamp())
    reminder = message_from_bytes(school.post.to(LA)[-1], policy=policy.default)
    assert len(school.post.to(LA)) == 2
    assert reminder["Subject"] == f"Reminder: CME referral {sent.subject_of}"
    assert reminder["In-Reply-To"] == reminder["References"] == sent.message_id != reminder["Message-ID"]
    assert reminder["Reply-To"] == "dsl@larkspur-bridge.example, attendance@school.example"
    assert "Bramblewick" not in reminder.get_content() and sent.subject_of in reminder.get_content()
    set_clock("2026-11-26T15:01:00")
    for _ in range(2):
        assert oversee.move_on(school, school.stamp()) == []
    assert tasks(school) == [("attendance_officer", acknowledgement.RING)] and state(school, sent.subject_of) == "notified"
    set_clock("2026-11-27T15:01:00")
    assert oversee.move_on(school, school.stamp()) == [sent.subject_of]
    assert state(school, sent.subject_of) == "DSL review"
    assert [what for what in told(school, sent.subject_of) if what == "case.chased"] == ["case.chased"] * 2


def test_a_call_that_brings_the_acknowledgement_ends_its_task(school: School, sent: Outbox, set_clock: Callable[[str], None]) -> None:
    for moment in ("2026-11-25T15:01:00", "2026-11-26T15:01:00"):
        set_clock(moment)
        oversee.move_on(school, school.stamp())
    acknowledgement.acknowledge(school, sent.subject_of, "BCC-77", "P. Officer", school.stamp("attendance_officer"))
    assert tasks(school) == []
    with school.transaction() as session:
        task = session.scalars(select(Action).where(Action.kind == acknowledgement.RING)).one()
        assert (task.done_by, task.result) == ("attendance_officer", "done")
    with pytest.raises(BadInput, match="recorded as done already"):
        finish_action(school, sent.subject_of, task.id, "rang", school.stamp("dsl"))


def test_what_the_officer_reports_later_is_recorded_and_read_by_the_dsl(school: School, sent: Outbox) -> None:
    acknowledgement.report_back(school, sent.subject_of, "Seen at an aunt's in Leeds.", "P. Officer", school.stamp("attendance_officer"))
    assert tasks(school) == [("dsl", acknowledgement.READ_REPORT)]
    for bad in ((sent.subject_of, "", "P."), (sent.subject_of, "Seen in Leeds.", ""), ("CME-1999-0001", "Seen in Leeds.", "P.")):
        with pytest.raises(BadInput):
            acknowledgement.report_back(school, *bad, school.stamp("dsl"))
    with pytest.raises(BadInput, match="cme reported"):
        acknowledgement.acknowledge(school, sent.subject_of, "BCC-77", "P.", school.stamp("dsl"))
        acknowledgement.acknowledge(school, sent.subject_of, "BCC-77", "P.", school.stamp("dsl"))


# --- what people see of the outbox --------------------------------------------------------------------------------

def test_the_outbox_is_listed_by_state_and_case_and_one_message_shows_its_history(school: School, sent: Outbox) -> None:
    everything = mail_watch.outbox_lines(school, everything=True)
    assert {line.state for line in everything} == {"sent"} and len(everything) == len(mail_watch.outbox_lines(school, state="sent"))
    assert sent.id in [line.row for line in mail_watch.outbox_lines(school, case=sent.subject_of.lower())]
    assert mail_watch.outbox_lines(school) == mail_watch.outbox_lines(school, state="failed") == []
    with pytest.raises(BadInput, match="no state"):
        mail_watch.outbox_lines(school, state="lost")
    shown_message = mail_watch.message_view(school, sent.id)
    assert dict(shown_message.facts)["to"] == LA and [what for _, _, what, _ in shown_message.history] == [
        "notification rendered", "message queued", "message sent", "notification accepted by the mail server"]
    assert b"CME referral" in mail_watch.message_text(school, sent.id, "operations")
    assert told(school, sent.subject_of)[-1] == "record.read"
    for bad in (lambda: mail_watch.message_view(school, "nothing"), lambda: mail_watch.message_text(school, "nothing", "dsl"),
                lambda: mail_watch.message_text(school, sent.id, "the cat"),
                lambda: mail_watch.message_text(school, row(school, "review_call").id, "dsl")):
        with pytest.raises(BadInput):
            bad()


def test_the_artifact_of_the_outbox_names_no_recipient(school: School, sent: Outbox, box: Box) -> None:
    box.mails = [dsn(original=sent.message_id)]
    look(school, box)
    table = view.outbox_rows(school)
    assert table[0] == {"row": sent.id, "message": "la cme referral", "about": sent.subject_of, "state": "failed", "tries": "1",
                        "since": "Mon 23 Nov 2026 09:30", "sent": "Mon 23 Nov 2026 09:30", "person": "`cme outbox` says why"}
    assert "@" not in repr(table) and "5.1.1" not in repr(table) and "Bramblewick" not in repr(table)
