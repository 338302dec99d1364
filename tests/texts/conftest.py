"""A text service that goes wrong when it is told to, and a school that texts by it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr
from sqlalchemy import Engine
from tests.steps.school import AOIFE, BRAM, PostOffice, School, a_pupil

from cme.config.policies import load
from cme.config.settings import Settings
from cme.mail.fake_notify import FakeNotify
from cme.mail.fake_phones import KEY, TEMPLATE, Phones
from cme.records.sealing import Sealer
from cme.services.demo import PEOPLE
from cme.sources.source import Contact


@pytest.fixture
def service() -> Iterator[FakeNotify]:
    with FakeNotify() as server:
        yield server


@pytest.fixture
def phones(service: FakeNotify) -> Phones:
    return service.phones


@pytest.fixture
def school(engine: Engine, tmp_path: Path, service: FakeNotify) -> School:
    people = tmp_path / "people.yaml"
    people.write_text(yaml.safe_dump(PEOPLE), encoding="utf-8")
    settings = Settings(_env_file=None, environment="test", people_file=people, mail_sender="attendance@school.example",  # type: ignore[call-arg]
                        smtp_host="127.0.0.1", smtp_tls="none", data_dir=tmp_path, notify_url=service.url, notify_key=SecretStr(KEY),
                        notify_template=TEMPLATE)
    office = School(engine, settings, load(), Sealer("a secret for tests only"))
    office.post = PostOffice()
    # besides the mother and the father, two whose telephones the simulator says no text gets to
    office.write(a_pupil(contacts=(AOIFE, BRAM, Contact("Off", telephone="07700 900003"), Contact("Wrong", telephone="07700 900002"))), {})
    return office
