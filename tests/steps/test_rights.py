"""Requests about records: a deadline from the day they arrived, a person's decision, an alarm before it is late."""

from collections.abc import Callable
from datetime import date

import pytest
from sqlalchemy import select
from tests.steps.school import School, a_pupil

from cme.errors import BadInput
from cme.records.alarms import open_alarms
from cme.records.history import events
from cme.records.tables import Pupil
from cme.steps import retention, rights
from cme.steps.report_form import reference_of
from cme.steps.rights import Asked

RECEIVED = date(2026, 11, 20)


@pytest.fixture
def child(school: School) -> str:
    school.write(a_pupil(), {RECEIVED: ("/", "/")})
    with school.transaction() as session:
        return reference_of(session.scalars(select(Pupil.id)).one())


def asked(child: str, kind: str = rights.CORRECTION, **changes: object) -> Asked:
    values: dict[str, object] = {"child": child, "kind": kind, "asked_by": "Aoife Bramblewick, mother", "asked": "the address is the old one",
                                 "received": RECEIVED}
    return Asked(**{**values, **changes})  # type: ignore[arg-type]


def alarms(school: School) -> list[str]:
    with school.transaction() as session:
        return [alarm.sentence for alarm in open_alarms(session)]


def test_a_request_is_recorded_with_its_last_day_and_the_event_names_nobody(school: School, child: str) -> None:
    row = rights.take(school, asked(child), school.stamp("attendance_officer"))
    assert (row.due_on, row.recorded_by) == (date(2026, 12, 21), "attendance_officer")        # 20 December is a Sunday
    with school.transaction() as session:
        [event] = [e for e in events(session, child) if e.what == "rights.asked"]
    assert "Aoife" not in str(event.data) + event.why and event.data["request"] == row.reference


def test_a_request_near_its_last_day_and_one_past_it_are_alarms_until_a_person_decides(school: School, child: str, set_clock: Callable[[str], None]) -> None:
    reference = rights.take(school, asked(child), school.stamp("dsl")).reference
    assert rights.watch(school, school.stamp()) == [] and alarms(school) == []
    for moment, words in (("2026-12-14T08:00", "is to be answered by 21 December"), ("2026-12-21T08:00", "is to be answered"), ("2026-12-22T08:00", "was to be answered")):
        set_clock(moment)
        assert rights.watch(school, school.stamp()) == [reference]
        [sentence] = alarms(school)
        assert words in sentence and "Bramblewick" not in sentence
    rights.decide(school, reference, rights.GRANTED, "the letter of the council shows it", "MIS: address, by the office on 21 December", school.stamp("dsl"))
    assert rights.watch(school, school.stamp()) == [] and alarms(school) == []
    assert rights.requests(school) == [] and rights.requests(school, decided_too=True)[0].decided_by == "dsl"


def test_more_time_is_taken_once_in_time_and_with_a_reason(school: School, child: str, set_clock: Callable[[str], None]) -> None:
    reference = rights.take(school, asked(child, rights.ACCESS), school.stamp("dsl")).reference
    with pytest.raises(BadInput, match="--extend"):
        rights.extend(school, reference, "no", school.stamp("dsl"))
    assert rights.extend(school, reference, "five years of papers in the archive", school.stamp("dsl")) == date(2027, 2, 22)
    with pytest.raises(BadInput, match="more time already"):
        rights.extend(school, reference, "five years of papers in the archive", school.stamp("dsl"))
    late = rights.take(school, asked(child, rights.ACCESS), school.stamp("dsl")).reference
    set_clock("2027-01-05T08:00")
    with pytest.raises(BadInput, match="too late"):
        rights.extend(school, late, "five years of papers in the archive", school.stamp("dsl"))


def test_what_cannot_be_decided_is_refused_in_one_sentence(school: School, child: str) -> None:
    reference = rights.take(school, asked(child), school.stamp("dsl")).reference
    for who, decision, reason, changed, words in (
            ("machine", rights.GRANTED, "because", "MIS", "may decide"), ("operations", rights.REFUSED, "because", "", "may decide"),
            ("dsl", "yes", "because", "", "is no decision"), ("dsl", rights.REFUSED, "", "", "--reason"),
            ("dsl", rights.GRANTED, "because it is so", "", "--changed"), ("dsl", rights.PARTLY, "because it is so", " ", "the master")):
        with pytest.raises(BadInput, match=words):
            rights.decide(school, reference, decision, reason, changed, school.stamp(who))
    rights.decide(school, reference, rights.REFUSED, "it is right as it stands", "", school.stamp("head"))
    with pytest.raises(BadInput, match="decided already"):
        rights.decide(school, reference, rights.REFUSED, "it is right as it stands", "", school.stamp("head"))
    with pytest.raises(BadInput, match="no request"):
        rights.decide(school, "RIGHTS-1999-000000", rights.REFUSED, "because", "", school.stamp("head"))


def test_a_request_that_cannot_be_recorded_says_why(school: School, child: str) -> None:
    for changes, words in (({"child": "P-999"}, "no pupil"), ({"child": "Quilla"}, "no reference"), ({"child": "CME-1999-0001"}, "no case"),
                           ({"kind": "erasure"}, "kind of request"), ({"asked_by": " "}, "who asked"), ({"asked": "?"}, "what was asked"),
                           ({"received": date(2027, 1, 1)}, "not come yet")):
        with pytest.raises(BadInput, match=words):
            rights.take(school, asked(**{"child": child, **changes}), school.stamp("dsl"))  # type: ignore[arg-type]


def test_while_a_request_is_open_nothing_of_the_child_may_be_erased(school: School, child: str, set_clock: Callable[[str], None]) -> None:
    set_clock("2033-06-01T08:00")
    assert {"registers", "children who have left"} <= set(retention.proposal(school).due.rules)
    reference = rights.take(school, asked(child, rights.ACCESS, received=date(2033, 5, 31)), school.stamp("dsl")).reference
    assert not {"registers", "children who have left"} & set(retention.proposal(school).due.rules)
    rights.decide(school, reference, rights.GRANTED, "a copy was handed over", "", school.stamp("dsl"))
    assert "children who have left" in retention.proposal(school).due.rules
