"""Loud alarms: operations (and the head) are called by the second mail route, again and again, until somebody has seen to it.

What is said crosses into mail and into Prefect: case references and fixed sentences, never what a server or a person wrote.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme import clock
from cme.records import outbox
from cme.records.alarms import open_alarms
from cme.records.history import Stamp, record
from cme.records.tables import Alarm, Outbox
from cme.steps.office import Office

CALLED = ("operations", "head")
LADDERS = ("review:", "action:")          # these alarms call by their own ladder; all others call at once, and again
URGENT, SOON = ("report:", "reply:"), ("duty:", "notifying:", "messages:")      # of the others: again at the pace of day one, and of late questions
DAILY = timedelta(days=1)
QUIET = timedelta(hours=1)                # between two calls about nothing but calls that did not leave


def sentence_of(alarm: Alarm) -> str:
    """What an alarm says where everybody may read it. What a mail server said may hold an address: it stays out."""
    return "a message needs a person: `cme outbox` says why" if alarm.key.startswith("outbox:") else alarm.sentence


def call_operations(office: Office, session: Session, key: str, stamp: Stamp) -> None:
    """Call operations and the head about the open alarm of ``key``, once more, in the caller's transaction."""
    alarm = session.scalars(select(Alarm).where(Alarm.key == key, Alarm.cleared_at.is_(None)).with_for_update()).one()
    _count(session, [alarm], stamp)
    for address in _addresses(office):
        office.queue_letter(session, "alarm", to=address, subject_of=alarm.subject, stamp=stamp, route=outbox.ALARM,
                            dedupe_key=f"alarm:{alarm.id}:{alarm.calls}:{address}", reference=alarm.subject, sentence=sentence_of(alarm),
                            raised_at=office.shown_time(alarm.raised_at))


def call_about_the_rest(office: Office, stamp: Stamp) -> int:
    """Call operations about every other alarm that is new, or has stood for its time since the last call: one letter about all.

    Alarms about mail that does not leave by one server are told by the other. Returns how many alarms were told.
    """
    with office.transaction() as session:
        due = [a for a in open_alarms(session) if not a.key.startswith(LADDERS) and (a.called_at is None or a.called_at + _again(office, a) <= stamp.at)]
        told = 0
        for route, alarms in _by_route(session, due).items():
            last = session.scalar(select(Alarm.called_at).where(Alarm.key.like("outbox%"), Alarm.called_at.is_not(None))
                                  .order_by(Alarm.called_at.desc()).limit(1))
            if last and last + QUIET > stamp.at and all(_about_a_call(session, a) for a in alarms):
                continue
            _count(session, alarms, stamp)
            for address in _addresses(office):
                office.queue_letter(session, "alarms", to=address, subject_of="school", stamp=stamp, route=route,
                                    dedupe_key=f"alarms:{alarms[0].id}:{alarms[0].calls}:{route}:{address}", number=len(alarms), lines=_lines(alarms))
            told += len(alarms)
        return told


def _again(office: Office, alarm: Alarm) -> timedelta:
    school = office.policies.school
    if alarm.key.startswith(URGENT):
        return timedelta(minutes=school.day_one_reminder_minutes)
    return timedelta(minutes=school.overdue_review_reminder_minutes) if alarm.key.startswith(SOON) else DAILY


def _addresses(office: Office) -> list[str]:
    return list(dict.fromkeys(office.person(role).email for role in CALLED))


def _count(session: Session, alarms: Sequence[Alarm], stamp: Stamp) -> None:
    for alarm in alarms:
        alarm.calls, alarm.called_at = alarm.calls + 1, stamp.at
        record(session, alarm.subject, "alarm.called", stamp, sentence_of(alarm), {"alarm": alarm.key, "calls": alarm.calls})


def _about(session: Session, alarm: Alarm) -> Outbox | None:
    return session.get(Outbox, alarm.key.partition(":")[2]) if alarm.key.startswith("outbox") else None


def _about_a_call(session: Session, alarm: Alarm) -> bool:
    row = _about(session, alarm)
    return row is not None and row.kind in ("alarm", "alarms")


def _by_route(session: Session, alarms: Sequence[Alarm]) -> dict[str, list[Alarm]]:
    found: dict[str, list[Alarm]] = {}
    for alarm in alarms:
        row = _about(session, alarm)
        found.setdefault(outbox.SCHOOL if row is not None and row.route == outbox.ALARM else outbox.ALARM, []).append(alarm)
    return found


def _lines(alarms: Sequence[Alarm]) -> list[str]:
    said = Counter(sentence_of(a) for a in alarms)
    first = {sentence_of(a): a for a in reversed(alarms)}
    lines = [f"{sentence} ({first[sentence].subject}{f' and {n - 1} more' if n > 1 else ''})" for sentence, n in said.items()]
    return lines[:20] + ([f"and {len(lines) - 20} other matters"] if len(lines) > 20 else [])


@dataclass(frozen=True)
class Call:
    """A call that the dashboard must show as a failed run. ``marks`` are the alarms it is about, each with its number of calls."""

    reference: str
    sentence: str
    key: str
    marks: tuple[tuple[int, int], ...]


def calls_to_show(office: Office) -> list[Call]:
    """The calls that no run shows yet: one for each question or task, one for all the rest."""
    with office.transaction() as session:
        alarms = [a for a in open_alarms(session) if a.calls > a.runs]
    found = [Call(a.subject, sentence_of(a), f"{a.id}-{a.calls}", ((a.id, a.calls),)) for a in alarms if a.key.startswith(LADDERS)]
    if rest := [a for a in alarms if not a.key.startswith(LADDERS)]:
        found.append(Call("school", "; ".join(_lines(rest)), f"{rest[0].id}-{rest[0].calls}-{len(rest)}", tuple((a.id, a.calls) for a in rest)))
    return found


def shown(office: Office, call: Call) -> None:
    """Remember that the dashboard shows a call."""
    with office.transaction() as session:
        for number, calls in call.marks:
            session.get_one(Alarm, number, with_for_update=True).runs = calls


def needs_a_person(office: Office) -> str:
    """The artifact that operations open first, as Markdown: what has been called about, then the other alarms. Opaque."""
    with office.transaction() as session:
        alarms = open_alarms(session)
    if not alarms:
        return "# Nothing needs a person now\n\nNo alarm is open."
    rows = [f"| {f'**called {a.calls} x**' if a.calls else 'on its way'} | {a.subject} | {sentence_of(a).replace('|', '/')} "
            f"| {clock.local(a.raised_at):%a %-d %b %Y %H:%M} |" for a in sorted(alarms, key=lambda a: (not a.calls, a.id))]
    return "\n".join(["# NEEDS A PERSON NOW \N{LARGE RED CIRCLE}", "",
                      "Ring the owner; `cme cases`, `cme tasks` and `cme history CASE` say more. Nothing below ends by itself.", "",
                      "| Operations | About | What | Since |", "|---|---|---|---|", *rows])
