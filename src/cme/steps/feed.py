"""How the source of registers is doing: what is due and does not come is an alarm, never a silence.

While the source is silent, stale or gives not one register as taken, nobody is told that a register is late: that is said here.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cme import clock
from cme.records.alarms import clear_alarm, open_alarms, raise_alarm
from cme.records.history import Stamp
from cme.records.tables import Pull, Quarantine, RegisterVerdict
from cme.steps.office import Office
from cme.steps.overdue import unjudged
from cme.steps.register_verdicts import FROZEN, Judged, Sight, judge_day, last_sight

CLOSES = "17:00"        # the last reading of a day: watch-registers' own timetable
WORDS = ("on time", "late", "overdue", "pending", "not required", "unknown")


def watch(office: Office, stamp: Stamp) -> list[str]:
    """Raise and clear the alarms about the source; returns the keys of those that stand. Needs only rows."""
    now, day = stamp.at, clock.local(stamp.at).date()
    calendar, sessions = office.policies.calendar, office.policies.school.sessions
    school_time = calendar.is_school_day(day) and clock.wall(day, sessions["AM"].starts) <= now <= clock.wall(day, CLOSES)
    with office.transaction() as session:
        sight = last_sight(session, office.school, day)
        if school_time:
            judged = judge_day(office, session, day, now)
            faults = _faults(office, judged, sight, now)
            for key in ("feed:silent", "feed:stale", "feed:not one"):
                if key in faults:
                    raise_alarm(session, key, "school", faults[key], stamp)
                elif sight is not None and sight.read_at >= clock.wall(day, "00:00"):
                    clear_alarm(session, key, stamp, "the source gives registers again")
        return [alarm.key for alarm in open_alarms(session) if alarm.key.startswith("feed:")]


def _faults(office: Office, judged: Sequence[Judged], sight: Sight | None, now: datetime) -> dict[str, str]:
    feed = office.policies.school.feed
    due = [j for j in judged if j.verdict.verdict != "not_required" and j.verdict.due_at <= now]
    if not due:
        return {}
    silent, paced = timedelta(minutes=feed.silent), timedelta(minutes=feed.polled_every)
    faults = {}
    # before the first register was due nothing was missed
    first = min(j.verdict.due_at for j in due) - paced
    waited = now - (max(sight.read_at, first) if sight else first)
    told = "until it is, nobody is told that a register is late; look at `cme feed` and at the school's own system"
    if waited > paced + silent:
        since = f"since {clock.local(sight.read_at):%A %H:%M}" if sight else "at all"
        faults["feed:silent"] = f"The registers have not been read {since}, and {len(due)} are due: {told}"
    elif sight and sight.fresh and now - sight.as_of > sight.fresh:     # fresh for no time at all: it judges no lateness, by its own word
        faults["feed:stale"] = (f"The newest data of the register source are of {clock.local(sight.as_of):%A %H:%M}, older than the "
                                f"{int(sight.fresh.total_seconds() // 60)} minutes it declares, and {len(due)} registers are due: {told}")
    doubted = [j for j in judged if j.doubted and now - j.verdict.due_at > silent]
    if doubted:
        faults["feed:not one"] = (f"{len(doubted)} registers were due at one moment and the source gives not one as taken: more likely its "
                                  f"fault than everybody's; {told}")
    return faults


def counts(judged: Sequence[Judged]) -> dict[str, int]:
    """How many registers have which verdict, every verdict named."""
    found = Counter(FROZEN.get(j.verdict.verdict, j.verdict.verdict.replace("_", " ")) for j in judged)
    return {word: found[word] for word in WORDS}


def page(office: Office, now: datetime) -> str:
    """The sources' page, as Markdown: when each was read, how far it lags, what it brought, and what could be judged. Opaque."""
    day = clock.local(now).date()
    with office.transaction() as session:
        rows = [_line(session, office.school, source, now) for source in session.scalars(
            select(Pull.source).where(Pull.school == office.school).distinct().order_by(Pull.source))]
        judged = judge_day(office, session, day, now)
        alarms = [alarm.sentence for alarm in open_alarms(session) if alarm.key.startswith(("feed:", "pull:", "loss:"))]
        before = dict(session.execute(select(RegisterVerdict.verdict, func.count()).where(
            RegisterVerdict.school == office.school, RegisterVerdict.local_date < day).group_by(RegisterVerdict.verdict)).tuples().all())
        nobody_knows = sum(unjudged(office, session, day).values())
    unknown = Counter(j.verdict.reason for j in judged if j.verdict.verdict == "unknown")
    return "\n".join([
        "# Sources of registers", "", *(f"- **{sentence}**" for sentence in alarms), *([""] if alarms else []),
        "| Source | Last read well | Data as of | Lag | Rows | Registers changed | Of today with marks | In quarantine | Last reading |",
        "|---|---|---|---|---|---|---|---|---|", *rows, "", f"## The {len(judged)} registers of {day:%A %-d %B %Y}", "",
        "| " + " | ".join(WORDS) + " |", "|" + "---|" * len(WORDS), "| " + " | ".join(map(str, counts(judged).values())) + " |", "",
        *(f"- {number} unknown: {reason}" for reason, number in unknown.most_common()),
        f"Said of earlier days: {', '.join(f'{n} {word}' for word, n in sorted(before.items())) or 'nothing'}; {nobody_knows} of "
        f"the last {office.policies.school.pull_window_days} days unknown. Nobody is reminded because of an unknown."])


def _line(session: Session, school: str, source: str, now: datetime) -> str:
    ours = select(Pull).where(Pull.school == school, Pull.source == source).order_by(Pull.started_at.desc(), Pull.id.desc()).limit(1)
    last, good = session.scalars(ours).one(), session.scalar(ours.where(Pull.outcome == "ok"))
    waiting = session.scalar(select(func.count()).select_from(Quarantine).where(
        Quarantine.school == school, Quarantine.source == source, Quarantine.resolved_at.is_(None)))
    when = [f"{clock.local(moment):%a %-d %b %H:%M}" if moment else "never"
            for moment in (good and good.started_at, good and (good.source_as_of or good.started_at))]
    lag = clock.age(now - (good.source_as_of or good.started_at)) if good else ""
    return (f"| {source} | {' | '.join(when)} | {lag} | {last.rows_accepted} of {last.rows_read} | {last.registers_new + last.registers_changed} "
            f"| {last.registers_today} | {waiting} | {_opaque(last)} |")


def _opaque(pull: Pull) -> str:
    """What may be said of a reading in Prefect: its own sentence may name a file."""
    if pull.outcome == "ok":
        return "ok, with remarks" if pull.remarks else "ok"
    return pull.outcome.partition(":")[0] if pull.finished_at and pull.rows_read == 0 else "not whole"
