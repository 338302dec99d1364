"""Day one: a child with a safeguarding flag who is absent and nobody knows why is before the DSL at once.

Looked at after every reading of the registers and by the sweep: once per child and day, the day before included, so that a register
entered after the last reading is not overlooked. A mark that is corrected takes its finding back; only a person closes the case.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cme import clock
from cme.records import cases, findings
from cme.records.actions import set_task
from cme.records.flags import flags_held
from cme.records.history import Stamp
from cme.records.registers import pupil_records
from cme.records.reviews import CONTACT_OUTCOME
from cme.records.tables import Case, Pull, Pupil
from cme.records.tables import Finding as FindingRow
from cme.rules.corrections import retraction
from cme.rules.day_one import RULE, vulnerable_absence, watched_flags
from cme.rules.finding import Finding, PupilRecord
from cme.rules.marks import SessionMark
from cme.rules.possible_sessions import attendance
from cme.steps import duty, urgent
from cme.steps.office import Office

WHY = "a child with a safeguarding flag is absent and the reason is not known"
AGAIN = "made anew: absent in a further session after the case that stood for the absence was closed"
# procedure.md: the DSL takes part in these once children's services and the police have been told
FOLLOW_UPS = {
    "strategy": "Strategy discussion: take part, and record its date and outcome, or that it did not take place",
    "section-47": "Section 47 enquiry: ask, and record its date and outcome, or that it did not take place",
    "conference": "Child protection conference: take part, and record its date and outcome, or that it did not take place",
}


_Flags = dict[date, tuple[str, ...]]                       # of one pupil, by day
_Row = tuple[FindingRow, datetime | None]                  # a finding, and when its case was closed
_News = tuple[tuple[tuple[FindingRow, str], ...], tuple[Finding, ...]]


@dataclass
class DayOne:
    """What was done: references of the cases put before the DSL, and how many findings were taken back."""

    raised: list[str] = field(default_factory=list)
    retracted: int = 0


def watch(office: Office, stamp: Stamp) -> DayOne:
    """Bring the findings of day one up to date, one transaction a pupil with news; the same again changes nothing.

    One pupil's failure keeps no other waiting: it is raised when all have been looked at.
    """
    result, failed = DayOne(), []
    for record, flags in _with_news(office, stamp):
        try:
            try:
                _write(office, record, flags, stamp, result)
            except IntegrityError:       # another process opened the child's case in the same moment: the second time it is there
                _write(office, record, flags, stamp, result)
        except Exception as error:
            failed.append(error)
    if failed:
        raise failed[0]
    return result


def _with_news(office: Office, stamp: Stamp) -> list[tuple[PupilRecord, _Flags]]:
    """The pupils about whom something is to be written, and their watched flags on each day that is judged."""
    today = clock.local(stamp.at).date()
    with office.transaction() as session:
        watched: dict[int, _Flags] = {}
        days = days_judged(office, session, today)
        for day in days:
            for pupil, flags in flags_held(session, office.school, clock.wall(day, "00:00"), stamp.at).items():
                if own := watched_flags(flags, office.policies.school.day_one_flags):
                    watched.setdefault(pupil, {})[day] = own
        live = _live(office, session, today)
        start = min([days[0], *(row.reached_on for rows in live.values() for row, _ in rows)])
        records = pupil_records(session, office.school, today, start, pupils=sorted(watched.keys() | live.keys()))
    found = [(record, watched.get(record.pupil_id, {})) for record in records]
    return [(record, flags) for record, flags in found if _news(office, live.get(record.pupil_id, []), record, flags, today) != ((), ())]


def days_judged(office: Office, session: Session, today: date) -> list[date]:
    """The days judged: today, the school day before, and those since the registers were last read before today."""
    read = session.scalar(select(func.max(Pull.started_at)).where(Pull.school == office.school, Pull.started_at < clock.wall(today, "00:00")))
    first = office.policies.calendar.previous_school_day(today)
    if read:
        longest = today - timedelta(days=office.policies.school.pull_window_days)
        first = max(longest, min(first, clock.local(read).date()))
    return [first + timedelta(days=n) for n in range((today - first).days + 1)]


def _live(office: Office, session: Session, today: date, pupil_id: int | None = None) -> dict[int, list[_Row]]:
    """The findings that a correction may still take back (those of the days that are read again), by pupil; each with the moment at
    which its case was closed."""
    found: dict[int, list[_Row]] = {}
    query = select(FindingRow, Case.closed_at).outerjoin(Case, Case.id == FindingRow.case_id).where(
        FindingRow.school == office.school, FindingRow.rule == RULE, FindingRow.retracted_at.is_(None),
        FindingRow.reached_on >= today - timedelta(days=office.policies.school.pull_window_days))
    for row, closed in session.execute(query if pupil_id is None else query.where(FindingRow.pupil_id == pupil_id)).tuples():
        found.setdefault(row.pupil_id, []).append((row, closed))
    return found


def _news(office: Office, live: Sequence[_Row], record: PupilRecord, flags: _Flags, today: date) -> _News:
    """What is to be written about a pupil: findings that fall, each with why, and findings that are new."""
    book, known = office.policies.rule_book(), {row.reached_on: (row, closed) for row, closed in live}
    falls: list[tuple[FindingRow, str]] = []
    new: list[Finding] = []
    for day in sorted(known.keys() | flags.keys()):
        judged = attendance(record, day, book)
        # a flag that has ended since takes nothing back: only the marks decide whether a finding still holds
        found = vulnerable_absence(judged, flags.get(day) or ("held then",), book)
        missed = {(mark.day, mark.session) for finding in found for mark in finding.marks}
        if day in known:
            row, closed = known[day]
            caused = [SessionMark(date.fromisoformat(on), session, code) for on, session, code in row.marks]
            sessions = {(mark.day, mark.session) for mark in caused}
            if not missed & sessions:
                falls.append((row, f"judged again on {today:%-d %B %Y}, it {retraction(caused, judged.marks)}"))
            elif closed and missed - sessions and day in flags:
                falls.append((row, AGAIN))
            else:
                continue
        new += found if day in flags else ()
    return tuple(falls), tuple(new)


def _write(office: Office, record: PupilRecord, flags: _Flags, stamp: Stamp, result: DayOne) -> None:
    with office.transaction() as session:
        session.get_one(Pupil, record.pupil_id, with_for_update=True)      # two at once: the second finds what the first has written
        today = clock.local(stamp.at).date()
        live = _live(office, session, today, record.pupil_id).get(record.pupil_id, [])
        falls, new = _news(office, live, record, flags, today)
        for row, why in falls:
            findings.retract(session, row, why, stamp)
        raised = []
        for finding in new:
            case = cases.open_case_of(session, record.pupil_id) or _open(office, session, record.pupil_id, finding, stamp)
            findings.keep(session, office.school, case, record.pupil_id, finding, stamp)
            urgent.to_dsl_now(office, session, case, stamp, WHY)
            urgent.show_anew(office, session, case, stamp)
            raised.append(case.reference)
    result.raised += dict.fromkeys(raised)
    result.retracted += len(falls)


def _open(office: Office, session: Session, pupil_id: int, finding: Finding, stamp: Stamp) -> Case:
    return cases.open_case(session, school=office.school, pupil_id=pupil_id, episode_start=finding.episode_start, stamp=stamp,
                           due=urgent.due(office, stamp.at), owner=duty.chain(office, CONTACT_OUTCOME, stamp.at)[0], why=finding.reason,
                           data={"rule": finding.rule, "reached_on": finding.reached_on.isoformat()}, origin=cases.DAY_ONE)


def follow_up_tasks(office: Office, session: Session, case: Case, stamp: Stamp) -> None:
    """Tasks for what follows a referral to children's services and the police, in the transaction of the decision that chose it.

    Once a day and case; each is due on the school's follow-up date, in a holiday no later than the school's longest wait.
    """
    school = office.policies.school
    due = min(office.school_days_later(stamp.at, school.follow_up_school_days), stamp.at + timedelta(days=school.longest_wait_days))
    for name, kind in FOLLOW_UPS.items():
        set_task(session, case, kind, owner="dsl", due=due, stamp=stamp, task_key=f"{name}:{case.reference}:{clock.local(stamp.at):%Y-%m-%d}")
