"""The daily anchor, by file and by mail; and what the history and the rows beside it say of one another."""

from collections.abc import Callable
from email import message_from_bytes, policy

import pytest
from sqlalchemy import select, text

from cme.records.alarms import open_alarms
from cme.records.anchors import read_anchors
from cme.records.reviews import SAFEGUARDING
from cme.records.tables import CaseEvent, Outbox
from cme.steps import anchor, confirm, decisions
from cme.steps.review import ring, take_answer
from tests.records.test_verifying import owner
from tests.steps.answers import RUN, code_for
from tests.steps.school import School


@pytest.fixture
def decided(school: School, before_the_dsl: str) -> str:
    """A case that the DSL has closed and a second person has confirmed."""
    answer = {"decision": decisions.CLOSE, "actions": [decisions.HOME_VISIT], "reason": "Seen at home with the mother.", "agencies": decisions.UNKNOWN,
              "code": code_for(school, "dsl"), **dict.fromkeys(decisions.REASONS, decisions.UNKNOWN)}
    assert take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer, RUN).accepted
    ring(school, before_the_dsl, "confirmation", RUN, school.stamp())
    said = {"confirmation": confirm.CONFIRM, "reason": "I have read the dossier too.", "code": code_for(school, "deputy_dsl")}
    assert take_answer(school, before_the_dsl, "confirmation", "k2", said, RUN).accepted
    return before_the_dsl


def test_the_anchor_stands_in_the_file_and_leaves_for_the_head_and_the_record_fits_it(school: School, decided: str) -> None:
    made = anchor.make(school, school.stamp("operations"))
    [line] = read_anchors(str(school.settings.anchors))
    assert line == made and oct(school.settings.anchors.stat().st_mode)[-3:] == "600"
    assert anchor.check(school) == ([], [made]) and anchor.check(school, str(made))[0] == []
    school.deliver(worker="w")
    mails = [message_from_bytes(wire, policy=policy.default) for wire in school.post.to(school.person("head").email)]
    [mail] = [mail for mail in mails if "The record on" in mail["Subject"]]
    body = mail.get_body(("plain",)).get_content()  # type: ignore[attr-defined]
    assert mail["Subject"] == f"The record on 23 November 2026: event {made.event}" and f"cme verify --anchor {made}" in body
    assert "Bramblewick" not in body


def test_the_record_is_anchored_once_a_day_and_a_day_that_was_missed_is_no_hindrance(school: School, set_clock: Callable[[str], None]) -> None:
    assert anchor.make_when_due(school, school.stamp()) is not None
    set_clock("2026-11-23T23:50:00")
    assert anchor.make_when_due(school, school.stamp()) is None
    set_clock("2026-11-26T00:10:00")
    assert anchor.make_when_due(school, school.stamp()) is not None
    assert len(read_anchors(str(school.settings.anchors))) == 2


def test_a_file_that_cannot_be_written_is_an_alarm_until_an_anchor_stands_in_it(school: School, set_clock: Callable[[str], None]) -> None:
    school.settings.anchors.mkdir()                      # a folder where the file should be
    assert anchor.make_when_due(school, school.stamp()) is None
    with school.transaction() as session:
        [alarm] = open_alarms(session)
        assert alarm.key == anchor.ALARM and "cannot be written" in alarm.sentence and "CME_ANCHOR_FILE" in alarm.sentence
    assert anchor.make_when_due(school, school.stamp()) is None          # the same minute again: no second mail
    with school.transaction() as session:
        assert len(session.scalars(select(Outbox).where(Outbox.kind == "anchor")).all()) == 1
    school.settings.anchors.rmdir()
    set_clock("2026-11-24T09:30:00")
    assert anchor.make_when_due(school, school.stamp()) is not None
    with school.transaction() as session:
        assert open_alarms(session) == []


