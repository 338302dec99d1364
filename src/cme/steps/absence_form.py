"""The reason of an absence, recorded in Prefect's form by the person whom a one-time code names. Nothing is typed that could name a child.

Anybody who can open Prefect may start the form; it then mails a code to the attendance officer on duty, and only that code ends a ladder.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from cme.errors import BadInput
from cme.records import absence_codes, absences
from cme.records.absences import name_of
from cme.records.history import Stamp
from cme.records.tables import AbsenceRequest
from cme.steps import duty, staff
from cme.steps.absence_answers import held, take_reason
from cme.steps.calls import numbers, sign_in
from cme.steps.office import Office
from cme.steps.resume_requests import signed_in_as

ABSENCE = r"^ABS-[0-9]{1,9}$"
# what a parent or carer may say, and the code of SI 2024/208 that it calls for
REASONS = {"Ill": "I", "Medical or dental appointment": "M", "Religious observance": "R", "Leave of absence that the school has granted": "C",
           "Holiday that the school has not granted": "G", "Interview for work or for another school": "J1", "Suspended or excluded": "E"}


@dataclass(frozen=True)
class Asked:
    """What stands above the form; nothing that identifies a child. ``closed`` says why there is nothing to answer; empty where there is."""

    text: str = ""
    closed: str = ""


@dataclass(frozen=True)
class Taken:
    """What became of an answer: the sentence of what is to be done now, or why it was not accepted."""

    done: str = ""
    refusal: str = ""


def ask(office: Office, reference: str, flow_run_id: str, stamp: Stamp, refusal: str = "") -> Asked:
    """What the form shows; mails the attendance officer on duty a code if they hold none for this absence."""
    staff.notice_changes(office, stamp)
    with office.transaction() as session:
        try:
            request = held(session, reference)
        except BadInput as reason:
            return Asked(closed=str(reason))
        officer = duty.stand_in(office, duty.OFFICER, stamp.at)
        if officer not in {code.person for code in absence_codes.live(session, request, stamp.at)}:
            _mail(office, session, request, officer, flow_run_id, stamp)
        said = f"> **Your last answer was not accepted: {refusal}.** Please answer again.\n\n" if refusal else ""
        return Asked(f"{said}### Why was the child absent?\n\n{name_of(request)}: {request.day:%A %-d %B %Y} {request.session}, mark {request.code}. "
                     f"`cme call {name_of(request)}` on the school's machine shows who it is and whom to ring.\n\nThe one-time code is in the "
                     f"mail of the {office.settings.people.title(officer)}. For a child who is not where it is believed to be, run `report-missing` at once.")


def _mail(office: Office, session: Session, request: AbsenceRequest, officer: str, flow_run_id: str, stamp: Stamp) -> None:
    valid = timedelta(minutes=office.policies.school.code_valid_minutes)
    code = absence_codes.issue(session, office.sealer, request, officer, stamp, valid)
    office.queue_letter(session, "absence_code", to=office.person(officer).email, subject_of=absences.subject_of(session, request), stamp=stamp,
                        keep_body=False, valid=valid,
                        dedupe_key=f"absence-code:{request.id}:{officer}:{office.sealer.mac('call', str(request.id), officer, code)[:16]}",
                        reference=name_of(request), link=f"{office.settings.ui_url}/v2/runs/flow-run/{flow_run_id}", code=code,
                        valid_until=office.shown_time(stamp.at + valid), **numbers(office), **sign_in(office))


def take(office: Office, reference: str, source_key: str, payload: dict[str, Any], stamp: Stamp) -> Taken:
    """Record the reason if the code names a person: one transaction. ``source_key`` is Prefect's of the answer: a second reading of it
    changes nothing."""
    staff.notice_changes(office, stamp)            # a code ends with the role of whoever held it
    with office.transaction() as session:
        try:
            request = held(session, reference)
        except BadInput as reason:
            return Taken(refusal=str(reason))
        said = payload.get("reason")
        if absence_codes.used_for(session, request, source_key):
            return Taken(done=f"{name_of(request)}: recorded already.")
        if not isinstance(said, str) or said not in REASONS:
            return _refused(session, request, "the reason is none of those in the list", stamp)
        found = absence_codes.identify(session, office.sealer, request, str(payload.get("code", "")).strip()[:20], source_key, stamp)
        if found.person is None:
            return _refused(session, request, found.refusal, stamp)
        by = Stamp(found.person, stamp.at, stamp.flow_run_id, stamp.task_run_id)
        return Taken(done=take_reason(office, session, request, said, office.policies.codes.statutory(REASONS[said], request.day), by))


def _refused(session: Session, request: AbsenceRequest, refusal: str, stamp: Stamp) -> Taken:
    absences.note(session, request, "absence.answer_refused", stamp, refusal, signed_in_as=signed_in_as(session, stamp.flow_run_id))
    return Taken(refusal=refusal)
