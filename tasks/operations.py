"""The operations view: tables and a progress bar on Prefect's dashboard, and an event for each escalation. All of it opaque."""

from uuid import NAMESPACE_URL, uuid5

from prefect.artifacts import create_progress_artifact, create_table_artifact
from prefect.events import emit_event

from cme import clock
from cme.steps import operations, told_events
from cme.tasks.fate import office, step


@step("publish the operations view")
def publish_operations() -> None:
    """Today's registers, cases by state and age, overdue questions and the outbox, as tables; registers taken as progress."""
    now = clock.now()
    registers, taken = operations.registers_today(office(), now)
    create_table_artifact(key="registers-today", table=registers, description="Registers of today, by when they begin")
    create_progress_artifact(key="registers-taken", progress=taken, description="Registers of today taken, of all that are required, in per cent")
    create_table_artifact(key="cases-by-state", table=operations.cases_by_state(office(), now), description="Open cases by state and age")
    create_table_artifact(key="overdue-questions", table=operations.overdue_questions(office(), now), description="Questions past their due time")
    create_table_artifact(key="outbox-by-age", table=operations.outbox_by_age(office(), now), description="Messages by kind, way and state")
    told_events.swept(office(), now)


@step("tell escalations")
def tell_escalations() -> int:
    """Emit one Prefect event for each escalation of the history, for automations; returns how many. Told twice, it is the same event."""
    untold = told_events.untold(office())
    for escalation in untold:
        emit_event(event=f"cme.{escalation.what}", occurred=escalation.at, id=uuid5(NAMESPACE_URL, f"cme:{office().school}:{escalation.number}"),
                   resource={"prefect.resource.id": f"cme.about.{escalation.about}", "prefect.resource.name": escalation.about},
                   payload={"number": escalation.number})
    if untold:
        told_events.told(office(), untold[-1].number)
    return len(untold)
