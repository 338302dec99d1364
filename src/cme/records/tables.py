"""The tables. Three things hold everywhere:

* what may be asked about years later is append-only (``register_version``, ``roster``, ``case_event``, ``finding`` and
  ``decision`` rows are never rewritten by the product; for ``case_event`` the database itself refuses it);
* times are UTC instants, days are the school's local days;
* ``who`` and ``when`` stand side by side.
"""

from cme.records.base import Base
from cme.records.case_tables import Action, Case, CaseEvent, CaseNumber, ContactAttempt, Finding, MissingReport
from cme.records.contact_tables import AbsenceCode, AbsenceRequest, HomeVisit, MessageStop, ParentMessage, Professional, ProfessionalNotice
from cme.records.message_tables import Alarm, HomeSchoolNotice, MailboxRead, MailReceived, MessagePassword, Outbox, RollChange
from cme.records.prefect_tables import PrefectRecord, PrefectRun
from cme.records.register_tables import ExpectedRegister, Pull, Quarantine, RegisterVerdict, RegisterVersion, Roster, SourceAnswer, SourceCursor
from cme.records.review_tables import Answer, Confirmation, Decision, DossierShown, ResumeRequest, Review, ReviewCode, ReviewLink
from cme.records.rights_tables import Erasure, EventsTold, LegalHold, RightsRequest
from cme.records.school_tables import Contact, Flag, Pupil, RoleHolder, Staff
from cme.records.screen_tables import ScreenState
from cme.records.text_tables import ReceivedMessage, TextReading, TextReceipt

__all__ = ["AbsenceCode", "AbsenceRequest", "Action", "Alarm", "Answer", "Base", "Case", "CaseEvent", "CaseNumber", "Confirmation", "Contact", "ContactAttempt",
           "Decision", "DossierShown", "Erasure", "EventsTold", "ExpectedRegister", "Finding", "Flag", "HomeSchoolNotice", "HomeVisit", "LegalHold",
           "MessagePassword", "MessageStop", "MissingReport", "Outbox", "ParentMessage", "PrefectRecord", "PrefectRun", "Professional",
           "ProfessionalNotice", "Pull", "Pupil",
           "Quarantine", "ReceivedMessage", "RegisterVerdict", "RegisterVersion", "ResumeRequest", "Review", "ReviewCode", "ReviewLink",
           "RightsRequest", "RoleHolder", "RollChange", "Roster", "ScreenState", "SourceAnswer", "SourceCursor", "Staff", "TextReading", "TextReceipt"]
