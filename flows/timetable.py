"""The timetable: which flow runs when. ``cme up`` serves it; deployments/prefect.yaml says the same for workers (a test compares)."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import EntrypointType
from prefect.schedules import Cron, Interval, Schedule

from cme.flows.ask_attendance_officer import ask_attendance_officer
from cme.flows.check_absence import check_absence
from cme.flows.confirm_decision import confirm_decision
from cme.flows.contact_parents import contact_parents
from cme.flows.needs_a_person import needs_a_person
from cme.flows.notify_authority import notify_authority
from cme.flows.oversee import oversee_all
from cme.flows.read_mail import read_mail
from cme.flows.record_contact import record_contact
from cme.flows.report_missing import report_missing
from cme.flows.review_case import review_case
from cme.flows.watch_records import watch_records
from cme.flows.watch_registers import watch_registers

ZONE = "Europe/London"


@dataclass(frozen=True)
class Line:
    """One line of the timetable. ``at_once`` is how many runs may work at the same moment; a paused run does not count."""

    flow: Flow[..., Any]
    tags: tuple[str, ...]
    at_once: int
    skip_when_busy: bool = False
    cron: str = ""
    every: int = 0                   # seconds

    @property
    def description(self) -> str:
        return " ".join((self.flow.fn.__doc__ or "").split())

    def schedules(self) -> list[Schedule]:
        if self.cron:
            return [Cron(self.cron, timezone=ZONE)]
        return [Interval(timedelta(seconds=self.every))] if self.every else []

    def deployment(self) -> dict[str, Any]:
        """What ``Runner.add_flow`` is told of it."""
        strategy = ConcurrencyLimitStrategy.CANCEL_NEW if self.skip_when_busy else ConcurrencyLimitStrategy.ENQUEUE
        return {"name": self.flow.name, "description": self.description, "tags": list(self.tags), "schedules": self.schedules(),
                "concurrency_limit": ConcurrencyLimitConfig(limit=self.at_once, collision_strategy=strategy),
                "entrypoint_type": EntrypointType.MODULE_PATH}


# More than one slot where a round may never be missed: a killed run keeps its slot for minutes. `alone` sees to the rest.
TIMETABLE = (
    Line(watch_registers, ("registers",), 2, skip_when_busy=True, cron="*/5 8-16 * * 1-5"),
    Line(check_absence, ("absence",), 1, cron="25 9,13 * * 1-5"),
    Line(contact_parents, ("contact",), 3),
    Line(record_contact, ("contact",), 3),
    Line(report_missing, ("report",), 3),
    Line(ask_attendance_officer, ("report",), 3),
    Line(review_case, ("safeguarding",), 3),
    Line(confirm_decision, ("safeguarding",), 2),
    Line(notify_authority, ("notification",), 1),
    Line(needs_a_person, ("needs-a-person",), 1),
    Line(watch_records, ("records",), 1, cron="10 7 * * *"),
    Line(read_mail, ("mailbox",), 2, skip_when_busy=True, every=300),
    Line(oversee_all, ("sweep",), 4, skip_when_busy=True, every=60),
)
