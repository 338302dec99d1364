"""Read out the password of a protected message: by telephone, never in a message; every reading is recorded."""

from cme.config.settings import require_role
from cme.errors import BadInput
from cme.records.history import Stamp
from cme.records.message_passwords import read_passwords
from cme.steps.office import Office


def passwords(office: Office, reference: str, told: str, stamp: Stamp) -> list[tuple[str, str]]:
    """(outbox row, password) of every protected message of a case or roll change, the newest first. ``told`` says to whom it is read out.

    Raises BadInput where it is not said, and where no message of the reference is protected.
    """
    require_role(stamp.who, office.settings.people)
    if len(told.strip()) < 3:
        raise BadInput("say with --told to whom you read the password out")
    with office.transaction() as session:
        found = read_passwords(session, office.sealer, reference.strip().upper(), told.strip(), stamp)
    if not found:
        raise BadInput(f"no message of {reference!r} is protected by a password")
    return found
