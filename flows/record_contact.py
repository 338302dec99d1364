"""The attendance officer records the reason of an absence for which there is no case."""

import secrets
from enum import Enum
from typing import Annotated, Any

from prefect import flow, suspend_flow_run
from prefect.client.schemas.objects import State
from prefect.input import RunInput
from prefect.states import Completed, Failed
from pydantic import Field

from cme.flows.forms import CODE
from cme.flows.names import by_minute
from cme.steps.absence_form import ABSENCE, REASONS
from cme.tasks import absence_form, bell, notify

Reason = Enum("Reason", {f"R{n}": text for n, text in enumerate(REASONS)}, type=str)      # type: ignore[misc]
Reference = Annotated[str, Field(pattern=ABSENCE)]


class ReasonOfAbsence(RunInput):
    reason: Reason = Field(title="What the parent or carer said")  # type: ignore[valid-type]
    code: str = Field(title="One-time code from your e-mail", pattern=CODE)


@flow(name="record-contact", flow_run_name=by_minute("record-contact"), persist_result=False, validate_parameters=False)
def record_contact(absence: Reference) -> State[Any]:
    """FOR THE ATTENDANCE OFFICER: record the reason of an unexplained absence. Press Run, then Custom run, and give the reference of the
    absence as ABS-1042. A mail brings you a one-time code; then press the three dots and Resume on the run's page. Do not type a name
    anywhere. The run's page then says which mark must be changed in the school's own system; nothing is changed here."""
    taken = absence_form.take_answers(absence)
    if taken.done:
        return Completed(message=taken.done)
    asked = absence_form.ask(absence, taken.refusal)
    if asked.closed:
        return Failed(message=asked.closed)
    notify.send_mail()
    # a key of its own for every asking: Prefect never asks twice under one key
    suspend_flow_run(wait_for_input=ReasonOfAbsence.with_initial_data(description=f"{bell.whom_to_ring()}\n\n{asked.text}"), timeout=None,
                     key=f"absence-{secrets.token_hex(8)}")
    return Failed(message="the form was passed without an answer; start it again")
