"""The roll-change return: made for a person who has changed the admission register, and sent on that person's word.

The software takes no child off roll and recommends it never; without ``send`` it only shows what the return would hold and lack.
Source: SI 2024/208 regulation 13(1) to (6).
"""

import secrets
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme import clock
from cme.config.settings import require_role
from cme.errors import BadInput
from cme.mail.notification import Notification
from cme.records.history import Stamp, record
from cme.records.tables import Contact, Pupil, RollChange
from cme.rules.message_fields import lacking
from cme.rules.messages import ELSEWHERE, ROLL_CHANGE_RETURN, who_sends
from cme.rules.roll_changes import DAYS_TO_REPORT_AN_ENTRY, DELETED, ENTERED, GROUNDS
from cme.steps.completeness import lacks_of, plain
from cme.steps.dossier import last_attended
from cme.steps.office import Office
from cme.steps.outgoing import queue_message
from cme.steps.report_form import pupil_number


@dataclass(frozen=True)
class RollChangeMade:
    """What a person did: "entered" or "deleted", on which day, on which ground (a letter; of a deletion), and where the child goes."""

    change: str
    on: date
    ground: str = ""
    new_school: str = ""
    new_school_start: date | None = None
    new_address: str = ""


@dataclass(frozen=True)
class Prepared:
    """A return: its reference ("" while it is only shown), to whom it goes, by when, and what it lacks, in words."""

    reference: str
    to: str
    due: str
    lacks: list[str]
    sent: bool


def roll_change_return(office: Office, pupil: str, made: RollChangeMade, stamp: Stamp, *, send: bool = False) -> Prepared:
    """Show the return of a roll change, or with ``send`` queue it, once for each change. Raises BadInput for a change that the regulations
    do not know, for a future day, and for a child who is not on this school's roll."""
    require_role(stamp.who, office.settings.people)
    _check(made, clock.local(stamp.at).date())
    with office.transaction() as session:
        row = session.get(Pupil, pupil_number(pupil), with_for_update=True)
        if row is None or row.school != office.school:
            raise BadInput(f"no pupil has the reference {pupil!r}; `cme pupil NAME` finds it")
        if who_sends(ROLL_CHANGE_RETURN, row.registration) == ELSEWHERE:
            raise BadInput(f"{pupil} is a guest here and stands on another school's roll: only that school makes this return")
        known = session.scalar(select(RollChange).where(RollChange.pupil_id == row.id, RollChange.change == made.change,
                                                        RollChange.changed_on == made.on))
        reference = known.reference if known else f"ROLL-{made.on.year}-{secrets.token_hex(3).upper()}"
        notification = _notification(office, session, row, made, reference, stamp)
        prepared = Prepared(reference if send or known else "", office.policies.authority.messages[ROLL_CHANGE_RETURN].mailbox, _due(made),
                            [lacking(name) for name in notification.lacks], send or bool(known))
        if send and known is None:
            outbox_id = queue_message(office, session, notification, to=prepared.to, dedupe_key=f"roll:{reference}", stamp=stamp,
                                      kind=f"la_{ROLL_CHANGE_RETURN}", data={"change": made.change, "on": made.on.isoformat(), "ground": made.ground})
            session.add(RollChange(reference=reference, school=office.school, pupil_id=row.id, change=made.change, changed_on=made.on,
                                   ground=made.ground, made_by=stamp.who, made_at=stamp.at, outbox_id=outbox_id))
            record(session, reference, "roll_change.reported", stamp, f"a name was {made.change}: the return is on its way", {
                "outbox": outbox_id, "change": made.change, "on": made.on.isoformat(), "ground": made.ground})
        return prepared


def _check(made: RollChangeMade, today: date) -> None:
    if made.change not in (ENTERED, DELETED):
        raise BadInput(f"{made.change!r} is no change of the roll; say --entered or --deleted, with the day")
    if made.on > today:
        raise BadInput(f"{made.on} has not come yet: a return reports a change that a person has made, never one to come")
    if made.change == DELETED and made.ground not in GROUNDS:
        raise BadInput("give the ground of regulation 9(1) as its letter, a to o: anything else is no ground for a deletion")
    if made.change == ENTERED and made.ground:
        raise BadInput("a new entry has no ground; leave --ground out")


def _due(made: RollChangeMade) -> str:
    if made.change == DELETED:
        return "no later than the deletion itself: now"
    return f"by the end of {made.on + timedelta(days=DAYS_TO_REPORT_AN_ENTRY):%A %-d %B %Y}, the fifth day after the entry"


def _notification(office: Office, session: Session, pupil: Pupil, made: RollChangeMade, reference: str, stamp: Stamp) -> Notification:
    contacts = session.scalars(select(Contact).where(Contact.pupil_id == pupil.id, Contact.valid_to.is_(None)).order_by(Contact.priority, Contact.id))
    d: dict[str, Any] = {
        "reference": reference, "flags": [], "findings": [], "attempts": [], "actions": [], "reports": [], "last_attended": _iso(last_attended(session, office, pupil.id)),
        "contacts": [{"id": c.id, "name": c.name, "relationship": c.relationship, "telephone": c.telephone, "email": c.email} for c in contacts],
        "pupil": {"surname": pupil.surname, "forename": pupil.forename, "born": _iso(pupil.born), "sex": pupil.sex, "upn": pupil.upn,
                  "year_group": pupil.year_group, "address": pupil.address, "postcode": pupil.postcode, "admitted": _iso(pupil.admitted),
                  "registration": pupil.registration, "home_school": pupil.home_school}}
    authority = office.policies.authority
    plain_one = plain(office, d, ROLL_CHANGE_RETURN, office.shown_time(stamp.at),
                      office.shown_time(office.end_of_school_day(stamp.at, authority.acknowledgement_school_days)))
    what = "name entered on the admission register" if made.change == ENTERED else "name deleted from the admission register"
    fields = {"roll_change": what, "roll_changed_on": f"{made.on:%a %-d %b %Y}", "new_school": made.new_school, "new_address": made.new_address,
              "ground": f"({made.ground}) {GROUNDS[made.ground]}" if made.ground else "none: a new entry",
              "changed_by": office.settings.people.shown(stamp.who),
              "new_school_start": f"{made.new_school_start:%a %-d %b %Y}" if made.new_school_start else ""}
    filled = replace(plain_one, form=authority.messages[ROLL_CHANGE_RETURN].form, pupil={**plain_one.pupil, **fields})
    return replace(filled, lacks=lacks_of(office, filled))


def _iso(day: date | None) -> str:
    return day.isoformat() if day else ""
