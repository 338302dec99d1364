"""The sum behind a case: every day as it was known then, and whether it still holds."""

import io
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from rich.console import Console
from sqlalchemy import select
from tests.steps.school import MONDAY, School, a_pupil

from cme.errors import BadInput
from cme.records.tables import Pupil
from cme.rules.judge import RULES
from cme.services.explanation import print_explanation
from cme.steps.arithmetic import COUNTS, ENDS, HALF, NEITHER, NOT, DayLine
from cme.steps.detect import detect
from cme.steps.explain import case_on, explain_case, explain_pupil

Clock = Callable[[str], None]
HERE = ("/", "\\")


def number_of(school: School) -> int:
    with school.transaction() as session:
        return session.scalars(select(Pupil.id)).one()


def printed(explanation, *, every_day: bool = False) -> str:  # type: ignore[no-untyped-def]
    out = Console(file=io.StringIO(), width=100, highlight=False, soft_wrap=True, color_system=None)
    print_explanation(out, explanation, every_day=every_day)
    return out.file.getvalue()  # type: ignore[attr-defined]


def on(lines: tuple[DayLine, ...], day: date) -> DayLine:
    [line] = [line for line in lines if line.day == day]
    return line


def test_the_sum_of_a_case_runs_from_the_day_before_the_run_to_the_day_judged(school: School) -> None:
    days = school.school_days_before(MONDAY, 12)
    school.write(a_pupil(), {days[0]: HERE, days[1]: HERE, **{day: ("N", "O") for day in days[2:]}})
    detect(school, MONDAY, school.stamp())
    [explanation] = explain_case(school, "cme-2026-0001")
    run = explanation.rules[0]
    assert run.rule == "continuous_absence" and run.codes == ("G", "N", "O", "U")
    assert run.version == "10 school days from 2024-08-19"
    assert [line.day for line in run.lines] == days[1:]
    assert [(line.verdict, line.running) for line in run.lines] == [(NOT, "0"), *((COUNTS, str(n)) for n in range(1, 11))]
    assert (run.lines[1].am.code, run.lines[1].am.meaning) == ("N", "Reason not yet established")
    assert run.lines[1].pm.code == "O" and run.lines[1].am.category == "unauthorised absence"
    assert run.sentence.startswith("10 school days in a row missed without permission") and "SI 2024/208 reg 13" in run.source
    assert run.holds == "It still holds with what is known now, mark for mark."


def test_the_last_line_of_each_sum_is_the_count_of_the_finding(school: School) -> None:
    days = school.school_days_before(MONDAY, 20)
    school.write(a_pupil(), {**{day: HERE for day in days}, **{day: ("O", "O") for day in days[6:]}, days[2]: ("G", "\\"),
                             days[4]: ("/", "U"), days[15]: ("D", "D"), days[16]: ("-", "-"), days[17]: ("-", "N")})
    found = explain_pupil(school, number_of(school), MONDAY)
    in_a_row, together = found.rules
    assert in_a_row.lines[-1].running == "12" and "12 school days in a row" in in_a_row.sentence
    assert together.lines[-1].running == "13" and together.sentence.startswith("13 school days missed")
    assert (on(together.lines, days[2]).verdict, on(together.lines, days[2]).running) == (HALF, "½")
    assert [on(in_a_row.lines, days[n]).verdict for n in (15, 16, 17)] == [NEITHER, NEITHER, COUNTS]
    assert on(in_a_row.lines, days[15]).am.category == "not a possible session"
    assert on(in_a_row.lines, days[16]).am.meaning == "no mark entered"
    assert on(in_a_row.lines, days[16]).running == on(in_a_row.lines, days[14]).running == "9"


def test_an_attended_session_ends_the_run_and_the_count_begins_again(school: School) -> None:
    days = school.school_days_before(MONDAY, 14)
    school.write(a_pupil(), {**{day: ("N", "N") for day in days}, days[10]: ("N", "\\")})
    lines = explain_pupil(school, number_of(school), MONDAY, "continuous_absence").rules[0].lines
    assert (lines[-1].day, lines[-1].verdict, lines[-1].running) == (days[10], ENDS, "0")
    assert lines[-2].running == "10"


