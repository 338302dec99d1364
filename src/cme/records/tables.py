"""The tables. Three things hold everywhere:

* what may be asked about years later is append-only (``register_version``, ``roster``, ``case_event``, ``finding`` and
  ``decision`` rows are never rewritten by the product; for ``case_event`` the database itself refuses it);
* times are UTC instants, days are the school's local days;
* ``who`` and ``when`` stand side by side.
"""

from cme.records.base import Base
from cme.records.case_tables import Action, Answer, Case, CaseEvent, CaseNumber, ContactAttempt, Decision, Finding, Review, ReviewCode
from cme.records.message_tables import Alarm, Outbox
from cme.records.register_tables import ExpectedRegister, Pull, Quarantine, RegisterVerdict, RegisterVersion, Roster
from cme.records.school_tables import Contact, Flag, Pupil, Staff

__all__ = ["Action", "Alarm", "Answer", "Base", "Case", "CaseEvent", "CaseNumber", "Contact", "ContactAttempt", "Decision",
           "ExpectedRegister", "Finding", "Flag", "Outbox", "Pull", "Pupil", "Quarantine", "RegisterVerdict", "RegisterVersion",
           "Review", "ReviewCode", "Roster", "Staff"]
