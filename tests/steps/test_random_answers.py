"""Random sequences against the decision service: whatever is answered, forced, changed or left waiting, in whatever order, nobody
passes the gate without a code that names them, and no answer is lost.

The model knows only what people know: the mails they were sent. By hand: ``CME_SEQUENCES=1000 pytest -s tests/steps/test_random_answers.py``.
"""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select
from tests.steps.answers import OTHER_RUN, RUN, answer
from tests.steps.random_school import BEGIN, CHILDREN, Letterbox, Records, Settled, a_school, open_copy, with_cases
from tests.steps.school import MONDAY, a_pupil

from cme import clock
from cme.records import cases, database, history, reviews
from cme.records.embedded import Cluster
from cme.records.tables import Case, DossierShown, Review
from cme.rules.cases import CaseState
from cme.steps import acknowledgement, confirm, contact, decisions, missing_report, notify, oversee, report_form, urgent
from cme.steps.changes import changes
from cme.steps.detect import detect
from cme.steps.dossier import dossier_of
from cme.steps.review import ring, take_answer

SEQUENCES = int(os.environ.get("CME_SEQUENCES", "30"))
STEPS = 16
SEEN: Counter[str] = Counter()          # what the sequences did: a run that never got far would prove nothing
_numbers = count(1)

some = st.integers(min_value=0, max_value=10**6)
outcomes = st.sampled_from([*decisions.OUTCOMES, decisions.CLOSE, decisions.REFER])
wait = st.sampled_from([*(timedelta(minutes=n) for n in (1, 11, 35, 65)), *(timedelta(days=n) for n in (1, 2, 4))])
BROKEN: tuple[dict[str, Any], ...] = ({"decision": "Approve", "outcome": "", "confirmation": "maybe"}, {"reason": "ok", "outcome": None},
                                      {"agencies": "", "reason": None, "outcome": "Fine"})


def whole(kind: str, outcome: str, code: str) -> dict[str, Any]:
    """A whole answer to a question of a kind; what it says hangs on ``outcome``."""
    if kind == reviews.CONTACT_OUTCOME:
        return {"outcome": contact.NO_ANSWER, "note": "", "code": code}
    if kind == reviews.CONFIRMATION:
        agrees = outcome not in (decisions.KEEP_ENQUIRING, decisions.NO_REFERRAL)
        return {"confirmation": confirm.CONFIRM if agrees else confirm.SEND_BACK, "reason": "I have read it.", "code": code}
    if kind == reviews.MISSING_REPORT:
        found = outcome in (decisions.CLOSE, decisions.REFER)
        return {"outcome": missing_report.FOUND if found else missing_report.NOT_KNOWN, "where": "At home, seen by a parent", "tried": "Rang both parents",
                "known": [], "code": code}
    urgently = [decisions.URGENT] if outcome == decisions.ACTIONS_ONLY else []
    return answer(code, decision=outcome, actions=[decisions.HOME_VISIT, *urgently])


