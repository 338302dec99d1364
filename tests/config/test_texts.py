"""The settings of the text channel: none is no fault, half of them is."""

import pytest
from pydantic import SecretStr

from cme.config.settings import Settings
from cme.config.texts import has_texts, text_faults

KEY = "name-5c1d2f86-0f0e-4b8e-9d33-1b6f2f0c7a11-b7a4c0de-8f6d-4e43-9a0c-2d51f3a7e9c4"
TEMPLATE = "9f6c2a10-3c77-4d5e-8c41-6f5f5f0b2a33"


def settings(**values: object) -> Settings:
    key = values.pop("notify_key", None)
    return Settings(_env_file=None, clock=None, notify_key=SecretStr(str(key)) if key else None, **values)  # type: ignore


def test_without_a_key_there_are_no_texts_and_no_fault() -> None:
    assert text_faults(settings()) == [] and not has_texts(settings())


def test_a_key_and_a_template_make_a_channel() -> None:
    whole = settings(notify_key=KEY, notify_template=TEMPLATE, notify_sender=TEMPLATE, notify_url="https://notify.example")
    assert text_faults(whole) == [] and has_texts(whole)


@pytest.mark.parametrize(("values", "name"), [
    ({"notify_key": KEY}, "CME_NOTIFY_TEMPLATE"), ({"notify_template": TEMPLATE}, "CME_NOTIFY_KEY"),
    ({"notify_key": "secret", "notify_template": TEMPLATE}, "CME_NOTIFY_KEY"), ({"notify_key": KEY, "notify_template": "x"}, "CME_NOTIFY_TEMPLATE"),
    ({"notify_key": KEY, "notify_template": TEMPLATE, "notify_sender": "Larkspur"}, "CME_NOTIFY_SENDER"),
    ({"notify_url": "http://notify.example", "environment": "test"}, "CME_NOTIFY_URL"), ({"notify_url": "http://127.0.0.1:1"}, "CME_NOTIFY_URL")])
def test_half_of_it_is_one_sentence_that_names_the_setting_and_no_secret(values: dict[str, str], name: str) -> None:
    [sentence] = text_faults(settings(**values))
    assert sentence.startswith(f"{name}: ") and "secret" not in sentence.replace("service id and secret", "")


def test_a_service_on_this_machine_is_for_demo_and_tests_only() -> None:
    assert text_faults(settings(notify_url="http://127.0.0.1:8026", environment="demo")) == []
