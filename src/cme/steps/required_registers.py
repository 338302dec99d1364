"""The registers of a span of time: marked within the first ten minutes, or not, or nobody can say."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from cme.records.tables import ExpectedRegister, RegisterVerdict, RegisterVersion
from cme.rules.compliance import Required
from cme.rules.overdue_registers import TAKEN
from cme.rules.procedure import TEACHERS
from cme.steps.office import Office
from cme.steps.register_verdicts import Judged, judge_day
from cme.steps.required_span import Span


def registers(office: Office, session: Session, span: Span, now: datetime) -> list[Required]:
    """Every register that had to be taken. A frozen verdict stands; a day without all of them is judged as known now."""
    e, v = ExpectedRegister, RegisterVerdict
    rows = session.execute(select(e.local_date, e.kind, e.slot, e.group_key, e.staff, e.required, v).outerjoin(v, _same(e))
                           .where(e.school == office.school, e.local_date.between(span.first, span.last))).tuples().all()
    open_days = {row[0] for row in rows if row[-1] is None and row[5]}
    judged = {j.key: j for day in sorted(open_days) for j in judge_day(office, session, day, now)}
    taken, found = _taken_after_all(office, session, span), []
    for day, kind, slot, group, staff, needed, verdict in rows:
        name, held = f"{day} {slot} {group}", " ".join(staff) or TEACHERS
        if verdict is not None:
            found.append(span.row("registers", name, "", verdict.due_at, _frozen(verdict, taken.get(verdict.id)), held, f"register_verdict {verdict.id}",
                                  known=verdict.verdict in ("on time", "late", "overdue")))
        elif needed and (own := judged.get((day, kind, slot, group))):
            found += _not_frozen(span, own, name, held)
    return span.kept(found)


def _same(other: type[ExpectedRegister] | type[RegisterVersion]) -> ColumnElement[bool]:
    """That a row of ``other`` and a verdict are about one register."""
    v = RegisterVerdict
    return and_(v.school == other.school, v.local_date == other.local_date, v.kind == other.kind, v.slot == other.slot, v.group_key == other.group_key)


def _taken_after_all(office: Office, session: Session, span: Span) -> dict[int, datetime]:
    """When registers that had been said to be overdue were first seen taken, by the number of the verdict."""
    rows = session.execute(select(RegisterVerdict.id, func.min(func.coalesce(RegisterVersion.taken_to, RegisterVersion.seen_at))).join(
        RegisterVersion, _same(RegisterVersion)).where(
            RegisterVerdict.school == office.school, RegisterVerdict.local_date.between(span.first, span.last), RegisterVerdict.verdict == "overdue",
            RegisterVersion.status == TAKEN).group_by(RegisterVerdict.id))
    return dict(rows.tuples().all())


def _frozen(verdict: RegisterVerdict, taken_after_all: datetime | None) -> datetime | None:
    """When a register was taken, as far as its verdict allows: what was said to be overdue then stays late."""
    evidence, due = verdict.evidence, verdict.due_at
    seen = [datetime.fromisoformat(evidence[key]) for key in ("taken_from", "taken_to") if evidence.get(key)]
    if verdict.verdict == "on time":
        return min([due, *seen[-1:]])
    if verdict.verdict == "late":
        return min((moment for moment in seen if moment > due), default=None)
    return max(taken_after_all, verdict.decided_at) if taken_after_all and verdict.verdict == "overdue" else None


def _not_frozen(span: Span, judged: Judged, name: str, held: str) -> list[Required]:
    verdict, state = judged.verdict, judged.state
    if verdict.verdict == "not_required":
        return []
    evidence = f"register_version {state.version}: no verdict yet" if state.version else "no register seen, no verdict yet"
    taken = {"on_time": min(state.taken_to or verdict.due_at, verdict.due_at), "late": state.taken_to}.get(verdict.verdict)
    return [span.row("registers", name, "", verdict.due_at, taken, held, evidence, known=verdict.verdict in ("missing", "late", "on_time"))]
