"""Overdue registers: each is reported once, to its teachers and the attendance officer. A register is not a child."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cme import clock
from cme.records.history import Stamp, record
from cme.records.registers import RegisterState, register_states
from cme.records.tables import Pull, RegisterVerdict, Staff
from cme.rules import overdue_registers as rule
from cme.steps.office import Office

FRESH = timedelta(minutes=20)     # what the source itself last wrote longer ago tells nothing about now


def candidates(office: Office, moment: datetime) -> list[tuple[RegisterState, rule.RegisterVerdict]]:
    """The registers of the day that are missing at ``moment`` or were taken late, and were not judged before."""
    with office.transaction() as session:
        return _candidates(office, session, moment)


def _candidates(office: Office, session: Session, moment: datetime) -> list[tuple[RegisterState, rule.RegisterVerdict]]:
    day = clock.local(moment).date()
    known = {tuple(row) for row in session.execute(select(
        RegisterVerdict.local_date, RegisterVerdict.kind, RegisterVerdict.slot, RegisterVerdict.group_key).where(
            RegisterVerdict.school == office.school, RegisterVerdict.local_date == day))}
    # the last whole reading of the source; a correction of an earlier day is none, and a failed pull is none
    seen = session.scalar(select(func.max(func.coalesce(Pull.source_as_of, Pull.started_at))).where(
        Pull.school == office.school, Pull.outcome == "ok"))
    found = []
    for state in register_states(session, office.school, day):
        if (state.local_date, state.kind, state.slot, state.group) in known:
            continue
        due = state.starts_at + timedelta(minutes=office.policies.school.register_overdue_minutes)
        verdict = rule.verdict(state.starts_at, office.policies.school.register_overdue_minutes, taken_from=state.taken_from,
                               taken_to=state.taken_to, basis=state.basis, status=state.status, now=moment, required=state.required,
                               source_fresh=seen is not None and seen >= due and moment - seen <= FRESH)
        if verdict.verdict in rule.ALERTS:
            found.append((state, verdict))
    return found


def report(office: Office, moment: datetime, stamp: Stamp) -> int:
    """Freeze the verdict of every candidate with its evidence and, where the register is still missing, write to its teachers and
    the attendance officer; returns how many were new. Call it right after a fresh pull: that is the second look.

    A register that was taken late meanwhile is recorded as late and nobody is written to: it is there.
    """
    with office.transaction() as session:
        new = 0
        for state, verdict in _candidates(office, session, moment):
            new += _report_one(office, session, state, verdict, stamp)
        return new


def _report_one(office: Office, session: Session, state: RegisterState, verdict: rule.RegisterVerdict, stamp: Stamp) -> bool:
    evidence = {"status": state.status, "reason": verdict.reason, "basis": state.basis, "taken_from": _text(state.taken_from),
                "taken_to": _text(state.taken_to), "seen_at": _text(state.seen_at), "source": state.source}
    word = "overdue" if verdict.verdict == "missing" else "late"
    row = session.scalar(insert(RegisterVerdict).values(
        school=office.school, local_date=state.local_date, kind=state.kind, slot=state.slot, group_key=state.group, verdict=word,
        due_at=verdict.due_at, decided_at=stamp.at, evidence=evidence).on_conflict_do_nothing().returning(RegisterVerdict.id))
    if row is None:
        return False
    record(session, "register", f"register.{word}", stamp, verdict.reason, {
        "verdict": row, "day": state.local_date.isoformat(), "kind": state.kind, "slot": state.slot, "group": state.group, **evidence})
    if word == "overdue":
        fields = {"group": state.group, "session": state.slot, "date": f"{state.local_date:%A %-d %B %Y}",
                  "start": f"{clock.local(state.starts_at):%H:%M}", "due": f"{clock.local(verdict.due_at):%H:%M}"}
        key = f"overdue:{state.local_date}:{state.kind}:{state.slot}:{state.group}"
        teachers = session.scalars(select(Staff).where(Staff.school == office.school, Staff.code.in_(state.staff), Staff.email != "")
                                   .order_by(Staff.code)).all()
        for teacher in teachers:
            office.queue_letter(session, "register_overdue_teacher", to=teacher.email, subject_of="register", stamp=stamp,
                                dedupe_key=f"{key}:{teacher.code}", **fields)
        office.queue_letter(session, "register_overdue_officer", to=office.person("attendance_officer").email, subject_of="register",
                            stamp=stamp, dedupe_key=f"{key}:attendance_officer", **fields)
    return True


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
