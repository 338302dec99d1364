"""The five messages that leave the school, kept apart: each with its own trigger, legal basis, recipient, approver and deadline.

A pupil on roll who is merely absent is never called a child missing education: an attendance return and a sickness return report
absence, a CME referral reports that nobody knows where the child is, a roll-change return reports that a person has changed the
roll, and a day-one report asks children's services to act today. What an authority wants beside the law stands in its file
(config/authorities). Sources: SI 2024/208 reg 13; Working together to improve school attendance (2026); Children missing education
(statutory guidance, September 2025); the school's own procedure for day one.
"""

from dataclasses import dataclass

ATTENDANCE_RETURN, SICKNESS_RETURN, CME_REFERRAL = "attendance_return", "sickness_return", "cme_referral"
ROLL_CHANGE_RETURN, DAY_ONE_REPORT = "roll_change_return", "day_one_report"

HERE, ELSEWHERE = "this school", "the other school of registration"


@dataclass(frozen=True)
class Message:
    """One of the five. ``one`` is what a second copy would be one of ("it is one return"); ``approver`` whose decision lets it leave;
    ``required`` what law or guidance asks for at least, by the names of ``cme.mail.kinds.FIELDS`` and ``TOGETHER``."""

    key: str
    title: str
    subject: str
    one: str
    trigger: str
    basis: str
    recipient: str
    approver: str
    deadline: str
    required: tuple[str, ...]


_PUPIL = ("pupil_name", "last_known_address")
MESSAGES: dict[str, Message] = {m.key: m for m in (
    Message(
        ATTENDANCE_RETURN, "Attendance return", "Attendance return", "return",
        trigger="a pupil of compulsory school age fails to attend regularly, or has missed ten school days in a row without permission",
        basis="School Attendance (Pupil Registration) (England) Regulations 2024, regulation 13",
        recipient="the local authority's attendance service", approver="the designated safeguarding lead",
        deadline="at the intervals agreed with the authority, at least once in each calendar month",
        required=(*_PUPIL, "absence_record")),
    Message(
        SICKNESS_RETURN, "Sickness return", "Sickness return", "return",
        trigger="there are reasonable grounds to believe that the pupil will miss fifteen school days by illness, in a row or together",
        basis="School Attendance (Pupil Registration) (England) Regulations 2024, regulation 13",
        recipient="the local authority's attendance service", approver="the designated safeguarding lead, who confirms the forecast",
        deadline="once for each continuous period of sickness in the school year, as soon as it is confirmed",
        required=(*_PUPIL, "sickness")),
    Message(
        CME_REFERRAL, "Children missing education: referral, whereabouts unknown", "CME referral", "referral",
        trigger="nobody knows where the child is, and the school's reasonable enquiries have not found out",
        basis="Children missing education, statutory guidance for local authorities and schools (September 2025)",
        recipient="the local authority's children missing education officer", approver="the designated safeguarding lead",
        deadline="as soon as it is decided; the authority's own number of school days stands in its file",
        required=(*_PUPIL, "date_of_birth", "last_attended", "enquiry_log", "risk_appraisal")),
    Message(
        ROLL_CHANGE_RETURN, "Roll-change return", "Roll-change return", "return",
        trigger="a person has entered a name on the admission register, or has deleted one; the software does neither, and advises neither",
        basis="School Attendance (Pupil Registration) (England) Regulations 2024, regulation 13(1) to (6)",
        recipient="the local authority's admissions or attendance service", approver="whoever has made the change, in person",
        deadline="a new name: by the end of the fifth day after the entry; a deletion: when its ground is met, at the latest with it",
        required=(*_PUPIL, "parents", "parent_telephones", "roll_change", "roll_changed_on")),
    Message(
        DAY_ONE_REPORT, "Report of a concern about a child's safety", "Day-one report", "report",
        trigger="the designated safeguarding lead decides on a referral to children's services and the police today",
        basis="Keeping children safe in education; the school's procedure: concern about a child's safety on day one",
        recipient="children's services, by telephone first; the police by telephone", approver="the designated safeguarding lead or a deputy",
        deadline="the same day: it never waits behind anything else",
        required=(*_PUPIL, "date_of_birth", "contacts_telephones", "last_seen")),
)}


def who_sends(kind: str, registration: str) -> str:
    """Which school sends a message about a child: HERE or ELSEWHERE.

    Only a school of registration makes a statutory return, and of two schools one refers, so that nothing arrives twice: the main
    school, or the other school where the child is a guest here. A concern about safety is reported by whoever has it, always.
    """
    if kind == DAY_ONE_REPORT:
        return HERE
    if kind == ROLL_CHANGE_RETURN:
        return ELSEWHERE if registration == "guest" else HERE        # each school reports its own register
    return ELSEWHERE if registration in ("guest", "dual-subsidiary") else HERE
