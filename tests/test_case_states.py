"""The states of a case: every pair tried, and docs/case-states.md kept true."""

import itertools
import runpy
from pathlib import Path

import pytest

from cme.records.reviews import CONFIRMATION, SAFEGUARDING
from cme.rules import cases
from cme.rules.cases import NOTIFICATION, TRANSITIONS, CaseState, ForbiddenTransition, check_transition, page
from cme.steps.calls import LETTER
from cme.steps.view import WORDS

PAIRS = list(itertools.product(CaseState, CaseState))


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_a_case_moves_only_along_the_table(before: CaseState, after: CaseState) -> None:
    if (before, after) in TRANSITIONS:
        assert check_transition(before, after, decided=True, confirmed=True).event.startswith("case.")
    else:
        with pytest.raises(ForbiddenTransition, match="cannot go from"):
            check_transition(before, after, decided=True, confirmed=True)


@pytest.mark.parametrize("after", CaseState)
def test_no_machine_takes_a_case_out_of_the_dsl_review(after: CaseState) -> None:
    with pytest.raises(ForbiddenTransition):
        check_transition(CaseState.DSL_REVIEW, after)


def test_only_a_persons_decision_or_its_confirmation_leads_to_a_closed_case() -> None:
    assert {before: step.by for (before, after), step in TRANSITIONS.items() if after is CaseState.CLOSED} == {
        CaseState.DSL_REVIEW: "dsl", CaseState.CONFIRMING: "second"}


@pytest.mark.parametrize("after", [CaseState.CLOSED, CaseState.FOLLOWING_UP])
def test_a_decision_alone_does_not_confirm_itself(after: CaseState) -> None:
    with pytest.raises(ForbiddenTransition, match="second person"):
        check_transition(CaseState.CONFIRMING, after, decided=True)


@pytest.mark.parametrize(("before", "after"), TRANSITIONS)
def test_a_step_asks_for_what_its_row_says_and_for_nothing_more(before: CaseState, after: CaseState) -> None:
    step = TRANSITIONS[before, after]
    wanted = {"machine": {}, "dsl": {"decided": True}, "second": {"confirmed": True}}[step.by]
    assert check_transition(before, after, **wanted) is step
    if wanted:
        with pytest.raises(ForbiddenTransition, match=f"{before.value!r} to {after.value!r}"):
            check_transition(before, after, **({"decided": True, "confirmed": True} | dict.fromkeys(wanted, False)))


def test_every_event_of_the_table_has_words_for_people() -> None:
    assert {step.event for step in TRANSITIONS.values()} <= set(WORDS)


def test_every_step_to_a_person_has_the_message_that_calls_them() -> None:
    asks = {CaseState.DSL_REVIEW: LETTER[SAFEGUARDING], CaseState.CONFIRMING: LETTER[CONFIRMATION], CaseState.NOTIFYING: NOTIFICATION}
    assert {step: row.message for step, row in TRANSITIONS.items()} == {step: asks.get(step[1], "") for step in TRANSITIONS}


def test_every_state_but_closed_has_a_way_on() -> None:
    assert {before for before, _ in TRANSITIONS} == set(CaseState) - {CaseState.CLOSED}


def test_every_state_can_be_reached_from_the_first() -> None:
    reached = {CaseState.PARENT_CONTACT}
    for _ in CaseState:
        reached |= {after for before, after in TRANSITIONS if before in reached}
    assert reached == set(CaseState)


def test_every_step_names_an_event_of_its_own_for_its_direction_and_says_what_it_means() -> None:
    assert all(step.meaning and step.event for step in TRANSITIONS.values())


def test_the_page_of_case_states_is_the_one_the_table_generates() -> None:
    shown = (Path(__file__).parent.parent / "docs/case-states.md").read_text(encoding="utf-8")
    assert shown == page(), "docs/case-states.md is stale: python -m cme.rules.cases > docs/case-states.md"


@pytest.mark.parametrize(("name", "printed"), [("__main__", page()), ("cme.rules.cases", ""), ("Cases", "")])
def test_the_page_is_printed_where_the_module_is_run_and_not_where_it_is_imported(name: str, printed: str, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(cases.__file__, run_name=name)
    assert capsys.readouterr().out == printed
