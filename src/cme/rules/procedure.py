"""The steps of the school's written procedure that can be measured, each with the records that say when it was due and when it was done.

One table for the report, its pages and its files; a test holds it against the steps of the procedure. Source of the words: the school's
Children Missing in Education Procedure.
"""

from dataclasses import dataclass

TEACHERS, OFFICER, DSL, SECOND, SOFTWARE, AUTHORITY, SCHOOL, STAFF_OWNER = (
    "teaching staff", "attendance officer", "DSL", "second person", "the software", "local authority", "school", "owner of the task")


@dataclass(frozen=True)
class Step:
    """One step. ``words`` are the procedure's; ``who`` holds it by the procedure; ``due`` and ``actual`` say which records tell."""

    key: str
    title: str
    words: str
    who: str
    due: str
    actual: str


STEPS: tuple[Step, ...] = (
    Step("registers", "Registers marked in the first ten minutes", "All registers are marked within the first ten minutes of the lesson", TEACHERS,
         "start of the expected register and the school's minutes", "the frozen verdict on the register, with its evidence"),
    Step("absence_reported", "Absence before the attendance officer", "Absences are reported immediately to the attendance officer", OFFICER,
         "end of the session in which the case was opened; after the last one, the minutes for the contact",
         "first question of the case to the attendance officer"),
    Step("thresholds", "Case opened on the day of the threshold",
         "10 school days or more missed without permission, or regularly absent: the child may be at risk of becoming missing in education", SOFTWARE,
         "end of the day on which the finding was reached", "moment of the finding"),
    Step("contact_begun", "Contact with parents begun", "Contact is made with parents/carers to ascertain the reason", OFFICER,
         "opening of the case and the school's minutes for the contact", "first attempt on record"),
    Step("contact_outcome", "Outcome of the contact recorded", "... and recorded appropriately", OFFICER,
         "due time of the attendance officer's question", "the accepted answer"),
    Step("staff_report", "Report of a missing child answered",
         "A member of staff becomes aware that a child may have run away or gone missing: the attendance officer tries to establish what has happened",
         OFFICER, "moment of the report and the school's minutes for it", "first event in which somebody says what was established"),
    Step("review_day_one", "DSL's answer to a day-one matter",
         "If that is not possible, the DSL with the attendance officer assesses the child's vulnerability; a concern about safety on day one", DSL,
         "due time of the question", "the accepted answer"),
    Step("review_routine", "DSL's answer to a routine question", "The DSL identifies actions", DSL, "due time of the question", "the accepted answer"),
    Step("appraisal", "Risk appraisal complete", "Possible reasons that must be considered (eight of them)", DSL,
         "moment of the decision", "the decision, if each reason has its answer"),
    Step("confirmation", "Second person's confirmation", "Two pairs of eyes for a decision to close or not to refer (the school's own addition)", SECOND,
         "due time of the question", "the accepted answer"),
    Step("referral_day_one", "Children's services and police rung on day one",
         "Concern about a child's safety: referral to children's services and the police on day one", DSL, "due time of the task", "end of the task"),
    Step("day_one_report", "Day-one report in writing", "Children's services contacted as soon as possible (where they take it by e-mail)", SOFTWARE,
         "due time of the task to ring", "moment at which the mail server accepted the report"),
    Step("meetings", "Strategy discussion, section 47, conference",
         "The DSL takes part in strategy discussions, section 47 enquiries and child protection conferences", DSL, "due time of the task", "end of the task"),
    Step("safeguarding_record", "Persistent absence in the safeguarding record",
         "Persistent absence is identified: reported through the school's safeguarding record", OFFICER, "due time of the task", "end of the task"),
    Step("actions", "Chosen actions done by their time",
         "Home visits; liaison with social worker or family support worker; liaison with parents; communication with the police", STAFF_OWNER,
         "due time of the task", "end of the task, by a person's word"),
    Step("notification", "Notification sent after approval", "The DSL informs the LA's CME officer", SOFTWARE,
         "fifteen minutes after the approval, as written in its event", "acceptance by the mail server, as written in its event"),
    Step("acknowledgement", "Acknowledged by the authority", "Work with the local CME officer; make sure that referrals are shared", AUTHORITY,
         "the day set when the notification was accepted", "event of the acknowledgement"),
    Step("chase", "Missing acknowledgement chased", "Make sure that referrals are shared (an authority that is silent is rung)", SOFTWARE,
         "the acknowledgement's due time and the school's minutes for a reminder", "first reminder, or the moment at which the case came back to the DSL"),
    Step("home_school", "Referring school told in the session", "Communication with the referring school (Alternative Provision children)", SOFTWARE,
         "end of the session", "acceptance by the mail server, or the call on record"),
    Step("procedure_review", "The procedure itself reviewed", "The procedure itself is reviewed on a date", SCHOOL,
         "the date in the school's configuration", "a later date there"),
)
BY_KEY: dict[str, Step] = {step.key: step for step in STEPS}
