"""Overdue registers: each is reported once, to its teachers and the attendance officer. A register is not a child."""

from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cme import clock
from cme.records.history import Stamp, record
from cme.records.registers import RegisterState
from cme.records.tables import ExpectedRegister, RegisterVerdict, Staff
from cme.rules import overdue_registers as rule
from cme.steps.office import Office
from cme.steps.register_verdicts import FROZEN, Judged, Sight, judge_day, last_sight


def candidates(office: Office, moment: datetime) -> list[tuple[RegisterState, rule.RegisterVerdict]]:
    """The registers of the day that are missing at ``moment`` or were taken late, and were not judged before."""
    with office.transaction() as session:
        return [(j.state, j.verdict) for j in judge_day(office, session, clock.local(moment).date(), moment)
                if not j.frozen and j.verdict.verdict in rule.ALERTS]


def report(office: Office, moment: datetime, stamp: Stamp) -> int:
    """Freeze every verdict that cannot change any more with its evidence and, where a register of today is still missing, write to
    its teachers and the attendance officer; returns how many late and missing ones were new. Call it right after a fresh pull: that
    is the second look.

    A register that was taken late meanwhile is recorded as late and nobody is written to: it is there.
    """
    today = clock.local(moment).date()
    with office.transaction() as session:
        sight = last_sight(session, office.school, today)
        # what was not known on an earlier day may be known now
        earlier = sorted(unjudged(office, session, today)) if sight and sight.fresh else []
        return sum(_freeze_day(office, session, day, moment, stamp, tell=day == today) for day in [*earlier, today])


def unjudged(office: Office, session: Session, today: date) -> dict[date, int]:
    """The days of the pull's window before today with registers of which nobody can say when they were taken, and how many."""
    e, v = ExpectedRegister, RegisterVerdict
    said = select(v.id).where(v.school == e.school, v.local_date == e.local_date, v.kind == e.kind, v.slot == e.slot,
                              v.group_key == e.group_key).exists()
    first = today - timedelta(days=office.policies.school.pull_window_days)
    return dict(session.execute(select(e.local_date, func.count()).where(e.school == office.school, e.local_date >= first, e.local_date < today,
                                                                         e.required, ~said).group_by(e.local_date)).tuples().all())


def _freeze_day(office: Office, session: Session, day: date, moment: datetime, stamp: Stamp, *, tell: bool) -> int:
    found = [j for j in judge_day(office, session, day, moment) if not j.frozen and j.verdict.verdict in FROZEN]
    if not found:
        return 0
    sight = last_sight(session, office.school, day)
    on_time = [number for j in found if j.verdict.verdict not in rule.ALERTS and (number := _keep(office, session, j, sight, stamp))]
    if on_time:
        record(session, "register", "register.on_time", stamp, f"{len(on_time)} register(s) were taken in time",
               {"day": day.isoformat(), "verdicts": on_time})
    return sum(_report_one(office, session, j, sight, stamp, tell) for j in found if j.verdict.verdict in rule.ALERTS)


def _keep(office: Office, session: Session, judged: Judged, sight: Sight | None, stamp: Stamp) -> int | None:
    """Write the verdict unless one was said before; its number, or None."""
    state = judged.state
    return session.scalar(insert(RegisterVerdict).values(
        school=office.school, local_date=state.local_date, kind=state.kind, slot=state.slot, group_key=state.group,
        verdict=FROZEN[judged.verdict.verdict], due_at=judged.verdict.due_at, decided_at=stamp.at,
        evidence=_evidence(judged, sight)).on_conflict_do_nothing().returning(RegisterVerdict.id))


def _evidence(judged: Judged, sight: Sight | None) -> dict[str, object]:
    state = judged.state
    return {"status": state.status, "reason": judged.verdict.reason, "basis": state.basis, "taken_from": _text(state.taken_from),
            "taken_to": _text(state.taken_to), "seen_at": _text(state.seen_at), "source": state.source, "version": state.version,
            "pull": sight.pull if sight else None, "read_at": _text(sight.read_at) if sight else None,
            "as_of": _text(sight.as_of) if sight else None}


def _report_one(office: Office, session: Session, judged: Judged, sight: Sight | None, stamp: Stamp, tell: bool) -> bool:
    state, verdict, word = judged.state, judged.verdict, FROZEN[judged.verdict.verdict]
    row = _keep(office, session, judged, sight, stamp)
    if row is None:
        return False
    record(session, "register", f"register.{word}", stamp, verdict.reason, {
        "verdict": row, "day": state.local_date.isoformat(), "kind": state.kind, "slot": state.slot, "group": state.group,
        **_evidence(judged, sight)})
    if word == "overdue" and tell:
        _tell(office, session, state, verdict, stamp)
    return True


def _tell(office: Office, session: Session, state: RegisterState, verdict: rule.RegisterVerdict, stamp: Stamp) -> None:
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


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
