"""What Prefect remembered of the runs that worked for a case, copied before Prefect forgets it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from cme.records.base import Base, key


class PrefectRun(Base):
    """A flow run that has done something for a case, and how far its records were copied."""

    __tablename__ = "prefect_run"
    __table_args__ = (Index(None, "event_id"), Index("ix_prefect_run_going", "flow_run_id", postgresql_where=text("NOT ended")))
    flow_run_id: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[int]                                        # the event of the history that first named it
    state_id: Mapped[str] = mapped_column(server_default="")     # Prefect's id of the state that was copied last
    logs_up_to: Mapped[datetime | None]                          # the moment of the last log line copied
    ended: Mapped[bool] = mapped_column(server_default=text("false"))


class PrefectRecord(Base):
    """One record of Prefect's, as it was. Append-only. Opaque, as all is that Prefect holds: references, dates, counts, statuses."""

    __tablename__ = "prefect_record"
    __table_args__ = (UniqueConstraint("kind", "key"), Index(None, "flow_run_id", "id"))
    id: Mapped[int] = key()
    flow_run_id: Mapped[str]
    kind: Mapped[str]                                            # "flow run", "task run", "state", "log"
    key: Mapped[str]                                             # Prefect's id of it; of a run with the id of its state then
    at: Mapped[datetime]
    content: Mapped[dict[str, Any]]
    copied_at: Mapped[datetime]
