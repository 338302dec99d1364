"""The grounds on which a name is deleted from the admission register: exhaustive, and each for a person to judge.

The software never takes a child off roll, and never says that a ground is met; it reports what a person has done. Source: School
Attendance (Pupil Registration) (England) Regulations 2024, regulation 9(1), in the words of local authorities' guidance.
"""

ENTERED, DELETED = "entered", "deleted"
GROUNDS = {
    "a": "registered at another school", "b": "not continuing after nursery", "c": "dual registered, and the others consent",
    "d": "a school attendance order names another school", "e": "a school attendance order was revoked",
    "f": "a parent's written notice of education otherwise than at school", "g": "no longer lives at a reasonable distance",
    "h": "has not returned after leave", "i": "absent for twenty school days, and joint enquiries have failed",
    "j": "detained under a sentence", "k": "has died", "l": "over compulsory school age, and not continuing",
    "m": "boarding fees unpaid", "n": "has left an independent or non-maintained special school", "o": "permanently excluded",
}
# regulation 13(1): by the end of the fifth day after the name was entered
DAYS_TO_REPORT_AN_ENTRY = 5
