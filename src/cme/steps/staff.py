"""Staff changes: the people file is compared with who was noted last. Whoever no longer holds a key can no longer answer with it."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from cme.records.alarms import clear_alarm, raise_alarm
from cme.records.history import Stamp
from cme.records.holders import current_holders, end_credentials, holders_by_time, note_holder
from cme.steps.office import Office

FILE_ALARM = "people:file"


def notice_changes(office: Office, stamp: Stamp) -> list[str]:
    """Note every key with a new holder, or without one; their codes and links die. Returns the keys. Doing it twice changes nothing.

    A people file that cannot be read is an alarm; the last good one goes on.
    """
    people = office.settings.people
    changed = []
    with office.transaction() as session:
        known = current_holders(session)
        for key in people.keys:
            person, before = people.of(key), known.get(key)
            if before and (before.name, before.email) == (person.name, person.email):
                continue
            why = "named for the first time" if before is None or not before.name else "another person, or another address, than before"
            note_holder(session, key, person.name, person.email, stamp, why)
            if before and before.name:
                end_credentials(session, key, stamp, "the person who held them no longer holds the role")
                changed.append(key)
        for key, row in known.items():
            if key not in people.keys and row.name:
                note_holder(session, key, "", "", stamp, "no longer named")
                end_credentials(session, key, stamp, "the person who held them has left")
                changed.append(key)
        if office.settings.people_source.faults:
            raise_alarm(session, FILE_ALARM, "school", "The people file cannot be read, and the last good one is used: "
                        "`cme check-config` says what to mend", stamp)
        else:
            clear_alarm(session, FILE_ALARM, stamp, "the people file can be read")
    return changed


def shown_then(office: Office, session: Session) -> Callable[[str, datetime], str]:
    """How a person key is written for people, with the name of whoever held it at that moment: (key, moment) to text."""
    people, noted = office.settings.people, holders_by_time(session)

    def shown(key: str, moment: datetime) -> str:
        names = [row.name for row in noted.get(key, []) if row.since <= moment and row.name]
        name = names[-1] if names else next((row.name for row in noted.get(key, []) if row.name), "")
        return f"{name} ({people.title(key)})" if name else people.shown(key)

    return shown
