"""The door without Prefect: requests go straight to the application, and a small one stands in for Prefect's server."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.steps.conftest import school, ten_days_gone  # noqa: F401  (fixtures)
from tests.steps.school import School

from cme.door.sign_in import credentials
from cme.records import cases, reviews
from cme.steps import contact

PASSWORD = "a password for tests"
OPENS = credentials(PASSWORD)
RUN = "00000000-0000-0000-0000-000000000001"
USER_HEADER = "X-Signed-In-As"


def ask(app: Any, method: str, path: str, *, password: str | None = PASSWORD, **options: Any) -> httpx.Response:
    """What an application answers; ``password`` None: nobody has signed in."""
    async def talk() -> httpx.Response:
        auth = ("admin", password) if password is not None else None
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:4200", auth=auth) as client:
            return await client.request(method, path, **options)

    return asyncio.run(talk())


@pytest.fixture
def link(school: School, ten_days_gone: str) -> str:  # noqa: F811
    """The token of the DSL's link to the dossier of a case that waits for a decision."""
    contact.begin_contact(school, ten_days_gone, school.stamp())
    with school.transaction() as session:
        case = cases.by_reference(session, ten_days_gone)
        contact.to_dsl(school, session, case, school.stamp(), "no answer within 60 minutes of the contact")
        review = reviews.current(session, case.id, reviews.SAFEGUARDING)
        assert review
        review.flow_run_id = RUN
        return reviews.issue_link(session, school.sealer, review, "dsl", school.stamp(), timedelta(days=3))
