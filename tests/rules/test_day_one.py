"""The rule of day one: the worked examples, and what must hold of every day."""

from datetime import date

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.test_worked_examples import BOOKS, CASES, record_of

from cme.config import policies
from cme.rules.book import RuleBook
from cme.rules.day_one import RULE, vulnerable_absence, watched_flags
from cme.rules.finding import Enrolment, Finding, PupilRecord
from cme.rules.marks import SessionMark
from cme.rules.possible_sessions import attendance

BOOK = BOOKS["birmingham"]
WATCHED = policies.load().school.day_one_flags
MONDAY = date(2026, 11, 23)
EXAMPLES = yaml.safe_load((CASES / f"{RULE}.yaml").read_text(encoding="utf-8"))["examples"]


def judged(record: PupilRecord, flags: list[str], day: date = MONDAY, book: RuleBook = BOOK) -> tuple[Finding, ...]:
    return vulnerable_absence(attendance(record, day, book), watched_flags(flags, WATCHED), book)


@pytest.mark.parametrize("example", EXAMPLES, ids=[example["says"] for example in EXAMPLES])
def test_the_rule_finds_what_the_example_says(example: dict) -> None:
    found = judged(record_of(example, BOOK), example["flags"], example["as_of"])
    expected = [example["found"]] if example["found"] else []
    assert [{key: getattr(f, key) for key in want} for f, want in zip(found, expected)] == expected
    assert len(found) == len(expected), [f.reason for f in found]
    if "reason" in example:
        assert [f.reason for f in found] == [example["reason"]]
    for finding in found:
        assert finding.reason.endswith(".") and finding.source and finding.rule_version == "1 sessions from 2020-09-01"


def test_the_rule_has_at_least_eight_examples() -> None:
    assert len(EXAMPLES) >= 8


@given(st.sampled_from([*sorted({c.code for c in BOOK.codes.codes}), "-", ""]), st.sampled_from(["AM", "PM"]))
def test_a_single_mark_is_found_if_and_only_if_it_is_n_or_o(code: str, session: str) -> None:
    record = PupilRecord(1, Enrolment(date(2025, 9, 1)), (SessionMark(MONDAY, session, code),))
    assert bool(judged(record, ["looked after"])) == (code in ("N", "O"))


@given(st.lists(st.builds(SessionMark, st.sampled_from([date(2026, 11, 19), date(2026, 11, 20), MONDAY]), st.sampled_from(["AM", "PM"]),
                          st.sampled_from(["N", "O", "/", "\\", "I", "-", "L"])), max_size=8), st.randoms())
def test_the_order_in_which_registers_arrive_decides_nothing(marks: list[SessionMark], random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(marks)
    random.shuffle(shuffled)
    enrolment = Enrolment(date(2025, 9, 1))
    assert judged(PupilRecord(1, enrolment, tuple(marks)), ["at risk"]) == judged(PupilRecord(1, enrolment, tuple(shuffled)), ["at risk"])


def test_where_two_registers_name_the_child_the_one_that_saw_it_counts() -> None:
    both = (SessionMark(MONDAY, "AM", "N"), SessionMark(MONDAY, "AM", "/"))
    assert judged(PupilRecord(1, Enrolment(date(2025, 9, 1)), both), ["at risk"]) == ()


def test_a_reason_in_one_register_does_not_hide_an_absence_without_one_in_another() -> None:
    both = (SessionMark(MONDAY, "AM", "I"), SessionMark(MONDAY, "AM", "N"))
    assert len(judged(PupilRecord(1, Enrolment(date(2025, 9, 1)), both), ["at risk"])) == 1


def test_the_reason_names_no_flag() -> None:
    [finding] = judged(PupilRecord(1, Enrolment(date(2025, 9, 1)), (SessionMark(MONDAY, "AM", "N"),)), ["child protection plan"])
    assert "protection" not in finding.reason and "1 safeguarding flag held" in finding.reason


def test_before_the_number_was_in_force_the_rule_is_silent() -> None:
    day = date(2020, 6, 1)
    assert judged(PupilRecord(1, Enrolment(date(2019, 9, 1)), (SessionMark(day, "AM", "N"),)), ["at risk"], day) == ()
