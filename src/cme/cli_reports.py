"""``cme report compliance``: how the school's own procedure was kept. cli.py imports this module to register it."""

from datetime import date
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich import box
from rich.table import Table

from cme.cli import _office, app, out

report = App(name="report", help="Reports about the school's own work: `cme report compliance`.")
app.command(report)


@report.command
def compliance(*, term: Annotated[str, Parameter(help="A term of the school's calendar: autumn, or \"autumn 2026\".")] = "",
               week: Annotated[date | None, Parameter(help="Any day of the week.")] = None, since: date | None = None, until: date | None = None,
               case: Annotated[str, Parameter(help="All steps of one case.")] = "",
               children: Annotated[bool, Parameter(negative="", help="With a page for each child, by reference.")] = False,
               to: Annotated[Path | None, Parameter(name="--out", help="A new folder for the PDF and the CSV files.")] = None) -> None:
    """Show how the written procedure was kept: each step on time or late; with --out as pages and tables. Names no child.

    Without a term, week or days: the present term.
    """
    from cme import clock
    from cme.errors import BadInput
    from cme.rules.compliance import percent
    from cme.rules.procedure import BY_KEY
    from cme.steps import compliance as steps
    from cme.steps.compliance_files import write
    from cme.steps.periods import period

    if case and (term or week or since or until):
        raise BadInput("give a case or a span of time, not both: a report of a case holds all of its steps")
    with _office() as office:
        with office.transaction() as session:
            now = clock.now()
            shown = steps.report_of_case(office, session, case, now) if case else steps.report(office, session, period(
                office.policies.calendar, clock.today(), term=term, week=week, since=since, until=until), now)
        table = Table("step", "held by", "on time", "late", "not done yet", "unknown", "per cent", "before", box=box.SIMPLE,
                      title=f"The procedure, {shown.title}, as of {office.shown_time(now)}")
        for key, tally in shown.steps.items():
            if tally.judged or tally.unknown or tally.not_due:
                before = shown.before.get(key)
                table.add_row(BY_KEY[key].title, BY_KEY[key].who, str(tally.on_time), str(tally.late), str(tally.waiting or ""), str(tally.unknown or ""),
                              percent(tally.tenths), percent(before.tenths) if before else "")
        out.print(table if table.row_count else f"Nothing was due in {shown.title}.")
        if to is not None:
            for path in write(office, shown, to, children=children):
                out.print(str(path))
            out.print("The files name no child; the references in them are the school's own.")
