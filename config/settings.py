"""What one installation sets from outside: the environment (``CME_...``) and a ``.env`` file.

Values that belong to the law, the school's procedure or an authority are not here but in the YAML files (policies.py).
People's names and addresses stand in a file outside git (``CME_PEOPLE_FILE``; people.py).
"""

import os
from datetime import datetime
from functools import cached_property
from ipaddress import IPv4Address
from pathlib import Path
from typing import Literal
from zoneinfo import available_timezones

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from cme.config.mail_settings import MailSettings, mail_faults
from cme.config.people import ROLES, TITLES, People, Person, require_role
from cme.config.people_file import PeopleFile, load_people
from cme.config.policies import ConfigFaults
from cme.config.register_api import api_faults, secret_of
from cme.config.secret_keys import SecretKeys, made_once
from cme.config.sign_in import door_faults
from cme.config.texts import text_faults

__all__ = ["ROLES", "TITLES", "People", "Person", "Settings", "cover_sentences", "load_people", "load_settings", "missing_settings", "require_role"]


class Settings(MailSettings):
    """The settings of this installation; every field is set by ``CME_<NAME>`` in the environment or ``.env``."""

    model_config = SettingsConfigDict(env_prefix="CME_", env_file=".env", extra="ignore", frozen=False)

    environment: Literal["production", "demo", "test"] = "production"
    data_dir: Path = Field(default_factory=lambda: user_data_path("cme-flows"))
    database_url: str | None = None
    database_owner_url: SecretStr | None = None
    prefect_database_url: str | None = None
    ui_port: int = 4200
    config_dir: Path | None = None
    authority: str | None = None
    people_file: Path | None = None
    secret_key: SecretStr | None = None
    former_secret_keys: SecretStr | None = None
    secret_keyring: str = ""
    anchor_file: Path | None = None
    anchor_days: int = Field(default=3, ge=1)
    clock: str | None = None

    registers_folder: Path | None = None
    registers_file: Path | None = None
    registers_url: SecretStr | None = None
    registers_queries: Path | None = None
    registers_columns: Path | None = None
    registers_system: Literal["", "gibbon", "opensis", "rosariosis", "views"] = ""
    registers_zone: str = "Europe/London"
    registers_api: Literal["", "arbor", "wonde", "bromcom"] = ""
    registers_api_url: str = ""
    registers_api_school: str = ""
    registers_api_user: str = ""
    registers_api_secret: SecretStr | None = None
    registers_api_secret_file: Path | None = None
    registers_times: Literal["first_completed", "last_saved", "observed", "none"] = "first_completed"

    notify_url: str = ""
    notify_key: SecretStr | None = None
    notify_template: str = ""
    notify_sender: str = ""

    ui_url: str = "http://127.0.0.1:4200"
    ui_host: IPv4Address = IPv4Address("127.0.0.1")
    ui_password: SecretStr | None = None
    proxy_user_header: str = ""
    inbox_url: str = ""
    metrics_port: int | None = Field(default=None, ge=1024, le=65535)

    @field_validator("database_url")
    @classmethod
    def _postgresql_only(cls, value: str | None) -> str | None:
        if value and not value.startswith(("postgresql://", "postgresql+psycopg2://")):
            raise ValueError("must begin with postgresql:// (PostgreSQL is the one dialect); leave it out for the private database")
        return value

    @field_validator("registers_zone")
    @classmethod
    def _a_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("is no time zone; write it like Europe/London")
        return value

    @field_validator("clock")
    @classmethod
    def _a_moment(cls, value: str | None) -> str | None:
        try:
            datetime.fromisoformat((value or "2026-11-23").partition("@")[0])
        except ValueError:
            raise ValueError("must be a moment like 2026-11-23T09:30:00; remove it for the real time") from None
        return value

    @model_validator(mode="after")
    def _production_is_not_a_demo(self) -> "Settings":
        if self.environment == "production" and self.clock:
            raise ValueError("CME_CLOCK moves the school's clock and is refused in production; remove it")
        return self

    @cached_property
    def people_source(self) -> PeopleFile:
        """Where the people come from, and what is wrong with it now."""
        return PeopleFile(self.people_file, self.data_dir / "people.last-good.yaml")

    @property
    def people(self) -> People:
        """The people as they stand at this moment; raises ConfigFaults naming every fault where they were never readable."""
        return self.people_source.read()

    @property
    def secret_keys(self) -> SecretKeys:
        """Where the secrets that seal the records stand: ``CME_SECRET_KEY``, ``CME_SECRET_KEYRING``, else a private file made once."""
        return SecretKeys(self.data_dir / "secret.key", self.secret_key, self.former_secret_keys, self.secret_keyring)

    def secrets(self) -> list[str]:
        """The secrets that seal the records as they stand at this moment, newest first."""
        return self.secret_keys.read()

    def owner_url(self) -> str | None:
        """The address of the owner of the tables on a server of one's own, who brings them up to date and changes keys."""
        return self.database_owner_url.get_secret_value() if self.database_owner_url else None

    @property
    def anchors(self) -> Path:
        """The file of anchors: append-only, outside the folder of the database."""
        return self.anchor_file or self.data_dir / "anchors.jsonl"

    def registers_secret(self) -> str:
        """The password or token of the register source's interface as it stands at this moment: a file may be renewed meanwhile."""
        return secret_of(self)

    @property
    def ui_password_file(self) -> Path:
        """Where the password of the sign-in stands when ``CME_UI_PASSWORD`` does not give it."""
        return self.data_dir / "ui-password"

    def password(self) -> str:
        """The password that opens the Prefect UI and the dossiers: ``CME_UI_PASSWORD``, else a private file made once."""
        return self.ui_password.get_secret_value() if self.ui_password else made_once(self.ui_password_file, 24)