class Days(RuleBasedStateMachine):
    """Days at a school with four cases. Every rule is something that a person, a clock, a machine or an intruder does."""

    cluster: Cluster
    template: str
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.name = f"random_{next(_numbers)}"
        os.environ["CME_CLOCK"] = BEGIN
        self.school = open_copy(self.cluster, self.name, self.template, self.folder)
        self.letters = Letterbox(self.school)
        self.now = Records.read(self.school)
        self.given = dict(self.now.answers)                  # each answer's key: its review, and whether it passed
        self.passed = {review: row.decided_by for review, row in self.now.decisions.items()}   # by review: whom the code had named
        self.keys = count(1)
        self.settled = Settled()
        self.ring_what_never_rang()

    def teardown(self) -> None:
        try:
            with self.school.transaction() as session:
                assert history.verify(session) == []
        finally:
            self.school.engine.dispose()
            self.cluster.drop_database(self.name)

    @invariant()
    def what_must_hold(self) -> None:
        self.now = Records.read(self.school)
        self.settled.check(self.school, self.now, self.passed)
        assert self.now.answers == self.given
        SEEN.update(case.state for case in self.now.cases)

    def stamp(self, who: str = history.MACHINE) -> history.Stamp:
        return self.school.stamp(who, flow_run_id=RUN)

    # what people answer

    def give(self, review: Review, payload: dict[str, Any], *, form: int = 0, broken: bool = False) -> None:
        """Give an answer, in the form shown now or an older one, and compare what becomes of it with what the mails say."""
        with self.school.transaction() as session:
            case = session.get_one(Case, review.case_id)
            forms = {row.number: row.dossier for row in session.scalars(select(DossierShown).where(DossierShown.review_id == review.id))}
            number = max(forms) - form % len(forms)
            still_open = session.get_one(Review, review.id).state == "open"
            forbidden = case.id in self.now.missing and self._closes(review, payload)
            named = self.letters.names(review.id, payload["code"], review.barred) if still_open and not broken and not forbidden else ""
            # that contact has written once more asks nobody anew (tests/steps/test_stale_dossier.py)
            fresh = review.kind not in (reviews.SAFEGUARDING, reviews.CONFIRMATION) or not changes(forms[number], dossier_of(session, self.school, case))
        stale = bool(named) and not fresh
        key = f"{RUN}:suspended-{next(self.keys)}-d{number}-00000000"
        taken = take_answer(self.school, case.reference, review.kind, key, payload, RUN)
        assert taken.accepted == bool(named and not stale), (taken, named, stale)
        assert taken.accepted != bool(taken.refusal)
        self.given[key] = (review.id, taken.accepted)
        if taken.accepted:
            assert review.id not in self.passed
            self.passed[review.id] = named
            self.ring_what_never_rang()
        SEEN["accepted" if taken.accepted else "stale" if named else "refused"] += 1

    def _closes(self, review: Review, payload: dict[str, Any]) -> bool:
        if review.kind == reviews.CONFIRMATION and payload["confirmation"] == confirm.CONFIRM:
            return any(row.id == review.decision_id and row.outcome == decisions.CLOSE for row in self.now.decisions.values())
        return review.kind == reviews.SAFEGUARDING and payload["decision"] == decisions.CLOSE

    def rightful(self) -> list[tuple[Review, str]]:
        """The open questions, each with a code that somebody holds for it."""
        return [(review, mail.code) for review in self.now.open for mail in self.letters.live(review.id) if mail.person != review.barred]

    @precondition(lambda self: self.rightful())
    @rule(which=some, outcome=outcomes)
    def somebody_answers_with_their_own_code(self, which: int, outcome: str) -> None:
        review, code = self.rightful()[which % len(self.rightful())]
        self.give(review, whole(review.kind, outcome, code))

    @precondition(lambda self: any(review.kind != reviews.CONTACT_OUTCOME for review, _ in self.rightful()))
    @rule(which=some, outcome=outcomes)
    def a_decision_is_made_or_confirmed(self, which: int, outcome: str) -> None:
        found = [(review, code) for review, code in self.rightful() if review.kind != reviews.CONTACT_OUTCOME]
        review, code = found[which % len(found)]
        self.give(review, whole(review.kind, outcome, code))

    @precondition(lambda self: self.rightful())
    @rule(which=some, outcome=outcomes)
    def somebody_answers_in_a_form_of_before(self, which: int, outcome: str) -> None:
        review, code = self.rightful()[which % len(self.rightful())]
        self.give(review, whole(review.kind, outcome, code), form=which + 1)

    @precondition(lambda self: self.letters.mailed and self.now.newest)
    @rule(which=some, whose=some, outcome=outcomes)
    def somebody_uses_any_code_they_have_ever_seen(self, which: int, whose: int, outcome: str) -> None:
        review, mail = self.now.newest[which % len(self.now.newest)], self.letters.mailed[whose % len(self.letters.mailed)]
        self.give(review, whole(review.kind, outcome, mail.code))

    @precondition(lambda self: self.now.open)
    @rule(which=some, outcome=outcomes, times=st.sampled_from([1, 1, 5]))
    def an_intruder_guesses(self, which: int, outcome: str, times: int) -> None:
        review = self.now.open[which % len(self.now.open)]
        for _ in range(times):
            self.give(review, whole(review.kind, outcome, self.letters.unknown_code()))

    @precondition(lambda self: self.rightful())
    @rule(which=some, fault=st.sampled_from(BROKEN))
    def a_broken_answer_carries_a_right_code(self, which: int, fault: dict[str, Any]) -> None:
        review, code = self.rightful()[which % len(self.rightful())]
        self.give(review, {**whole(review.kind, decisions.CLOSE, code), **fault}, broken=True)

    @precondition(lambda self: self.given)
    @rule(which=some, outcome=outcomes)
    def an_answer_is_read_a_second_time(self, which: int, outcome: str) -> None:
        key = sorted(self.given)[which % len(self.given)]
        review_id, accepted = self.given[key]
        with self.school.transaction() as session:
            review = session.get_one(Review, review_id)
            reference = session.get_one(Case, review.case_id).reference
        again = take_answer(self.school, reference, review.kind, key, whole(review.kind, outcome, "000000"), OTHER_RUN)
        assert again.accepted == accepted

    # what bells, clocks, registers and machines do

    def ring_what_never_rang(self) -> None:
        """As every flow does when an answer has been read."""
        for question in oversee.waiting_questions(self.school):
            if question.flow_run_id is None:
                ring(self.school, question.reference, question.kind, RUN, self.stamp())
        self.letters.collect()

    @precondition(lambda self: self.now.open)
    @rule(which=some, run=st.sampled_from([RUN, OTHER_RUN, "00000000-0000-0000-0000-000000000003"]))
    def a_run_rings(self, which: int, run: str) -> None:
        review = self.now.open[which % len(self.now.open)]
        assert ring(self.school, self.now.reference(review), review.kind, run, self.stamp())
        self.letters.collect()
        assert self.letters.live(review.id), "a question rings, and nobody holds a code for it"

    @rule(later=wait)
    def time_passes(self, later: timedelta) -> None:
        os.environ["CME_CLOCK"] = (clock.now() + later).isoformat()

    @rule()
    def the_sweep_comes(self) -> None:
        """As flows/oversee.py does, without Prefect."""
        missing_report.unanswered(self.school, self.stamp())
        oversee.move_on(self.school, self.stamp())
        oversee.escalate(self.school, self.stamp())
        oversee.watch_tasks(self.school, self.stamp())
        oversee.send_mail(self.school, self.stamp())
        oversee.settle_notified(self.school, self.stamp())
        for reference in oversee.uncontacted_cases(self.school):
            contact.begin_contact(self.school, reference, self.stamp())
        for reference in oversee.cases_to_notify(self.school):
            notify.prepare(self.school, reference, self.stamp())
        self.ring_what_never_rang()

    @rule(child=st.sampled_from(CHILDREN), back=st.integers(0, 9), code=st.sampled_from(["\\", "N", "I", "G"]))
    def a_mark_is_corrected(self, child: str, back: int, code: str) -> None:
        day = self.school.school_days_before(MONDAY, 10)[back]
        self.school.write(a_pupil(mis_id=child, group=child), {day: (code, code)})
        detect(self.school, clock.today(), self.stamp())

    @rule(child=st.sampled_from(CHILDREN), days=st.integers(1, 10))
    def a_child_misses_more_days(self, child: str, days: int) -> None:
        gone: list[date] = self.school.school_days_before(clock.today(), days)
        self.school.write(a_pupil(mis_id=child, group=child), dict.fromkeys(gone, ("N", "N")))
        detect(self.school, clock.today(), self.stamp())

    @rule(which=some, worried=st.booleans())
    def a_child_is_reported_missing(self, which: int, worried: bool) -> None:
        child = report_form.reference_of(self.now.pupils[which % len(self.now.pupils)])
        said = {"child": child, "seen_on": "Today", "seen_at": "09:10", "where": "On the way to school", "seen_by": "A parent or carer",
                "reported_by": "TQA", "concern": report_form.WORRIED if worried else report_form.NOT_WORRIED}
        assert missing_report.receive(self.school, said, f"report-{next(self.keys)}", self.stamp()).reference
        self.ring_what_never_rang()

    @precondition(lambda self: any(case.id in self.now.missing for case in self.now.cases if case.closed_at is None))
    @rule()
    def a_child_is_found(self) -> None:
        [reference, *_] = [case.reference for case in self.now.cases if case.id in self.now.missing and case.closed_at is None]
        missing_report.record_found(self.school, reference, "At home, seen by the officer", self.stamp("attendance_officer"))
        self.letters.collect()

    @precondition(lambda self: self.now.going)
    @rule(which=some)
    def somebody_is_worried(self, which: int) -> None:
        with self.school.transaction() as session:
            case = cases.by_reference(session, self.now.going[which % len(self.now.going)], lock=True)
            urgent.to_dsl_now(self.school, session, case, self.stamp(), "a member of staff reports a concern about safety")
        self.letters.collect()

    @precondition(lambda self: self.now.tasks)
    @rule(which=some, result=st.sampled_from(decisions.RESULTS))
    def a_task_is_recorded(self, which: int, result: str) -> None:
        reference, task = self.now.tasks[which % len(self.now.tasks)]
        decisions.finish_action(self.school, reference, task, "as the record says", self.stamp("attendance_officer"), result=result)
        self.letters.collect()

    @precondition(lambda self: self.now.notified)
    @rule()
    def the_authority_acknowledges(self) -> None:
        acknowledgement.acknowledge(self.school, self.now.notified[0], "LA-1", "an officer", self.stamp("attendance_officer"))


@pytest.fixture
def days(cluster: Cluster, template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Days]]:
    monkeypatch.setenv("CME_CLOCK", BEGIN)              # put back after the sequences have moved it
    name = f"random_template_{next(_numbers)}"
    cluster.create_database(name, template)
    engine = database.engine(cluster.url(name))
    with_cases(a_school(engine, tmp_path))
    engine.dispose()
    yield type("TheseDays", (Days,), {"cluster": cluster, "template": name, "folder": tmp_path})
    cluster.drop_database(name)


def test_whatever_happens_nobody_passes_the_gate_by_accident_and_no_answer_is_lost(days: type[Days]) -> None:
    SEEN.clear()
    run_state_machine_as_test(days, settings=settings(
        max_examples=SEQUENCES, stateful_step_count=STEPS, deadline=None, derandomize="CME_SEQUENCES" not in os.environ, database=None,
        suppress_health_check=list(HealthCheck)))
    print(f"{SEQUENCES} sequences: {dict(SEEN)}")
    assert not {word for word in ("accepted", "refused", "stale", *CaseState) if not SEEN[word]}, f"the sequences did not get far: {SEEN}"
