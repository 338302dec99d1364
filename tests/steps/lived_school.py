"""A school that lives by the product's own steps: children come and stay away, registers are late, cases open, people answer or do not.

Joins the generated registers (``generated_school``) with the people of the simulated cases (``benchmarks/life_of_cases``; its folder must be
on the path). The same seed gives the same life.
"""

import heapq
import os
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import life_of_cases
import school_staff
from school_staff import write_staff
from tests.steps import generated_school
from tests.steps.generated_school import GROUPS, SESSIONS

from cme import clock
from cme.records import registers
from cme.sources.source import Contact, ExpectedRegister, Pulled, RegisterDocument, Staff, TimeSemantics
from cme.steps import day_one, day_one_report, home_school, overdue, oversee
from cme.steps.detect import detect

STARTS, ENDS = {"AM": "08:50", "PM": "12:45"}, {"AM": "12:00", "PM": "15:00"}
HOME = "Tansy Hill Academy (invented)"


@dataclass
class LivedSchool(life_of_cases.Life):
    """``pupils`` children from ``first`` to ``last``, after the registers of ``before`` are known; ``stays`` is how often a child that was
    to stay away comes all the same."""

    pupils: int = generated_school.PUPILS
    stays: float = 0.0
    before: date | None = None
    hours: tuple[int, ...] = tuple(range(8, 19))

    def __post_init__(self) -> None:
        super().__post_init__()
        school_staff.NEW_OFFICER["telephone"] = "0121 496 0109"         # the letter to parents names it
        generated_school.PUPILS, before = self.pupils, generated_school.PUPILS
        self.children = generated_school.Life(Random(self.seed), leavers=False)
        generated_school.PUPILS = before
        for n, (name, pupil) in enumerate(self.children.people.items()):
            self.children.people[name] = replace(
                pupil, forename=f"Quince{n}", surname=f"Marlowe{n}", flags=("looked after",) if n % 20 == 3 else (),
                contacts=(Contact(f"Ada Marlowe{n}", "mother", 1, f"ada{n}@home.example", f"07700 9{n:05d}"),) if n % 9 else (),
                registration="guest" if n % 21 == 5 else "sole", home_school=HOME if n % 42 == 5 else "A school nobody knows" if n % 21 == 5 else "")

    def live(self, progress: Any = lambda life: None) -> None:
        """At ``hours`` in school time, at noon on other days: the nights are left out."""
        self.written: set[date] = set()
        for day in self.office.policies.calendar.school_days(self.before or self.first, self.first - timedelta(days=1)):
            self.written |= self.children.goes_by(day)
        day = self.first
        while day <= self.last:
            for hour in self.hours if day in self.days else (12,):
                moment = clock.wall(day, f"{hour:02d}:00")
                os.environ["CME_CLOCK"] = moment.isoformat()
                write_staff(self.people_file, clock.local(moment).replace(tzinfo=None))
                self._open_cases(moment)
                while self.agenda and self.agenda[0][0] <= moment:
                    _, _, what, given = heapq.heappop(self.agenda)
                    getattr(self, what)(*given)
                self._sweep()
                self._see_who_was_asked(moment)
                self.said["sweeps"] += 1
            progress(self)
            day += timedelta(days=1)

    def _open_cases(self, moment: datetime) -> None:
        """Nothing opens a case but the registers (pulled at three in the afternoon, once before noon) and the staff."""
        local = clock.local(moment)
        if local.date() not in self.days or local.hour not in (12, 15):
            return
        day, stamp = local.date(), self.office.stamp()
        if local.hour == 12:
            for name, code in self.children.spell.items():
                if code and self.chance.random() < self.stays:
                    self.children.spell[name] = ""
            self.written |= self.children.goes_by(day)
            self._pull({day}, "AM")
        else:
            self._pull(self.written)
            self.written = set()
        overdue.report(self.office, moment, stamp)
        home_school.watch(self.office, stamp)
        day_one.watch(self.office, stamp)
        if local.hour == 15:
            opened = detect(self.office, day, stamp).opened
            self.said["cases opened by a threshold"] += len(opened)
        if self.chance.random() < 0.1:
            self._later(moment + self._minutes(60), "_report", self.chance.randrange(self.pupils) + 1)

    def _pull(self, days: set[date], slot: str = "") -> None:
        """One reading. Now and then a register comes late, or not at all that day."""
        documents = tuple(self._taken(d) for d in self.children.documents(days) if not slot or d.slot == slot)
        day = clock.local().date()
        came = tuple(d for d in documents if d.local_date != day or Random(f"{self.seed}{d.local_date}{d.slot}{d.group}").random() > 0.04)
        expected = tuple(ExpectedRegister(day, "session", each, group, clock.wall(day, STARTS[each]), clock.wall(day, ENDS[each]), ("TQA",))
                         for each in SESSIONS for group in GROUPS)
        with self.office.transaction() as session:
            registers.store(session, self.office.school, Pulled(registers=came, expected=expected, pupils=tuple(self.children.people.values()),
                                                               staff=(Staff("TQA", "Tansy Quarrelby", "tquarrelby@school.example"),)),
                            source="test", codes=self.office.policies.codes, stamp=self.office.stamp(), time_semantics=TimeSemantics.FIRST_COMPLETED)

    def _taken(self, document: RegisterDocument) -> RegisterDocument:
        chance = Random(f"{document.local_date}{document.slot}{document.group}")
        after = chance.choice((1, 2, 4, 6, 8, 9, 10, 11, 14, 35)) if chance.random() < 0.4 else chance.choice((2, 3, 5))
        return replace(document, taken=True, taken_at=clock.wall(document.local_date, STARTS[document.slot]) + timedelta(minutes=after))

    def _sweep(self) -> None:
        """A round, and one more of it some minutes later: what was sent in the first is settled."""
        day_one_report.prepare_all(self.office, self.office.stamp())
        super()._sweep()
        moment = clock.now() + timedelta(minutes=self.chance.choice((2, 5, 5, 10, 20)))
        os.environ["CME_CLOCK"] = moment.isoformat()
        oversee.settle_notified(self.office, self.office.stamp())
