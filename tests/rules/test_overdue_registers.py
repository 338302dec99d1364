"""Overdue registers: the worked examples, and what holds whatever the times are."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cme.errors import BadInput
from cme.rules.overdue_registers import ALERTS, verdict

EXAMPLES = yaml.safe_load((Path(__file__).parent / "cases" / "overdue_registers.yaml").read_text(encoding="utf-8"))["examples"]
START = datetime(2026, 11, 23, 9, 0, tzinfo=timezone.utc)
DUE = START + timedelta(minutes=10)


def at(clock: str | None) -> datetime | None:
    return None if clock is None else START.replace(hour=int(clock[:2]), minute=int(clock[3:]))


@pytest.mark.parametrize("example", EXAMPLES, ids=[e["says"] for e in EXAMPLES])
def test_the_verdict_is_what_the_example_says(example: dict) -> None:
    r = example["register"]
    answer = verdict(
        START,
        10,
        taken_from=at(r.get("taken_from")),
        taken_to=at(r.get("taken_to")),
        basis=r.get("basis", ""),
        status=r["status"],
        now=at(r["now"]),
        source_fresh=r.get("source_fresh", True),
        required=r.get("required", True),
    )
    assert answer.verdict == example["verdict"], answer.reason
    assert answer.due_at == DUE
    assert answer.reason == example.get("reason", answer.reason) != ""


@pytest.mark.parametrize("basis", ["", "none", "last_saved", "observed"])
def test_times_that_contradict_each_other_prove_nothing_whatever_they_are_said_to_be(basis) -> None:
    answer = verdict(START, 10, taken_from=at("09:25"), taken_to=at("09:05"), basis=basis, status="taken", now=at("09:30"),
                     source_fresh=True)
    assert answer.verdict == "unknown" and "contradict" in answer.reason


MINUTES = st.none() | st.integers(-30, 60)


@given(
    taken_from=MINUTES,
    taken_to=MINUTES,
    basis=st.sampled_from(["", "none", "first_completed", "last_saved", "observed"]),
    status=st.sampled_from(["taken", "partial", "not taken"]),
    now=st.integers(-30, 60),
    fresh=st.booleans(),
    required=st.booleans(),
)
def test_an_alert_always_rests_on_something_seen_after_the_due_time(
    taken_from, taken_to, basis, status, now, fresh, required
) -> None:
    def moment(minutes: int | None) -> datetime | None:
        return None if minutes is None else DUE + timedelta(minutes=minutes)

    answer = verdict(
        START,
        10,
        taken_from=moment(taken_from),
        taken_to=moment(taken_to),
        basis=basis,
        status=status,
        now=moment(now),
        source_fresh=fresh,
        required=required,
    )
    if answer.verdict in ALERTS:
        assert required and now > 0 and basis != "none"
    if answer.verdict == "missing":
        assert fresh and status != "taken"
    if answer.verdict == "late":
        exact = basis == "first_completed" and taken_to is not None
        assert status == "taken" and basis and (taken_to if exact else taken_from) > 0
    if answer.verdict == "on_time":
        assert status == "taken" and (now <= 0 or taken_to <= 0)
    if status != "taken" and required:
        assert (answer.verdict == "pending") == (now <= 0)


def test_a_moment_without_time_zone_is_refused() -> None:
    with pytest.raises(BadInput, match="now has no time zone"):
        verdict(
            START,
            10,
            taken_from=None,
            taken_to=None,
            basis="",
            status="not taken",
            now=datetime(2026, 11, 23, 9),
            source_fresh=True,
        )


def test_an_unknown_status_is_refused() -> None:
    with pytest.raises(BadInput, match="'open' is no status"):
        verdict(START, 10, taken_from=None, taken_to=None, basis="", status="open", now=DUE, source_fresh=True)


def test_a_register_is_required_unless_it_is_said_that_it_is_not() -> None:
    answer = verdict(START, 10, taken_from=None, taken_to=None, basis="", status="not taken", now=DUE + timedelta(minutes=1),
                     source_fresh=True)
    assert answer.verdict == "missing"
