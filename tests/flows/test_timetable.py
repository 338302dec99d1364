"""The timetable as `cme up` serves it and as deployments/prefect.yaml writes it down for workers."""

from pathlib import Path

import yaml
from prefect.schedules import Schedule

from cme.flows.timetable import TIMETABLE, ZONE

FILE = Path(__file__).parent.parent.parent / "deployments/prefect.yaml"


def written() -> dict[str, dict]:  # type: ignore[type-arg]
    return {row["name"]: row for row in yaml.safe_load(FILE.read_text())["deployments"]}


def schedule_of(schedule: Schedule) -> dict[str, object]:
    if schedule.cron:
        return {"cron": schedule.cron, "timezone": schedule.timezone}
    assert schedule.interval
    return {"interval": schedule.interval.total_seconds()}


def test_the_file_for_workers_says_the_same_as_what_is_served() -> None:
    assert set(written()) == {line.flow.name for line in TIMETABLE}
    for line in TIMETABLE:
        row = written()[line.flow.name]
        assert row["entrypoint"] == f"{line.flow.fn.__module__}.{line.flow.fn.__name__}"
        assert row["tags"] == list(line.tags)
        assert row["concurrency_limit"] == {"limit": line.at_once, "collision_strategy": "CANCEL_NEW" if line.skip_when_busy else "ENQUEUE"}
        assert row["schedules"] == [schedule_of(schedule) for schedule in line.schedules()]


def test_every_line_of_the_timetable_tells_operations_staff_what_it_does() -> None:
    assert all(len(line.description) > 60 for line in TIMETABLE)


def test_school_times_are_london_wall_clock() -> None:
    assert ZONE == "Europe/London"
    assert all(schedule.timezone == ZONE for line in TIMETABLE for schedule in line.schedules() if schedule.cron)


def test_registers_are_watched_every_five_minutes_of_school_days_and_the_sweep_runs_every_minute() -> None:
    lines = {line.flow.name: line for line in TIMETABLE}
    assert lines["watch-registers"].cron == "*/5 8-16 * * 1-5"
    assert lines["oversee"].every == 60
