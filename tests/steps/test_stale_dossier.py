"""What the approver saw: frozen, hashed, and asked again with the difference when the facts have changed."""

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from tests.steps.answers import RUN, answer, code_for, second, shown, state
from tests.steps.school import MONDAY, School, a_pupil

from cme.records.history import events
from cme.records.reviews import CONFIRMATION, SAFEGUARDING
from cme.records.tables import Action, Answer, Decision, DossierShown, Review
from cme.steps import decisions
from cme.steps.changes import changes
from cme.steps.detect import detect
from cme.steps.review import Rung, ring, take_answer


def ask(school: School, reference: str) -> Rung:
    asked = ring(school, reference, SAFEGUARDING, RUN, school.stamp())
    assert asked is not None
    return asked


def child_was_there(school: School) -> None:
    """The afternoon's register, late: the child came on the tenth day."""
    school.write(a_pupil(), {MONDAY: ("N", "\\")})
    detect(school, MONDAY, school.stamp())


def test_the_dossier_is_frozen_when_the_review_opens_and_the_decision_refers_to_its_hash(school: School, before_the_dsl: str) -> None:
    asked = ask(school, before_the_dsl)
    assert take_answer(school, before_the_dsl, SAFEGUARDING, shown("k1", asked), answer(code_for(school, "dsl")), RUN).accepted
    with school.transaction() as session:
        decision = session.scalars(select(Decision)).one()
        frozen = session.scalars(select(DossierShown).where(DossierShown.review_id == decision.review_id)).one()
        assert decision.shown_hash == frozen.dossier_hash and frozen.dossier["pupil"]["surname"] == "Bramblewick"


