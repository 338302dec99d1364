"""Simulated cases, carried through a stretch of a school year by the product's own steps, with people as people are.

The sweep steps through time. People answer when they will, late, never, or only after operations have rung them; the mail server is
not simulated (``year_of_cases`` says why): every message counts as accepted at once. Everything else is the real thing: rows, codes
read out of the sealed mails, the gate, the deadlines.
"""

import heapq
import os
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from school_staff import silent, write_staff
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session
from watched_cases import faults

from cme import clock
from cme.errors import CmeError
from cme.records import cases, outbox, reviews
from cme.records.tables import Action, Alarm, Case, Outbox, Pupil, Review, ReviewCode
from cme.rules.reasons import REASONS
from cme.steps import acknowledgement, alarms, confirm, contact, decisions, missing_report, notify, oversee, report_form, staff
from cme.steps.office import Office
from cme.steps.review import Rung, ring, take_answer

CODE = re.compile(rb"One-time code:\s+(\d{6})")
HOUR = timedelta(hours=1)


@dataclass
class Life:
    """The cases of a school from ``first`` to ``last``, one sweep each ``step``. ``count`` cases open on school days."""

    office: Office
    people_file: Path
    count: int
    first: date
    last: date
    seed: int = 1
    step: timedelta = HOUR
    said: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.days = list(self.office.policies.calendar.school_days(self.first, self.last))
        self.opened = 0
        self.agenda: list[tuple[datetime, int, str, tuple[Any, ...]]] = []
        self.rungs: dict[int, Rung] = {}
        self.codes = self.turn = self.asked = 0
        self.told: dict[int, str] = {}
        self.called: dict[int, int] = {}

    def live(self, progress: Any = lambda life: None) -> None:
        """Step through the time; ``found`` holds every fault seen at any step, ``said`` counts what happened."""
        moment, end = clock.wall(self.first, "00:00"), clock.wall(self.last, "23:59")
        while moment <= end:
            os.environ["CME_CLOCK"] = moment.isoformat()
            self.said["staff changes"] += write_staff(self.people_file, clock.local(moment).replace(tzinfo=None))
            self._open_cases(moment)
            while self.agenda and self.agenda[0][0] <= moment:
                _, _, what, given = heapq.heappop(self.agenda)
                getattr(self, what)(*given)
            self._sweep()
            self._see_who_was_asked(moment)
            self.found += [f"{clock.local(moment):%Y-%m-%d %H:%M} {fault}" for fault in faults(self.office, moment, self.step, self.said)]
            self.said["sweeps"] += 1
            progress(self)
            moment += self.step

    def _later(self, moment: datetime, what: str, *given: Any) -> None:
        self.turn += 1
        heapq.heappush(self.agenda, (moment, self.turn, what, given))

    def _minutes(self, median: float) -> timedelta:
        return timedelta(minutes=min(self.chance.lognormvariate(0, 1.1) * median, 60 * 24 * 6))

    def _will(self, person: str, moment: datetime, forgets: float) -> bool:
        return not silent(person, moment.isoformat()) and self.chance.random() > forgets

    def _open_cases(self, moment: datetime) -> None:
        local = clock.local(moment)
        if local.date() not in self.days or not (local.replace(hour=10, minute=0) <= local < local.replace(hour=10, minute=0) + self.step):
            return
        until = self.count * (self.days.index(local.date()) + 1) // len(self.days)
        stamp, due = self.office.stamp(), moment + timedelta(minutes=self.office.policies.school.contact_answer_minutes)
        with self.office.transaction() as session:
            new = [{"school": self.office.school, "mis_id": f"S{n}", "first_seen": moment, "last_seen": moment}
                   for n in range(self.opened, until)]
            if not new:
                return
            pupils = session.scalars(insert(Pupil).returning(Pupil.id), new).all()
            for pupil in pupils:
                cases.open_case(session, school=self.office.school, pupil_id=pupil, episode_start=local.date(), due=due, stamp=stamp,
                                owner="attendance_officer", why="ten school days", data={"rule": "continuous_absence",
                                                                                       "reached_on": local.date().isoformat()})
        for pupil in pupils:
            if self.chance.random() < 0.03:
                self._later(moment + self._minutes(600), "_report", pupil)
        self.opened = until
        self.said["cases"] = until

    def _report(self, pupil: int) -> None:
        given = {"child": f"P-{pupil}", "seen_on": report_form.TODAY, "seen_at": "08:40", "where": report_form.SEEN_WHERE[0],
                 "seen_by": report_form.SEEN_BY[0], "reported_by": "ABC",
                 "concern": report_form.WORRIED if self.chance.random() < 0.4 else report_form.NOT_WORRIED}
        missing_report.receive(self.office, given, f"report-{pupil}", self.office.stamp())
        self.said["staff reports"] += 1

    def _sweep(self) -> None:
        """A round of `oversee`, without Prefect: its bells ring here."""
        office, stamp = self.office, self.office.stamp()
        staff.notice_changes(office, stamp)
        self.said["cases moved on to the DSL"] += len(oversee.move_on(office, stamp))
        missing_report.unanswered(office, stamp)
        self.said["steps past a due time"] += len(oversee.escalate(office, stamp))
        oversee.watch_tasks(office, stamp)
        alarms.call_about_the_rest(office, stamp)
        for reference in oversee.cases_to_notify(office):
            self._notification(reference)
        oversee.settle_notified(office, stamp)
        for reference in oversee.uncontacted_cases(office):
            contact.begin_contact(office, reference, stamp)
        for question in oversee.waiting_questions(office):
            if question.flow_run_id is None:
                self._ring(question.reference, question.kind)
        with office.transaction() as session:
            session.execute(update(Outbox).where(Outbox.state == "queued").values(state="sent", sent_at=stamp.at))

    def _notification(self, reference: str) -> None:
        """The approved message, without its PDF (half a second each)."""
        office, stamp = self.office, self.office.stamp()
        with office.transaction() as session:
            key, row = notify.notification_key(session, cases.by_reference(session, reference)), outbox.new_row_id()
            if key:
                outbox.queue(session, sealer=office.sealer, dedupe_key=key, kind="la_cme_referral", subject_of=reference, row_id=row,
                             recipient=office.policies.authority.mailbox, mail_subject=reference, wire=b"a notification\r\n", stamp=stamp,
                             message_id=f"<{row}@school.example>")
        self.said["notifications"] += 1
        self._later(stamp.at + timedelta(hours=self.chance.choice((3, 20, 44, 200))), "_acknowledge", reference)

    def _acknowledge(self, reference: str) -> None:
        try:
            acknowledgement.acknowledge(self.office, reference, "LA-1", "P. Officer", self.office.stamp("attendance_officer"))
            self.said["acknowledgements"] += 1
        except CmeError:
            self.said["acknowledgements that came after the case had gone back"] += 1

    def _ring(self, reference: str, kind: str) -> None:
        self.turn += 1
        rung = ring(self.office, reference, kind, f"00000000-0000-0000-0000-{self.turn:012d}", self.office.stamp())
        if rung:
            self.rungs[rung.review_id] = rung

    def _see_who_was_asked(self, moment: datetime) -> None:
        """Whoever was mailed a code or a task will see to it after their own time, or never."""
        with self.office.transaction() as session:
            new = session.execute(select(ReviewCode.id, ReviewCode.review_id, ReviewCode.person, Review.kind, Review.urgency, Case.reference)
                                  .join(Review, Review.id == ReviewCode.review_id).join(Case, Case.id == Review.case_id)
                                  .where(ReviewCode.id > self.codes).order_by(ReviewCode.id)).all()
            tasks = session.execute(select(Action.id, Action.called, Action.escalations, Case.reference).join(Case, Case.id == Action.case_id)
                                    .where(Action.done_at.is_(None), Action.called != "")).all()
            rung_up = session.execute(select(Alarm.id, Alarm.key, Alarm.calls).where(Alarm.cleared_at.is_(None), Alarm.calls > 0)).all()
        for code, review, person, kind, urgency, reference in new:
            self.codes = code
            self.said["codes mailed"] += 1
            if self._will(person, moment, 0.1):
                quick = urgency == reviews.DAY_ONE or kind == reviews.CONTACT_OUTCOME
                self._later(moment + self._minutes(20 if quick else 120), "_answer", review, person, kind, reference)
        for task, person, escalations, reference in tasks:
            if self.told.get(task) != f"{person} {escalations}":
                self.told[task] = f"{person} {escalations}"
                if self._will(person, moment, 0.2):
                    self._later(moment + self._minutes(400), "_finish", task, person, reference)
        for alarm, key, calls in rung_up:          # operations ring whoever is asked; sooner or later that helps
            if self.called.get(alarm) != calls:
                self.called[alarm] = calls
                if self.chance.random() < 0.6 and key.startswith("review:"):
                    self._later(moment + HOUR, "_rung_up", int(key.partition(":")[2]))
                elif self.chance.random() < 0.6 and key.startswith("action:"):
                    self._later(moment + HOUR, "_finish", int(key.partition(":")[2]), "head", "")

    def _rung_up(self, review: int) -> None:
        with self.office.transaction() as session:
            row = session.execute(select(Review.assigned_to, Review.kind, Case.reference).join(Case, Case.id == Review.case_id)
                                  .where(Review.id == review, Review.state == "open")).first()
        if row:
            self._answer(review, row[0], row[1], row[2], insist=True)

    def _answer(self, review: int, person: str, kind: str, reference: str, insist: bool = False) -> None:
        people = self.office.settings.people
        if review not in self.rungs or not insist and person in people.keys and people.is_away(person, clock.now()) and self.chance.random() > 0.1:
            return                                  # who is away answers one time in ten
        with self.office.transaction() as session:
            if session.scalar(select(Review.state).where(Review.id == review)) != "open":
                return
            code = self._code(session, review, person)
            round_ = session.scalar(select(Review.number).where(Review.id == review)) or 1
        self.asked += 1
        taken = take_answer(self.office, reference, kind, f"a{self.asked}-d{self.rungs[review].dossier}-00000000",
                            {**self._content(kind, round_), "code": code}, None)
        self.said["answers accepted" if taken.accepted else "answers not accepted, asked again"] += 1
        if not taken.accepted:
            self._ring(reference, kind)

    def _code(self, session: Session, review: int, person: str) -> str:
        """The code in the newest mail about this question to this person, as they read it."""
        sealed = session.scalar(select(Outbox.sealed).where(Outbox.dedupe_key.like(f"call:{review}:{person}:%"))
                                .order_by(Outbox.created_at.desc()).limit(1))
        found = CODE.search(self.office.sealer.open(sealed)) if sealed else None
        return found[1].decode() if found else "000000"

    def _content(self, kind: str, round_: int) -> dict[str, Any]:
        pick = self.chance.random()
        reason = {"reason": "An answer of a simulated person."}
        if kind == reviews.CONTACT_OUTCOME:
            return {"outcome": self.chance.choice(contact.OUTCOMES), "note": "Rang twice."}
        if kind == reviews.MISSING_REPORT:
            return {"outcome": missing_report.ESTABLISHED[int(pick * len(missing_report.ESTABLISHED))], "where": "at home, seen by staff", "tried": "both numbers"}
        if kind == reviews.CONFIRMATION:
            return {"confirmation": confirm.CONFIRM if pick < 0.85 else confirm.SEND_BACK, **reason}
        close = 0.6 if round_ == 1 else 0.85
        outcome = decisions.CLOSE if pick < close else self.chance.choice(
            (decisions.REFER, decisions.ATTENDANCE_RETURN, decisions.NO_REFERRAL, decisions.KEEP_ENQUIRING, decisions.ACTIONS_ONLY))
        chosen = self.chance.sample(decisions.ACTIONS[:-1], k=1) if outcome == decisions.ACTIONS_ONLY or self.chance.random() < 0.15 else []
        return {"decision": outcome, "actions": chosen + ([decisions.URGENT] if self.chance.random() < 0.02 else []),
                "agencies": decisions.UNKNOWN, **dict.fromkeys(REASONS, decisions.UNKNOWN), **reason}

    def _finish(self, task: int, person: str, reference: str) -> None:
        with self.office.transaction() as session:
            row = session.execute(select(Action.kind, Action.done_at, Case.reference).join(Case, Case.id == Action.case_id)
                                  .where(Action.id == task)).one()
        people = self.office.settings.people
        if row.done_at is not None or person not in people.keys or people.is_away(person, clock.now()):
            return
        blocked = row.kind == decisions.HOME_VISIT and self.chance.random() < 0.2
        decisions.finish_action(self.office, row.reference, task, "Recorded by a simulated person.", self.office.stamp(person),
                                result="no entry" if blocked else "done")
        self.said["tasks ended by a person"] += 1
