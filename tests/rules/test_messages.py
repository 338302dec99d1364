"""Which school sends which message, the words for what is not there, and the languages that letters exist in."""

import pytest

from cme.rules.languages import language_of, name_of
from cme.rules.message_fields import FIELDS, TOGETHER, lacking
from cme.rules.messages import ATTENDANCE_RETURN, CME_REFERRAL, DAY_ONE_REPORT, ELSEWHERE, HERE, ROLL_CHANGE_RETURN, SICKNESS_RETURN, who_sends
from cme.rules.procedure import BY_KEY, Step
from cme.rules.roll_changes import DAYS_TO_REPORT_AN_ENTRY, GROUNDS

REGISTRATIONS = ("", "sole", "current", "dual-main", "dual-subsidiary", "guest")


@pytest.mark.parametrize(("kind", "elsewhere"), [
    (DAY_ONE_REPORT, set()), (ROLL_CHANGE_RETURN, {"guest"}), *((kind, {"guest", "dual-subsidiary"}) for kind in (
        ATTENDANCE_RETURN, SICKNESS_RETURN, CME_REFERRAL))])
def test_one_school_sends_each_message_about_a_child_of_two(kind: str, elsewhere: set[str]) -> None:
    assert {of: who_sends(kind, of) for of in REGISTRATIONS} == {of: ELSEWHERE if of in elsewhere else HERE for of in REGISTRATIONS}


def test_what_is_missing_is_named_as_a_person_would_name_it() -> None:
    assert lacking("sex") == "sex not held" and lacking("date_of_birth") == "date of birth not held"
    assert lacking("home_visits") == "home visit not recorded" and lacking("parents") == "a parent's or carer's name not held"
    assert all(lacking(name).endswith((" not held", " not recorded")) for name in {**FIELDS, **TOGETHER})


@pytest.mark.parametrize(("held", "code"), [
    ("", "en"), ("  ", "en"), ("Polish", "pl"), ("pl-PL", "pl"), ("pl_PL", "pl"), (" POL ", "pl"), ("Romanian (Moldova)", "ro"), ("rum", "ro"),
    ("Klingon", None), ("Klingon Polish", None)])
def test_a_language_is_known_by_the_names_that_schools_write(held: str, code: str | None) -> None:
    assert language_of(held) == code


def test_a_language_without_a_name_is_called_by_its_code() -> None:
    assert name_of("ur") == "Urdu" and name_of("tlh") == "tlh"


def test_an_entry_is_reported_within_five_days_and_fifteen_grounds_delete_a_name() -> None:
    assert DAYS_TO_REPORT_AN_ENTRY == 5 and "".join(GROUNDS) == "abcdefghijklmno"


def test_a_step_of_the_procedure_is_found_by_its_key() -> None:
    assert all(BY_KEY[key] == step == Step(*(getattr(step, name) for name in ("key", "title", "words", "who", "due", "actual")))
               for key, step in BY_KEY.items())