def test_marks_are_those_known_when_the_finding_was_made_and_what_changed_since_is_named(
        school: School, ten_days_gone: str, set_clock: Clock) -> None:
    friday = MONDAY - timedelta(days=3)
    set_clock("2026-11-24T10:00:00")
    school.write(a_pupil(), {friday: ("I", "I"), MONDAY: ("N", "N")})
    [explanation] = explain_case(school, ten_days_gone)
    run = explanation.rules[0]
    assert on(run.lines, friday).am.code == "N" and on(run.lines, friday).running == "9"
    assert run.holds.startswith("With what is known now, it no longer holds: 2 of its 20 marks changed "
                                "(20 Nov 2026 AM: N is now I")
    changed = [(c.day, c.session, c.then, c.now) for c in explanation.changed]
    assert changed == [(friday, "AM", "N", "I"), (friday, "PM", "N", "I")]
    later = case_on(school, ten_days_gone, MONDAY + timedelta(days=1), "continuous_absence").rules[0]
    assert later.sentence == "" and on(later.lines, MONDAY).running == "1"


def test_a_retracted_finding_is_explained_as_it_was_and_says_that_it_was_retracted(
        school: School, ten_days_gone: str, set_clock: Clock) -> None:
    set_clock("2026-11-23T11:00:00")
    school.write(a_pupil(), {MONDAY: HERE})
    detect(school, MONDAY, school.stamp())
    [explanation] = explain_case(school, ten_days_gone)
    assert explanation.rules[0].lines[-1].running == "10"
    assert "Retracted on 23 November 2026, 11:00: " in explanation.rules[0].holds


def test_findings_made_at_different_times_are_explained_each_with_the_marks_of_its_moment(
        school: School, ten_days_gone: str, set_clock: Clock) -> None:
    set_clock("2026-11-24T10:00:00")
    days = school.school_days_before(MONDAY, 10)
    school.write(a_pupil(), {days[4]: HERE})
    detect(school, MONDAY, school.stamp())                      # both are taken back
    set_clock("2026-11-25T10:00:00")
    school.write(a_pupil(), {MONDAY + timedelta(days=1): ("N", "N")})
    detect(school, MONDAY + timedelta(days=1), school.stamp())  # ten together again, not in a row
    first, second = explain_case(school, ten_days_gone)
    assert [rule.rule for rule in first.rules] == ["continuous_absence", "cumulative_absence"]
    assert [rule.rule for rule in second.rules] == ["cumulative_absence"]
    assert on(first.rules[1].lines, days[4]).am.code == "N" and on(second.rules[0].lines, days[4]).am.code == "/"


def test_a_number_changed_since_the_finding_was_made_is_said(school: School, ten_days_gone: str) -> None:
    own = school.policies.statutory["continuous_absence"]
    school.policies.statutory["continuous_absence"] = tuple(type(n)(**{**vars(n), "value": 9}) for n in own)
    [explanation] = explain_case(school, ten_days_gone)
    assert explanation.rules[0].version == "10 school days from 2024-08-19"
    assert "does not give this finding as it was made" in explanation.rules[0].holds
    assert "does not give" not in explanation.rules[1].holds


def test_how_far_the_other_rules_are_is_what_the_rules_themselves_say(school: School) -> None:
    days = school.school_days_before(MONDAY, 12)
    school.write(a_pupil(), {**{day: HERE for day in days[:5]}, **{day: ("N", "N") for day in days[5:]}})
    explanation = explain_pupil(school, number_of(school), MONDAY)
    far = {d.rule: d for d in explanation.distances}
    assert (far["continuous_absence"].count, far["continuous_absence"].threshold) == (7, 10)
    assert (far["continuous_absence"].first, far["continuous_absence"].last) == (days[5], MONDAY)
    assert far["cumulative_absence"].count == 7 and far["sickness_in_a_row"].count == 0 and far["twenty_day_evidence"].count == 7
    reached = {f.rule for f in explanation.beside}
    assert {"referral_days", "ten_sessions", "persistent_absence"} <= reached
    assert reached.isdisjoint(far) and reached | far.keys() == {rule.__name__ for rule in RULES}
    assert [rule.rule for rule in explanation.rules] == ["continuous_absence", "cumulative_absence"]    # why there is no case
    assert [rule.sentence for rule in explanation.rules] == ["", ""]


