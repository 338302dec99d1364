"""Our copy of what Prefect recorded of the runs that worked for a case. Prefect forgets: by its vacuum, by ``bulk_delete``, with its database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cme.records.history import Stamp, record
from cme.records.tables import CaseEvent, PrefectRecord, PrefectRun

LOST = "not known to Prefect any more when it was to be copied"


@dataclass(frozen=True)
class Copy:
    """One record of Prefect's: ``kind`` "flow run", "task run", "state" or "log", and Prefect's own ``key`` of it."""

    kind: str
    key: str
    at: datetime
    content: dict[str, Any]


@dataclass(frozen=True)
class Copied:
    """What was found of one run, up to where, and whether nothing more can come of it."""

    flow_run_id: str
    records: Sequence[Copy]
    state_id: str
    logs_up_to: datetime | None
    ended: bool


def note_runs(session: Session) -> int:
    """Note the flow runs that the history names since the last time as having worked for a case; returns how many are new."""
    last = select(func.coalesce(func.max(PrefectRun.event_id), 0)).scalar_subquery()
    new = (select(CaseEvent.flow_run_id, func.min(CaseEvent.id)).where(CaseEvent.id > last, CaseEvent.flow_run_id.is_not(None),
                                                                       CaseEvent.subject.like("CME-%")).group_by(CaseEvent.flow_run_id))
    return len(session.execute(insert(PrefectRun).from_select(["flow_run_id", "event_id"], new).on_conflict_do_nothing()
                               .returning(PrefectRun.flow_run_id)).all())


def note_run(session: Session, flow_run_id: str) -> None:
    """Note a run that the history does not name by itself."""
    number = select(func.coalesce(func.max(CaseEvent.id), 0))
    session.execute(insert(PrefectRun).from_select(["flow_run_id", "event_id"], select(literal(flow_run_id), number.scalar_subquery()))
                    .on_conflict_do_nothing())


def going(session: Session) -> list[PrefectRun]:
    """The runs of which more may come, oldest first."""
    return list(session.scalars(select(PrefectRun).where(~PrefectRun.ended).order_by(PrefectRun.event_id, PrefectRun.flow_run_id)))


def keep(session: Session, copied: Sequence[Copied], stamp: Stamp) -> int:
    """Keep what was found, each record once; returns how many were new."""
    rows = [{"flow_run_id": one.flow_run_id, "kind": r.kind, "key": r.key, "at": r.at, "content": r.content, "copied_at": stamp.at}
            for one in copied for r in one.records]
    new = len(session.execute(insert(PrefectRecord).on_conflict_do_nothing(index_elements=["kind", "key"]).returning(PrefectRecord.id),
                              rows).all()) if rows else 0
    for one in copied:
        run = session.get_one(PrefectRun, one.flow_run_id)
        run.state_id, run.logs_up_to, run.ended = one.state_id, one.logs_up_to, one.ended
    if new:
        record(session, "record", "runs.copied", stamp, f"{new} records of {len(copied)} run(s) were copied from Prefect",
               {"records": new, "runs": [one.flow_run_id for one in copied]})
    return new


def records_of(session: Session, reference: str) -> list[PrefectRecord]:
    """Our copies of all runs that worked for a case, run by run in the order of their first event, each in the order of its moments."""
    runs = (select(CaseEvent.flow_run_id.label("run"), func.min(CaseEvent.id).label("first"))
            .where(CaseEvent.subject == reference, CaseEvent.flow_run_id.is_not(None)).group_by(CaseEvent.flow_run_id).subquery())
    tagged = select(PrefectRecord.flow_run_id).where(PrefectRecord.kind == "flow run", PrefectRecord.content["tags"].contains([reference]))
    return list(session.scalars(
        select(PrefectRecord).outerjoin(runs, runs.c.run == PrefectRecord.flow_run_id)
        .where(runs.c.run.is_not(None) | PrefectRecord.flow_run_id.in_(tagged))
        .order_by(runs.c.first, PrefectRecord.flow_run_id, PrefectRecord.at, PrefectRecord.id)))
