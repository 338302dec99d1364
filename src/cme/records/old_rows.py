"""Rows past their time: registers with what was expected and said of them, pupils, mail and rows that could not be read."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, and_, cast, func, or_, select
from sqlalchemy.orm import Session, aliased

from cme.records.arrays import among
from cme.records.tables import (
    Case, ExpectedRegister, HomeSchoolNotice, MailReceived, Outbox, Pupil, Quarantine, ReceivedMessage, RegisterVerdict, RegisterVersion,
    RollChange, Roster)

Numbers = tuple[int, ...]


def old_registers(session: Session, school: str, day: date, moment: datetime, protected: Collection[int]) -> tuple[Numbers, Numbers, Numbers, int]:
    """(versions, expected registers, verdicts, versions kept): all versions of each register of which no entry was made after ``moment``
    or for a session after ``day``, and which names none of ``protected``. A register goes as a whole or not at all."""
    v = RegisterVersion
    old = and_(v.school == school, v.local_date <= day, v.seen_at <= moment)
    stays = aliased(RegisterVersion)
    named = Roster.pupils.overlap(cast(sorted(protected), ARRAY(BigInteger)))
    going = session.scalars(select(v.id).where(old, ~select(stays.id).outerjoin(Roster, Roster.id == stays.roster_id).where(
        _same_register(v, stays), or_(stays.seen_at > moment, named)).exists()).order_by(v.id)).all()
    all_old = session.scalar(select(func.count()).select_from(v).where(old)) or 0
    beside = [tuple(session.scalars(select(model.id).where(
        model.school == school, model.local_date <= day,
        ~select(v.id).where(_same_register(model, v), ~among(v.id, going)).exists()).order_by(model.id)))
        for model in (ExpectedRegister, RegisterVerdict)]
    return tuple(going), beside[0], beside[1], all_old - len(going)


def _same_register(one: type[RegisterVersion] | type[ExpectedRegister] | type[RegisterVerdict], other: type[RegisterVersion]) -> ColumnElement[bool]:
    return and_(*(getattr(one, name) == getattr(other, name) for name in ("school", "local_date", "kind", "slot", "group_key")))


def oldest_entry(session: Session, versions: Collection[int]) -> date | None:
    """The day from which the first of these versions has been old enough: the later of its session's day and of when it was seen."""
    return session.scalar(select(func.min(func.greatest(RegisterVersion.local_date, func.date(RegisterVersion.seen_at)))).where(
        among(RegisterVersion.id, versions)))


def gone_pupils(session: Session, school: str, day: date, moment: datetime, protected: Collection[int]) -> list[tuple[int, date]]:
    """(number, day on which the child was last heard of) of pupils last on roll, last given by the source and last named in a register
    on ``day`` or before."""
    v = RegisterVersion
    young = select(func.unnest(Roster.pupils)).where(select(v.id).where(
        v.roster_id == Roster.id, v.school == school, or_(v.seen_at > moment, v.local_date > day)).exists())
    rows = session.execute(select(Pupil.id, Pupil.left, Pupil.last_seen).where(
        Pupil.school == school, Pupil.last_seen <= moment, or_(Pupil.left.is_(None), Pupil.left <= day),
        Pupil.id.not_in(young)).order_by(Pupil.id)).all()
    return [(row.id, max(row.left or date.min, row.last_seen.date())) for row in rows if row.id not in protected]


def _of_no_child(subject: Any) -> ColumnElement[bool]:
    """What a message is about is no child's: what is goes with the child's own records."""
    return and_(subject.not_like("ABS-%"), *(subject.not_in(select(table.reference)) for table in (Case, RollChange, HomeSchoolNotice)))


def old_mail(session: Session, moment: datetime, settled: Collection[str]) -> list[tuple[str, date]]:
    """(row, day) of messages made at ``moment`` or before that belong to no child."""
    return [(row.id, row.created_at.date()) for row in session.execute(select(Outbox.id, Outbox.created_at).where(
        Outbox.created_at <= moment, Outbox.state.in_(settled), _of_no_child(Outbox.subject_of)).order_by(Outbox.id))]


def old_incoming(session: Session, moment: datetime) -> list[tuple[int, date]]:
    """(row, day) of mails that came in at ``moment`` or before, belong to no child, and for which nobody waits."""
    m = MailReceived
    return [(row.id, row.noted_at.date()) for row in session.execute(select(m.id, m.noted_at).where(
        m.noted_at <= moment, or_(~m.needs_person, m.settled_at.is_not(None)),
        or_(m.subject_of.is_(None), _of_no_child(m.subject_of))).order_by(m.id))]


def old_answers(session: Session, moment: datetime) -> list[tuple[int, date]]:
    """(row, day) of messages that came back and were seen to at ``moment`` or before, where no case that they are about is held any more."""
    held = select(Case.id).where(ReceivedMessage.about.has_key(Case.reference)).exists()  # type: ignore[attr-defined]
    return [(row.id, row.done_at.date()) for row in session.execute(select(ReceivedMessage.id, ReceivedMessage.done_at).where(
        ReceivedMessage.state == "done", ReceivedMessage.done_at <= moment, ~held).order_by(ReceivedMessage.id))]


def settled_rows(session: Session, school: str, moment: datetime) -> list[tuple[int, date]]:
    """(row, day) of rows in quarantine that were settled at ``moment`` or before."""
    return [(row.id, row.resolved_at.date()) for row in session.execute(select(Quarantine.id, Quarantine.resolved_at).where(
        Quarantine.school == school, Quarantine.resolved_at <= moment).order_by(Quarantine.id))]
