"""What each of the five messages says and holds: its fields in their sections, its parts, and its opening words."""

from cme.rules.messages import ATTENDANCE_RETURN, CME_REFERRAL, DAY_ONE_REPORT, MESSAGES, ROLL_CHANGE_RETURN, SICKNESS_RETURN

NOT_HELD = "not held by the school"

TITLES = {key: message.title for key, message in MESSAGES.items()}
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
        "The sickness": ("registration", "home_school", "last_attended", "sickness", "confirmed_by"),
    },
    ROLL_CHANGE_RETURN: {
        "The change": ("roll_change", "roll_changed_on", "ground", "changed_by", "other_registration"),
        "The child": (*_CHILD, "admitted", "last_attended"),
        "Where the child goes": ("new_address", "new_school", "new_school_start"),
    },
    DAY_ONE_REPORT: {
        "The concern": ("concern", "last_seen", "last_attended", "social_care", "other_agencies", "sen_ehcp"),
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
