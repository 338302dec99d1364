"""An office on a database of its own, and a case in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from tests.conftest import PASSWORD, SECRET

from cme.config.policies import load
from cme.config.settings import Settings
from cme.records import database
from cme.records.database import APP
from cme.records.sealed_columns import keep_keys
from cme.records.sealing import Sealer
from cme.services.demo import PEOPLE
from cme.records.reviews import CONTACT_OUTCOME, SAFEGUARDING
from cme.steps import contact
from cme.steps.detect import detect
from cme.steps.review import ring, take_answer
from tests.steps.answers import RUN, code_for
from tests.steps.school import MONDAY, PostOffice, School, a_pupil


@pytest.fixture
def as_owner() -> None:
    """For a test that meddles with history, or that puts several schools into one database: its office connects as the owner."""


@pytest.fixture
def school(engine: Engine, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[School]:
    """The office as it runs: connected as the role that cannot change history and sees one school's rows."""
    people = tmp_path / "people.yaml"
    people.write_text(yaml.safe_dump(PEOPLE), encoding="utf-8")
    settings = Settings(_env_file=None, environment="test", people_file=people, mail_sender="attendance@school.example",  # type: ignore[call-arg]
                        smtp_host="127.0.0.1", smtp_tls="none", data_dir=tmp_path,
                        database_url="postgresql://a-server", database_owner_url=SecretStr(engine.url.render_as_string(hide_password=False)))
    policies = load()
    app = database.engine(make_url(engine.url).set(username=APP, password=PASSWORD).render_as_string(hide_password=False), policies.school.laestab)
    keep_keys(app, Sealer(SECRET))
    office = School(engine if "as_owner" in request.fixturenames else app, settings, policies, Sealer(SECRET))
    office.post = PostOffice()
    yield office
    app.dispose()


@pytest.fixture
def ten_days_gone(school: School) -> str:
    """The reference of a case: a child absent for ten school days up to Monday 23 November 2026."""
    school.write(a_pupil(), {day: ("N", "N") for day in school.school_days_before(MONDAY, 10)})
    [reference] = detect(school, MONDAY, school.stamp()).opened
    return reference


@pytest.fixture
def before_the_dsl(school: School, ten_days_gone: str) -> str:
    """A case that waits for the DSL, its bell rung."""
    contact.begin_contact(school, ten_days_gone, school.stamp())
    ring(school, ten_days_gone, CONTACT_OUTCOME, RUN, school.stamp())
    code = code_for(school, "attendance_officer")
    assert take_answer(school, ten_days_gone, CONTACT_OUTCOME, "k0", {"outcome": contact.NO_ANSWER, "note": "", "code": code}, RUN).accepted
    ring(school, ten_days_gone, SAFEGUARDING, RUN, school.stamp())
    return ten_days_gone
