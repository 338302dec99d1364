"""The verdict on every register of a day, from what was last seen of it and how far its source can be trusted now.

An observation is a pull together with the version of the register that it saw (``pull`` and ``register_version`` rows, both kept); a
verdict that cannot change any more is frozen with the numbers of both.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from cme import clock
from cme.records.registers import RegisterState, register_states
from cme.records.tables import Pull, RegisterVerdict
from cme.rules import overdue_registers as rule
from cme.rules.marks import Category
from cme.steps.office import Office

FROZEN = {"missing": "overdue", "late": "late", "on_time": "on time"}      # how a verdict of the rule is written where it is kept
NOT_ONE = "of all registers due at that moment the source gives not one as taken: more likely its fault than everybody's"


@dataclass(frozen=True)
class Sight:
    """How the source of registers was last seen whole. ``as_of``: how old its data are by its own word; ``fresh``: how old they may
    be (no time at all: the source cannot judge lateness); ``read_at``: when it was read."""

    pull: int
    read_at: datetime
    as_of: datetime
    fresh: timedelta

    def is_fresh(self, since: datetime, now: datetime) -> bool:
        """Whether it tells how things stood at or after ``since``, and not staler than it declares."""
        return bool(self.fresh) and self.as_of >= since and now - self.as_of <= self.fresh


@dataclass(frozen=True)
class Judged:
    """A register with its verdict: "on_time", "late", "missing", "pending", "not_required" or "unknown"."""

    state: RegisterState
    verdict: rule.RegisterVerdict
    frozen: bool = False
    doubted: bool = False       # it would be missing, if the source could be believed

    @property
    def key(self) -> tuple[date, str, str, str]:
        return self.state.local_date, self.state.kind, self.state.slot, self.state.group


def last_sight(session: Session, school: str, day: date) -> Sight | None:
    """The last reading in which the source was seen whole (a failed pull is none, a correction of another day is none)."""
    row = session.execute(select(Pull.id, Pull.started_at, func.coalesce(Pull.source_as_of, Pull.started_at), Pull.fresh_seconds).where(
        Pull.school == school, Pull.outcome == "ok", or_(Pull.first_day.is_(None), Pull.first_day <= day))
        .order_by(Pull.started_at.desc(), Pull.id.desc()).limit(1)).first()
    return Sight(row[0], row[1], row[2], timedelta(seconds=row[3])) if row else None


def judge_day(office: Office, session: Session, day: date, now: datetime) -> list[Judged]:
    """Every register expected on ``day``, judged as known at ``now``; a verdict said before stands."""
    said = {tuple(row[:4]): row[4] for row in session.execute(select(
        RegisterVerdict.local_date, RegisterVerdict.kind, RegisterVerdict.slot, RegisterVerdict.group_key, RegisterVerdict.verdict).where(
            RegisterVerdict.school == office.school, RegisterVerdict.local_date == day))}
    words = {kept: word for word, kept in FROZEN.items()}
    sight = last_sight(session, office.school, day)
    minutes = office.policies.school.register_overdue_minutes
    found = []
    for state in register_states(session, office.school, day):
        due = state.starts_at + timedelta(minutes=minutes)
        if kept := said.get((state.local_date, state.kind, state.slot, state.group)):
            found.append(Judged(state, rule.RegisterVerdict(words.get(kept, kept), due, "said before, and it stands"), True))
            continue
        why = not_required(office, state)
        verdict = rule.verdict(state.starts_at, minutes, taken_from=state.taken_from, taken_to=state.taken_to, basis=state.basis,
                               status=state.status, now=now, required=not why, source_fresh=sight is not None and sight.is_fresh(due, now))
        if why:
            verdict = replace(verdict, reason=why)
        elif verdict.verdict in FROZEN and state.basis == "observed" and state.status == rule.TAKEN and not _seen_twice(state, sight):
            # a source without a header is read while marks are being saved: one reading more, and it is certain
            verdict = replace(verdict, verdict="pending", reason="seen taken by one reading; the next one confirms it")
        found.append(Judged(state, verdict))
    return _believable(found, now, office.policies.school.feed.due_at_once)


def _seen_twice(state: RegisterState, sight: Sight | None) -> bool:
    return sight is not None and state.seen_at is not None and sight.read_at > state.seen_at


def not_required(office: Office, state: RegisterState) -> str:
    """Why no register has to be taken; empty where one has to be."""
    calendar, sessions = office.policies.calendar, office.policies.school.sessions
    day = state.local_date
    if not state.required:
        return state.not_required_reason or "the source says that it is not required"
    if not calendar.is_school_day(day):
        return "the school has no session on that day"
    session = state.slot if state.kind == "session" else "AM" if f"{clock.local(state.starts_at):%H:%M}" < sessions["PM"].starts else "PM"
    if not calendar.has_session(day, session):
        return "that half of the day has no session"
    if state.status != rule.TAKEN and state.codes and all(_off(office, code, day) for code in state.codes):
        return "every pupil is marked as having no session"
    return ""


def _off(office: Office, code: str, day: date) -> bool:
    return office.policies.codes.category(code, day) in (Category.ADMINISTRATIVE, Category.NOT_POSSIBLE)


def _believable(found: Sequence[Judged], now: datetime, many: int) -> list[Judged]:
    """Where so many registers are due at the same moment and not one is taken, the source is more likely at fault than all staff."""
    due = [j for j in found if j.verdict.due_at < now and j.verdict.verdict not in ("not_required", "pending")]
    starts = Counter(j.state.starts_at for j in due)
    begun = {j.state.starts_at for j in due if j.state.status != rule.NOT_TAKEN or j.frozen and j.verdict.verdict != "missing"}
    dead = {start for start, number in starts.items() if number >= many and start not in begun}
    return [replace(j, doubted=True, verdict=replace(j.verdict, verdict="unknown", reason=NOT_ONE))
            if not j.frozen and j.verdict.verdict == "missing" and j.state.starts_at in dead else j for j in found]
