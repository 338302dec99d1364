"""The worked examples of cases/*.yaml, each a sentence with marks and what the rule finds.

``marks`` are written as "<days>: <morning> <afternoon>", later lines over earlier ones; days are "17 Nov 2025", a list of
such, "17 Nov 2025 to 28 Nov 2025" (school days), "9 school days from 8 Sep 2025" or "Mondays from ... to ..." (school days).
On all other school days from admission to the day judged the pupil was present (``otherwise: none``: no mark).
"""

import re
from datetime import date, datetime
from pathlib import Path

import pytest
import yaml

from cme.config import policies
from cme.rules.book import RuleBook
from cme.rules.finding import Enrolment, PupilRecord
from cme.rules.judge import RULES, judge
from cme.rules.marks import SessionMark

CASES = Path(__file__).parent / "cases"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri")
REGISTERS = "overdue_registers"
DAY_ONE = "vulnerable_absence"      # judged with the flags of a child: test_day_one.py
EXAMPLES = [(path.stem, example) for path in sorted(CASES.glob("*.yaml")) if path.stem not in (REGISTERS, DAY_ONE)
            for example in yaml.safe_load(path.read_text(encoding="utf-8"))["examples"]]
BOOKS = {key: policies.load(authority=key).rule_book() for key in ("birmingham", "hertfordshire", "herefordshire")}


def day_of(text: str) -> date:
    return datetime.strptime(text.strip(), "%d %b %Y").date()


def days_of(text: str, book: RuleBook) -> list[date]:
    if found := re.fullmatch(r"(\d+) school days from (.+)", text):
        first = day_of(found[2])
        assert book.calendar.is_school_day(first), f"{text}: the first day is no school day"
        return [book.calendar.add_school_days(first, n) for n in range(int(found[1]))]
    if found := re.fullmatch(r"(\w{3})days from (.+) to (.+)", text):
        return [d for d in book.calendar.school_days(day_of(found[2]), day_of(found[3])) if f"{d:%a}" == found[1]]
    if " to " in text:
        first, last = text.split(" to ")
        return list(book.calendar.school_days(day_of(first), day_of(last)))
    return [day_of(part) for part in text.split(",")]


def record_of(example: dict, book: RuleBook) -> PupilRecord:
    pattern = example.get("expected")
    enrolment = Enrolment(
        admitted=example.get("admitted", date(2025, 9, 1)), left=example.get("left"), born=example.get("born"),
        expected=None if pattern is None else frozenset((WEEKDAYS.index(p[:3]) + 1, p[4:]) for p in pattern))
    codes: dict[tuple[date, str], str] = {}
    if example.get("otherwise") != "none":
        for day in book.calendar.school_days(enrolment.admitted, example["as_of"]):
            codes[day, "AM"], codes[day, "PM"] = "/", "\\"
    for line in example["marks"]:
        days, _, pair = line.rpartition(": ")
        morning, afternoon = pair.split()
        for day in days_of(days, book):
            codes[day, "AM"], codes[day, "PM"] = morning, afternoon
    return PupilRecord(1, enrolment, tuple(sorted(SessionMark(d, s, code) for (d, s), code in codes.items())))


@pytest.mark.parametrize(("rule", "example"), EXAMPLES, ids=[f"{rule}: {example['says']}" for rule, example in EXAMPLES])
def test_the_rule_finds_what_the_example_says(rule: str, example: dict) -> None:
    book = BOOKS[example.get("authority", "birmingham")]
    found = [f for f in judge(record_of(example, book), example["as_of"], book) if f.rule == rule]
    expected = example["found"] or []
    expected = expected if isinstance(expected, list) else [expected]
    assert [{key: getattr(f, key) for key in want} for f, want in zip(found, expected)] == expected
    assert len(found) == len(expected), [f.reason for f in found]
    if "reason" in example:
        assert [f.reason for f in found] == [example["reason"]]
    for finding in found:
        assert finding.count >= finding.threshold
        assert finding.reason.endswith(".") and finding.source and finding.rule_version
        assert finding.episode_start <= finding.reached_on <= finding.as_of == example["as_of"]


def test_every_rule_has_at_least_eight_examples_and_every_file_a_rule() -> None:
    names = {"persistent_absence", "severe_absence"} | {rule.__name__ for rule in RULES}
    files = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in CASES.glob("*.yaml")}
    counts = {name: len(held["examples"]) for name, held in files.items()}
    assert min(counts.values()) >= 8, counts
    assert set(files) == names | {REGISTERS, DAY_ONE}
    assert all(held["rule"] == name for name, held in files.items())
