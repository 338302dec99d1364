"""The possible reasons that the school's procedure says must be considered, exactly these, by the keys under which answers are kept.

Source: the school's Children Missing in Education Procedure ("Possible reasons that must be considered").
"""

REASONS = {
    "failed_to_start": "Failed to start the provision",
    "illegal_exclusion": "Illegal exclusion or withdrawal",
    "failed_transition": "Failed transition between schools",
    "asylum": "Refugee or asylum-seeking family",
    "highly_mobile": "Highly mobile family",
    "forced_marriage": "Risk of forced marriage",
    "neglect_or_abuse": "Neglect or abuse",
    "youth_justice": "Supervised by youth justice",
}
