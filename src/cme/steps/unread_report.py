"""Reports that name no known child: kept as given, alarmed, and settled by a person. A report never vanishes."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme.config.settings import require_role
from cme.errors import BadInput
from cme.records import reviews
from cme.records.alarms import clear_alarm, raise_alarm
from cme.records.history import Stamp, lock, record
from cme.records.quarantine import Refused, quarantined, resolve
from cme.records.tables import Quarantine
from cme.steps import duty
from cme.steps.calls import numbers
from cme.steps.office import Office
from cme.steps.report_form import Reported, reference_of

SOURCE = "report-missing"


def keep(office: Office, session: Session, given: Any, said: Reported, source_key: str, stamp: Stamp) -> str:
    """Keep a report as it was given, alarm, and call the attendance officer and operations; returns what its sender reads."""
    lock(session)          # two readings of one report: the second finds what the first has written
    reason = "the report names no child" if said.pupil is None else f"no pupil has the reference {reference_of(said.pupil)}"
    sentence = (f"{reason[0].upper()}{reason[1:]}, so nobody is looking yet. The report is kept, but "
                f"{whom_to_ring(office, stamp)} now and say which child you mean; "
                f"if the child may be in danger, ring {office.policies.authority.police_emergency} first.")
    if _row(session, source_key) is not None:
        return sentence
    refused = Refused(source_key, None, reason, json.dumps(given, default=str, ensure_ascii=False))
    row = Quarantine(school=office.school, source=SOURCE, place=source_key, line=None, reason=reason, raw=refused.raw, row_hash=refused.row_hash,
                     first_seen=stamp.at, last_seen=stamp.at)
    session.add(row)
    session.flush()
    record(session, "school", "report.unread", stamp, reason, {"report": row.id, "by": said.reported_by})
    raise_alarm(session, f"report:{row.id}", "school", f"Report {row.id} that a child may be missing names no known child: speak to the member "
                "of staff who made it; `cme reports` shows what was given", stamp)
    for address in dict.fromkeys(office.person(key).email for key in (duty.chain(office, reviews.MISSING_REPORT, stamp.at)[0], "operations")):
        office.queue_letter(session, "report_unread", to=address, subject_of="school", stamp=stamp, dedupe_key=f"report-unread:{row.id}:{address}",
                            given_by=said.reported_by, reported_at=office.shown_time(stamp.at), number=row.id, **numbers(office),
                            given_child=reference_of(said.pupil) if said.pupil is not None else "none that can be read",
                            command=f'cme reports {row.id} --by YOUR-ROLE --reason "..."')
    return sentence


def _row(session: Session, source_key: str) -> Quarantine | None:
    return session.scalar(select(Quarantine).where(Quarantine.source == SOURCE, Quarantine.place == source_key))


def whom_to_ring(office: Office, stamp: Stamp) -> str:
    """"ring the attendance officer on 0121 ...": whoever is on duty for reports and can be rung, in the role's words and without a name."""
    for key in duty.chain(office, reviews.MISSING_REPORT, stamp.at):
        person = office.person(key)
        if person.telephone:
            return f"ring the {office.settings.people.title(key)} on {person.telephone}"
    return "go to the attendance officer in person"


@dataclass(frozen=True)
class Unread:
    """A report that waits for a person. ``given`` is what was typed and may name a child: for the machine's own screen only."""

    number: int
    at: datetime
    reason: str
    given: str


def unread(office: Office) -> list[Unread]:
    """The reports that nobody has settled, oldest first."""
    with office.transaction() as session:
        return [Unread(row.id, row.first_seen, row.reason, row.raw) for row in quarantined(session, office.school) if row.source == SOURCE]


def settle(office: Office, number: int, reason: str, stamp: Stamp) -> None:
    """A person records what was done about such a report, which ends its alarm; raises BadInput for one that does not wait."""
    require_role(stamp.who, office.settings.people)
    if len(reason.strip()) < 10:
        raise BadInput("say in at least ten characters what was done about the report")
    if number not in {row.number for row in unread(office)}:
        raise BadInput(f"no report {number} waits for a person; `cme reports` lists them")
    with office.transaction() as session:
        resolve(session, office.school, number, stamp, reason.strip())
        clear_alarm(session, f"report:{number}", stamp, reason.strip())
