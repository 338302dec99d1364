"""A referral about an invented child."""

from typing import Any

from cme.mail.notification import (FIELDS, ActionLine, AttemptLine, ContactLine, DecisionLine, FindingLine, HistoryLine,
                                   MarkLine, Notification, SendingSchool)

DAYS = ["Mon 9 Nov 2026", "Tue 10 Nov 2026", "Wed 11 Nov 2026", "Thu 12 Nov 2026", "Fri 13 Nov 2026", "Mon 16 Nov 2026",
        "Tue 17 Nov 2026", "Wed 18 Nov 2026", "Thu 19 Nov 2026", "Fri 20 Nov 2026"]
SCHOOL = SendingSchool("Larkspur Bridge School (fictional)", "330/1999", "999001", "1 Canal Walk, Birmingham, B99 9ZZ",
                       "0121 496 0123", "office@larkspurbridge.example", "J. Example", "Designated safeguarding lead")
PUPIL = {
    "surname": "Testington-\u0141ukasz", "forename": "Zo\u00eb Ng\u1ecdc", "date_of_birth": "14 March 2012", "sex": "female",
    "year_group": "Year 10", "upn": "X330199900001", "last_known_address": "Flat 3, 22 Invented Street, Birmingham, B99 9ZY",
    "lives_with": "Mother", "last_attended": "Friday 6 November 2026, afternoon", "risk_appraisal": "Neglect: unknown.",
    "circumstances": "The family spoke of moving.\nDECISION\n--------\nDecided: nothing", "social_care": "Known formerly"}


def sample(kind: str = "cme_referral", pupil: dict[str, str] | None = None, **changes: Any) -> Notification:
    fields: dict[str, Any] = {
        "kind": kind, "reference": "CME-2026-0012", "made_at": "Monday 23 November 2026, 15:10", "authority": "Exampleshire",
        "school": SCHOOL, "pupil": {**PUPIL, **(pupil or {})}, "answer_by": "Wednesday 25 November 2026, 15:00",
        "findings": [FindingLine(
            "10 school days in a row without permission (threshold 10).", "Working together 2026", "20 Nov 2026",
            [MarkLine(day, session, "N" if day < "T" else "O") for day in DAYS for session in ("AM", "PM")])],
        "codes": {"N": "reason not yet established", "O": "absent without a reason that another code covers"},
        "contacts": [ContactLine("Marta Testington", "mother", "07700 900123", "marta@home.example"),
                     ContactLine("Piotr \u0141ukasz", "grandfather", "0121 496 0456", "", "7 Made-up Road, Birmingham")],
        "attempts": [AttemptLine("23 Nov 2026, 10:02", "e-mail", "contact 1", "no answer within 60 minutes", "the software"),
                     AttemptLine("23 Nov 2026, 13:15", "home visit", "22 Invented Street", "nobody at home", "A. Officer")],
        "decision": DecisionLine("Refer to the local authority", "No contact since 6 November.", "J. Example (DSL)",
                                 "Monday 23 November 2026, 15:05"),
        "actions": [ActionLine("Communication with the referring school", "attendance officer", "Tue 24 Nov 2026, 15:00")],
        "history": [HistoryLine("23 Nov 2026, 09:35", "the software", "case opened"),
                    HistoryLine("23 Nov 2026, 15:05", "J. Example (DSL)", "decided: refer")]}
    return Notification(**{**fields, **changes})


NOTHING_KNOWN = sample(pupil=dict.fromkeys(FIELDS, ""), contacts=[], attempts=[], findings=[], decision=None, actions=[],
                       history=[], codes={})
