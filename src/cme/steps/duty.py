"""Who is asked, in which order: the people on duty for a question of a kind."""

from datetime import datetime

from cme.records.reviews import CONFIRMATION, CONTACT_OUTCOME, MISSING_REPORT, SAFEGUARDING
from cme.steps.office import Office

# who may be asked, first to last; after the last one operations are alarmed, again and again
CHAIN = {SAFEGUARDING: ("dsl", "deputy_dsl", "head"), CONFIRMATION: ("deputy_dsl", "head", "dsl"),
         CONTACT_OUTCOME: ("attendance_officer", "deputy_dsl", "dsl"), MISSING_REPORT: ("attendance_officer", "deputy_dsl", "dsl")}


def chain(office: Office, kind: str, moment: datetime, barred: str = "") -> tuple[str, ...]:
    """The person keys to ask for a question of ``kind`` at ``moment``, in order; never empty, never ``barred``."""
    return tuple(key for key in CHAIN[kind] if key != barred)