@pytest.mark.usefixtures("as_owner")
def test_what_was_shown_cannot_be_changed_in_the_database(school: School, before_the_dsl: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"), school.transaction() as session:
        for frozen in session.scalars(select(DossierShown)):
            frozen.dossier_hash = "0"


def test_an_answer_to_facts_that_have_changed_is_kept_and_asked_again_with_the_difference(school: School, before_the_dsl: str) -> None:
    first = ask(school, before_the_dsl)
    code = code_for(school, "dsl")
    child_was_there(school)
    taken = take_answer(school, before_the_dsl, SAFEGUARDING, shown("k1", first), answer(code), RUN)
    assert not taken.accepted and "last attended on 2026-11-23" in taken.refusal and "retracted" in taken.refusal
    assert state(school, before_the_dsl) == "DSL review"
    with school.transaction() as session:
        kept = session.scalars(select(Answer).where(Answer.person == "dsl")).one()
        assert kept.content["decision"] == decisions.REFER and not kept.accepted
        assert [d.number for d in session.scalars(select(DossierShown).join(Review).where(Review.kind == SAFEGUARDING)
                                                  .order_by(DossierShown.id))] == [1, 2]
    again = ask(school, before_the_dsl)
    assert again.dossier == 2 and "the facts have changed" in again.refusal
    new = code_for(school, "dsl")
    assert new != code
    assert take_answer(school, before_the_dsl, SAFEGUARDING, shown("k2", again), answer(new, decision=decisions.KEEP_ENQUIRING), RUN).accepted


def test_an_answer_given_in_an_old_form_does_not_pass_for_the_new_one(school: School, before_the_dsl: str) -> None:
    first = ask(school, before_the_dsl)
    code = code_for(school, "dsl")
    child_was_there(school)
    take_answer(school, before_the_dsl, SAFEGUARDING, shown("k1", first), answer(code), RUN)
    ask(school, before_the_dsl)
    old_form = take_answer(school, before_the_dsl, SAFEGUARDING, shown("k2", first), answer(code_for(school, "dsl")), RUN)
    assert not old_form.accepted and "the facts have changed" in old_form.refusal


def test_a_call_for_help_in_a_stale_answer_is_carried_out_all_the_same_and_once(school: School, before_the_dsl: str) -> None:
    first = ask(school, before_the_dsl)
    code = code_for(school, "dsl")
    child_was_there(school)
    urgent = {"actions": [decisions.URGENT]}
    taken = take_answer(school, before_the_dsl, SAFEGUARDING, shown("k1", first), answer(code, **urgent), RUN)
    assert not taken.accepted and "made a task all the same" in taken.refusal
    again = ask(school, before_the_dsl)
    assert take_answer(school, before_the_dsl, SAFEGUARDING, shown("k2", again), answer(code_for(school, "dsl"), **urgent), RUN).accepted
    with school.transaction() as session:
        assert session.scalars(select(Action.kind).where(Action.kind == decisions.URGENT)).all() == [decisions.URGENT]


def test_a_wrong_code_is_not_told_what_has_changed(school: School, before_the_dsl: str) -> None:
    first = ask(school, before_the_dsl)
    wrong = f"{(int(code_for(school, 'dsl')) + 1) % 10**6:06d}"
    child_was_there(school)
    assert "facts" not in take_answer(school, before_the_dsl, SAFEGUARDING, shown("k1", first), answer(wrong), RUN).refusal


def test_a_confirmation_is_asked_again_when_the_facts_have_changed(school: School, before_the_dsl: str) -> None:
    take_answer(school, before_the_dsl, SAFEGUARDING, "k1", answer(code_for(school, "dsl"), decision=decisions.CLOSE), RUN)
    asked = ring(school, before_the_dsl, CONFIRMATION, RUN, school.stamp())
    assert asked is not None
    code = code_for(school, "deputy_dsl")
    child_was_there(school)
    said = {"confirmation": "Yes: I have read the dossier and confirm the decision", "reason": "All in order here.", "code": code}
    assert "the facts have changed" in take_answer(school, before_the_dsl, CONFIRMATION, shown("k2", asked), said, RUN).refusal
    assert state(school, before_the_dsl) == "confirmation"
    assert second(school, before_the_dsl, "deputy_dsl", key="k3").accepted


def test_the_difference_names_no_child(school: School, before_the_dsl: str) -> None:
    with school.transaction() as session:
        shown_first = session.scalars(select(DossierShown.dossier)).first()
    assert shown_first is not None
    pupil = {**shown_first["pupil"], "surname": "Othername", "address": "2 Made-up Lane"}
    said = changes(shown_first, {**shown_first, "pupil": pupil, "flags": ["looked after"]})
    assert said == ["the flags of the child changed", "the child's own details changed"]
    assert changes(shown_first, shown_first) == []


def test_every_refusal_stands_in_the_history_with_its_person(school: School, before_the_dsl: str) -> None:
    first = ask(school, before_the_dsl)
    code = code_for(school, "dsl")
    child_was_there(school)
    take_answer(school, before_the_dsl, SAFEGUARDING, shown("k1", first), answer(code), RUN)
    with school.transaction() as session:
        refused = [e for e in events(session, before_the_dsl) if e.what == "review.answer_refused"]
        assert [(e.who, e.data["person"]) for e in refused] == [("dsl", "dsl")]
        assert [e.what for e in events(session, before_the_dsl) if e.what == "review.dossier_changed"] == ["review.dossier_changed"]


def _with(kind: str, **row: object) -> dict[str, object]:
    base: dict[str, object] = {"findings": [], "attempts": [], "absences": [], "actions": [], "reports": [], "decisions": [], "last_attended": "", "visits": []}
    return base | {kind: [row]} if row else base


@pytest.mark.parametrize(("kind", "row", "asks_anew"), [
    ("attempts", {"channel": "text", "outcome": ""}, ""), ("attempts", {"channel": "email", "outcome": None}, ""),
    ("attempts", {"channel": "held back", "outcome": ""}, ""), ("absences", {"reference": "A-1", "reason": "", "register_changed": False}, ""),
    ("attempts", {"channel": "text", "outcome": "A parent rang"}, "1 more outcome"), ("attempts", {"channel": "call", "outcome": ""}, "1 more attempt"),
    ("attempts", {"channel": "visit", "outcome": "no entry"}, "1 more outcome"),
    ("absences", {"reference": "A-1", "reason": "ill", "register_changed": False}, "a reason recorded"),
    ("absences", {"reference": "A-1", "reason": "", "register_changed": True}, "register corrected")])
def test_what_people_found_out_asks_anew_and_that_a_machine_has_written_once_more_does_not(kind: str, row: dict[str, object], asks_anew: str) -> None:
    said = "; ".join(changes(_with(kind), _with(kind, **row)))
    assert asks_anew in said and bool(said) == bool(asks_anew)
