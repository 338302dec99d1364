"""The operations view: tables and a progress bar on Prefect's dashboard, and an event for each escalation. All of it opaque."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
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


@dataclass
class Look:
    """One look at the records: all that is published of it is of one moment."""

    office: Office
    now: datetime

    @cached_property
    def registers(self) -> tuple[operations.Rows, float]:
        return operations.registers_today(self.office, self.now)


@dataclass(frozen=True)
class Shown:
    """One artifact: its content in a look, in the form that Prefect keeps, and how it is created from that."""

    key: str
    description: str
    content: Callable[[Look], Any]

    def publish_unless(self, latest: ArtifactCollection | None, look: Look) -> bool:
        """Publish it, unless the latest one says the same and is not old; returns whether it was published."""
        content = self.content(look)
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
    Shown("needs-a-person", "What needs a person now", lambda look: alarms.needs_a_person(look.office)),
    Shown("unaccounted-for", "Who is unaccounted for right now", lambda look: unaccounted.page(look.office)),
    Shown("register-sources", "How the registers come in", lambda look: feed.page(look.office, look.now)),
    Shown("registers-today", "Registers of today, by when they begin", lambda look: look.registers[0]),
    Shown("registers-taken", "Registers of today taken, of all that are required, in per cent", lambda look: look.registers[1]),
    Shown("open-cases", "Open cases, the longest waiting first", lambda look: view.open_cases_table(look.office)),
    Shown("cases-by-state", "Open cases by state and age", lambda look: operations.cases_by_state(look.office, look.now)),
    Shown("overdue-questions", "Questions past their due time", lambda look: operations.overdue_questions(look.office, look.now)),
    Shown("alarms", "What a person must look at now", lambda look: view.alarms_table(look.office)),
    Shown("outbox", "Messages by kind and state", lambda look: view.outbox_table(look.office)),
    Shown("outbox-by-age", "Messages by kind, way and state", lambda look: operations.outbox_by_age(look.office, look.now)),
    Shown("outbox-messages", "Messages one by one, the unsettled first", lambda look: view.outbox_rows(look.office)),
)


@step("publish the operations view")
def publish_operations() -> list[str]:
    """Publish what has changed since it was published last, as Prefect itself knows it; returns the keys. One that fails holds up no other."""
    with get_client(sync_client=True) as client:
        latest = {each.key: each for each in client.read_latest_artifacts(
            artifact_filter=ArtifactCollectionFilter(key=ArtifactCollectionFilterKey(any_=[each.key for each in VIEW])))}
    look = Look(office(), clock.now())
    published, failed = [], []
    for each in VIEW:
        try:
            published += [each.key] if each.publish_unless(latest.get(each.key), look) else []
        except Exception as error:
            failed.append(error)
    if failed:
        raise failed[0]
    told_events.swept(look.office, clock.now())
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
