"""Reading what is written about a child leaves its trace: who read what, and when. Looking never changes what is read."""

import getpass

from cme.config.settings import require_role
from cme.errors import BadInput
from cme.records.history import Stamp, record
from cme.steps.office import Office

READ = "record.read"


def reader(office: Office, by: str) -> Stamp:
    """Who reads, now: the role given, or this machine's user where none is. Raises BadInput for a role that nobody holds."""
    if by:
        require_role(by, office.settings.people)
        return office.stamp(by)
    try:
        return office.stamp(f"user {getpass.getuser()}")
    except (KeyError, OSError):
        raise BadInput("this machine does not say who you are: give your role with --by") from None


def read(office: Office, subject: str, what: str, by: str) -> None:
    """Record that ``what`` ("cme show") of ``subject`` is read, before it is shown. ``subject`` is a reference, or "school" for a list."""
    stamp = reader(office, by)
    with office.transaction() as session:
        record(session, subject if subject == "school" else subject.strip().upper(), READ, stamp, what)
