"""``cme explain`` and ``cme simulate``: the past judged again. Both only read; cli.py imports this module to register them."""

from datetime import date
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from cme.cli import By, Day, _office, app, out
from cme.errors import BadInput


@app.command
def explain(case: str | None = None, *,
            pupil: Annotated[int | None, Parameter(help="A pupil's internal number, instead of a case.")] = None,
            day: Annotated[date | None, Parameter(help="The day judged, with what was known at its end. Left out: for a case "
                                                       "the moment of each finding, for a pupil today.")] = None,
            rule: Annotated[str, Parameter(help="The sum of this rule only, reached or not.")] = "",
            every_day: Annotated[bool, Parameter(negative="", help="One line a school day, also where nothing counts.")] = False,
            by: By = "") -> None:
    """Show the sum behind a case, or what the rules make of a pupil on a day: rule, source, marks as known then, count."""
    from cme.services.explanation import print_explanation
    from cme.steps import reads
    from cme.steps.explain import case_on, explain_case, explain_pupil
    from cme.steps.report_form import reference_of

    if (case is None) == (pupil is None):
        raise BadInput("say what to explain: a case (`cme explain CME-2026-0001`) "
                       "or a pupil (`cme explain --pupil 12 --day 2026-11-23`)")
    with _office() as office:
        if pupil is not None:
            shown = [explain_pupil(office, pupil, day, rule)]
        elif day is not None:
            shown = [case_on(office, str(case), day, rule)]
        else:
            shown = explain_case(office, str(case), rule)
        reads.read(office, case or reference_of(pupil or 0), "cme explain", by)
        for explanation in shown:
            print_explanation(out, explanation, every_day=every_day)


@app.command
def simulate(*, since: Annotated[date, Parameter(help="The first day replayed, as 2026-09-01.")],
             policy: Annotated[Path, Parameter(help="A YAML file of changed numbers (`cumulative_absence: 12`), or a folder.")],
             until: Day = None) -> None:
    """Show what a changed threshold would have meant over the stored registers, week by week beside today's. Writes nothing."""
    from cme.services.simulation import print_simulation
    from cme.steps.simulate import simulate as steps

    with _office() as office:
        print_simulation(out, steps(office, since, until, policy))
