"""Pull the registers from the school's source and keep what changed."""

from collections.abc import Iterable
from datetime import date, timedelta

from sqlalchemy import or_, select

from cme import clock
from cme.records import registers
from cme.records.alarms import clear_alarm, open_alarms, raise_alarm
from cme.records.cursors import move_cursor
from cme.records.history import Stamp, record
from cme.records.tables import Pull
from cme.errors import CmeError
from cme.steps.office import Office
from cme.steps.sources import source_of

WEEK = timedelta(days=7)


def window(office: Office, today: date) -> list[date] | None:
    """The days a regular pull reads again, so that late corrections are seen: today and the days before it, and once a week the
    term from its first day.

    None, which means everything the source has, as long as no pull has ever gone well.
    """
    days = office.policies.school.pull_window_days
    term = max((t.first for t in office.policies.calendar.terms if t.first <= today), default=today)
    with office.transaction() as session:
        ok = select(Pull.id).where(Pull.school == office.school, Pull.outcome == "ok").limit(1)
        if not session.scalar(ok):
            return None
        if term < today - timedelta(days=days) and not session.scalar(ok.where(
                or_(Pull.first_day.is_(None), Pull.first_day <= term), Pull.started_at >= clock.wall(today - WEEK, "00:00"))):
            days = (today - term).days
    return [today - timedelta(days=n) for n in range(days, -1, -1)]


def pull(office: Office, days: Iterable[date] | None, stamp: Stamp, accept_loss: str = "", *, afresh: bool = False) -> registers.PullResult:
    """Read ``days`` (None: everything) from the source and store what changed, in one transaction.

    ``accept_loss`` is a person's reason to believe a source that gives much less than before; without it such a loss changes
    nothing and is an alarm. ``afresh`` reads what did not change since the last pull as well.

    A source that fails leaves everything as it was, a Pull row with the sentence, and an alarm; the error goes on to the
    caller, whose type says whether to try again.
    """
    source = source_of(office, afresh=afresh)
    try:
        pulled = source.pull(list(days) if days is not None else None)
    except CmeError as error:
        with office.transaction() as session:
            session.add(Pull(school=office.school, source=source.name, started_at=stamp.at, finished_at=clock.now(),
                             outcome=f"{type(error).__name__}: {error}"))
            record(session, "school", "pull.failed", stamp, f"{type(error).__name__}: {error}", {"source": source.name})
            raise_alarm(session, f"pull:{source.name}", "school", f"The register source {source.name!r} cannot be read: {error}", stamp)
        raise
    with office.transaction() as session:
        if accept_loss:
            record(session, "school", "pull.loss_accepted", stamp, accept_loss, {"source": source.name})
        result = registers.store(session, office.school, pulled, source=source.name, codes=office.policies.codes, stamp=stamp,
                                 time_semantics=source.time_semantics, freshness=source.freshness,
                                 loss_percent=100 if accept_loss else office.policies.school.feed.loss_percent)
        if pulled.cursor is not None and not result.doubts:      # what is not believed is read again
            move_cursor(session, office.school, source.name, pulled.cursor, stamp)
        clear_alarm(session, f"pull:{source.name}", stamp, "the source was read again")
        doubted = {f"loss:{source.name}:{day}:{kind}": sentence for (day, kind), sentence in result.doubts}
        for key, sentence in doubted.items():
            raise_alarm(session, key, "school", f"The register source {source.name!r}: {sentence}", stamp)
        for alarm in open_alarms(session) if pulled.whole else ():
            source_name, _, scope = alarm.key.removeprefix("loss:").partition(":")
            if alarm.key.startswith("loss:") and source_name == source.name and alarm.key not in doubted \
                    and scope in {f"{day}:{kind}" for day, kind in pulled.whole}:
                clear_alarm(session, alarm.key, stamp, accept_loss or "the source was read again without such a loss")
    return result
