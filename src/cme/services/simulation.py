"""What `cme simulate` prints: two policies side by side, week by week."""

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cme.steps.simulate import Simulation, Week


def print_simulation(out: Console, s: Simulation) -> None:
    """Findings, cases, reviews and notifications of each school week with today's policy and with the changed one."""
    out.print(f"[bold]{s.pupils} pupils, {s.since} to {s.until}[/]: a replay of the registers as they are known now; "
              "nothing is written.")
    for change in s.changes:
        out.print(f"  changed: {escape(change)}")
    for remark in s.remarks:
        out.print(f"  [yellow]note: {escape(remark)}[/]")
    table = Table("week of", *(f"{what}\n{policy}" for what in ("findings", "cases", "reviews", "notified\nat most")
                               for policy in ("today", "changed")), box=box.SIMPLE, show_footer=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for now, other in zip(s.today, s.changed, strict=True):
        table.add_row(f"{now.monday:%d %b %Y}", *_both(now.findings, other.findings), *_both(now.cases, other.cases) * 3)
    table.add_section()
    table.add_row("together", *_both(_sum(s.today, "findings"), _sum(s.changed, "findings")),
                  *_both(_sum(s.today, "cases"), _sum(s.changed, "cases")) * 3)
    out.print(table)
    out.print("A case is the first finding of an absence that opens one; what the same absence reaches later joins it. "
              "Each case asks the DSL for one review. Notifications are an upper bound: one a case, if the DSL approves all. "
              "Cases raised again after a person closed them depend on that person and are not counted.")


def _both(now: int, other: int) -> tuple[str, str]:
    return str(now), str(other)


def _sum(weeks: tuple[Week, ...], what: str) -> int:
    return sum(getattr(week, what) for week in weeks)
