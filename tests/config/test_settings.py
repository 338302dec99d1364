"""The settings of an installation: from the environment and .env, with the people outside git."""

import os
import stat
import threading
from pathlib import Path

import pytest
import yaml

from cme.config.policies import ConfigFaults
from cme.config.settings import ROLES, Settings, load_people, load_settings, missing_settings
from cme.services.demo import PEOPLE


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("CME_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_the_env_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CME_SMTP_HOST=from-file.example\nCME_MAIL_SENDER=a@school.example\n")
    monkeypatch.setenv("CME_SMTP_HOST", "from-environment.example")
    settings = load_settings()
    assert (settings.smtp_host, settings.mail_sender) == ("from-environment.example", "a@school.example")


def test_an_empty_name_of_an_env_file_means_that_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CME_SMTP_HOST=real.example\n")
    monkeypatch.setenv("CME_ENV_FILE", "")
    assert load_settings().smtp_host == ""


def test_all_faults_are_raised_at_once_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CME_SMTP_PORT", "many")
    monkeypatch.setenv("CME_ENVIRONMENT", "holiday")
    monkeypatch.setenv("CME_DATABASE_URL", "mysql://x/y")
    with pytest.raises(ConfigFaults) as raised:
        load_settings()
    assert sorted(fault.split(":")[0] for fault in raised.value.faults) == ["CME_DATABASE_URL", "CME_ENVIRONMENT", "CME_SMTP_PORT"]


def test_a_secret_never_shows_in_the_settings_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CME_SMTP_PASSWORD", "hush")
    monkeypatch.setenv("CME_SECRET_KEY", "hush-hush-hush-hush")
    assert "hush" not in repr(load_settings())


def test_a_person_without_an_address_is_named_with_the_role(tmp_path: Path) -> None:
    people = tmp_path / "people.yaml"
    people.write_text(yaml.safe_dump({**PEOPLE, "dsl": {"name": "Nobody", "email": "not an address"}, "head": {}}))
    with pytest.raises(ConfigFaults) as raised:
        load_people(people)
    assert all(any(key in fault for fault in raised.value.faults) for key in ("dsl.email", "head.name", "head.email"))


@pytest.mark.parametrize("role", ROLES)
def test_every_role_is_needed(tmp_path: Path, role: str) -> None:
    people = tmp_path / "people.yaml"
    people.write_text(yaml.safe_dump({key: value for key, value in PEOPLE.items() if key != role}))
    with pytest.raises(ConfigFaults, match=role):
        load_people(people)


def test_the_sealing_key_is_made_once_private_and_the_same_for_all_who_come_at_once(tmp_path: Path) -> None:
    settings, found = Settings(_env_file=None, data_dir=tmp_path), []  # type: ignore[call-arg]
    threads = [threading.Thread(target=lambda: found.append(settings.secrets()[0])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1 and len(found[0]) > 40
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("secret.*")] == ["secret.key"]


def test_a_folder_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, registers_folder=tmp_path / "nowhere")  # type: ignore[call-arg]
    assert any("CME_REGISTERS_FOLDER" in fault and "does not exist" in fault for fault in missing_settings(settings))
