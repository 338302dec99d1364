"""The span of time that a report of compliance looks at, or the one case."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute

from cme import clock
from cme.records.tables import Case
from cme.rules.compliance import Required


@dataclass(frozen=True)
class Span:
    """The school's days from ``first`` to ``last``, both included; or, where ``case`` is its number, all of one case."""

    first: date
    last: date
    case: int | None = None

    @property
    def start(self) -> datetime:
        return clock.wall(self.first, "00:00")

    @property
    def end(self) -> datetime:
        return clock.wall(self.last + timedelta(days=1), "00:00")

    def within(self, query: Select[Any]) -> Select[Any]:
        """``query`` (which joins the case), of the one case where there is one."""
        return query.where(Case.id == self.case) if self.case is not None else query

    def among(self, query: Select[Any], moment: InstrumentedAttribute[datetime], slack: timedelta = timedelta()) -> Select[Any]:
        """``query`` of the one case; else with ``moment`` in the span, or up to ``slack`` before it."""
        return self.within(query) if self.case is not None else query.where(moment >= self.start - slack, moment < self.end)

    def row(self, step: str, reference: str, pupil: str, due: datetime, actual: datetime | None, held_by: str, evidence: str,
            ended: datetime | None = None, *, known: bool = True) -> Required:
        """A row whose day is the school's day of its due time. What was done was not withdrawn."""
        return Required(step, reference, pupil, due, clock.local(due).date(), actual, held_by, evidence, ended if actual is None else None, known)

    def kept(self, rows: Iterable[Required]) -> list[Required]:
        """Those due in the span; of one case, all."""
        return [row for row in rows if self.case is not None or self.first <= row.day <= self.last]
