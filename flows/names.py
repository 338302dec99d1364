"""How runs are called: a verb, and the day or the case. Never more: names are shown to everyone who opens Prefect."""

from collections.abc import Callable

from prefect.runtime import flow_run

from cme import clock


def by_day(verb: str) -> Callable[[], str]:
    """"check-absence 2026-11-23": the school's day the run works for."""
    return lambda: f"{verb} {flow_run.parameters.get('day') or clock.today().isoformat()}"


def by_minute(verb: str) -> Callable[[], str]:
    """"watch-registers 2026-11-23 09:15": the school's minute in which the run began."""
    return lambda: f"{verb} {clock.local():%Y-%m-%d %H:%M}"


def by_case(verb: str) -> Callable[[], str]:
    """"review CME-2026-0012"."""
    return lambda: f"{verb} {flow_run.parameters['case']}"