def test_every_rule_has_a_sum_whose_last_line_agrees_with_its_finding(school: School) -> None:
    days = school.school_days_before(MONDAY, 40)
    school.write(a_pupil(), {**{day: ("I", "I") for day in days[:18]}, **{day: ("N", "N") for day in days[18:]}})
    number = number_of(school)
    for rule, last in {"continuous_absence": "22", "referral_days": "22", "sickness_in_a_row": "0", "sickness_together": "18",
                       "cumulative_absence": "22", "rolling_absence": "10", "persistent_absence": "80 of 80",
                       "ten_sessions": "10", "unresolved_n": "32", "not_seen": "80", "twenty_day_evidence": "44"}.items():
        [explained] = explain_pupil(school, number, MONDAY, rule).rules
        assert explained.sentence and explained.lines[-1].running == last, rule


def test_a_pupil_can_be_asked_about_on_a_past_day_with_what_was_known_then(school: School, set_clock: Clock) -> None:
    school.write(a_pupil(), {day: ("N", "N") for day in school.school_days_before(MONDAY, 10)})
    set_clock("2026-11-25T10:00:00")
    school.write(a_pupil(), {MONDAY: HERE})
    then, now = explain_pupil(school, number_of(school), MONDAY), explain_pupil(school, number_of(school))
    assert then.rules[0].sentence.startswith("10 school days in a row") and "no longer holds" in then.rules[0].holds
    assert now.day == date(2026, 11, 25) and now.rules[0].sentence == ""


def test_one_rule_asked_for_is_printed_alone(school: School, ten_days_gone: str) -> None:
    [explanation] = explain_case(school, ten_days_gone, "sickness_in_a_row")
    shown = printed(explanation)
    assert "Sickness in a row" in shown and "15 school days from 2024-08-19, codes I" in shown
    assert "continuous" not in shown and "Not reached" not in shown and "Also reached" not in shown


def test_neither_a_name_nor_an_identifier_of_the_child_is_printed(school: School, ten_days_gone: str) -> None:
    [explanation] = explain_case(school, ten_days_gone)
    shown = printed(explanation)
    for word in ("Quilla", "Bramblewick", "P001", "P207000016049", "2013", "Made-up"):
        assert word not in shown
    assert f"Case {ten_days_gone}, pupil {number_of(school)} (internal number), judged as of Monday 23 November 2026" in shown


def test_the_page_shows_marks_meanings_and_count_and_folds_days_that_add_nothing(school: School) -> None:
    days = school.school_days_before(MONDAY, 30)
    school.write(a_pupil(), {**{day: HERE for day in days}, **{day: ("N", "N") for day in days[20:]}})
    explanation = explain_pupil(school, number_of(school), MONDAY)
    shown = printed(explanation)
    assert "Mon 23 Nov 2026   N    N    unauthorised absence" in shown and "N   Reason not yet established" in shown
    assert "none counts" in shown and f"{days[1]:%a %d %b %Y}" not in shown
    words = [line.split() for line in printed(explanation, every_day=True).splitlines()]
    assert [*f"{days[1]:%a %d %b %Y}".split(), "/", "\\", "present", "does", "not", "count", "0"] in words
    assert "Not reached on that day" in shown and "sickness_in_a_row: 0 of 15 school days; 15 to go" in shown


def test_what_cannot_be_explained_is_said_in_one_sentence(school: School, ten_days_gone: str) -> None:
    for wrong, sentence in ((lambda: explain_pupil(school, 99), "no pupil with the internal number 99"),
                            (lambda: explain_pupil(school, number_of(school), date(2027, 1, 5)), "still to come"),
                            (lambda: explain_case(school, "CME-1999-0001"), "there is no case"),
                            (lambda: explain_case(school, ten_days_gone, "absence"), "'absence' is not a rule; use one of")):
        with pytest.raises(BadInput, match=sentence):
            wrong()
