"""The settings of a vendor's interface: a secret leaves by https only, and everything that is missing is named."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from cme.config.register_api import api_faults
from cme.config.settings import Settings

WHOLE = {"registers_api": "bromcom", "registers_api_url": "https://mis.school.example", "registers_api_school": "77", "registers_api_user": "app",
         "registers_api_secret": SecretStr("hush-hush")}


def faults(**changes: object) -> list[str]:
    return api_faults(Settings(_env_file=None, environment="test", **{**WHOLE, **changes}))      # type: ignore[arg-type]


def test_nothing_is_asked_where_no_interface_is_used() -> None:
    assert faults(registers_api="", registers_api_url="") == [] and faults() == []


@pytest.mark.parametrize(("changes", "said"), [
    ({"registers_api_url": ""}, "CME_REGISTERS_API_URL: not set"), ({"registers_api_url": "http://mis.school.example"}, "must begin with https://"),
    ({"registers_api_url": "https://a:b@mis.school.example"}, "must begin with https://"), ({"registers_api_school": ""}, "CME_REGISTERS_API_SCHOOL"),
    ({"registers_api_user": ""}, "CME_REGISTERS_API_USER"), ({"registers_api_secret": None}, "CME_REGISTERS_API_SECRET: set it"),
    ({"registers_api_secret_file": Path("x")}, "one of the two"), 
    ({"registers_api_secret": None, "registers_api_secret_file": Path("not-there")}, "cannot be read")])
def test_what_is_missing_or_unsafe_is_one_sentence_by_its_name(changes: dict[str, object], said: str) -> None:
    [sentence] = faults(**changes)
    assert said in sentence and "hush-hush" not in sentence


def test_wonde_needs_no_user_and_arbor_no_number_of_the_school() -> None:
    assert faults(registers_api="wonde", registers_api_user="") == [] and faults(registers_api="arbor", registers_api_school="") == []


def test_this_machine_may_be_asked_without_https() -> None:
    assert faults(registers_api_url="http://127.0.0.1:8080") == [] and faults(registers_api_url="http://127.0.0.1.mis.example") != []
