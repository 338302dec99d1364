"""``cme retention``, ``hold``, ``rights`` and ``rights-request``: how long records are kept, and whose they are."""

from typing import Annotated

from cyclopts import Parameter
from rich import box
from rich.markup import escape
from rich.table import Table

from cme.cli import Day, _office, app, out
from cme.cli_day_one import Role

Child = Annotated[str, Parameter(help="The child's reference, as P-1042 (`cme pupil` finds it), or a case's.")]


@app.command
def retention(*, apply: Annotated[str, Parameter(help="The number of the list that you have looked at: erase exactly this.")] = "",
              reason: Annotated[str, Parameter(help="Why it may be erased; kept with the record of the erasure.")] = "",
              references: Annotated[bool, Parameter(negative="", help="Name the cases and children on the list, by reference.")] = False,
              by: Role = "") -> None:
    """List what may be erased by the school's rules, and what stays and why. With --apply: erase that list, for good.

    Nothing is ever erased without a person who says so. The record of an erasure names no child, and `cme verify` stays whole.
    """
    from cme.services.rights_pages import print_proposal
    from cme.steps import retention as steps

    with _office() as office:
        if apply:
            done = steps.apply(office, apply, reason, office.stamp(by))
            out.print(f"Erased, as record {done.id}: " + ", ".join(f"{n} {table.replace('_', ' ')}" for table, n in done.rows.items()) + ".")
            out.print(f"SHA-256 of what was erased: {done.digest}. Backups hold it until they are overwritten: docs/rights.md.")
            return
        print_proposal(out, steps.proposal(office), references=references)


@app.command
def hold(about: Child = "", *, reason: Annotated[str, Parameter(help="Why nothing of this child may be erased; or why the hold is over.")] = "",
         lift: Annotated[int | None, Parameter(help="The number of a hold that is over.")] = None, by: Role = "") -> None:
    """List the legal holds, set one on a child or case, or lift one with --lift. While one stands nothing of the child is erased."""
    from cme.steps import holds

    with _office() as office:
        if lift is not None:
            holds.lift(office, lift, reason, office.stamp(by))
        elif about:
            out.print(f"Hold {holds.hold(office, about, reason, office.stamp(by))} stands until a person lifts it.")
        table = Table("number", "about", "since", "by", "reason", box=box.SIMPLE)
        rows = holds.standing(office)
        for row in rows:
            table.add_row(str(row.id), row.about, office.shown_time(row.set_at), office.settings.people.shown(row.set_by), escape(row.reason))
    out.print(table if rows else "No hold stands.")


@app.command
def rights_request(child: Child, kind: Annotated[str, Parameter(help="access (to see what is held) or correction.")], *,
                   asker: Annotated[str, Parameter(help="Who asks, as you will answer them.")],
                   asked: Annotated[str, Parameter(help="What was asked; of a correction: what is wrong, and what must change in the MIS.")],
                   received: Day = None, by: Role) -> None:
    """Record that somebody asks to see, or to have corrected, what is held about a child. The deadline runs from the day it arrived."""
    from cme import clock
    from cme.steps import rights as steps

    with _office() as office:
        row = steps.take(office, steps.Asked(child, kind, asker, asked, received or clock.today()), office.stamp(by))
        out.print(f"{row.reference}: to be answered by {row.due_on:%A %-d %B %Y}.")


@app.command
def rights(reference: str = "", *, decision: Annotated[str, Parameter(help="granted, partly or refused.")] = "",
           reason: Annotated[str, Parameter(help="Why.")] = "", changed: Annotated[str, Parameter(help="What was changed, and where.")] = "",
           extend: Annotated[str, Parameter(help="Reason: it takes longer than a month.")] = "",
           all_requests: Annotated[bool, Parameter(name="--all", negative="", help="Decided ones too.")] = False, by: Role = "") -> None:
    """List the requests about children's records, or decide one, or give it more time with --extend."""
    from cme.errors import BadInput
    from cme.services.rights_pages import print_requests
    from cme.steps import rights as steps

    if reference and bool(decision) == bool(extend):
        raise BadInput("say either --decision, with the reason, or --extend, with the reason")
    with _office() as office:
        if extend:
            steps.extend(office, reference, extend, office.stamp(by))
        elif reference:
            steps.decide(office, reference, decision, reason, changed, office.stamp(by))
        print_requests(out, office, steps.requests(office, decided_too=all_requests))
