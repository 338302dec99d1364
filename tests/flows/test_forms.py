"""The forms: what decides has no default, and the choices are the words of the procedure."""

import jsonschema
import pytest

from cme.flows.forms import FORM, ContactOutcome, SafeguardingDecision, SecondPerson
from cme.steps import confirm, contact, decisions

WHOLE = {"decision": decisions.REFER, "reason": "No word for ten days.", "code": "123456", "agencies": decisions.UNKNOWN,
         **dict.fromkeys(decisions.REASONS, decisions.NO)}


def test_an_empty_click_is_refused_by_every_form() -> None:
    for form in FORM.values():
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({}, form.model_json_schema())


def test_the_decision_the_outcome_and_the_code_have_no_default() -> None:
    assert {"decision", "reason", "code", "agencies", *decisions.REASONS} <= set(SafeguardingDecision.model_json_schema()["required"])
    assert {"confirmation", "reason", "code"} <= set(SecondPerson.model_json_schema()["required"])
    assert {"outcome", "code"} <= set(ContactOutcome.model_json_schema()["required"])


def test_the_choices_shown_are_the_words_of_the_procedure() -> None:
    definitions = SafeguardingDecision.model_json_schema()["$defs"]
    assert definitions["Decision"]["enum"] == list(decisions.OUTCOMES)
    assert definitions["ActionChoice"]["enum"] == list(decisions.ACTIONS)
    assert SecondPerson.model_json_schema()["$defs"]["Confirm"]["enum"] == list(confirm.CHOICES)
    assert ContactOutcome.model_json_schema()["$defs"]["Outcome"]["enum"] == list(contact.OUTCOMES)


def test_the_form_asks_for_exactly_the_eight_reasons_of_the_procedure() -> None:
    asked = {name: field.title for name, field in SafeguardingDecision.model_fields.items() if (field.title or "").startswith("Could it be")}
    assert asked == {name: f"Could it be: {title[0].lower()}{title[1:]}?" for name, title in decisions.REASONS.items()}


def test_a_whole_answer_is_accepted() -> None:
    jsonschema.validate(WHOLE, SafeguardingDecision.model_json_schema())


@pytest.mark.parametrize("change", [{"code": "12345"}, {"code": "abcdef"}, {"reason": "short"}, {"decision": "Approve"}, {"extra": "x"}])
def test_a_broken_answer_is_refused_by_the_form(change: dict[str, str]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**WHOLE, **change}, SafeguardingDecision.model_json_schema())


def test_no_form_has_a_pydantic_validator_because_it_would_fail_the_run_after_the_answer() -> None:
    for form in FORM.values():
        decorators = form.__pydantic_decorators__
        assert not decorators.validators and not decorators.field_validators and not decorators.model_validators
