"""What `cme retention` and `cme rights` print."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cme import clock
from cme.records.tables import RightsRequest
from cme.steps.office import Office
from cme.steps.report_form import reference_of
from cme.steps.retention import Proposal

SHOWN = 12      # characters of a list's number: enough that no other list has them


def print_proposal(out: Console, listed: Proposal, *, references: bool = False) -> None:
    """What may go and since when, what stays and why, and how to approve exactly this list."""
    if listed.lines:
        table = Table("by the rule", "which says", "number", "due since", box=box.SIMPLE, title_justify="left",
                      title=f"May be erased on {listed.as_of:%-d %B %Y}")
        for line in listed.lines:
            table.add_row(line.rule, line.basis, str(line.number), f"{line.due_since:%-d %B %Y}")
        out.print(table)
    else:
        out.print("Nothing is due to be erased.")
    if listed.kept:
        table = Table("stays", "number", box=box.SIMPLE, title="Kept", title_justify="left")
        for why, number in listed.kept.items():
            table.add_row(why, str(number))
        out.print(table)
    if references and listed.references:
        out.print("Cases and children on the list: " + ", ".join(listed.references))
    if listed.lines:
        out.print("Look at it before you approve it (`--references` names the cases and children; `cme hold` keeps one). It cannot be undone:")
        out.print(f'  cme retention --apply {listed.number[:SHOWN]} --reason "..." --by head', markup=False)


def print_requests(out: Console, office: Office, rows: Sequence[RightsRequest]) -> None:
    """The requests about records: by when, about whom, what was asked, what was decided. Names who asked: for this machine's screen only."""
    if not rows:
        out.print("No request is open.")
        return
    table = Table("reference", "child", "kind", "asked by", "what", "received", "to be answered by", "decision", box=box.SIMPLE)
    for row in rows:
        settled = "[red]OVERDUE[/]" if row.due_on < clock.today() else "open"
        if row.decided_at:
            settled = escape(f"{row.decision}: {row.reason}" + (f" Changed: {row.changed}" if row.changed else ""))
        table.add_row(row.reference, reference_of(row.pupil_id), row.kind, escape(row.asked_by), escape(row.asked),
                      f"{row.received_on:%-d %b %Y}", f"{row.due_on:%-d %b %Y}", settled)
    out.print(table)
