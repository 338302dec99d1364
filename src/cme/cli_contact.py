"""``cme today``, ``call``, ``contact``, ``visit`` and the stops: parent contact on the school's own machine. cli.py imports this module."""

from datetime import date
from typing import Annotated

from cyclopts import App, Parameter
from rich import box
from rich.table import Table

from cme.cli import _office, app, out
from cme.cli_day_one import Role

contact = App(name="contact", help="Record what came of the contact about an absence, and list what must be changed in the school's own system.")
app.command(contact)
Why = Annotated[str, Parameter(help="Why, in a few words, without a child's name.")]
Reference = Annotated[str, Parameter(help="The absence, as ABS-1042.")]


@app.command
def today() -> None:
    """Who is unaccounted for right now, oldest first, with the next step and its owner. Names children: for this machine's screen only."""
    from cme.steps import message_stops, unaccounted

    with _office() as office:
        lines, stops = unaccounted.day_list(office, names=True), message_stops.state(office)
    for sentence in stops:
        out.print(f"[bold red]{sentence}[/]")
    table = Table("absence", "child", "absent", "since", "next step", "owner", "case", box=box.SIMPLE)
    for line in lines:
        table.add_row(line.reference, line.child, line.absent, line.since, line.step, line.owner, line.case)
    out.print(table if lines else "Nobody is unaccounted for.")


@app.command
def call(reference: Reference) -> None:
    """Whom to ring about an absence, in order, what to say, and what was tried. Names the child: for this machine's screen only."""
    from cme.steps.absence_calls import call as shown

    with _office() as office:
        c = shown(office, reference)
    out.print(f"[bold]{c.reference}[/]: {c.child}, {c.about}")
    table = Table("", "who", "number", "heed", box=box.SIMPLE)
    for whom in c.people:
        table.add_row(str(whom.place), whom.name, whom.number, f"[bold red]{whom.note}[/]" if whom.note else "")
    out.print(table if c.people else "[bold red]No contact is held: tell the DSL now.[/]")
    for line in (*c.professionals, *c.tried):
        out.print(f"  {line}", markup=False)
    out.print(c.script, markup=False)
    out.print(f"Then: cme contact record {c.reference} --reason \"...\" --code I --by YOUR-ROLE\n"
              f"  or: cme contact tried {c.reference} --outcome \"no answer\" --contact 1 --by YOUR-ROLE", markup=False)


@contact.command(name="record")
def record_(reference: Reference, *, reason: Annotated[str, Parameter(help="The reason, as the parent or carer gave it.")],
            code: Annotated[str, Parameter(help="The code it calls for, as I for illness.")], by: Role) -> None:
    """Record the reason of an absence. It changes no register: it says what must be changed in the school's own system."""
    from cme.steps.absence_answers import record_reason

    with _office() as office:
        out.print(record_reason(office, reference, reason, code, office.stamp(by)), markup=False)


@contact.command(name="tried")
def tried_(reference: Reference, *, outcome: Annotated[str, Parameter(help="no answer, wrong number, or not where believed.")], by: Role,
           number: Annotated[int, Parameter(name="--contact", help="Which person, as `cme call` numbers them.")] = 1, note: str = "") -> None:
    """Record a call that brought no reason. A child who is not where it is believed to be is before the DSL at once."""
    from cme.steps.absence_calls import tried

    with _office() as office:
        out.print(tried(office, reference, outcome, number, note, office.stamp(by)), markup=False)


@contact.command
def changes() -> None:
    """List what must be changed in the school's own system. An item goes when a reading of the registers shows the new code."""
    from cme.steps.absence_answers import changes as owed

    with _office() as office:
        lines = owed(office)
    table = Table("absence", "child", "day", "session", "is", "must become", "since", box=box.SIMPLE)
    for x in lines:
        table.add_row(x.reference, x.child, f"{x.day:%a %-d %b %Y}", x.session, x.code, x.wanted, x.since)
    out.print(table if lines else "Nothing is to be changed.")


@contact.command
def show(reference: Reference) -> None:
    """Everything that happened to one absence: when, who, what and why."""
    from cme.steps.unaccounted import history_of
    from cme.steps.view import WORDS

    with _office() as office:
        table = Table("when", "who", "what", "why", box=box.SIMPLE)
        for when, who, what, why in history_of(office, reference):
            table.add_row(when, who, WORDS.get(what, what), why)
        out.print(table)


@app.command
def visit(reference: Reference, *, result: Annotated[str, Parameter(help="child seen, spoken to somebody, or no entry.")],
          outcome: Annotated[str, Parameter(help="What came of it, in a few words.")], by: Role, on: date | None = None,
          session: Annotated[str, Parameter(help="AM or PM; by default now.")] = "",
          spoken_to: Annotated[str, Parameter(help="Name and relationship of who was spoken to.")] = "",
          address: Annotated[str, Parameter(help="Where, if not the address held.")] = "") -> None:
    """Record a home visit. No entry gives the DSL a task for today."""
    from cme import clock
    from cme.steps.absence_calls import visited
    from cme.steps.parent_messages import session_now

    with _office() as office:
        stamp = office.stamp(by)
        out.print(visited(office, reference, on=on or clock.today(), half=session or session_now(office, stamp), address=address, spoken_to=spoken_to,
                          result=result, outcome=outcome, stamp=stamp), markup=False)


@app.command
def stop_messages(*, reason: Why, by: Role) -> None:
    """EMERGENCY STOP: no message to a parent or carer leaves any more, those already queued included. Works without Prefect."""
    from cme.steps.message_stops import stop

    with _office() as office:
        out.print(f"Stopped. {stop(office, reason, office.stamp(by))} message(s) to parents wait; `cme resume-messages` lets them go on. "
                  "Calls, visits and the DSL's questions go on as before.")


@app.command
def resume_messages(*, reason: Why, by: Role) -> None:
    """Lift the emergency stop. What is no longer true is cancelled before anything leaves."""
    from cme.steps.message_stops import resume

    with _office() as office:
        out.print(f"Messages to parents go on; {resume(office, reason, office.stamp(by))} wait and leave with the next round.")


@app.command
def messages_go(*, reason: Why, by: Role) -> None:
    """Release a brake: you have looked at the numbers and the absences are true. `cme today` shows what stands."""
    from cme.steps.message_stops import go

    with _office() as office:
        out.print(f"Released; {go(office, reason, office.stamp(by))} message(s) wait, and contact begins anew for what still stands.")
