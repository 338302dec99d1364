"""Reading what is written about a child leaves its trace: who read what, and when. Looking never changes what is read."""

import getpass

from sqlalchemy.orm import Session

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


def note(session: Session, subject: str, what: str, stamp: Stamp) -> None:
    """Record that ``what`` ("cme show") of ``subject`` was read, in the caller's transaction."""
    record(session, subject, READ, stamp, what)
