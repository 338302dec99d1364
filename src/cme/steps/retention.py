"""Retention: what may be erased by the school's rules is proposed; a person approves exactly that list; what went is recorded.

A machine erases nothing. A list that nobody decides on is an alarm, because data kept without a reason is a fault too.
"""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from cme import clock
from cme.errors import BadInput
from cme.records import old_rows
from cme.records.alarms import clear_alarm, raise_alarm
from cme.records.erasing import Due, erase
from cme.records.held import of_cases, of_pupil, together
from cme.records.history import Stamp, lock
from cme.records.tables import Erasure
from cme.rules.retention import ORDINARY, PROTECTED, years_before, years_later
from cme.steps.kept_cases import SETTLED_MAIL, KeptCase, asking_pupils, held_pupils, kept_cases, unfinished
from cme.steps.office import Office
from cme.steps.report_form import reference_of

ALARM = "retention:due"
SHORTEST = 8            # characters of a list's number that a person must give
REGISTERS, PUPILS, MAIL, QUARANTINE = "registers", "children who have left", "messages about no child", "settled rows of quarantine"


@dataclass(frozen=True)
class Line:
    """One rule of a proposal: how many units it gives, and since when the first of them has been due."""

    rule: str
    basis: str
    number: int
    due_since: date


@dataclass(frozen=True)
class Proposal:
    """What may go on ``as_of``. ``number`` (SHA-256) stands for exactly this list; ``kept`` says what is past its ordinary time, or
    closed, and stays, by reason; ``references`` are the cases and children that would go."""

    as_of: date
    number: str
    lines: tuple[Line, ...]
    kept: dict[str, int]
    references: tuple[str, ...]
    due: Due

    @property
    def oldest(self) -> date | None:
        """Since when the first of it has been due; None where nothing is."""
        return min((line.due_since for line in self.lines), default=None)


def propose(office: Office, session: Session, day: date) -> Proposal:
    """The list for ``day``. Reads only."""
    years, register_years = office.policies.retention, _register_years(office, day)
    cases = kept_cases(office, session)
    going = [case for case in cases if case.kept.may_go(day)]
    protected = held_pupils(session, office.school) | asking_pupils(session, office.school) | {c.pupil for c in cases if not c.kept.may_go(day)}
    last = years_before(day, register_years)
    registers, expected, verdicts, kept_registers = old_rows.old_registers(session, office.school, last, _end(last), protected)
    waiting = unfinished(session)
    left = [(of_pupil(session, number, reference_of(number)), on)
            for number, on in old_rows.gone_pupils(session, office.school, last, _end(last), protected)]
    pupils = [(held, on) for held, on in left if not held.references & waiting]
    mail = old_rows.old_mail(session, _end(years_before(day, years.mail_years)), SETTLED_MAIL)
    received = old_rows.old_answers(session, _end(years_before(day, years.mail_years)))
    incoming = old_rows.old_incoming(session, _end(years_before(day, years.mail_years)))
    quarantine = old_rows.settled_rows(session, office.school, _end(years_before(day, years.quarantine_years)))
    oldest = old_rows.oldest_entry(session, registers)
    found = [
        _line(ORDINARY, f"{years.case_years} years after closing", [c.kept.until for c in going if c.kept.why == ORDINARY]),
        _line(PROTECTED, f"{years.child_protection_years} years after birth", [c.kept.until for c in going if c.kept.why == PROTECTED]),
        _line(REGISTERS, f"{register_years} years after the entry", [years_later(oldest, register_years)] * len(registers) if oldest else []),
        _line(PUPILS, f"{register_years} years after the last entry", [years_later(on, register_years) for _, on in pupils]),
        _line(MAIL, f"{years.mail_years} years after it was made", [years_later(on, years.mail_years) for _, on in (*mail, *received, *incoming)]),
        _line(QUARANTINE, f"{years.quarantine_years} years after it was settled", [years_later(on, years.quarantine_years) for _, on in quarantine])]
    lines = tuple(line for line in found if line is not None)
    held = together([of_cases(session, [case.number for case in going]), *(held for held, _ in pupils)])
    due = Due(held, registers, expected, verdicts, tuple(row for row, _ in mail), tuple(row for row, _ in received),
              tuple(row for row, _ in incoming), tuple(row for row, _ in quarantine), {line.rule: line.number for line in lines})
    return Proposal(day, _number(due), lines, _kept(cases, day, kept_registers), tuple(sorted(held.references)), due)


def _register_years(office: Office, day: date) -> int:
    return max(n.value for n in office.policies.statutory["register_kept"] if n.valid_from <= day)


def _end(day: date) -> datetime:
    """The last moment of a day of the school."""
    return clock.wall(day + timedelta(days=1), "00:00") - timedelta(microseconds=1)


def _line(rule: str, basis: str, due: list[date | None]) -> Line | None:
    days = [day for day in due if day is not None]
    return Line(rule, basis, len(days), min(days)) if days else None


def _kept(cases: list[KeptCase], day: date, registers: int) -> dict[str, int]:
    found = Counter(f"cases: {case.kept.why}" + (f" until {case.kept.until.year} at the earliest" if case.kept.until else "")
                    for case in cases if not case.kept.may_go(day))
    if registers:
        found["registers (with every version) that name a child of whom something is kept"] = registers
    return dict(sorted(found.items()))


def _number(due: Due) -> str:
    parts = [sorted(due.held.pupils), sorted(due.held.cases), sorted(due.held.references), due.registers, due.expected, due.verdicts, due.mail,
             due.received, due.incoming, due.quarantine]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def proposal(office: Office, day: date | None = None) -> Proposal:
    """The list for ``day``, by default today."""
    with office.transaction() as session:
        return propose(office, session, day or clock.today())


def apply(office: Office, number: str, reason: str, stamp: Stamp) -> Erasure:
    """Erase exactly the list whose number begins with ``number``. Raises BadInput where today's list is another, where nothing is due,
    where no reason is given, and for anybody but the DSL, the deputies and the head."""
    if stamp.who not in office.settings.people.safeguarding:
        raise BadInput(f"an erasure cannot be undone: only {', '.join(office.settings.people.safeguarding)} may approve one, not {stamp.who!r}")
    if len(reason.strip()) < 10:
        raise BadInput("say with --reason, in a sentence, why this list may be erased; it is kept with the record of the erasure")
    with office.owners_transaction() as session:         # the product's own role deletes no history
        lock(session)
        listed = propose(office, session, clock.local(stamp.at).date())
        if not listed.lines:
            raise BadInput("nothing is due to be erased")
        if len(number) < SHORTEST or not listed.number.startswith(number.lower()):
            raise BadInput(f"the list of today has another number than {number!r}: run `cme retention`, look at it, and give its number")
        done = erase(session, office.school, listed.due, listed.as_of, listed.number, reason.strip(), stamp)
        clear_alarm(session, ALARM, stamp, "the list was erased")
        return done


def watch(office: Office, stamp: Stamp) -> bool:
    """Raise the alarm about a list that has waited too long for a person, and clear it where none does; whether it stands."""
    today = clock.local(stamp.at).date()
    with office.transaction() as session:
        oldest = propose(office, session, today).oldest
        late = oldest is not None and oldest + timedelta(days=office.policies.retention.approve_days) < today
        if late:
            raise_alarm(session, ALARM, "retention", f"Records have been past their time since {oldest:%-d %B %Y} and nobody has decided: "
                        "`cme retention` lists them; approve the list, or set a hold (`cme hold`)", stamp)
        else:
            clear_alarm(session, ALARM, stamp, "nothing waits beyond its time")
        return late
