"""``cme tasks`` and ``cme done``: what people must do, and what came of it. cli.py imports this module to register them."""

from typing import Annotated

from cyclopts import Parameter
from rich import box
from rich.table import Table

from cme.cli import _office, app, out


@app.command
def tasks(*, everything: Annotated[bool, Parameter(name="--all", negative="", help="Those that are done too.")] = False) -> None:
    """List the open tasks, by reference, with owner, who was told last and due time; names no child."""
    from cme.steps.task_watch import task_list

    with _office() as office:
        lines = task_list(office, include_done=everything)
    table = Table("case", "number", "task", "owner", "told", "due", "", box=box.SIMPLE)
    for line in lines:
        table.add_row(line.reference, str(line.number), line.kind, line.owner, line.called, line.due,
                      line.result or ("[red]OVERDUE[/]" if line.overdue else ""))
    out.print(table if lines else "There is no open task.")


@app.command
def done(case: str, action: int, *, outcome: Annotated[str, Parameter(help="What came of it, in a few words, without the child's name.")],
         by: Annotated[str, Parameter(help="Your role: attendance_officer, dsl, ...")],
         result: Annotated[str, Parameter(help="done, \"no entry\" (nobody opened at a visit) or \"not possible\".")] = "done",
         evidence: Annotated[str, Parameter(help="Where the proof is: a reference, a log number. Never a document.")] = "") -> None:
    """Record what came of a task of a case. `cme tasks` lists their numbers. No entry at a home visit goes to the DSL at once."""
    from cme.steps.decisions import finish_action

    with _office() as office:
        finish_action(office, case, action, outcome, office.stamp(by), result=result, evidence=evidence)
        out.print(f"{case.upper()}: task {action} is recorded as {result}.")