def test_a_file_without_an_anchor_for_days_is_an_alarm(school: School, set_clock: Callable[[str], None]) -> None:
    anchor.make(school, school.stamp())
    set_clock("2026-11-27T08:00:00")
    with school.transaction() as session:                # the history says that it was anchored today; the file knows nothing of it
        anchor.anchors.anchor(session, school.stamp())
    assert anchor.make_when_due(school, school.stamp()) is None
    with school.transaction() as session:
        [alarm] = open_alarms(session)
        assert "no anchor for more than 3 days" in alarm.sentence


# what no anchor holds yet --------------------------------------------------------------------------------------------------------------

TAMPERED = [
    ("decision", "UPDATE decision SET outcome = 'Do not refer now'", "row 1 of decision does not say what event", "outcome"),
    ("decision", "UPDATE decision SET decided_by = 'head'", "row 1 of decision does not say what event", "decided_by"),
    ("decision", "UPDATE decision SET actions = '[]'", "row 1 of decision does not say what event", "actions"),
    ("decision", "UPDATE decision SET reason = 'forged'", "row 1 of decision does not say what event", "reason"),
    ("decision", "UPDATE decision SET decided_at = now()", "row 1 of decision does not say what event", "decided_at"),
    ("decision", "UPDATE decision SET shown_hash = ''", "row 1 of decision does not say what event", "shown_hash"),
    ("decision", "UPDATE decision SET needs_confirmation = false", "row 1 of decision does not say what event", "needs_confirmation"),
    ("decision", "UPDATE decision SET appraisal = appraisal || 'x'", "row 1 of decision does not say what event", "cannot be opened"),
    ("confirmation", "UPDATE confirmation SET confirmed = false", "row 1 of confirmation does not say what event", "confirmed"),
    ("confirmation", "DELETE FROM confirmation", "the row of confirmation is missing of which event", "decision.confirmed"),
    ("decision", "INSERT INTO decision (review_id, case_id, outcome, actions, reason, decided_by, decided_at, shown_hash) SELECT min(id), 1, 'Close', "
     "'[]', 'forged', 'dsl', now(), '' FROM review", "row 2 of decision is one of which no event tells", ""),
    ("dossier_shown", "UPDATE dossier_shown SET dossier = '{}' WHERE id = 1", "row 1 of dossier_shown was changed: it is not what its hash says", ""),
    ("dossier_shown", "DELETE FROM dossier_shown WHERE id = 1", "the dossier is missing of which event", "review.opened"),
    ("outbox", "DELETE FROM outbox WHERE kind = 'parent_contact'", "of outbox is missing, of which event", "mail.queued"),
    ("outbox", "UPDATE outbox SET sha256 = '0' WHERE kind = 'parent_contact'", "it is not the message of which event", "mail.queued"),
    ("finding", "DELETE FROM finding WHERE id = 1", "row 1 of finding is missing, of which event", "finding.made"),
    ("contact_attempt", "DELETE FROM contact_attempt", "row 1 of contact_attempt is missing, of which event", "contact.attempted"),
    ("action", "DELETE FROM action WHERE id = 1", "row 1 of action is missing, of which event", "action.chosen"),
]


@pytest.mark.usefixtures("as_owner")
@pytest.mark.parametrize(("table", "change", "sentence", "detail"), TAMPERED, ids=[change[:45] for _, change, _, _ in TAMPERED])
def test_a_row_that_no_longer_says_what_its_event_says_is_found(school: School, decided: str, table: str, change: str, sentence: str,
                                                               detail: str) -> None:
    assert anchor.check(school)[0] == []
    with owner(school.engine, table) as connection:
        assert connection.execute(text(change)).rowcount
    faults, _ = anchor.check(school)
    assert any(sentence in fault and detail in fault for fault in faults), faults


def test_an_anchor_names_no_child_and_holds_no_text_of_a_row(school: School, decided: str) -> None:
    made = anchor.make(school, school.stamp())
    with school.transaction() as session:
        data = str(session.get_one(CaseEvent, made.event).data)
    assert "dossier_shown" in data and "Bramblewick" not in data and "mother" not in data
