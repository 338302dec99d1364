"""The report of compliance with the school's written procedure: figures, pages and files. Names no child and no member of staff.

``required`` reads what was due, ``rules/compliance.py`` judges and counts, ``mail/compliance_pages.py`` sets the pages.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from cme import clock
from cme.records import cases
from cme.rules import compliance as rule
from cme.rules.compliance import Required, Tally
from cme.rules.procedure import BY_KEY, STEPS
from cme.steps.office import Office
from cme.steps.periods import Period
from cme.steps.required import required
from cme.steps.required_span import Span


@dataclass(frozen=True)
class Report:
    """What was required in a period (or of one case), as things stood at ``at``; and the figures of the period before."""

    title: str
    at: datetime
    rows: tuple[Required, ...]
    before: dict[str, Tally]
    before_title: str = ""
    weeks: tuple[date, ...] = ()
    case: str = ""

    @property
    def steps(self) -> dict[str, Tally]:
        return rule.by_step(self.rows, self.at)

    @property
    def total(self) -> Tally:
        return rule.tally(self.rows, self.at)


def report(office: Office, session: Session, period: Period, now: datetime) -> Report:
    """The report of a period. What lies in the future is counted as not due yet."""
    rows = required(office, session, Span(period.first, period.last), now)
    earlier = required(office, session, Span(period.before.first, period.before.last), now) if period.before else []
    last = min(period.last, clock.local(now).date())
    weeks = [rule.week_of(period.first) + timedelta(days=7 * n) for n in range(max((last - rule.week_of(period.first)).days // 7 + 1, 0))]
    return Report(period.title, now, tuple(rows), rule.by_step(earlier, now) if period.before else {}, period.before.title if period.before else "",
                  tuple(weeks))


def report_of_case(office: Office, session: Session, reference: str, now: datetime) -> Report:
    """Every step of one case, from its opening on; raises BadInput where there is no such case."""
    case = cases.by_reference(session, reference)
    today = clock.local(now).date()
    return Report(f"case {case.reference}", now, tuple(required(office, session, Span(today, today, case.id), now)), {}, case=case.reference)


def shown_time(moment: datetime | None) -> str:
    """A moment for a table: "Mon 23 Nov 2026 09:30", on the school's clock."""
    return f"{clock.local(moment):%a %-d %b %Y %H:%M}" if moment else ""


def holder(key: str) -> str:
    """Who held a step, by role: "deputy DSL"; never a name."""
    return key.replace("_", " ").replace("dsl", "DSL")


def lateness(row: Required, now: datetime) -> str:
    """How late, for people: "2 h 05 min", "3 days 4 h"; empty where it is not late."""
    minutes = -(-int(row.lateness(now).total_seconds()) // 60)
    if row.verdict(now) != rule.LATE:
        return ""
    if minutes >= 1440:
        return f"{minutes // 1440} day{'s' * (minutes >= 2880)} {minutes % 1440 // 60} h"
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{max(minutes, 1)} min"


STEP_HEADS = ("step", "title", "held by, by the procedure", "required", "on time", "late", "of which not done yet", "unknown", "withdrawn", "not due yet",
              "per cent on time", "per cent on time before")
WEEK_HEADS = ("week", *STEP_HEADS[:-1])
ROW_HEADS = ("step", "title", "reference", "child", "due", "done", "verdict", "minutes late", "held by", "evidence", "due (UTC)", "done (UTC)")


def step_rows(shown: Report) -> Iterator[tuple[object, ...]]:
    """The figures of each step, for CSV."""
    for key, tally in shown.steps.items():
        before = shown.before.get(key)
        yield (*_figures(key, tally), rule.percent(before.tenths) if before else "")


def week_rows(shown: Report) -> Iterator[tuple[object, ...]]:
    """The figures of each week and step in which anything was due, for CSV."""
    for week, tallies in rule.by_week(shown.rows, shown.at).items():
        for key, tally in tallies.items():
            if tally != Tally():
                yield (week.isoformat(), *_figures(key, tally))


def _figures(key: str, t: Tally) -> tuple[object, ...]:
    step = BY_KEY[key]
    return (key, step.title, step.who, t.judged + t.unknown + t.withdrawn + t.not_due, t.on_time, t.late, t.waiting, t.unknown, t.withdrawn, t.not_due,
            rule.percent(t.tenths))


def detail_rows(shown: Report) -> Iterator[tuple[object, ...]]:
    """Every row with its due time, when it was done, who held it and the evidence, for CSV."""
    for row in shown.rows:
        yield (row.step, BY_KEY[row.step].title, row.reference, row.pupil, shown_time(row.due), shown_time(row.actual), row.verdict(shown.at),
               -(-int(row.lateness(shown.at).total_seconds()) // 60), holder(row.held_by), row.evidence,
               row.due.isoformat(), row.actual.isoformat() if row.actual else "")


def week_to_date(office: Office, session: Session, now: datetime) -> str:
    """The figures of this week as Markdown for Prefect: counts and per cent by step; opaque."""
    today = clock.local(now).date()
    monday = rule.week_of(today)
    tallies = rule.by_step(required(office, session, Span(monday, today), now), now)
    lines = [f"## This week against the procedure, to {clock.local(now):%A %-d %B %Y, %H:%M}", "",
             "| Step | Held by | On time | Late | Not done yet | Unknown |", "|---|---|---|---|---|---|"]
    for step in STEPS:
        t = tallies[step.key]
        if t.judged or t.unknown:
            share = f"{t.on_time} of {t.judged} ({rule.percent(t.tenths)} %)" if t.judged else "none judged"
            lines.append(f"| {step.title} | {step.who} | {share} | {t.late} | {t.waiting or ''} | {t.unknown or ''} |")
    return "\n".join(lines if len(lines) > 4 else [*lines[:2], "Nothing was due this week so far."])
