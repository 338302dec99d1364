"""The settings of the sign-in: what would let people pass it by is refused, in one sentence each."""

from pathlib import Path

import pytest

from cme.config.policies import ConfigFaults
from cme.config.settings import Settings, load_settings, missing_settings
from cme.config.sign_in import door_faults, door_warnings

OTHERS = "192.168.7.4"


def settings(**values: object) -> Settings:
    return Settings(_env_file=None, clock=None, **values)  # type: ignore[call-arg]


def test_as_it_comes_the_server_is_on_this_machine_only_and_believes_no_header() -> None:
    bare = settings()
    assert str(bare.ui_host) == "127.0.0.1" and bare.proxy_user_header == "" and door_faults(bare) == [] and door_warnings(bare) == []


@pytest.mark.parametrize("host", [OTHERS, "0.0.0.0"])
def test_production_refuses_a_host_that_others_reach_without_encryption(host: str) -> None:
    [fault] = door_faults(settings(ui_host=host, environment="production"))
    assert fault.startswith("CME_UI_HOST: ") and host in fault and "docs/reverse-proxy.md" in fault
    assert fault in missing_settings(settings(ui_host=host, environment="production"))
    assert door_faults(settings(ui_host=host, ui_url="https://cme.school.example", environment="production")) == []


def test_elsewhere_it_is_a_warning() -> None:
    assert door_faults(settings(ui_host=OTHERS, environment="test")) == [] and len(door_warnings(settings(ui_host=OTHERS, environment="test"))) == 1


@pytest.mark.parametrize("environment", ["production", "test"])
def test_behind_a_proxy_the_server_may_not_be_reached_past_it(environment: str) -> None:
    values = {"ui_host": OTHERS, "ui_url": "https://cme.school.example", "proxy_user_header": "X-Signed-In-As", "environment": environment}
    [fault] = door_faults(settings(**values))
    assert "past the proxy" in fault
    assert door_faults(settings(**{**values, "ui_host": "127.0.0.1"})) == []


@pytest.mark.parametrize("header", ["Authorization", "host", "Cookie", "X Signed In", "X-Näme", "x:", "X_Under_Score"])
def test_a_header_that_cannot_name_a_person_is_refused(header: str) -> None:
    [fault] = door_faults(settings(proxy_user_header=header))
    assert fault.startswith("CME_PROXY_USER_HEADER: ")


@pytest.mark.parametrize("password", ["short", "elevenchars", "with a space in it", "pässwörter-lang-genug", ""])
def test_a_password_that_is_short_or_that_prefects_pages_cannot_send_is_refused_without_being_repeated(password: str) -> None:
    [fault] = door_faults(settings(ui_password=password))
    assert fault.startswith("CME_UI_PASSWORD: ") and (not password or password not in fault)


def test_the_password_is_made_once_for_this_user_only(tmp_path: Path) -> None:
    first = settings(data_dir=tmp_path / "data")
    password = first.password()
    assert len(password) >= 24 and settings(data_dir=tmp_path / "data").password() == password
    assert first.ui_password_file.stat().st_mode & 0o777 == 0o600 and first.ui_password_file.read_text().strip() == password
    assert settings(data_dir=tmp_path / "data", ui_password="one of our own").password() == "one of our own"
    assert door_faults(settings(ui_password=password)) == [] and password not in repr(settings(ui_password=password))


def test_a_host_is_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CME_ENV_FILE", "")
    monkeypatch.delenv("CME_CLOCK")
    monkeypatch.setenv("CME_UI_HOST", "everywhere")
    with pytest.raises(ConfigFaults, match="CME_UI_HOST: .*IPv4 address"):
        load_settings()
