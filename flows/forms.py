"""The forms people answer in the Prefect UI.

Only JSON-schema constraints: a pydantic validator would fail the run after the answer, with the answer in Prefect's state
message. What decides has no default, so that an empty click is refused by the form itself. The choices are the words of the
procedure.
"""

from enum import Enum

from prefect.input import RunInput
from pydantic import Field

from cme.records.reviews import CONFIRMATION, CONTACT_OUTCOME, MISSING_REPORT, SAFEGUARDING
from cme.steps import confirm, contact, decisions, missing_report

CODE = r"^\s*\d{6}\s*$"

Decision = Enum("Decision", {f"D{n}": text for n, text in enumerate(decisions.OUTCOMES)}, type=str)       # type: ignore[misc]
ActionChoice = Enum("ActionChoice", {f"A{n}": text for n, text in enumerate(decisions.ACTIONS)}, type=str)  # type: ignore[misc]
YesNo = Enum("YesNo", {f"Y{n}": text for n, text in enumerate(decisions.ANSWERS)}, type=str)                # type: ignore[misc]
Confirm = Enum("Confirm", {f"C{n}": text for n, text in enumerate(confirm.CHOICES)}, type=str)            # type: ignore[misc]
Outcome = Enum("Outcome", {f"O{n}": text for n, text in enumerate(contact.OUTCOMES)}, type=str)           # type: ignore[misc]
Established = Enum("Established", {f"E{n}": text for n, text in enumerate(missing_report.ESTABLISHED)}, type=str)  # type: ignore[misc]
Known = Enum("Known", {key: text for key, text in decisions.REASONS.items()}, type=str)                    # type: ignore[misc]


class SafeguardingDecision(RunInput):
    decision: Decision = Field(title="Decision")  # type: ignore[valid-type]
    actions: list[ActionChoice] = Field(default=[], title="Actions to take, each becomes a task")  # type: ignore[valid-type]
    # the eight reasons that the procedure names (decisions.REASONS; a test compares): each must be answered
    failed_to_start: YesNo = Field(title="Could it be: failed to start the provision?")  # type: ignore[valid-type]
    illegal_exclusion: YesNo = Field(title="Could it be: illegal exclusion or withdrawal?")  # type: ignore[valid-type]
    failed_transition: YesNo = Field(title="Could it be: failed transition between schools?")  # type: ignore[valid-type]
    asylum: YesNo = Field(title="Could it be: refugee or asylum-seeking family?")  # type: ignore[valid-type]
    highly_mobile: YesNo = Field(title="Could it be: highly mobile family?")  # type: ignore[valid-type]
    forced_marriage: YesNo = Field(title="Could it be: risk of forced marriage?")  # type: ignore[valid-type]
    neglect_or_abuse: YesNo = Field(title="Could it be: neglect or abuse?")  # type: ignore[valid-type]
    youth_justice: YesNo = Field(title="Could it be: supervised by youth justice?")  # type: ignore[valid-type]
    agencies: YesNo = Field(title="Is the child known to other agencies?")  # type: ignore[valid-type]
    reason: str = Field(title="Reason, for the record. Do not write the child's name here", min_length=10, max_length=2000)
    code: str = Field(title="One-time code from your e-mail", pattern=CODE)


class SecondPerson(RunInput):
    confirmation: Confirm = Field(title="Do you confirm the decision?")  # type: ignore[valid-type]
    reason: str = Field(title="Your reason, for the record. Do not write the child's name here", min_length=10, max_length=2000)
    code: str = Field(title="One-time code from your e-mail", pattern=CODE)


class ContactOutcome(RunInput):
    outcome: Outcome = Field(title="What came of the contact")  # type: ignore[valid-type]
    note: str = Field(default="", title="What was said, for the record. Do not write the child's name here", max_length=2000)
    code: str = Field(title="One-time code from your e-mail", pattern=CODE)


class MissingReportAnswer(RunInput):
    outcome: Established = Field(title="What is established")  # type: ignore[valid-type]
    where: str = Field(default="", title="If found: where, and who has seen the child. Do not write the child's name here", max_length=1000)
    tried: str = Field(title="Whom you tried, how and when. Do not write the child's name here", min_length=3, max_length=2000)
    known: list[Known] = Field(default=[], title="What you know or suspect of, if any")  # type: ignore[valid-type]
    code: str = Field(title="One-time code from your e-mail", pattern=CODE)


FORM = {SAFEGUARDING: SafeguardingDecision, CONFIRMATION: SecondPerson, CONTACT_OUTCOME: ContactOutcome, MISSING_REPORT: MissingReportAnswer}
READ = "The dossier (link in your e-mail, or `cme show {reference}` on the school's machine) shows who the child is and everything on record."
HEADING = {
    SAFEGUARDING: f"### Decision of the designated safeguarding lead\n\n{READ}",
    CONFIRMATION: f"### A second person confirms a decision\n\n{READ} Nobody confirms their own decision. If you do not agree, the case goes "
                  "back to the designated safeguarding lead.",
    CONTACT_OUTCOME: f"### Outcome of the contact with the parent or carer\n\n{READ} Whatever you record, the case goes on to the "
                     "designated safeguarding lead.",
    MISSING_REPORT: f"### A child is reported missing: what can be established?\n\n{READ} Ring every person held, now. Whatever you record, the case "
                    "goes before the designated safeguarding lead: at once, unless the child is found and safe.",
}
