"""On time, late, open, unknown, withdrawn: each from the times alone; and every step of the procedure is measured."""

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cme.rules import compliance as rule
from cme.rules.compliance import LATE, NOT_DUE, ON_TIME, UNKNOWN, WITHDRAWN, Required, Tally
from cme.rules.procedure import BY_KEY, STEPS

DUE = datetime(2026, 11, 23, 10, 0, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)


def row(**changes: Any) -> Required:
    values: dict[str, Any] = {"step": "actions", "reference": "CME-2026-0001", "pupil": "P-1", "due": DUE, "day": DUE.date(), "actual": None,
                              "held_by": "dsl", "evidence": "action 1"}
    return Required(**{**values, **changes})


@pytest.mark.parametrize(("changes", "now", "verdict"), [
    ({"actual": DUE}, DUE, ON_TIME), ({"actual": DUE + MINUTE}, DUE + MINUTE, LATE), ({}, DUE - MINUTE, NOT_DUE), ({}, DUE, LATE),
    ({"ended": DUE}, DUE + MINUTE, WITHDRAWN), ({"ended": DUE - MINUTE}, DUE + MINUTE, WITHDRAWN), ({"ended": DUE + MINUTE}, DUE + 2 * MINUTE, LATE),
    ({"known": False}, DUE, UNKNOWN), ({"known": False}, DUE - MINUTE, NOT_DUE), ({"known": False, "actual": DUE}, DUE, UNKNOWN)])
def test_a_verdict_comes_from_the_times_alone(changes: dict[str, Any], now: datetime, verdict: str) -> None:
    assert row(**changes).verdict(now) == verdict


def test_what_is_open_and_past_its_time_is_late_however_long_ago_and_counted_as_waiting() -> None:
    later = DUE + timedelta(days=700)
    assert rule.tally([row(), row(actual=DUE)], later) == Tally(on_time=1, late=1, waiting=1)
    assert row().lateness(later) == timedelta(days=700)
    assert row(actual=DUE + MINUTE).lateness(later) == MINUTE and row(actual=DUE).lateness(later) == timedelta()


def test_what_was_done_late_is_late_and_waits_for_nobody() -> None:
    assert rule.tally([row(actual=DUE + MINUTE), row(ended=DUE + MINUTE)], DUE + 2 * MINUTE) == Tally(late=2)
    assert row(ended=DUE + MINUTE).lateness(DUE + 5 * MINUTE) == MINUTE == row(actual=DUE + MINUTE, ended=DUE + 3 * MINUTE).lateness(DUE + 5 * MINUTE)


@pytest.mark.parametrize(("changes", "still_open"), [
    ({}, True), ({"actual": DUE}, False), ({"ended": DUE}, False), ({"known": False}, False), ({"known": False, "ended": DUE}, False)])
def test_open_is_what_was_neither_done_nor_withdrawn_nor_lost_from_sight(changes: dict[str, Any], still_open: bool) -> None:
    assert row(**changes).is_open() is still_open


@pytest.mark.parametrize("changes", [{"known": False, "ended": DUE + MINUTE}, {"actual": DUE - MINUTE}, {"ended": DUE - MINUTE}, {"due": DUE + 9 * MINUTE}])
def test_only_what_is_late_has_a_lateness(changes: dict[str, Any]) -> None:
    assert row(**changes).lateness(DUE + 5 * MINUTE) == timedelta()


def test_each_verdict_is_counted_apart_and_a_step_by_itself() -> None:
    rows = [row(actual=DUE), row(), row(known=False), row(ended=DUE), row(due=DUE + 9 * MINUTE), row(step="chase", actual=DUE)]
    assert rule.tally(rows[:5], DUE + MINUTE) == Tally(on_time=1, late=1, unknown=1, withdrawn=1, not_due=1, waiting=1)
    steps = rule.by_step(rows, DUE + MINUTE)
    assert (steps["actions"].judged, steps["chase"], steps["meetings"]) == (2, Tally(on_time=1), Tally())
    assert Tally() == Tally(0, 0, 0, 0, 0, 0)


def test_a_share_is_cut_off_so_that_it_never_reads_as_all() -> None:
    assert rule.percent(Tally(on_time=9999, late=1).tenths) == "99.9" and rule.percent(Tally(on_time=3).tenths) == "100.0"
    assert rule.percent(Tally(unknown=4, withdrawn=2).tenths) == ""


@given(st.lists(st.tuples(st.integers(-90, 90), st.none() | st.integers(-90, 90), st.none() | st.integers(-90, 90), st.booleans()), max_size=40))
def test_no_row_is_left_out_and_weeks_add_up_to_the_whole(given_rows: list[tuple[int, int | None, int | None, bool]]) -> None:
    def moment(days: int | None) -> datetime | None:
        return None if days is None else DUE + timedelta(days=days)

    rows = [row(due=DUE + timedelta(days=due), day=(DUE + timedelta(days=due)).date(), actual=moment(actual), ended=moment(ended), known=known,
                step=STEPS[n % len(STEPS)].key) for n, (due, actual, ended, known) in enumerate(given_rows)]
    whole = rule.tally(rows, DUE)
    assert whole.judged + whole.unknown + whole.withdrawn + whole.not_due == len(rows) and whole.waiting <= whole.late
    by_step = rule.by_step(rows, DUE)
    assert sum(t.late for t in by_step.values()) == whole.late == sum(t.late for week in rule.by_week(rows, DUE).values() for t in week.values())
    assert list(by_step) == [step.key for step in STEPS]


def test_weeks_begin_on_monday_and_a_child_s_rows_come_in_order() -> None:
    assert rule.week_of(date(2026, 11, 29)) == date(2026, 11, 23) == rule.week_of(date(2026, 11, 23))
    rows = [row(due=DUE + MINUTE), row(), row(pupil="P-2"), row(pupil="", step="registers")]
    assert {child: [r.due for r in own] for child, own in rule.by_child(rows).items()} == {"P-1": [DUE, DUE + MINUTE], "P-2": [DUE]}


# the first words of each step in the table of the school's procedure, and what measures it
PROCEDURE = {
    "All registers are marked": ("registers",), "Absences are reported immediately": ("absence_reported",),
    "Contact is made with parents": ("contact_begun", "contact_outcome"), "A member of staff becomes aware": ("staff_report",),
    "If that is not possible, the DSL": ("review_day_one",), "The child is missing and not known": ("notification",),
    "Persistent absence is identified": ("safeguarding_record",), "The actions may include": ("actions", "home_school"),
    "10 school days or more": ("thresholds", "review_routine", "confirmation"), "Concern about a child's safety": ("referral_day_one", "day_one_report"),
    "strategy discussions": ("meetings",), "Work with the local CME officer": ("acknowledgement", "chase"),
    "Possible reasons that must be considered": ("appraisal",), "The procedure itself is reviewed": ("procedure_review",)}


def test_each_step_of_the_procedure_is_measured_and_nothing_else_is() -> None:
    assert {key for keys in PROCEDURE.values() for key in keys} == set(BY_KEY)
    words = " ".join(step.words.casefold() for step in STEPS)
    for first in ("all registers are marked", "absences are reported immediately", "contact is made with parents", "a member of staff becomes aware",
                  "persistent absence is identified", "10 school days or more", "concern about a child's safety", "strategy discussions",
                  "work with the local cme officer", "possible reasons that must be considered", "the procedure itself is reviewed"):
        assert first in words, first
    assert all(step.title and step.words and step.who and step.due and step.actual for step in STEPS)