def load_settings(**overrides: object) -> Settings:
    """The settings; raises ConfigFaults with every fault by its name in the environment. ``CME_ENV_FILE`` names another ``.env``;
    empty, there is none."""
    try:
        return Settings(_env_file=os.environ.get("CME_ENV_FILE", ".env") or None, **overrides)  # type: ignore[call-arg]
    except ValidationError as error:
        raise ConfigFaults(["CME_" + ".".join(str(p) for p in fault["loc"]).upper() + f": {fault['msg']}; correct it in the environment or .env"
                            if fault["loc"] else fault["msg"].removeprefix("Value error, ") for fault in error.errors()]) from error


def missing_settings(settings: Settings) -> list[str]:
    """What this installation still needs before it can run for real, one sentence each."""
    faults = []
    if not (settings.registers_folder or settings.registers_file or settings.registers_url or settings.registers_api):
        faults.append("CME_REGISTERS_FOLDER: no source of registers; set it to the folder of CSV exports, or set CME_REGISTERS_URL "
                      "and CME_REGISTERS_QUERIES, or CME_REGISTERS_API")
    if settings.registers_url and not (settings.registers_queries or settings.registers_system):
        faults.append("CME_REGISTERS_QUERIES: not set; name the YAML file with the school's own queries for CME_REGISTERS_URL, or say which "
                      "system it is by CME_REGISTERS_SYSTEM")
    for name in ("registers_folder", "registers_file", "registers_queries", "registers_columns", "config_dir"):
        path = getattr(settings, name)
        if path and not Path(path).exists():
            faults.append(f"CME_{name.upper()}: {path} does not exist; create it or correct the setting")
    faults += mail_faults(settings) + door_faults(settings) + api_faults(settings) + text_faults(settings)
    try:
        load_people(settings.people_file)
    except ConfigFaults as error:
        faults += error.faults
    return faults


def cover_sentences(settings: Settings, now: datetime) -> list[str]:
    """Where the cover calendar leaves nobody on duty from now on, one sentence each. It stops nothing: all are asked then."""
    try:
        return [f"{settings.people_file}: {sentence}" for sentence in load_people(settings.people_file).gaps(now)]
    except ConfigFaults:
        return []
