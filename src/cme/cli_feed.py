"""``cme quarantine`` and ``cme feed``: what could not be read, and how the source is doing. cli.py imports this module."""

from typing import Annotated

from cyclopts import Parameter

from cme.cli import _office, app, out


@app.command
def quarantine(row: int | None = None, *, retry: Annotated[bool, Parameter(negative="", help="Read the days of these rows again now.")] = False,
               reason: Annotated[str, Parameter(help="Why the row need not be read any more.")] = "",
               by: Annotated[str, Parameter(help="Your role: attendance_officer, operations, ...")] = "") -> None:
    """List the rows that could not be read, with file and line (or query and row, or record), reason and what to do.

    With a number it shows that row as it came, which may name a child; with --reason and --by too, it settles a row that need not be read.

    A row corrected at its source leaves the list by itself when a pull reads it again; --retry reads it at once, however old it is.
    """
    from cme.config.settings import require_role
    from cme.services.pages import print_quarantine
    from cme.steps.rows import read_again, row_in_full, settle_row

    with _office() as office:
        if row is not None and not reason and not by:
            for line in row_in_full(office, row):
                out.print(line, markup=False)
            return
        if row is not None:
            require_role(by)
            settle_row(office, row, reason, office.stamp(by))
        if retry and (found := read_again(office, office.stamp(by or "operations"))) is not None:
            out.print(str(found), markup=False)
        print_quarantine(out, office)


@app.command
def feed() -> None:
    """Show how the sources of registers are doing: last reading, lag, counts, quarantine, and what could be judged of today."""
    from rich.markdown import Markdown

    from cme import clock
    from cme.steps.feed import page

    with _office() as office:
        out.print(Markdown(page(office, clock.now())))
