"""The fields that the forms of authorities ask for, and the words for one that is not there."""

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
    "sickness": "Sickness", "confirmed_by": "Confirmed by",
    "roll_change": "What was changed", "roll_changed_on": "Changed on", "ground": "Ground (regulation 9)", "changed_by": "Changed by",
    "new_school_start": "Start at the new school", "concern": "The concern",
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


def lacking(name: str) -> str:
    """What of a required field is not there, in the words of the review: "home visit not recorded", "sex not held"."""
    label = TOGETHER.get(name) or FIELDS[name][:1].lower() + FIELDS[name][1:]
    return f"{label} {'not recorded' if name in DONE else 'not held'}"
