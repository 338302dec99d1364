"""The school's clock: Europe/London wall time, on both sides of both clock changes of a year."""

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cme import clock
from cme.rules.overdue_registers import verdict

FORWARD, BACK = date(2027, 3, 28), date(2026, 10, 25)       # the last Sundays in March and in October


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)  # type: ignore[misc]


@pytest.mark.parametrize(("day", "starts"), [
    (date(2026, 10, 23), utc(2026, 10, 23, 7, 50)), (date(2026, 11, 2), utc(2026, 11, 2, 8, 50)),
    (date(2027, 3, 25), utc(2027, 3, 25, 8, 50)), (date(2027, 4, 12), utc(2027, 4, 12, 7, 50))])
def test_a_session_starts_at_the_same_time_on_the_wall_before_and_after_a_clock_change(day: date, starts: datetime) -> None:
    assert clock.wall(day, "08:50") == starts
    assert f"{clock.local(starts):%Y-%m-%d %H:%M}" == f"{day} 08:50"


def test_the_day_the_clocks_go_forward_has_23_hours_and_the_day_they_go_back_25() -> None:
    for day, hours in ((FORWARD, 23), (BACK, 25), (date(2026, 11, 23), 24)):
        length = clock.wall(day + timedelta(days=1), "00:00") - clock.wall(day, "00:00")
        assert length == timedelta(hours=hours)


def test_a_register_is_due_ten_minutes_after_its_start_whatever_the_clocks_did_the_day_before() -> None:
    for day in (BACK + timedelta(days=1), FORWARD + timedelta(days=1)):
        start = clock.wall(day, "08:50")
        for minutes, word in ((10, "on_time"), (11, "late")):
            taken = clock.wall(day, f"09:{minutes - 10:02}")
            said = verdict(start, 10, taken_from=None, taken_to=taken, basis="first_completed", status="taken", now=taken,
                           source_fresh=True)
            assert said.verdict == word and said.due_at == clock.wall(day, "09:00")


def test_the_schools_day_is_the_one_on_the_wall_also_in_the_hour_that_summer_time_moves(set_clock: Callable[[str], None]) -> None:
    for moment, day in (("2027-04-01T23:30:00+00:00", date(2027, 4, 2)), ("2026-11-23T23:30:00+00:00", date(2026, 11, 23)),
                        ("2026-10-24T23:30:00+00:00", BACK), ("2027-03-28T23:30:00+00:00", FORWARD + timedelta(days=1))):
        set_clock(moment)
        assert clock.today() == day


def test_an_hour_that_comes_twice_is_read_as_its_first_and_one_that_never_comes_as_the_hour_after() -> None:
    assert clock.wall(BACK, "01:30") == utc(2026, 10, 25, 0, 30)
    assert f"{clock.local(clock.wall(FORWARD, '01:30')):%H:%M}" == "02:30"


@given(st.datetimes(datetime(2020, 1, 1), datetime(2035, 12, 31)))
def test_a_moment_keeps_its_place_through_the_wall_clock_and_back(moment: datetime) -> None:
    moment = moment.replace(tzinfo=timezone.utc)
    assert clock.local(moment).astimezone(timezone.utc) == moment


def test_a_clock_that_runs_on_shows_how_long_it_has_run(set_clock: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cme.clock.time.time", lambda: 1090.0)
    set_clock("2026-10-25T00:59:00@1000")           # ninety seconds on, still summer time
    assert clock.now() == utc(2026, 10, 25, 0, 0, 30)
    set_clock("2026-10-25T01:59:30@1000")           # over the change: the wall clock goes back to one
    assert f"{clock.local():%H:%M:%S}" == "01:01:00"


def test_an_age_is_said_more_roughly_the_longer_it_is() -> None:
    said = [clock.age(timedelta(minutes=minutes)) for minutes in (0, 4, 5, 14, 119, 120, 47 * 60 + 59, 48 * 60)]
    assert said == ["under 5 min", "under 5 min", "5 min", "10 min", "115 min", "2 h", "47 h", "2 days"]
