"""What each of the five messages says and holds: its fields in their sections, its parts, and its opening words."""

from cme.rules.messages import ATTENDANCE_RETURN, CME_REFERRAL, DAY_ONE_REPORT, MESSAGES, ROLL_CHANGE_RETURN, SICKNESS_RETURN

NOT_HELD = "not held by the school"

TITLES = {key: message.title for key, message in MESSAGES.items()}
FIELDS = {
    "surname": "Surname", "forename": "Forename", "known_as": "Known as, previous names", "date_of_birth": "Date of birth",
    "sex": "Sex", "year_group": "Year group", "upn": "Unique pupil number", "last_known_address": "Last known address",
    "lives_with": "Normally lives with", "new_address": "New address, and how known", "siblings": "Siblings, attending or not",
    "admitted": "On roll since", "registration": "Registration", "home_school": "School of registration",
    "new_school": "New school, if known", "last_attended": "Last attended", "last_seen": "Last seen, and by whom",
    "attendance": "Attendance this year", "attendance_history": "Earlier absence", "reason_known": "Cause of absence, if known",
    "criterion": "Why referred", "circumstances": "Present circumstances", "risk_appraisal": "Risk appraisal by the DSL",
    "childrens_services_told": "Children's services, police", "social_care": "Social care, now or before",
    "sen_ehcp": "Special needs (SEN, EHCP)", "other_agencies": "Youth justice, agencies",
    "traveller_or_mobile": "Traveller or mobile family", "private_fostering": "Private fostering",
    "visitor_risk": "Risk to lone visitors",
    "sickness": "Sickness so far", "expected_until": "Expected to last until", "confirmed_by": "Confirmed by",
    "roll_change": "What was changed", "roll_changed_on": "Changed on", "ground": "Ground (regulation 9)", "changed_by": "Changed by",
    "new_school_start": "Start at the new school", "concern": "The concern", "police_reference": "Police reference",
    "other_registration": "Also registered at",
}
# what an authority may ask for beside the names of FIELDS
TOGETHER = {
    "pupil_name": "surname and forename", "school": "the school's name and telephone", "parents": "a parent's or carer's name",
    "parent_telephones": "a parent's or carer's telephone", "contacts_telephones": "a contact's telephone",
    "emergency_contacts": "two emergency contacts", "absence_record": "the absence record", "enquiry_log": "any enquiry",
    "home_visits": "home visit", "letters": "letter to the last address", "decision": "the decision",
}
# what nobody could hold, only do: of these one says "not recorded"
DONE = ("enquiry_log", "home_visits", "letters", "absence_record", "decision")
# what the person who decides adds with the decision: never asked for before it
ADDED_BY_THE_DECISION = ("decision", "risk_appraisal", "confirmed_by", "childrens_services_told", "criterion", "concern")

_CHILD = ("surname", "forename", "date_of_birth", "sex", "year_group", "upn", "last_known_address", "lives_with")
_PLACE = ("admitted", "registration", "home_school", "last_attended")
SECTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    CME_REFERRAL: {
        "The child": (*_CHILD[:2], "known_as", *_CHILD[2:], "new_address", "siblings"),
        "School and attendance": (*_PLACE, "last_seen", "attendance", "attendance_history", "new_school"),
        "Circumstances and risk": (
            "criterion", "circumstances", "risk_appraisal", "childrens_services_told", "social_care", "sen_ehcp",
            "other_agencies", "traveller_or_mobile", "private_fostering", "visitor_risk"),
    },
    ATTENDANCE_RETURN: {                        # no more than the return needs
        "The child": _CHILD,
        "School and attendance": (*_PLACE, "attendance", "reason_known"),
    },
    SICKNESS_RETURN: {                          # full name and address; what the authority needs to know of the illness, and no more
        "The child": ("surname", "forename", "date_of_birth", "year_group", "upn", "last_known_address"),
        "The sickness": ("registration", "home_school", "last_attended", "sickness", "expected_until", "confirmed_by"),
    },
    ROLL_CHANGE_RETURN: {
        "The change": ("roll_change", "roll_changed_on", "ground", "changed_by", "other_registration"),
        "The child": (*_CHILD, "admitted", "last_attended"),
        "Where the child goes": ("new_address", "new_school", "new_school_start"),
    },
    DAY_ONE_REPORT: {
        "The concern": ("concern", "last_seen", "last_attended", "social_care", "other_agencies", "sen_ehcp", "police_reference"),
        "The child": (*_CHILD[:2], "known_as", *_CHILD[2:], "siblings", "visitor_risk"),
    },
}
# which of the parts that follow the fields a message has
PARTS: dict[str, tuple[str, ...]] = {
    CME_REFERRAL: ("contacts", "findings", "enquiries", "decision", "actions", "history"),
    ATTENDANCE_RETURN: ("contacts", "findings", "enquiries", "decision", "actions", "history"),
    SICKNESS_RETURN: ("findings",),
    ROLL_CHANGE_RETURN: ("contacts",),
    DAY_ONE_REPORT: ("contacts", "findings", "enquiries", "decision", "actions"),
}
_ROLL = "takes the child off a roll."
OPENING: dict[str, str] = {
    CME_REFERRAL: "We refer to you a child whose whereabouts we do not know, and ask for joint enquiries. Nothing in this referral "
                  + _ROLL,
    ATTENDANCE_RETURN: "This is our return for a child who has been absent without our permission, under the School Attendance (Pupil "
                       "Registration) (England) Regulations 2024. We do not report the child's whereabouts as unknown, and nothing in "
                       "this return " + _ROLL,
    SICKNESS_RETURN: "This is our return for a child whom we expect to miss fifteen school days or more by illness, in a row or together, "
                     "under the School Attendance (Pupil Registration) (England) Regulations 2024. The absence is recorded as illness. "
                     "We do not report the child's whereabouts as unknown, and nothing in this return " + _ROLL,
    ROLL_CHANGE_RETURN: "This is our return of a change that has been made to our admission register, under regulation 13 of the School "
                        "Attendance (Pupil Registration) (England) Regulations 2024. The change was made by the person named below; "
                        "this return reports it and does not make it.",
    DAY_ONE_REPORT: "We have a concern about the safety of this child today. This report follows our telephone call and does not "
                    "replace it: if nobody has spoken with you yet, please ring us now.",
}
# who reads it, as the first line of the letter says
READER = {
    CME_REFERRAL: "the children missing education officer", ATTENDANCE_RETURN: "the attendance service",
    SICKNESS_RETURN: "the attendance service", ROLL_CHANGE_RETURN: "the service that keeps the school rolls",
    DAY_ONE_REPORT: "children's services",
}
PASSED_ON = ("This child stands on your roll, and is taught here. The return or referral is yours to make: we send it to you as "
             "evidence, so that the authority hears of the child once. Please tell us that you have sent it.")


def lacking(name: str) -> str:
    """What of a required field is not there, in the words of the review: "home visit not recorded", "sex not held"."""
    label = TOGETHER.get(name) or FIELDS[name][:1].lower() + FIELDS[name][1:]
    return f"{label} {'not recorded' if name in DONE else 'not held'}"
