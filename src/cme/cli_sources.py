"""``cme sources``: which systems registers can come from, and a dry look at the one that is chosen. cli.py imports this module to
register it."""

from datetime import date
from typing import Annotated

from cyclopts import App, Parameter
from rich import box
from rich.table import Table

from cme.cli import _office, app, out

sources = App(name="sources", help_format="markdown",
              help="List the systems that registers can come from and what each can say; `cme sources test NAME` tries one.")
app.command(sources)


@sources.default
def every() -> None:
    """List the systems that registers can come from: what each gives, what its times mean, and whether it was ever seen live."""
    from cme.sources.declarations import declarations
    from cme.steps.try_source import declared

    with _office() as office:
        chosen, source = declared(office)
    for one in declarations():
        out.print(f"[bold]{one.kind}[/] {'[green](in use)[/] ' if one == chosen else ''}{one.title}")
        for what, said in (("chosen by", one.chosen_by), ("gives", one.gives), ("its times", one.times), ("seen live", one.seen_live)):
            out.print(f"  {what:<10} {said}", markup=False)
    if source is not None:
        out.print(f"In use: {source.name}, times {source.time_semantics.value.replace('_', ' ')}, without an offset by the clock of "
                  f"{source.zone.key}; older than {source.freshness.total_seconds() / 60:.0f} minutes says nothing of now.", markup=False)
    else:
        out.print("None is in use: set one of the settings above.")


@sources.command
def test(name: str = "", *, day: Annotated[date | None, Parameter(help="A day as 2026-11-23; today when left out.")] = None) -> None:
    """Connect to the source in use, check its columns, read one day dry, and say what could and could not be judged. Writes nothing.

    NAME, as `cme sources` lists it, guards against trying another source than you think; without it the one in use is tried.
    """
    from cme import clock
    from cme.steps.try_source import trial

    with _office() as office:
        found = trial(office, name, day or clock.today())
    out.print(f"{found.source}, {found.day}: nothing was written.", markup=False)
    for line in found.counts:
        out.print(f"  {line}", markup=False)
    for one in found.contract:
        out.print(f"  columns of {one.place}", markup=False)
        for what, names in (("given", one.given), ("not given", one.absent), ("its own, not read", one.unread)):
            out.print(f"    {what}: {', '.join(names) or 'none'}", markup=False)
    table = Table("what", "given", box=box.SIMPLE)
    for what, given in found.columns:
        table.add_row(what, given)
    out.print(table)
    for title, lines in (("Can be judged", found.can), ("Cannot be judged", found.cannot), ("Not readable", found.quarantined),
                         ("The source says", found.notes)):
        if lines:
            out.print(f"{title}:")
            for line in lines:
                out.print(f"  - {line}", markup=False)


@sources.command
def answers(number: int | None = None) -> None:
    """List what Wonde answered in the last four weeks, or print one answer as it came, which names children: for this machine's screen only."""
    from cme import clock
    from cme.records.source_answers import answer_text, answers_of

    with _office() as office, office.transaction() as session:
        if number is not None:
            out.print(answer_text(session, office.school, number), markup=False, soft_wrap=True, highlight=False)
            return
        table = Table("number", "from", "first in pull", "first seen", "last seen", box=box.SIMPLE)
        for one in answers_of(session, office.school):
            table.add_row(str(one.id), f"{one.source}: {one.place}", str(one.pull_id), f"{clock.local(one.first_seen):%Y-%m-%d %H:%M}", str(one.last_seen))
        out.print(table if table.row_count else "No answer is kept: only Wonde's are, because it does not publish the fields of a mark.")
