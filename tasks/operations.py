"""The operations view: tables and a progress bar on Prefect's dashboard, and an event for each escalation. All of it opaque."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from prefect.artifacts import create_markdown_artifact, create_progress_artifact, create_table_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactCollectionFilter, ArtifactCollectionFilterKey
from prefect.client.schemas.objects import ArtifactCollection
from prefect.events import emit_event
from prefect.types._datetime import now as prefects_now

from cme import clock
from cme.steps import alarms, feed, operations, told_events, unaccounted, view
from cme.steps.office import Office
from cme.tasks.fate import office, step

AGAIN_AFTER = timedelta(hours=1)        # also what has not changed is published as often, so that its time says that the sweep lives


@dataclass(frozen=True)
class Shown:
    """One artifact: its content at a moment, in the form that Prefect keeps, and how it is created from that."""

    key: str
    description: str
    content: Callable[[Office, datetime], Any]

    def publish_unless(self, latest: ArtifactCollection | None) -> bool:
        """Publish it, unless the latest one says the same and is not old; returns whether it was published."""
        content = self.content(office(), clock.now())
        kept = json.dumps(content) if isinstance(content, list) else content
        if latest is not None and latest.data == kept and latest.updated and prefects_now("UTC") - latest.updated < AGAIN_AFTER:
            return False
        named = {"key": self.key, "description": self.description}
        if isinstance(content, list):
            create_table_artifact(table=content, **named)
        elif isinstance(content, str):
            create_markdown_artifact(markdown=content, **named)
        else:
            create_progress_artifact(progress=content, **named)
        return True


VIEW = (
    Shown("needs-a-person", "What needs a person now", lambda office, now: alarms.needs_a_person(office)),
    Shown("unaccounted-for", "Who is unaccounted for right now", lambda office, now: unaccounted.page(office)),
    Shown("register-sources", "How the registers come in", feed.page),
    Shown("registers-today", "Registers of today, by when they begin", lambda office, now: operations.registers_today(office, now)[0]),
    Shown("registers-taken", "Registers of today taken, of all that are required, in per cent",
          lambda office, now: operations.registers_today(office, now)[1]),
    Shown("open-cases", "Open cases, the longest waiting first", lambda office, now: view.open_cases_table(office)),
    Shown("cases-by-state", "Open cases by state and age", operations.cases_by_state),
    Shown("overdue-questions", "Questions past their due time", operations.overdue_questions),
    Shown("alarms", "What a person must look at now", lambda office, now: view.alarms_table(office)),
    Shown("outbox", "Messages by kind and state", lambda office, now: view.outbox_table(office)),
    Shown("outbox-by-age", "Messages by kind, way and state", operations.outbox_by_age),
    Shown("outbox-messages", "Messages one by one, the unsettled first", lambda office, now: view.outbox_rows(office)),
)


@step("publish the operations view")
def publish_operations() -> list[str]:
    """Publish what has changed since it was published last, as Prefect itself knows it; returns the keys. One that fails holds up no other."""
    with get_client(sync_client=True) as client:
        latest = {each.key: each for each in client.read_latest_artifacts(
            artifact_filter=ArtifactCollectionFilter(key=ArtifactCollectionFilterKey(any_=[each.key for each in VIEW])))}
    published, failed = [], []
    for each in VIEW:
        try:
            published += [each.key] if each.publish_unless(latest.get(each.key)) else []
        except Exception as error:
            failed.append(error)
    if failed:
        raise failed[0]
    told_events.swept(office(), clock.now())
    return published


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
