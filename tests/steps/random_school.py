"""What the random sequences begin with, what people know in them, and what must hold in them whatever happens."""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path

import yaml
from sqlalchemy import Engine, func, select
from tests.steps.answers import RUN, answer, code_for
from tests.steps.school import MONDAY, PostOffice, School, a_pupil

from cme import clock
from cme.config.policies import Policies, load
from cme.config.settings import Settings
from cme.records import cases, database, history
from cme.records.embedded import Cluster
from cme.records.one_time_codes import WRONG_TRIES
from cme.records.reviews import CONFIRMATION, CONTACT_OUTCOME, MISSING_REPORT, SAFEGUARDING
from cme.records.sealing import Sealer
from cme.records.tables import Action, Answer, Case, CaseEvent, Confirmation, Decision, MissingReport, Outbox, Pupil, Review, ReviewCode
from cme.rules.cases import CaseState
from cme.services.demo import PEOPLE
from cme.steps import contact, decisions, oversee
from cme.steps.detect import detect
from cme.steps.missing_report import FOUND
from cme.steps.review import ring, take_answer

BEGIN = "2026-11-23T09:30:00"
CHILDREN = ("P001", "P002", "P003", "P004")
AT_ONCE = 20            # messages that one call of deliver hands over


@cache
def _policies() -> Policies:
    return load()


def a_school(engine: Engine, folder: Path) -> School:
    """An office on a database, with the demo's people and a mail server that only remembers."""
    people = folder / "people.yaml"
    people.write_text(yaml.safe_dump(PEOPLE), encoding="utf-8")
    settings = Settings(_env_file=None, environment="test", people_file=people, mail_sender="attendance@school.example",  # type: ignore[call-arg]
                        smtp_host="127.0.0.1", smtp_tls="none", data_dir=folder)
    school = School(engine, settings, _policies(), Sealer("a secret for tests only"))
    school.post = PostOffice()
    return school


def with_cases(school: School) -> None:
    """Four children ten school days gone, each case a step further: parents to be contacted, contact begun, before the DSL, and with
    a second person, who is to confirm that it is closed."""
    for child in CHILDREN:
        school.write(a_pupil(mis_id=child, group=child), {day: ("N", "N") for day in school.school_days_before(MONDAY, 10)})
    _, *others = detect(school, MONDAY, school.stamp()).opened
    for reference in others:
        contact.begin_contact(school, reference, school.stamp())
    for reference in others[1:]:
        with school.transaction() as session:
            contact.to_dsl(school, session, cases.by_reference(session, reference, lock=True), school.stamp(), "contact took too long")
    ring(school, others[2], SAFEGUARDING, RUN, school.stamp())
    said = answer(code_for(school, "dsl"), decision=decisions.CLOSE, actions=[])
    assert take_answer(school, others[2], SAFEGUARDING, f"{RUN}:before", said, RUN).accepted


@dataclass
class Mailed:
    """A one-time code as its reader knows it."""

    review: int
    person: str
    code: str
    at: datetime
    wrong: int = 0
    gone: bool = False             # used, replaced by a newer mail, or dead after five wrong tries


