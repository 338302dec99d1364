"""What `cme explain` prints: the sum on squared paper, for a pencil."""

from collections.abc import Iterator
from itertools import groupby

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cme import clock
from cme.rules.marks import SessionMark
from cme.rules.wording import on, short
from cme.steps.arithmetic import IN_A_ROW, NEITHER, NOT, DayLine, Distance
from cme.steps.explain import Changed, Explained, Explanation

_FOLDED = 3      # so many days in a row that add nothing become one line


def print_explanation(out: Console, e: Explanation, *, every_day: bool = False) -> None:
    """One judgement: each rule with its source, the sum by school day, and what the other rules lack. Names no child."""
    about = f"Case {e.reference}, pupil {e.pupil}" if e.reference else f"Pupil {e.pupil}"
    out.print(f"[bold]{about}[/] (internal number), judged as of {on(e.day)} with the marks known by "
              f"{clock.local(e.known_at):%A %-d %B %Y, %H:%M}.")
    for rule in e.rules:
        _rule(out, rule, every_day)
    if e.changed:
        out.print(f"\n[bold]Marks that read otherwise now[/] ({len(e.changed)}):")
        for change in e.changed:
            out.print(f"  {_change(change)}", markup=False)
    if e.beside:
        out.print("\n[bold]Also reached on that day[/] (`--rule NAME` gives the sum):")
        for finding in e.beside:
            out.print(f"  {finding.rule}: {finding.reason}", markup=False)
    if e.distances:
        out.print("\n[bold]Not reached on that day[/], and the most that was:")
        for far in e.distances:
            out.print(f"  {_far(far)}", markup=False)
    out.print()


def _rule(out: Console, rule: Explained, every_day: bool) -> None:
    out.print(f"\n[bold]{rule.rule.replace('_', ' ').capitalize()}[/]")
    out.print(f"  number:  {rule.version}" + (f", codes {', '.join(rule.codes)}" if rule.codes else ""), markup=False)
    out.print(f"  source:  {rule.source}", markup=False)
    if rule.lines:
        out.print(_sum(rule, every_day))
        for code, seen in sorted({s.code: s for line in rule.lines for s in (line.am, line.pm) if s.code}.items()):
            out.print(f"  {code:<3} {seen.meaning}", markup=False)
    out.print(f"  [bold]finding:[/] {escape(rule.sentence) or 'none, the number was not reached.'}")
    if rule.holds:
        out.print(f"  {rule.holds}", markup=False)


def _sum(rule: Explained, every_day: bool) -> Table:
    table = Table("school day", "AM", "PM", "what they are", "this day", "so far", box=box.SIMPLE)
    for column in table.columns:
        column.no_wrap = True
    keep = every_day or rule.rule in IN_A_ROW
    for lines in ([line] for line in rule.lines) if keep else _folds(rule.lines):
        first, last = lines[0], lines[-1]
        if len(lines) < _FOLDED:
            for line in lines:
                table.add_row(f"{line.day:%a %d %b %Y}", Text(line.am.code), Text(line.pm.code), _what(line), line.verdict,
                              line.running)
        else:
            table.add_row(f"{first.day:%d %b} to {last.day:%d %b}", "", "", f"{len(lines)} school days", "none counts",
                          last.running)
    return table


def _folds(lines: tuple[DayLine, ...]) -> Iterator[list[DayLine]]:
    for adds_nothing, group in groupby(lines, key=lambda line: line.verdict in (NOT, NEITHER) or line.verdict.startswith("0 of")):
        held = list(group)
        yield from [held] if adds_nothing else ([line] for line in held)


def _what(line: DayLine) -> str:
    return " / ".join(dict.fromkeys((line.am.category, line.pm.category)))


def _change(c: Changed) -> str:
    session = short(SessionMark(c.day, c.session, c.now))
    return f"{session}: {c.then or 'no register known'} then, {c.now or 'no register known'} now"


def _far(d: Distance) -> str:
    where = f", from {on(d.first)} to {on(d.last)}" if d.count and d.first and d.last else ""
    return f"{d.rule}: {d.count} of {d.threshold} {d.unit}{where}; {d.threshold - d.count} to go"
