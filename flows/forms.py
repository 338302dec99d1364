"""The forms people answer in the Prefect UI.

Only JSON-schema constraints: a pydantic validator would fail the run after the answer, with the answer in Prefect's state
message. What decides has no default, so that an empty click is refused by the form itself. The choices are the words of the
procedure.
"""

from enum import Enum

from prefect.input import RunInput
from pydantic import Field

from cme.records.reviews import CONTACT_OUTCOME, SAFEGUARDING
from cme.steps import contact, decisions

CODE = r"^\s*\d{6}\s*$"

Decision = Enum("Decision", {f"D{n}": text for n, text in enumerate(decisions.OUTCOMES)}, type=str)       # type: ignore[misc]
ActionChoice = Enum("ActionChoice", {f"A{n}": text for n, text in enumerate(decisions.ACTIONS)}, type=str)  # type: ignore[misc]
Outcome = Enum("Outcome", {f"O{n}": text for n, text in enumerate(contact.OUTCOMES)}, type=str)           # type: ignore[misc]


class SafeguardingDecision(RunInput):
    decision: Decision = Field(title="Decision")  # type: ignore[valid-type]
    actions: list[ActionChoice] = Field(default=[], title="Actions to take, each becomes a task")  # type: ignore[valid-type]
    reason: str = Field(title="Reason, for the record. Do not write the child's name here", min_length=10, max_length=2000)
    code: str = Field(title="One-time code from your e-mail", pattern=CODE)


class ContactOutcome(RunInput):
    outcome: Outcome = Field(title="What came of the contact")  # type: ignore[valid-type]
    note: str = Field(default="", title="What was said, for the record. Do not write the child's name here", max_length=2000)
    code: str = Field(title="One-time code from your e-mail", pattern=CODE)


FORM = {SAFEGUARDING: SafeguardingDecision, CONTACT_OUTCOME: ContactOutcome}
HEADING = {
    SAFEGUARDING: "### Decision of the designated safeguarding lead\n\n"
                  "**If you believe that a child is in immediate danger, ring 999 now and record it here afterwards.** "
                  "`cme show {reference}` on the school's machine shows who the child is and everything on record.",
    CONTACT_OUTCOME: "### Outcome of the contact with the parent or carer\n\n"
                     "`cme show {reference}` on the school's machine shows whom to ring. Whatever you record, the case goes on to the "
                     "designated safeguarding lead.",
}