@dataclass
class Letterbox:
    """Every code that was mailed, and what its readers can know of its fate."""

    school: School
    mailed: list[Mailed] = field(default_factory=list)
    read: int = 0

    def collect(self) -> None:
        """Let all mail be delivered, and read it."""
        with self.school.transaction() as session:
            queued = session.scalar(select(func.count()).select_from(Outbox).where(Outbox.state == "queued"))
        for _ in range(0, queued or 0, AT_ONCE):
            self.school.deliver(worker="test")
        new, self.read = self.school.post.accepted[self.read:], len(self.school.post.accepted)
        if not new:
            return
        with self.school.transaction() as session:
            keys = dict(session.execute(select(Outbox.message_id, Outbox.dedupe_key).where(Outbox.dedupe_key.like("call:%"))).tuples().all())
        found = []
        for _, wire in new:
            code = re.search(rb"One-time code:\s+(\d{6})", wire)
            name = re.search(rb"^Message-ID:\s*(\S+)", wire, re.MULTILINE | re.IGNORECASE)
            if code and name:
                _, review, person, _ = keys[name[1].decode()].split(":")
                found.append(Mailed(int(review), person, code[1].decode(), clock.now()))
        for mail in self._in_order(found):
            for before in self.mailed:
                before.gone |= (before.review, before.person) == (mail.review, mail.person)
            self.mailed.append(mail)

    def _in_order(self, found: list[Mailed]) -> list[Mailed]:
        """As the codes were made: mails of one moment leave in any order, and the same sequence must go the same way twice."""
        with self.school.transaction() as session:
            made = {code.mac: code.id for code in session.scalars(select(ReviewCode))}
        return sorted(found, key=lambda mail: made[self.school.sealer.mac("review-code", str(mail.review), mail.person, mail.code)])

    def expired(self, mail: Mailed) -> bool:
        return (clock.now() - mail.at).total_seconds() >= 60 * self.school.policies.school.code_valid_minutes

    def live(self, review: int) -> list[Mailed]:
        """The codes that open this question now."""
        return [mail for mail in self.mailed if mail.review == review and not mail.gone and not self.expired(mail)]

    def names(self, review: int, code: str, barred: str) -> str:
        """Whom a code names for a question, and what trying it does to the codes; empty: nobody."""
        for mail in self.mailed:
            if (mail.review, mail.code, mail.gone) == (review, code, False):
                if self.expired(mail):
                    return ""
                mail.gone = True
                return mail.person if mail.person != barred else ""
        for mail in self.live(review):
            mail.wrong += 1
            mail.gone = mail.wrong >= WRONG_TRIES
        return ""

    def unknown_code(self) -> str:
        """Six digits that nobody was ever mailed."""
        known = {mail.code for mail in self.mailed}
        return next(f"{n:06d}" for n in range(10**6) if f"{n:06d}" not in known)


def open_copy(cluster: Cluster, name: str, template: str, folder: Path) -> School:
    """A school on a copy of a database."""
    cluster.create_database(name, template)
    return a_school(database.engine(cluster.url(name)), folder)


@dataclass(frozen=True)
class Records:
    """What stands in the records at a moment."""

    cases: list[Case]
    newest: list[Review]                    # of each case and kind the newest question
    decisions: dict[int, Decision]          # by their question
    seconded: dict[int, Confirmation]       # by the decision
    kinds: dict[int, str]                   # of every question
    referrals: list[str]                    # the keys of the messages to the authority
    answers: dict[str, tuple[int, bool]]    # by their key: the question, and whether accepted
    tasks: list[tuple[str, int]]            # not done yet
    missing: set[int]                       # the cases of children reported missing and not found
    pupils: list[int]
    uncontacted: list[str]

    @classmethod
    def read(cls, school: School) -> "Records":
        with school.transaction() as session:
            asked = session.scalars(select(Review).order_by(Review.id)).all()
            kept = session.execute(select(Answer.source_key, Answer.review_id, Answer.accepted, Answer.refusal)).tuples().all()
            assert len({key for key, *_ in kept}) == len(kept) and all(accepted != bool(why) for _, _, accepted, why in kept)
            open_tasks = session.execute(select(Case.reference, Action.id).join(Action, Action.case_id == Case.id)
                                         .where(Action.done_at.is_(None)).order_by(Action.id)).tuples().all()
            found = cls(
                cases=cases.all_cases(session), newest=list({(r.case_id, r.kind): r for r in asked}.values()),
                decisions={d.review_id: d for d in session.scalars(select(Decision).order_by(Decision.id))},
                seconded={c.decision_id: c for c in session.scalars(select(Confirmation))}, kinds={r.id: r.kind for r in asked},
                referrals=list(session.scalars(select(Outbox.dedupe_key).where(Outbox.dedupe_key.like("la:%")))),
                answers={key: (review, accepted) for key, review, accepted, _ in kept}, tasks=list(open_tasks), uncontacted=[],
                missing={r.case_id for r in session.scalars(select(MissingReport)) if not (r.established or "").startswith(FOUND)},
                pupils=list(session.scalars(select(Pupil.id).order_by(Pupil.id))))
            session.expunge_all()
        waits = any(case.state == CaseState.PARENT_CONTACT for case in found.cases)
        return replace(found, uncontacted=oversee.uncontacted_cases(school) if waits else [])

    def reference(self, review: Review) -> str:
        return next(case.reference for case in self.cases if case.id == review.case_id)

    @property
    def open(self) -> list[Review]:
        return [review for review in self.newest if review.state == "open"]

    @property
    def going(self) -> list[str]:
        return [case.reference for case in self.cases if case.closed_at is None]

    @property
    def notified(self) -> list[str]:
        return [case.reference for case in self.cases if case.state == CaseState.NOTIFIED]


