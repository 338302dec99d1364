"""What one installation sets from outside: the environment (``CME_...``) and a ``.env`` file.

Values that belong to the law, the school's procedure or an authority are not here but in the YAML files (policies.py).
People's names and addresses stand in a file outside git (``CME_PEOPLE_FILE``), by role.
"""

import os
import secrets
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Literal

import yaml
from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cme.config.policies import ConfigFaults
from cme.errors import BadInput

ROLES = ("dsl", "deputy_dsl", "head", "attendance_officer", "operations")
ADDRESS = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}$"


class Person(BaseModel):
    """One role-holder. The key in the file ("dsl", ...) is what history and reviews name."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(min_length=1)
    email: str = Field(pattern=ADDRESS)
    telephone: str = ""
    title: str = ""


class People(BaseModel):
    """The role-holders of the school: designated safeguarding lead, deputy, head, attendance officer, operations."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    dsl: Person
    deputy_dsl: Person
    head: Person
    attendance_officer: Person
    operations: Person

    def of(self, key: str) -> Person:
        """The person of a role key."""
        return getattr(self, key)

    def shown(self, key: str) -> str:
        """How a person's key is written for people: "J. Example (designated safeguarding lead)"; the machine as itself."""
        if key not in ROLES:
            return "the software" if key == "machine" else key
        person = self.of(key)
        return f"{person.name} ({person.title or TITLES[key]})"


TITLES = {"dsl": "designated safeguarding lead", "deputy_dsl": "deputy designated safeguarding lead", "head": "head teacher",
          "attendance_officer": "attendance officer", "operations": "operations"}


def require_role(key: str) -> None:
    """Refuse what is not one of the roles: who did it must be one of the people the configuration knows."""
    if key not in ROLES:
        raise BadInput(f"{key!r} is not a role; use one of {', '.join(ROLES)}")


class Settings(BaseSettings):
    """The settings of this installation; every field is set by ``CME_<NAME>`` in the environment or ``.env``."""

    model_config = SettingsConfigDict(env_prefix="CME_", env_file=".env", extra="ignore", frozen=False)

    environment: Literal["production", "demo", "test"] = "production"
    data_dir: Path = Field(default_factory=lambda: user_data_path("cme-flows"))
    database_url: str | None = None
    prefect_database_url: str | None = None
    ui_port: int = 4200
    config_dir: Path | None = None
    authority: str | None = None
    people_file: Path | None = None
    secret_key: SecretStr | None = None
    clock: str | None = None

    registers_folder: Path | None = None
    registers_file: Path | None = None
    registers_url: SecretStr | None = None
    registers_queries: Path | None = None
    registers_times: Literal["first_completed", "last_saved", "observed", "none"] = "first_completed"

    smtp_host: str = ""
    smtp_port: int = 587
    smtp_tls: Literal["ssl", "starttls", "none"] = "starttls"
    smtp_user: str = ""
    smtp_password: SecretStr | None = None
    smtp_ca: Path | None = None
    mail_sender: str = ""
    mail_sender_name: str = ""
    mail_data_timeout: int = 600

    ui_url: str = "http://127.0.0.1:4200"
    inbox_url: str = ""

    @field_validator("database_url")
    @classmethod
    def _postgresql_only(cls, value: str | None) -> str | None:
        if value and not value.startswith(("postgresql://", "postgresql+psycopg2://")):
            raise ValueError("must begin with postgresql:// (PostgreSQL is the one dialect); leave it out for the private database")
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
    def people(self) -> People:
        """The role-holders, from the people file; raises ConfigFaults naming every fault."""
        return load_people(self.people_file)

    def secret(self) -> str:
        """The key that seals messages and codes: ``CME_SECRET_KEY``, else a private file made once in the data folder."""
        if self.secret_key:
            return self.secret_key.get_secret_value()
        path = self.data_dir / "secret.key"
        if not path.exists():
            self.data_dir.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(f".{secrets.token_hex(4)}")
            part.touch(mode=0o600)
            part.write_text(secrets.token_urlsafe(48))
            try:
                path.hardlink_to(part)      # whoever is first wins: two processes never hold different keys
            except FileExistsError:
                pass
            part.unlink()
        return path.read_text().strip()


def load_people(path: Path | None) -> People:
    """The people file as People; raises ConfigFaults with one sentence a fault."""
    if path is None:
        raise ConfigFaults(["CME_PEOPLE_FILE: not set; name a YAML file outside git with the role-holders "
                            f"({', '.join(ROLES)}), as in .env.example"])
    try:
        return People.model_validate(yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {})
    except OSError as error:
        raise ConfigFaults([f"CME_PEOPLE_FILE: {path}: {error.strerror}; put the file there or change the setting"]) from error
    except yaml.YAMLError as error:
        raise ConfigFaults([f"CME_PEOPLE_FILE: {path}: not readable as YAML ({str(error).splitlines()[0]}); mend the file"]) from error
    except ValidationError as error:
        raise ConfigFaults([f"{path}: {'.'.join(str(p) for p in fault['loc'])}: {fault['msg'].lower()}; "
                            "give each role a name and an e-mail address" for fault in error.errors()]) from error


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
    if not (settings.registers_folder or settings.registers_file or settings.registers_url):
        faults.append("CME_REGISTERS_FOLDER: no source of registers; set it to the folder of CSV exports, or set CME_REGISTERS_URL "
                      "and CME_REGISTERS_QUERIES")
    if settings.registers_url and not settings.registers_queries:
        faults.append("CME_REGISTERS_QUERIES: not set; name the YAML file with the school's own queries for CME_REGISTERS_URL")
    for name in ("registers_folder", "registers_file", "registers_queries", "config_dir"):
        path = getattr(settings, name)
        if path and not Path(path).exists():
            faults.append(f"CME_{name.upper()}: {path} does not exist; create it or correct the setting")
    if not settings.smtp_host:
        faults.append("CME_SMTP_HOST: not set; name the mail server that sends the school's mail")
    if not settings.mail_sender:
        faults.append("CME_MAIL_SENDER: not set; give the address that messages come from")
    try:
        settings.people
    except ConfigFaults as error:
        faults += error.faults
    return faults
