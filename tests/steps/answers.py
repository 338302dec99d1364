"""The words people give in the forms, and the codes they read in their mail."""

import re
from typing import Any

from tests.steps.school import School

from cme.records import cases
from cme.records.reviews import CONFIRMATION
from cme.steps import confirm, decisions
from cme.steps.review import Rung, Taken, ring, take_answer

RUN = "00000000-0000-0000-0000-000000000001"
OTHER_RUN = "00000000-0000-0000-0000-000000000002"


def code_for(school: School, role: str) -> str:
    """The code in the newest mail to a role, as the person reads it."""
    school.deliver(worker="test")
    found = re.search(rb"One-time code:\s+(\d{6})", school.post.to(school.person(role).email)[-1])
    assert found
    return found[1].decode()


def answer(code: str, **changes: Any) -> dict[str, Any]:
    """A whole answer of the DSL: refer, with a home visit."""
    return {"decision": decisions.REFER, "actions": [decisions.HOME_VISIT], "reason": "No word for ten school days.", "code": code,
            "agencies": decisions.UNKNOWN, **dict.fromkeys(decisions.REASONS, decisions.UNKNOWN), **changes}


def second(school: School, reference: str, role: str, key: str = "second", **changes: Any) -> Taken:
    """The second person's answer to the open confirmation, its bell rung first."""
    asked = ring(school, reference, CONFIRMATION, OTHER_RUN, school.stamp())
    assert asked is not None
    said = {"confirmation": confirm.CONFIRM, "reason": "I have read it and agree.", "code": code_for(school, role), **changes}
    return take_answer(school, reference, CONFIRMATION, shown(key, asked), said, OTHER_RUN)


def shown(key: str, asked: Rung) -> str:
    """Prefect's key of an answer to the form that ``asked`` shows."""
    return f"{key}-d{asked.dossier}-00000000"


def state(school: School, reference: str) -> str:
    """Where the case stands."""
    with school.transaction() as session:
        return cases.by_reference(session, reference).state
