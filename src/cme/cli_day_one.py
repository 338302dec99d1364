"""``cme pupil``, ``reports``, ``found`` and ``police-pack``: day one on the school's own machine. cli.py imports this module."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich import box
from rich.table import Table

from cme.cli import By, _office, app, out

Role = Annotated[str, Parameter(help="Your role: attendance_officer, dsl, ...")]


@app.command
def pupil(name: str, *, by: By = "") -> None:
    """Find the reference (P-1042) of a child by its name, or part of it. For this machine's screen only."""
    from cme.steps import reads
    from cme.steps.find_pupil import find

    with _office() as office:
        found = find(office, name)
        reads.read(office, "school", f"cme pupil: {len(found)} found", by)
    table = Table("reference", "name", "class", "", box=box.SIMPLE)
    for child in found:
        table.add_row(child.reference, child.name, child.group, child.left)
    out.print(table if found else "No pupil has that in the name; try less of it, or another spelling.")


@app.command
def reports(number: int | None = None, *, by: Role = "", reason: Annotated[str, Parameter(help="What was done about it.")] = "") -> None:
    """List the reports of missing children that name no known child, or settle one: --by and --reason."""
    from cme.steps import reads
    from cme.steps.unread_report import settle, unread

    with _office() as office:
        if number is not None:
            settle(office, number, reason, office.stamp(by))
        rows = unread(office)
        reads.read(office, "school", "cme reports", by)
        table = Table("number", "since", "why", "as it was given")
        for row in rows:
            table.add_row(str(row.number), office.shown_time(row.at), row.reason, row.given)
    out.print(table if rows else "Every report names a known child, or has been settled.")


@app.command
def found(case: str, *, where: Annotated[str, Parameter(help="Where the child was found, and who has seen the child.")], by: Role) -> None:
    """Record that a child reported missing was found. It decides nothing: the case stays with the DSL."""
    from cme.steps.missing_report import record_found

    with _office() as office:
        record_found(office, case, where, office.stamp(by))
        out.print(f"{case.upper()}: recorded as found. The DSL decides what follows.")


@app.command
def police_pack(case: str, *, to: Annotated[Path | None, Parameter(name="--out", help="Where to; by default <case>.pdf here.")] = None,
                by: Role = "dsl") -> None:
    """Write the police report pack of a case: numbers, the twelve questions, what is held. Ring first; it is not the report."""
    from cme.steps.police_pack import make_pack

    with _office() as office:
        path = make_pack(office, case, office.stamp(by), to)
        police, services = office.policies.authority.police_emergency, office.policies.authority.childrens_services
        out.print(f"[bold]Ring now: police {police}, children's services {services}.[/] The pack is not the report.")
        out.print(f"{path} names the child and can be read by you alone. Never send it by e-mail; destroy it when it is done with.")
