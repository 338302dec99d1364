"""``cme show`` and ``cme subject-access``: what is held about a child, on this machine. Each reading is recorded. cli.py imports this module."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from cme.cli import By, _office, app, out
from cme.cli_day_one import Role


@app.command
def show(case: str, *, by: By = "") -> None:
    """Show a case with everything on record, the child's name included. For this machine's screen only; the reading is recorded."""
    from cme.services.pages import print_case
    from cme.steps import reads, view

    with _office() as office:
        found = view.show(office, case)
        reads.read(office, case, "cme show", by)
        print_case(out, found)


@app.command
def subject_access(child: Annotated[str, Parameter(help="The child's reference, as P-1042 (`cme pupil` finds it).")], *,
                   to: Annotated[Path, Parameter(name="--out", help="A new folder, readable by you alone.")],
                   request: Annotated[str, Parameter(help="The request it answers, as RIGHTS-2026-1A2B3C.")] = "", by: Role) -> None:
    """Write everything that is held about a child into a folder: to read (HTML), for machines (JSON, CSV), and the messages.

    A person must go through it before it is handed over: it names third parties, and some of it may not be disclosed (READ-ME-FIRST.txt).
    """
    from cme.steps.subject_access import export

    with _office() as office:
        files = export(office, child, to, request, office.stamp(by))
        out.print(f"{len(files)} files in {to}. Read READ-ME-FIRST.txt, and go through all of it, before anything is handed over.")
