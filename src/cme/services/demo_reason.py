"""What the demo plays beside its case: a parent answers a text, and the attendance officer records the reason in Prefect's form."""

import json
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping

from sqlalchemy import select

from cme.config.settings import load_settings
from cme.records.absences import OPEN, name_of
from cme.records.tables import AbsenceRequest, Case, ParentMessage
from cme.services.pages import fetch
from cme.services.prefect_api import PrefectApi, wait_for
from cme.steps.office import Office, open_office

SAID, REASON = "Sorry, my child woke up with a fever and stays at home today.", "Ill"


def play(house: Mapping[str, str], api: PrefectApi, phones: str, code_of: Callable[[str, str], str]) -> str:
    """Play both; returns the sentence for the story, empty where no parent was texted about a child without a case.

    ``house`` is the house's environment. ``code_of`` gives the one-time code in the newest mail to a role about a reference, empty
    while there is none.
    """
    office = open_office(load_settings(**{name: house[f"CME_{name.upper()}"] for name in ("data_dir", "database_url", "ui_url")}))
    try:
        found = _absence_texted(office, json.loads(fetch(f"{phones}/api/texts")))
    finally:
        office.close()
    if found is None:
        return ""
    absence, number = found
    body = urllib.parse.urlencode({"number": number, "text": SAID}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{phones}/reply", data=body), timeout=10).close()       # nosec B310 # loopback
    run = api.start("record-contact", f"record-contact {absence}", {"absence": absence})
    wait_for(lambda: api.state(run) == "PAUSED", 180, "the form for the reason")
    code = wait_for(lambda: code_of("attendance_officer", absence), 90, "the attendance officer's code")
    api.resume(run, {"reason": REASON, "code": code})
    api.finish(run)
    said = api.message(run).partition(";")[0]
    return f"A parent has answered a text; the attendance officer recorded the reason in the form record-contact: {said}"


def _absence_texted(office: Office, texts: list[dict[str, str]]) -> tuple[str, str] | None:
    """An open absence without a case of which a parent was texted, and that parent's number."""
    sent = {text["reference"]: text["to"] for text in texts}
    with office.transaction() as session:
        found = session.execute(select(AbsenceRequest, ParentMessage.outbox_id).join(ParentMessage, ParentMessage.request_id == AbsenceRequest.id)
                                .where(AbsenceRequest.state == OPEN, ParentMessage.outbox_id.in_(sent), AbsenceRequest.pupil_id.not_in(
                                    select(Case.pupil_id)))
                                .order_by(AbsenceRequest.id)).first()
        return (name_of(found[0]), sent[found[1]]) if found else None
