"""A changed threshold over the stored registers: equal to a replay day by day, and nothing written."""

import hashlib
import io
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest
from rich.console import Console
from sqlalchemy import text
from sqlalchemy.exc import InternalError
from tests.steps.school import MONDAY, School, a_pupil

from cme.config.policies import FOLDER, ConfigFaults
from cme.errors import BadInput
from cme.records.registers import pupil_records
from cme.rules.book import RuleBook
from cme.rules.judge import judge
from cme.rules.ten_sessions import monday
from cme.services.simulation import print_simulation
from cme.steps.detect import detect
from cme.steps.replay import marks_from, reading
from cme.steps.simulate import Week, by_week, replay, simulate

OTHERS = (("U", "\\"), ("D", "D"), ("-", "-"), ("G", "G"))
SINCE = date(2026, 6, 15)      # a school year ends and another begins before the last day


def changes(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "changed.yaml"
    path.write_text(content, encoding="utf-8")
    return path


def gone(school: School, name: str, days: list[date], code: str = "N") -> None:
    school.write(a_pupil(mis_id=name, group=name), {day: (code, code) for day in days})


def a_small_school(school: School, pupils: int = 10) -> None:
    """Pupils who are away in stretches of many lengths, over the end of a school year, from a seed."""
    random = Random(20261123)
    days = list(school.policies.calendar.school_days(date(2026, 4, 14), MONDAY))
    for n in range(pupils):
        codes, left = {}, 0
        for day in days:
            left = left - 1 if left else random.choice((0,) * 120 + (3, 5, 8, 9, 10, 11, 14, 25))
            both = ("N", "O") if left else random.choice((("/", "\\"),) * 12 + OTHERS)
            codes[day] = both
        school.write(a_pupil(mis_id=f"P{n}", group=f"G{n}", left=date(2026, 9, 25) if n == 3 else None), codes)


def day_by_day(school: School, book: RuleBook, since: date, until: date) -> dict[tuple[int, str, date], date]:
    """The slow and obvious way: every pupil judged anew on every school day; the day of each finding's first appearance."""
    first: dict[tuple[int, str, date], date] = {}
    records = {}        # by the first day of the marks: a judgement on a day passes over all later marks
    with school.transaction() as session:
        for day in (since - timedelta(days=1), *book.calendar.school_days(since, until)):
            start = marks_from(book.calendar, day)
            if start not in records:
                records[start] = pupil_records(session, school.school, until, start)
            for record in records[start]:
                for f in judge(record, day, book):
                    if f.opens_case:
                        first.setdefault((record.pupil_id, f.rule, f.episode_start), day)
    return {key: day for key, day in first.items() if day >= since}


def in_one(school: School, book: RuleBook, since: date, until: date) -> dict[tuple[int, str, date], date]:
    with school.transaction() as session:
        records = pupil_records(session, school.school, until, marks_from(book.calendar, since - timedelta(days=1)))
    return {(f.pupil, f.rule, f.episode_start): f.found_on for f in replay(records, since, until, book) if f.found_on >= since}


@pytest.mark.parametrize(("since", "numbers"), [
    (SINCE, {}), (SINCE, {"continuous_absence": 3, "cumulative_absence": 2}),
    (date(2026, 9, 1), {"continuous_absence": 8, "cumulative_absence": 12}),
    (date(2026, 10, 14), {"continuous_absence": 4, "cumulative_absence": 9})])
def test_judging_each_stretch_once_equals_a_replay_of_every_day(school: School, since: date, numbers: dict[str, int]) -> None:
    a_small_school(school)
    book = school.policies.rule_book()
    for name, value in numbers.items():
        book = book.with_value(name, value)
    slow = day_by_day(school, book, since, MONDAY)
    assert in_one(school, book, since, MONDAY) == slow
    assert {rule for _, rule, _ in slow} == {"continuous_absence", "cumulative_absence"} and len(set(slow.values())) > 3


def test_a_number_that_comes_into_force_on_the_way_is_replayed_by_date(school: School) -> None:
    a_small_school(school)
    book = school.policies.rule_book()
    lower = [replace(n, value=6, valid_from=date(2026, 10, 5)) for n in book.numbers if n.name == "cumulative_absence"]
    book = replace(book, numbers=(*book.numbers, *lower))
    slow = day_by_day(school, book, SINCE, MONDAY)
    assert in_one(school, book, SINCE, MONDAY) == slow
    assert Counter(slow.values())[date(2026, 10, 5)] > 0      # those already over the lower number that day


def test_weeks_stand_side_by_side_and_a_lower_number_finds_earlier(school: School, tmp_path: Path) -> None:
    days = school.school_days_before(MONDAY, 11)
    gone(school, "A", days)
    s = simulate(school, days[0], MONDAY, changes(tmp_path, "continuous_absence: 5\n"))
    assert [w.monday for w in s.today] == sorted({monday(day) for day in days}) == [w.monday for w in s.changed]
    reached = {w.monday: (w.findings, w.cases) for w in s.today}
    assert reached[monday(days[9])] == (2, 1)
    earlier = {w.monday: (w.findings, w.cases) for w in s.changed}
    assert earlier[monday(days[4])] == (1, 1) and earlier[monday(days[9])] == (1, 0)     # the second joins the case
    assert s.pupils == 1
    assert s.changes == ("continuous_absence: 10 school days from 2024-08-19 becomes 5 school days from 2024-08-19",)


def test_a_higher_number_does_not_make_two_cases_of_one_absence(school: School, tmp_path: Path) -> None:
    gone(school, "A", school.school_days_before(MONDAY, 13))
    s = simulate(school, date(2026, 9, 2), MONDAY, changes(tmp_path, "cumulative_absence: 12\n"))
    assert [sum(w.cases for w in weeks) for weeks in (s.today, s.changed)] == [1, 1]
    assert [sum(w.findings for w in weeks) for weeks in (s.today, s.changed)] == [2, 2]


def test_two_absences_of_one_pupil_are_two_cases(school: School, tmp_path: Path) -> None:
    days = school.school_days_before(MONDAY, 40)
    school.write(a_pupil(), {**{day: ("/", "\\") for day in days}, **{day: ("N", "N") for day in (*days[:10], *days[25:36])}})
    s = simulate(school, date(2026, 9, 2), MONDAY, changes(tmp_path, "cumulative_absence: 100\n"))
    assert [sum(w.cases for w in weeks) for weeks in (s.today, s.changed)] == [2, 2]


def test_what_was_reached_before_the_first_day_is_not_counted_again(school: School, tmp_path: Path) -> None:
    days = school.school_days_before(MONDAY, 14)
    gone(school, "A", days)
    s = simulate(school, days[11], MONDAY, changes(tmp_path, "continuous_absence: 13\ncumulative_absence: 100\n"))
    assert sum(w.cases for w in s.today) == 0 and sum(w.findings for w in s.today) == 0
    assert sum(w.cases for w in s.changed) == 1


def test_the_cases_of_a_replay_are_those_that_the_daily_check_opened(school: School, set_clock: Callable[[str], None],
                                                                     tmp_path: Path) -> None:
    days = school.school_days_before(MONDAY, 12)
    for name, own in {"A": days[:10], "B": days[1:], "C": days[:9]}.items():
        gone(school, name, own)
    opened = Counter()
    for day in days:
        set_clock(f"{day}T18:00:00")
        opened[monday(day)] += len(detect(school, day, school.stamp()).opened)
    set_clock("2026-11-23T18:00:00")
    s = simulate(school, days[0], MONDAY, changes(tmp_path, "continuous_absence: 9\n"))
    assert {w.monday: w.cases for w in s.today} == opened and sum(opened.values()) == 2
    assert sum(w.cases for w in s.changed) == 3


def every_row(school: School) -> dict[str, tuple[int, str]]:
    """Each table's number of rows and a hash of all that they hold."""
    found = {}
    with school.engine.connect() as connection:
        for table in connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all():
            rows = connection.scalars(text(f'SELECT t::text FROM "{table}" t ORDER BY 1')).all()
            found[table] = (len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest())
    return found


def test_nothing_is_written(school: School, ten_days_gone: str, tmp_path: Path) -> None:
    before = every_row(school)
    simulate(school, date(2026, 9, 2), MONDAY, changes(tmp_path, "continuous_absence: 5\n"))
    assert every_row(school) == before and before["case"][0] == 1 and before["register_version"][0] == 20


def test_the_database_itself_refuses_a_change_while_the_past_is_read(school: School, ten_days_gone: str) -> None:
    with pytest.raises(InternalError, match="read-only transaction"), reading(school) as session:
        session.execute(text('DELETE FROM "case"'))


def test_a_folder_of_policies_can_be_compared(school: School, ten_days_gone: str, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    school_file = folder / "school.yaml"
    shown = school_file.read_text(encoding="utf-8")
    school_file.write_text(shown.replace("      - value: 10\n", "      - value: 4\n", 1), encoding="utf-8")
    s = simulate(school, date(2026, 9, 2), MONDAY, folder)
    assert s.changes == ("cumulative_absence: 10 school days from 2020-09-01 becomes 4 school days from 2020-09-01",)
    assert [w.monday for w in s.changed if w.cases] == [date(2026, 11, 9)] and [w.monday for w in s.today if w.cases] == [MONDAY]
    (folder / "statutory.yaml").unlink()
    with pytest.raises(ConfigFaults, match="statutory.yaml: the file is missing"):
        simulate(school, date(2026, 9, 2), MONDAY, folder)


@pytest.mark.parametrize(("content", "sentence"), [
    ("continous_absence: 8\n", "changed.yaml: continous_absence: there is no number of this name; use one of continuous_absence"),
    ("continuous_absence: eight\n", "changed.yaml: continuous_absence: must be a whole number"),
    ("continuous_absence: 0\n", "changed.yaml: continuous_absence: 0 is too small"),
    ("continuous_absence: yes\n", "changed.yaml: continuous_absence: must be a whole number"),
    ("continuous_absence: 8\ncontinuous_absence: 9\n", "line 2: the key continuous_absence is given twice"),
    ("- 8\n", "changed.yaml: the file holds no keys"),
    ("{}\n", "changed.yaml: no number is changed"),
    ("a: [\n", "changed.yaml: line 2: this is not YAML"),
])
def test_a_file_that_cannot_be_used_is_said_in_one_sentence(school: School, tmp_path: Path, content: str, sentence: str) -> None:
    with pytest.raises(BadInput) as refused:
        simulate(school, date(2026, 9, 2), MONDAY, changes(tmp_path, content))
    assert sentence in str(refused.value) and "\n" not in str(refused.value)


def test_days_and_files_that_are_not_there_are_said_in_one_sentence(school: School, tmp_path: Path) -> None:
    file = changes(tmp_path, "continuous_absence: 8\n")
    for since, until, policy, sentence in ((date(2026, 9, 1), MONDAY, tmp_path / "none.yaml", "there is no such file or folder"),
                                           (date(2026, 11, 24), None, file, "lies after the last day replayed, 2026-11-23"),
                                           (date(2026, 9, 1), date(2026, 12, 1), file, "--until 2026-12-01 is still to come"),
                                           (date(2026, 9, 1), None, file, "no register is stored from 2026-09-01 to 2026-11-23")):
        with pytest.raises(BadInput, match=sentence):
            simulate(school, since, until, policy)


def test_a_number_that_opens_no_case_and_one_above_the_laws_are_remarked(
        school: School, ten_days_gone: str, tmp_path: Path) -> None:
    s = simulate(school, date(2026, 9, 2), None, changes(tmp_path, "not_seen: 7\ncontinuous_absence: 11\n"))
    assert s.remarks[0] == "not_seen opens no case: changing it changes nothing below"
    assert s.remarks[1].startswith("continuous_absence: 11 is more than the law's 10 (SI 2024/208 reg 13")


def test_the_page_says_that_notifications_are_an_upper_bound(school: School, ten_days_gone: str, tmp_path: Path) -> None:
    out = Console(file=io.StringIO(), width=110, highlight=False, soft_wrap=True, color_system=None)
    print_simulation(out, simulate(school, date(2026, 11, 9), MONDAY, changes(tmp_path, "continuous_absence: 5\n")))
    shown = out.file.getvalue()  # type: ignore[attr-defined]
    lines = [line.split() for line in shown.splitlines()]
    assert ["16", "Nov", "2026", "0", "1", "0", "1", "0", "1", "0", "1"] in lines
    assert ["23", "Nov", "2026", "2", "1", "1", "0", "1", "0", "1", "0"] in lines
    assert ["together", "2", "2", "1", "1", "1", "1", "1", "1"] in lines
    assert "upper bound: one a case, if the DSL approves all" in shown and "nothing is written" in shown


def test_weeks_without_a_finding_are_there_with_noughts() -> None:
    assert by_week([], MONDAY, [MONDAY]) == (Week(MONDAY, 0, 0),)
