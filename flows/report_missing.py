"""A member of staff reports that a child may have run away or gone missing: the Run form of this deployment is the report.

Nothing that identifies a child may be typed into it: the child is a reference. The form checks what is typed; what comes past it
(a report may be started without its checks) is read all the same, because a report must never vanish.
"""

from enum import Enum
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import BaseModel, ConfigDict, Field

from cme.flows.names import by_minute
from cme.steps import report_form
from cme.tasks import bell, report

SeenOn = Enum("SeenOn", {f"S{n}": text for n, text in enumerate(report_form.SEEN_ON)}, type=str)             # type: ignore[misc]
SeenWhere = Enum("SeenWhere", {f"W{n}": text for n, text in enumerate(report_form.SEEN_WHERE)}, type=str)    # type: ignore[misc]
SeenBy = Enum("SeenBy", {f"B{n}": text for n, text in enumerate(report_form.SEEN_BY)}, type=str)             # type: ignore[misc]
Concern = Enum("Concern", {f"C{n}": text for n, text in enumerate(report_form.CONCERN)}, type=str)           # type: ignore[misc]


def _field(position: int, title: str, **more: Any) -> Any:
    """A field of the form, shown in its place: Prefect stores the schema without the order of its fields."""
    return Field(title=title, json_schema_extra={"position": position}, **more)


class MissingChild(BaseModel):
    """If the child may be in danger, ring 999 first. Do not type a name anywhere: everyone who opens these pages can read it."""

    model_config = ConfigDict(extra="forbid")
    child: str = _field(1, "Reference of the child", pattern=report_form.CHILD,
                        description='As P-1042. On the school\'s computer, cme pupil "part of the name" shows it; or ask the attendance officer.')
    concern: Concern = _field(2, "Are you worried about the child's safety?")  # type: ignore[valid-type]
    seen_on: SeenOn = _field(3, "Last seen on")  # type: ignore[valid-type]
    seen_at: str = _field(4, "Last seen at", pattern=report_form.TIME, description="Hours and minutes, as 09:15. A guess is better than nothing.")
    where: SeenWhere = _field(5, "Last seen where")  # type: ignore[valid-type]
    seen_by: SeenBy = _field(6, "Last seen by")  # type: ignore[valid-type]
    reported_by: str = _field(7, "Your own staff code", pattern=report_form.CODE, description="Two to six letters or digits, as on the timetable.")


@flow(name="report-missing", flow_run_name=by_minute("report-missing"), persist_result=False, validate_parameters=False)
def report_missing(missing_child: MissingChild) -> State[Any]:
    """FOR EVERY MEMBER OF STAFF: report here that a child may have run away or gone missing. If the child may be in danger, ring 999
    first. Press Run, then Custom run, and fill in the form. Do not type a name: the child is given by a reference like P-1042, which
    `cme pupil "part of the name"` shows on the school's computer. The attendance officer is called at once; if you are worried about the
    child's safety, the designated safeguarding lead as well. The run's own page then says what happens next and whom to ring."""
    given = missing_child.model_dump(mode="json") if isinstance(missing_child, BaseModel) else missing_child
    received = report.receive_now(given)
    bell.start_missing_bells(return_state=True)      # if it fails the report stands all the same, and the sweep rings within a minute
    return (Completed if received.reference else Failed)(message=received.sentence)
