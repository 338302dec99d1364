"""In which language a parent is written to: their own where there is wording that may be used, else English, and the history says so."""

from sqlalchemy.orm import Session

from cme.config.policies import Policies
from cme.mail.render import written_in
from cme.records.history import Stamp, record
from cme.rules.languages import ENGLISH, language_of, name_of


def language_for(policies: Policies, name: str, held: str, *, production: bool) -> tuple[str, str]:
    """The language for the letter ``name`` to somebody who speaks ``held`` (as the school's system says it), and, where that is English
    instead of theirs, why. In production a translation is used only once the school has confirmed it (``confirmed_translations``)."""
    wanted = language_of(held)
    if wanted is None:
        return ENGLISH, "there are no letters in the language that is held"
    if wanted not in written_in(name):
        return ENGLISH, f"this letter is not written in {name_of(wanted)}"
    if wanted != ENGLISH and production and wanted not in policies.school.confirmed_translations:
        return ENGLISH, f"the translation into {name_of(wanted)} is not confirmed"
    return wanted, ""


def say_in_english(session: Session, name: str, row_id: str, subject_of: str, why: str, stamp: Stamp) -> None:
    """Note that somebody who may not read English was written to in English."""
    record(session, subject_of, "message.in_english", stamp, why, {"kind": name, "outbox": row_id})
