"""What of a child's record a recipient is shown: third parties left out, and what the school withholds."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme.config.disclosure import Disclosure
from cme.records.tables import Contact, Pupil, RoleHolder, Staff
from cme.rules.redaction import CHILD, DETAIL, PERSON, Redaction, parts_of
from cme.steps.bundle_facts import Facts
from cme.steps.office import Office

STAFF, WITHHELD = "[staff]", "[withheld]"
# columns of our own making: times, numbers, hashes, references; nobody types into them
_OURS = {"event", "when", "when (UTC)", "of", "hash", "kind", "shown", "case", "due", "done", "set", "found", "reached on", "marks", "number", "opened",
         "closed", "reported", "episode from", "field"}
_SAFEGUARDING = ("decision.", "review.", "report.", "action.", "dossier.", "police_pack.", "case.to_dsl", "case.back_to_dsl", "case.urgent", "case.followed_up",
                 "case.to_second_person", "case.approved", "message.")
_SAFEGUARDING_TABLES = ("decisions", "actions", "reports of a missing child")


def redaction_of(office: Office, session: Session, facts: Facts, disclosure: Disclosure) -> Redaction:
    """Which names and details are replaced in what people typed about this child, for a recipient."""
    pupil, own = facts.pupil, {contact.name.casefold() for contact in facts.contacts}
    words: dict[str, str] = {}
    for forename, surname, upn in session.execute(select(Pupil.forename, Pupil.surname, Pupil.upn).where(Pupil.id != pupil.id)):
        words |= dict.fromkeys(_both(forename, surname), CHILD) | ({upn: CHILD} if upn else {})
    for [name] in session.execute(select(Contact.name).where(Contact.pupil_id != pupil.id).distinct()):
        if name.casefold() not in own:
            words.setdefault(name, PERSON)
    if disclosure.contacts == "none":
        words |= dict.fromkeys((contact.name for contact in facts.contacts), PERSON)
    if disclosure.staff == "roles":
        names = [*session.scalars(select(RoleHolder.name).distinct()), *session.scalars(select(Staff.name).distinct()),
                 *(office.person(key).name for key in office.settings.people.keys)]
        words |= dict.fromkeys(filter(None, names), STAFF)
    for name in (*_both(pupil.forename, pupil.surname), pupil.upn, *(own if disclosure.contacts != "none" else ())):
        words.pop(name, None)
    others = session.execute(select(Pupil.forename, Pupil.group_key, Pupil.address, Pupil.surname).where(
        Pupil.id != pupil.id, Pupil.school == pupil.school, Pupil.forename != ""))
    # the address is sealed: it is compared here, not in the database
    mates = {row.forename for row in others if row.group_key == pupil.group_key or (
        row.address == pupil.address if pupil.address else row.surname.lower() == pupil.surname.lower())}
    not_them = {part for name in (pupil.forename, pupil.surname, *own, *(office.person(key).name for key in office.settings.people.keys))
                for part in parts_of(name)}
    allowed = [office.settings.mail_sender, office.policies.authority.mailbox, office.policies.authority.telephone,
               office.policies.authority.childrens_services, office.policies.authority.childrens_services_out_of_hours]
    if disclosure.contacts == "full":
        allowed += [detail for contact in facts.contacts for detail in (contact.email, contact.telephone) if detail]
    return Redaction(words, {name for name in mates if not not_them.issuperset(parts_of(name))}, allowed, facts.references)


def _both(forename: str, surname: str) -> Iterator[str]:
    if forename and surname:
        yield from (f"{forename} {surname}", f"{surname} {forename}")


def shown_tables(facts: Facts, disclosure: Disclosure, redaction: Redaction) -> dict[str, list[dict[str, Any]]]:
    """The tables of the bundle, without what this recipient is not shown."""
    withheld = disclosure.safeguarding == "withheld"
    found: dict[str, list[dict[str, Any]]] = {}
    for name, rows in facts.tables.items():
        if withheld and name in _SAFEGUARDING_TABLES:
            rows = []
        if withheld and name == "child":
            rows = [row for row in rows if row["field"] != "Flag"]
        if withheld and name == "chronology":
            rows = [{**row, "why": WITHHELD} if row["kind"].startswith(_SAFEGUARDING) and row["why"] else row for row in rows]
        own = name == "child"       # the child's own facts; nobody else's stand in them
        found[name] = [row if own else {key: value if key in _OURS else redaction.all(value) for key, value in row.items()} for row in rows]
    found["contacts"] = [_contact(contact, disclosure, n) for n, contact in enumerate(facts.contacts, 1)]
    return found


def _contact(contact: Contact, disclosure: Disclosure, number: int) -> dict[str, Any]:
    full, named = disclosure.contacts == "full", disclosure.contacts != "none"

    def detail(held: str) -> str:
        return held if full or not held else DETAIL

    return {"order": contact.priority, "name": contact.name if named else f"[contact {number}]", "relationship": contact.relationship if named else "",
            "telephone": detail(contact.telephone), "e-mail": detail(contact.email), "may be contacted": "no" if contact.do_not_contact else "yes",
            "from": f"{contact.valid_from:%Y-%m-%d}", "until": f"{contact.valid_to:%Y-%m-%d}" if contact.valid_to else ""}


def shown_dossier(dossier: dict[str, Any], disclosure: Disclosure, redaction: Redaction) -> dict[str, Any]:
    """A frozen dossier for this recipient. Its hash in the history is that of the whole; the manifest says both."""
    own = {"reference": dossier.get("reference"), "pupil": dossier.get("pupil"), "flags": dossier.get("flags", [])}
    made = {**redaction.all({key: value for key, value in dossier.items() if key not in own}), **own}
    if disclosure.contacts != "full":
        for contact in made.get("contacts", []):
            contact |= {key: DETAIL for key in ("email", "telephone") if contact.get(key)}
    return made
