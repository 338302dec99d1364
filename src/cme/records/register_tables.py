"""Pulls, registers and what was said of them. A register version is append-only: SI 2024/208 reg 7."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from cme.records.base import Base, key
from cme.records.sealed_columns import SealedText


class Pull(Base):
    """One attempt to read a source: what it brought, or why it failed."""

    __tablename__ = "pull"
    __table_args__ = (Index("ix_pull_school_started_at", "school", "started_at"),)
    id: Mapped[int] = key()
    school: Mapped[str]
    source: Mapped[str]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    rows_read: Mapped[int] = mapped_column(server_default="0")
    rows_accepted: Mapped[int] = mapped_column(server_default="0")
    rows_quarantined: Mapped[int] = mapped_column(server_default="0")
    registers_new: Mapped[int] = mapped_column(server_default="0")
    registers_changed: Mapped[int] = mapped_column(server_default="0")
    outcome: Mapped[str] = mapped_column(server_default="")     # "ok" or one sentence
    source_as_of: Mapped[datetime | None]
    first_day: Mapped[date | None]                              # the days asked for; None: all
    last_day: Mapped[date | None]
    fresh_seconds: Mapped[int] = mapped_column(server_default="1200")       # what the source declares: older says nothing of now
    registers_today: Mapped[int] = mapped_column(server_default="0")        # registers of its own day with a mark entered
    registers_withdrawn: Mapped[int] = mapped_column(server_default="0")    # registers in which the source took marks back
    remarks: Mapped[str] = mapped_column(server_default="")     # on which nothing hangs; it may name a file


class SourceAnswer(Base):
    """What a vendor's interface gave, as it came, once for each content: first in ``pull_id``, last on ``last_seen``. Kept for a while."""

    __tablename__ = "source_answer"
    __table_args__ = (UniqueConstraint("school", "source", "place", "digest"),)
    id: Mapped[int] = key()
    school: Mapped[str]
    source: Mapped[str]
    place: Mapped[str]                                          # the endpoint
    digest: Mapped[bytes]                                       # SHA-256 of the content
    pull_id: Mapped[int]
    first_seen: Mapped[datetime]
    last_seen: Mapped[date]
    content: Mapped[str] = mapped_column(SealedText("source_answer.content"))       # compressed, in base64


class SourceCursor(Base):
    """Where the next pull of a source goes on, moved in the same transaction as what was read. A convenience: without the row
    everything is read again."""

    __tablename__ = "source_cursor"
    school: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    cursor: Mapped[dict[str, Any]]
    moved_at: Mapped[datetime]


class Roster(Base):
    """The pupils of a register in order, shared by all registers with the same pupils. Append-only."""

    __tablename__ = "roster"
    id: Mapped[int] = key()
    hash: Mapped[bytes] = mapped_column(unique=True)
    pupils: Mapped[list[int]]


class RegisterVersion(Base):
    """A register as a source showed it at ``seen_at``: a new row only when its content changed, never an update.

    ``marks`` holds two bytes a pupil in roster order: the code padded with a space ("/ ", "\\\\ ", "C1"; "- " not
    entered). ``taken_from``/``taken_to`` bound the moment it was taken, ``basis`` says how that is known.
    Kept for six years: SI 2024/208 reg 7.
    """

    __tablename__ = "register_version"
    __table_args__ = (Index("ix_register_version_key", "school", "local_date", "kind", "slot", "group_key", "id"),)
    id: Mapped[int] = key()
    school: Mapped[str]
    local_date: Mapped[date]
    kind: Mapped[str]
    slot: Mapped[str]
    group_key: Mapped[str]
    seen_at: Mapped[datetime]
    source: Mapped[str]
    pull_id: Mapped[int | None]
    status: Mapped[str]                                          # "taken", "partial", "not taken"
    taken_from: Mapped[datetime | None]
    taken_to: Mapped[datetime | None]
    basis: Mapped[str] = mapped_column(server_default="")        # "first_completed", "last_saved", "observed", ""
    taken_by: Mapped[str] = mapped_column(server_default="")
    roster_id: Mapped[int]
    marks: Mapped[bytes]
    extras: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))   # {pupil id: {minutes_late, note}}
    content_hash: Mapped[bytes]


class ExpectedRegister(Base):
    """A register that ought to be taken, once per occurrence; ``required`` may change, so it is kept current."""

    __tablename__ = "expected_register"
    __table_args__ = (UniqueConstraint("school", "local_date", "kind", "slot", "group_key"),)
    id: Mapped[int] = key()
    school: Mapped[str]
    local_date: Mapped[date]
    kind: Mapped[str]
    slot: Mapped[str]
    group_key: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    staff: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    required: Mapped[bool] = mapped_column(server_default=text("true"))
    not_required_reason: Mapped[str] = mapped_column(server_default="")
    rooms: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    cover: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))


class RegisterVerdict(Base):
    """"This register was overdue": said once per register, frozen with its evidence."""

    __tablename__ = "register_verdict"
    __table_args__ = (UniqueConstraint("school", "local_date", "kind", "slot", "group_key"),)
    id: Mapped[int] = key()
    school: Mapped[str]
    local_date: Mapped[date]
    kind: Mapped[str]
    slot: Mapped[str]
    group_key: Mapped[str]
    verdict: Mapped[str]                                         # "overdue", "late", "on time", "unknown"
    due_at: Mapped[datetime]
    decided_at: Mapped[datetime]
    evidence: Mapped[dict[str, Any]]


class Quarantine(Base):
    """A row that could not be read, with its reason, until a person has dealt with it."""

    __tablename__ = "quarantine"
    __table_args__ = (UniqueConstraint("school", "source", "place", "line", "row_hash", postgresql_nulls_not_distinct=True),)
    id: Mapped[int] = key()
    school: Mapped[str]
    source: Mapped[str]
    place: Mapped[str]                                           # file, query or endpoint
    line: Mapped[int | None]                                     # of the file, or row of the query's answer
    record: Mapped[str] = mapped_column(server_default="")       # what a vendor calls it
    reason: Mapped[str]
    raw: Mapped[str] = mapped_column(SealedText("quarantine.raw"))
    row_hash: Mapped[str]
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    day: Mapped[date | None]                                     # of its register, where that could be read
    resolved_by: Mapped[str] = mapped_column(server_default="")
    resolved_why: Mapped[str] = mapped_column(server_default="")
