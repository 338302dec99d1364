"""Which escalations of the history Prefect has not been told yet. The rows are the truth; the events are for people's automations."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cme.records.tables import CaseEvent, EventsTold
from cme.steps.figures import SWEEP
from cme.steps.office import Office

NAME = "prefect events"
AT_MOST = 200
# by what they are called in the history: something waits longer than it should, or went to the next person, or is urgent
ESCALATIONS = ("alarm.raised", "alarm.called", "action.called", "case.urgent", "report.unanswered", "report.unread", "review.handed_over",
               "review.reminded")


@dataclass(frozen=True)
class Escalation:
    """An escalation as it may cross into Prefect: the event's number and name, the case's reference, and when."""

    number: int
    what: str
    about: str
    at: datetime


def untold(office: Office) -> list[Escalation]:
    """The next escalations, oldest first. The first call of all begins now: what was before is history."""
    with office.transaction() as session:
        told = session.scalar(select(EventsTold.event).where(EventsTold.name == NAME))
        if told is None:
            _reached(session, NAME, session.scalar(select(func.max(CaseEvent.id))) or 0)
            return []
        rows = session.scalars(select(CaseEvent).where(CaseEvent.id > told, CaseEvent.what.in_(ESCALATIONS)).order_by(CaseEvent.id).limit(AT_MOST))
        return [Escalation(event.id, event.what, event.subject, event.at) for event in rows]


def told(office: Office, number: int) -> None:
    """Remember that all up to this event were told. A crash before tells them again: an event has a name of its own, and comes once."""
    with office.transaction() as session:
        _reached(session, NAME, number)


def swept(office: Office, at: datetime) -> None:
    """Remember when the last sweep ended. Moved every minute, so without an event: the metrics show its age."""
    with office.transaction() as session:
        _reached(session, SWEEP, int(at.timestamp()))


def _reached(session: Session, name: str, number: int) -> None:
    upsert = insert(EventsTold).values(name=name, event=number)
    session.execute(upsert.on_conflict_do_update(index_elements=["name"], set_={"event": func.greatest(EventsTold.event, number)}))
