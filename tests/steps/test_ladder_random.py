"""Whatever a day brings, on the real steps and the real database: every unexplained absence ends in an answer or with the DSL in time, nobody
is written to who must not be, a child on a trip never, and no address twice about one child and session.

A few short days by default; CME_LADDER_DAYS=100 makes more of them.
"""

import os
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select
from tests.steps.absent_children import look, register, requests
from tests.steps.school import MONDAY, PostOffice, School, a_pupil

from cme.config.policies import Policies, load
from cme.config.settings import Settings
from cme.errors import BadInput
from cme.records import brakes, database
from cme.records.embedded import Cluster
from cme.records.history import verify
from cme.records.sealing import Sealer
from cme.records.tables import ParentMessage
from cme.services.demo import PEOPLE
from cme.sources.source import Contact, Pupil
from cme.steps import absence_answers, absence_calls, message_stops, unaccounted

DAYS = int(os.environ.get("CME_LADDER_DAYS", "3"))
UNEXPLAINED, EXPLAINED = ("N", "O"), ("/", "L", "V", "B", "I", "Y1", "-")
_numbers = count(1)
MUST_NOT = [{"do_not_contact": True}, {"court_order": True}, {"no_responsibility": True}]


def people() -> list[Pupil]:
    """Six children with all sorts of contacts: two, one, none, forbidden ones first, and one that is only rung."""
    def c(child: int, place: int, **more: Any) -> Contact:
        return Contact(f"Contact {child}.{place}", "parent", place, f"{'no' if more else 'yes'}.{child}.{place}@home.example", f"07700 90010{place}", **more)

    held = [(c(0, 1), c(0, 2)), (c(1, 1),), (), (c(3, 1, **MUST_NOT[0]), c(3, 2)), (c(4, 1, **MUST_NOT[1]), c(4, 2, **MUST_NOT[2])),
            (Contact("Only rung", "aunt", 1, telephone="07700 900177"), c(5, 2))]
    return [a_pupil(mis_id=f"C{n}", surname=f"Fernhollow{n}", group="8C", upn="", contacts=contacts) for n, contacts in enumerate(held)]


def test_every_absence_ends_in_an_answer_or_with_the_dsl_in_time_and_nobody_is_written_to_who_must_not_be(
        cluster: Cluster, template: str, tmp_path: Path, set_clock: Any) -> None:
    policies, machine = load(), _machine(cluster, template, tmp_path, set_clock)
    run_state_machine_as_test(machine(policies), settings=settings(
        max_examples=DAYS, stateful_step_count=12, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck)))


def _machine(cluster: Cluster, template: str, tmp_path: Path, set_clock: Any) -> Any:
    def make(policies: Policies) -> type[RuleBasedStateMachine]:
        class Day(RuleBasedStateMachine):
            @initialize()
            def a_school(self) -> None:
                self.name = f"day_{next(_numbers)}"
                cluster.create_database(self.name, template)
                self.engine = database.engine(cluster.url(self.name))
                (tmp_path / "people.yaml").write_text(yaml.safe_dump(PEOPLE), encoding="utf-8")
                self.school = School(self.engine, Settings(_env_file=None, environment="test", people_file=tmp_path / "people.yaml",  # type: ignore[call-arg]
                                                      mail_sender="attendance@school.example", smtp_host="127.0.0.1", smtp_tls="none", data_dir=tmp_path),
                                     policies, Sealer("a secret for tests only"))
                self.school.post = PostOffice()
                self.now, self.pupils, self.codes = datetime(2026, 11, 23, 9, 25), people(), {"AM": dict[str, str](), "PM": dict[str, str]()}
                self.on_trip: dict[str, int] = {}
                self._at(self.now)

            def _at(self, moment: datetime) -> None:
                self.now = moment
                set_clock(moment.isoformat())

            @rule(child=st.integers(0, 5), code=st.sampled_from((*UNEXPLAINED, *UNEXPLAINED, *EXPLAINED)), looked=st.booleans())
            def a_mark_is_entered(self, child: int, code: str, looked: bool) -> None:
                slot = "AM" if self.now.hour < 13 else "PM"
                self.codes[slot][f"C{child}"] = code
                register(self.school, self.pupils, self.codes[slot], slot)
                if code in ("V", "B"):
                    self.on_trip[f"{child}.{slot}"] = len(self._to(child))
                else:
                    self.on_trip.pop(f"{child}.{slot}", None)
                if looked:
                    look(self.school)

            @rule(minutes=st.sampled_from((1, 5, 20, 40, 90)))
            def time_passes_and_the_sweep_looks(self, minutes: int) -> None:
                self._at(self.now + timedelta(minutes=minutes))
                look(self.school)

            @rule(place=st.integers(0, 7), how=st.sampled_from(("reason", "tried", "visit")))
            def a_person_records_something(self, place: int, how: str) -> None:
                held = requests(self.school)
                if not held:
                    return
                reference, stamp = f"ABS-{held[place % len(held)].id}", self.school.stamp("attendance_officer")
                try:
                    if how == "reason":
                        absence_answers.record_reason(self.school, reference, "ill at home", "I", stamp)
                    elif how == "tried":
                        absence_calls.tried(self.school, reference, "no answer", 1, "", stamp)
                    else:
                        absence_calls.visited(self.school, reference, on=MONDAY, half="AM", address="", spoken_to="", result="no entry", outcome="nobody there", stamp=stamp)
                except BadInput:
                    pass                 # settled already, or nobody to be rung: said in one sentence

            @precondition(lambda self: hasattr(self, "school"))
            @rule()
            def messages_are_stopped_or_go_on(self) -> None:
                with self.school.transaction() as session:
                    stopped = bool(brakes.standing(session))
                (message_stops.resume if stopped else message_stops.stop)(self.school, "an exercise of ours", self.school.stamp("operations"))

            def _to(self, child: int) -> list[str]:
                return [to for to, _ in self.school.post.accepted if to.startswith((f"yes.{child}.", f"no.{child}."))]

            @invariant()
            def nobody_who_must_not_be_and_nobody_twice(self) -> None:
                if not hasattr(self, "school"):
                    return
                assert not [to for to, _ in self.school.post.accepted if to.startswith("no.")]
                for key, before in self.on_trip.items():
                    assert len(self._to(int(key[0]))) == before or key.endswith("AM") and self.now.hour >= 13, "a child on a trip gets no message"
                with self.school.transaction() as session:
                    rows = session.execute(select(ParentMessage.pupil_id, ParentMessage.day, ParentMessage.session, ParentMessage.address)
                                           .where(~ParentMessage.failed)).all()
                assert len(rows) == len(set(rows))

            def teardown(self) -> None:
                if not hasattr(self, "school"):
                    return
                self._at(max(self.now, datetime(2026, 11, 23, 13, 20)))
                look(self.school)                      # what nobody has looked at before begins only now
                self._at(self.now + policies.school.ladder.dsl)
                look(self.school)
                for request in requests(self.school):
                    assert request.state != "open", "it ends by itself at its time"
                    assert request.state != "with_dsl" or request.case_id is not None
                    assert request.state != "answered" or request.recorded_by == "attendance_officer"
                owned = {line.reference for line in unaccounted.day_list(self.school)}
                assert owned <= {f"ABS-{r.id}" for r in requests(self.school) if r.state in ("open", "with_dsl")}
                with self.school.transaction() as session:
                    assert verify(session) == []
                self.engine.dispose()
                cluster.drop_database(self.name)

        return Day
    return make
