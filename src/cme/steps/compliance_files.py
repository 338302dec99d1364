"""The report of compliance as files: pages (PDF/UA), and three tables (CSV). Names no child; who may read it is the school's matter."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from cme import clock
from cme.errors import BadInput
from cme.mail.pdf import legible, typeset
from cme.mail.safe_csv import csv_bytes
from cme.rules import compliance as rule
from cme.rules.compliance import Required, Tally
from cme.rules.procedure import BY_KEY
from cme.steps.compliance import (
    ROW_HEADS, STEP_HEADS, WEEK_HEADS, Report, detail_rows, holder, lateness, step_rows, week_rows)
from cme.steps.office import Office
from cme.steps.private_files import new_folder


def write(office: Office, shown: Report, folder: Path, *, children: bool = False) -> list[Path]:
    """Write the report into a new ``folder`` that nobody else can read; returns the files. ``children``: with a page for each child, by
    reference. Raises BadInput where the folder is there already or cannot be made."""
    if not shown.rows:
        raise BadInput(f"nothing was required in {shown.title}: there is no report to write")
    with new_folder(folder) as made:
        made.write("compliance.pdf", pdf(office, shown, children=children))
        made.write("compliance-steps.csv", csv_bytes(STEP_HEADS, step_rows(shown)))
        made.write("compliance-weeks.csv", csv_bytes(WEEK_HEADS, week_rows(shown)))
        made.write("compliance-rows.csv", csv_bytes(ROW_HEADS, detail_rows(shown)))
    return [folder / name for name in made.names]


def pdf(office: Office, shown: Report, *, children: bool = False) -> bytes:
    """The pages. What a font of ours lacks is shown as a question mark; there are no names that could suffer."""
    data, _ = legible(pages(office, shown, children=children))
    return typeset("compliance.typ", data, shown.at)


def pages(office: Office, shown: Report, *, children: bool = False) -> dict[str, Any]:
    """What stands on the pages, as plain data."""
    steps, weeks = shown.steps, rule.by_week(shown.rows, shown.at)
    late = [row for row in shown.rows if row.verdict(shown.at) == rule.LATE]
    unknown = sorted({row.day for row in shown.rows if row.verdict(shown.at) == rule.UNKNOWN})
    return {
        "title": shown.title, "school": office.policies.school.name, "at": office.shown_time(shown.at), "total": _tally(shown.total),
        "before_title": shown.before_title, "before_percent": _share(_sum(list(shown.before.values()))),
        "steps": [{"title": BY_KEY[key].title, "who": BY_KEY[key].who, "due": tally.judged + tally.unknown, **_tally(tally),
                   "before": _share(shown.before.get(key, Tally()))} for key, tally in steps.items()],
        "first_week": f"{shown.weeks[0]:%-d %b}" if shown.weeks else "", "last_week": f"{shown.weeks[-1]:%-d %b %Y}" if shown.weeks else "",
        "plots": [_plot(key, tally, [weeks.get(week, {}).get(key, Tally()).tenths for week in shown.weeks])
                  for key, tally in steps.items() if tally.judged and len(shown.weeks) > 2 and key != "procedure_review"],
        "late": [_line(row, shown) for row in late if row.step != "registers"], "late_registers": sum(row.step == "registers" for row in late),
        "unknown_days": [f"{day:%-d %b}" for day in unknown[:40]],
        "children": [_child(child, rows, shown) for child, rows in rule.by_child(shown.rows).items()] if children or shown.case else []}


def _sum(tallies: Sequence[Tally]) -> Tally:
    return Tally(sum(t.on_time for t in tallies), sum(t.late for t in tallies))


def _share(tally: Tally) -> str | None:
    return rule.percent(tally.tenths) or None


def _tally(tally: Tally) -> dict[str, Any]:
    return {"on_time": tally.on_time, "late": tally.late, "waiting": tally.waiting, "unknown": tally.unknown, "judged": tally.judged,
            "tenths": tally.tenths, "percent": _share(tally)}


def _plot(key: str, tally: Tally, weeks: list[int | None]) -> dict[str, Any]:
    judged = [week for week in weeks if week is not None]
    alt = (f"{BY_KEY[key].title}: share on time in {len(judged)} weeks in which it was due, lowest {rule.percent(min(judged, default=None))} per cent, "
           f"in the last of them {rule.percent(judged[-1] if judged else None)} per cent.")
    return {"title": BY_KEY[key].title, "percent": _share(tally), "weeks": weeks, "alt": alt}


def _line(row: Required, shown: Report) -> dict[str, str]:
    return {"reference": row.reference, "title": BY_KEY[row.step].title, "due": _short(row.due, shown), "done": _short(row.actual, shown), "undone": _undone(row, shown),
            "lateness": lateness(row, shown.at), "held_by": holder(row.held_by), "evidence": row.evidence, "verdict": row.verdict(shown.at)}


def _undone(row: Required, shown: Report) -> str:
    """What stands where no moment does: it waits still, or was asked no more from a day on."""
    if row.ended is None:
        return "not due yet" if row.verdict(shown.at) == rule.NOT_DUE else "not yet"
    return f"taken back\n{_short(row.ended, shown)}"


def _short(moment: datetime | None, shown: Report) -> str:
    """A moment for a narrow column; its year stands there only where it is another than that of most."""
    if moment is None:
        return ""
    local = clock.local(moment)
    return f"{local:%a %-d %b %H:%M}" if abs((local.date() - clock.local(shown.at).date()).days) < 300 else f"{local:%-d %b %Y}"


def _child(child: str, rows: Sequence[Required], shown: Report) -> dict[str, Any]:
    tally, of = rule.tally(rows, shown.at), ", ".join(dict.fromkeys(row.reference for row in rows if row.reference.startswith("CME-")))
    share = f"{rule.percent(tally.tenths)} per cent on time" if tally.judged else "nothing judged yet"
    days = sorted(clock.local(row.due).date() for row in rows)
    return {"heading": f"Child {child}", "line": f"{of or 'no case'}; {share} of {tally.judged}; from {days[0]:%-d %B %Y} to {days[-1]:%-d %B %Y}.",
            "rows": [_line(row, shown) for row in rows]}