class Settled:
    """What must hold at every step, and how far the history has been walked."""

    def __init__(self) -> None:
        self.last, self.hash = 0, history.GENESIS

    def check(self, school: School, now: Records, passed: dict[int, str]) -> None:
        self._decided_by_people(now, passed)
        self._nothing_waits_for_nobody(now)
        self._history_is_unbroken(school)

    @staticmethod
    def _decided_by_people(now: Records, passed: dict[int, str]) -> None:
        """No decision, no confirmation, no referral and no closing without an answer whose code named who decided."""
        assert {key: who for key, who in passed.items() if now.kinds[key] in (SAFEGUARDING, CONFIRMATION)} == {
            **{key: row.decided_by for key, row in now.decisions.items()}, **{row.review_id: row.decided_by for row in now.seconded.values()}}
        for row in now.decisions.values():
            second = now.seconded.get(row.id)
            assert row.needs_confirmation == (row.outcome in (decisions.CLOSE, decisions.NO_REFERRAL))
            assert second is None or (row.needs_confirmation and second.decided_by != row.decided_by)
        assert all(now.decisions[int(key.rsplit(":", 1)[1])].outcome in decisions.NOTIFICATION_KIND for key in now.referrals)
        for case in now.cases:
            last = max((row for row in now.decisions.values() if row.case_id == case.id), key=lambda row: row.id, default=None)
            if case.state in (CaseState.NOTIFYING, CaseState.NOTIFIED):
                assert last and last.outcome in decisions.NOTIFICATION_KIND
            if case.state == CaseState.FOLLOWING_UP:
                assert last and (not last.needs_confirmation or now.seconded[last.id].confirmed)
            if case.closed_at is not None:
                assert last and last.outcome == decisions.CLOSE and now.seconded[last.id].confirmed
                assert case.id not in now.missing, "the case of a child who is still missing was closed"

    @staticmethod
    def _nothing_waits_for_nobody(now: Records) -> None:
        """Every open case has a due time, an owner and the question of its state; nobody is asked about their own decision."""
        for case in now.cases:
            asked = {review.kind for review in now.open if review.case_id == case.id}
            if case.closed_at is not None:
                assert not asked
                continue
            assert case.next_step_due and case.next_step_owner
            assert (SAFEGUARDING in asked) == (case.state == CaseState.DSL_REVIEW)
            assert (CONFIRMATION in asked) == (case.state == CaseState.CONFIRMING)
            assert case.state != CaseState.PARENT_CONTACT or asked & {CONTACT_OUTCOME, MISSING_REPORT} or case.reference in now.uncontacted
        assert all(review.assigned_to and review.assigned_to != review.barred for review in now.open)

    def _history_is_unbroken(self, school: School) -> None:
        with school.transaction() as session:
            for event in session.scalars(select(CaseEvent).where(CaseEvent.id > self.last).order_by(CaseEvent.id)):
                assert (event.id, event.previous_hash) == (self.last + 1, self.hash)
                assert history.chain_hash(event.previous_hash, history.content(event)) == event.hash
                self.last, self.hash = event.id, event.hash
