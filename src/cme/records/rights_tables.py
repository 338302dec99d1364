"""Holds, erasures and the requests of people about their own records."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from cme.records.base import Base, key
from cme.records.sealed_columns import SealedText


class LegalHold(Base):
    """Nothing of this child may be erased, whatever a schedule says, until a person lifts the hold."""

    __tablename__ = "legal_hold"
    __table_args__ = (Index("ix_legal_hold_open", "pupil_id", postgresql_where=text("lifted_at IS NULL")),)
    id: Mapped[int] = key()
    school: Mapped[str]
    pupil_id: Mapped[int]
    about: Mapped[str]                                           # for what it was asked: P-1042 or a case's reference; it holds all of the child
    reason: Mapped[str] = mapped_column(SealedText("legal_hold.reason"))
    set_by: Mapped[str]
    set_at: Mapped[datetime]
    lifted_by: Mapped[str | None]
    lifted_at: Mapped[datetime | None]
    lifted_reason: Mapped[str | None] = mapped_column(SealedText("legal_hold.lifted_reason"))


class Erasure(Base):
    """One deletion that a person approved: by which rules, how many rows of what, and the hash of what they held. Append-only; it names
    no child, and the database erases only in the transaction that wrote such a row."""

    __tablename__ = "erasure"
    id: Mapped[int] = key()
    school: Mapped[str]
    approved_by: Mapped[str]
    approved_at: Mapped[datetime]
    reason: Mapped[str]
    as_of: Mapped[date]                                          # the day for which the list was made
    proposal: Mapped[str]                                        # SHA-256 of the list that the person saw
    rules: Mapped[dict[str, Any]]                                # {rule: how many of its units, "cases": 3}
    rows: Mapped[dict[str, Any]]                                 # {table: how many rows}
    digest: Mapped[str]                                          # SHA-256 of the rows as they were


class RightsRequest(Base):
    """Somebody asks to see what is held about a child, or to have it corrected. Open until a person has decided."""

    __tablename__ = "rights_request"
    __table_args__ = (Index(None, "pupil_id"),)
    id: Mapped[int] = key()
    reference: Mapped[str] = mapped_column(unique=True)          # RIGHTS-2026-1A2B3C
    school: Mapped[str]
    pupil_id: Mapped[int]
    kind: Mapped[str]                                            # "access" or "correction"
    asked_by: Mapped[str] = mapped_column(SealedText("rights_request.asked_by"))  # the person, as they are to be answered
    asked: Mapped[str] = mapped_column(SealedText("rights_request.asked"))  # what was asked
    received_on: Mapped[date]
    due_on: Mapped[date]
    extended_reason: Mapped[str | None] = mapped_column(SealedText("rights_request.extended_reason"))
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]
    decision: Mapped[str | None]                                 # "granted", "partly", "refused"
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(SealedText("rights_request.reason"))
    changed: Mapped[str | None] = mapped_column(SealedText("rights_request.changed"))  # what was changed, and where: the school's own system first


class EventsTold(Base):
    """How far something has come: up to which event of the history the escalations were told to Prefect, and (in seconds since 1970) when
    the last sweep ended. A convenience: it says nothing about any case."""

    __tablename__ = "events_told"
    name: Mapped[str] = mapped_column(primary_key=True)
    event: Mapped[int]
