"""Call a person to a question: by mail, with a one-time code, the link to answer and the link to read the dossier."""

from datetime import timedelta

from sqlalchemy.orm import Session

from cme.records import reviews
from cme.records.history import Stamp
from cme.records.tables import Case, Review
from cme.steps.office import Office

LETTER = {reviews.SAFEGUARDING: "review_call", reviews.CONTACT_OUTCOME: "contact_call", reviews.CONFIRMATION: "confirmation_call",
          reviews.MISSING_REPORT: "missing_report_call"}
URGENT_LETTER = {reviews.SAFEGUARDING: "review_urgent"}


def link(office: Office, review: Review) -> str:
    """Where the paused run is answered."""
    # the new pages of Prefect's UI: in the old ones of 3.8.8 a choice list closes in the moment a mouse opens it
    return f"{office.settings.ui_url}/v2/runs/flow-run/{review.flow_run_id}"


def call(office: Office, session: Session, case: Case, review: Review, person: str, stamp: Stamp, letter: str = "", **fields: str) -> None:
    """Mail ``person`` the link to the paused run and to the dossier with a new one-time code; code and link die with their validity.

    The letter is that of the question's kind and urgency unless ``letter`` names another. An older code of the person dies.
    """
    valid = timedelta(minutes=office.policies.school.code_valid_minutes)
    code = reviews.issue_code(session, office.sealer, review, person, stamp, valid, case.reference)
    token = reviews.issue_link(session, office.sealer, review, person, stamp, valid)
    urgent = URGENT_LETTER.get(review.kind) if review.urgency == reviews.DAY_ONE else None
    office.queue_letter(
        session, letter or urgent or LETTER[review.kind], to=office.person(person).email, subject_of=case.reference, stamp=stamp,
        keep_body=False, valid=valid, dedupe_key=f"call:{review.id}:{person}:{office.sealer.mac('call', str(review.id), person, code)[:16]}",
        reference=case.reference, link=link(office, review), dossier=f"{office.settings.ui_url}/cme/dossier/{token}", code=code,
        due=office.shown_time(review.due_at), valid_until=office.shown_time(stamp.at + valid), **numbers(office),
        **sign_in(office), **fields)


def remind(office: Office, session: Session, case: Case, review: Review, person: str, stamp: Stamp) -> None:
    """Mail ``person``, who holds a code already, that the question still waits."""
    letter = "urgent_reminder" if review.urgency == reviews.DAY_ONE else "review_reminder"
    office.queue_letter(session, letter, to=office.person(person).email, subject_of=case.reference, stamp=stamp,
                        dedupe_key=f"reminder:{review.id}:{person}:{review.escalations}:{stamp.at:%Y%m%d%H%M}", reference=case.reference,
                        link=link(office, review), due=office.shown_time(review.due_at), **numbers(office), **sign_in(office))


def numbers(office: Office) -> dict[str, str]:
    """The telephone numbers of the authority's pack, as fields of a letter."""
    a = office.policies.authority
    return {"police_emergency": a.police_emergency, "police": a.police, "childrens_services": a.childrens_services,
            "childrens_services_out_of_hours": a.childrens_services_out_of_hours}


def sign_in(office: Office) -> dict[str, str]:
    """Whether whoever opens a link is asked for the password, as a field of a letter: not in the demo, and not behind the school's
    own sign-in."""
    settings = office.settings
    return {} if settings.proxy_user_header or settings.environment == "demo" else {"sign_in": "password"}
