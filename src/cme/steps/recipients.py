"""The allow-list: to whom a message of a kind may go, asked again at the last moment before it leaves.

A message about a child goes only to a mailbox that the authority's file or the school's own names; a letter to a parent only to a contact
held now, a notice to a professional only to one who is; everything else only to the people of the school. A recipient who stands nowhere is a matter for a person: the message waits.
"""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cme.config.people import People
from cme.config.policies import Policies
from cme.errors import BadInput, Misconfigured
from cme.mail.numbers import number_of, textable
from cme.records.contacts import held_with, held_with_digits
from cme.records.tables import Contact, Professional, Staff

# of a contact: held now, and nothing on record forbids that a machine writes to this person
MAY_BE_WRITTEN_TO = (Contact.valid_to.is_(None), ~Contact.do_not_contact, ~Contact.court_order, ~Contact.no_responsibility)
HOME_SCHOOL = ("home_school_absence", "home_school_correction")


def check_recipient(session: Session, policies: Policies, people: People, kind: str, recipient: str) -> None:
    """Raise Misconfigured, in a sentence without the address, unless ``recipient`` may have a message of ``kind`` now."""
    to = recipient.lower()
    schools = {school.mailbox.lower() for school in policies.school.referring_schools}
    if kind.startswith("la_"):
        if to not in schools | {mailbox.lower() for mailbox in policies.authority.mailboxes}:
            raise Misconfigured("the mailbox is named neither in the authority's file nor under referring_schools: correct it there, or cancel the "
                                "message; `cme outbox ROW --anew` makes it again for the mailbox that is named now")
    elif kind in HOME_SCHOOL:
        if to not in schools:
            raise Misconfigured("the mailbox is not named under referring_schools in school.yaml: correct it there, or cancel the message")
    elif kind.startswith("parent_"):
        if not held_with(session, to, *MAY_BE_WRITTEN_TO):
            raise Misconfigured("the address is no longer one of a contact who may be written to: cancel the message, and look at the contacts")
    elif kind.startswith("professional_"):
        held = session.scalars(select(Professional.email).where(Professional.valid_to.is_(None), Professional.email != ""))
        if to not in {email.lower() for email in held}:
            raise Misconfigured("the address is no longer one of a professional around a child: cancel the message, and look at who is held")
    elif to not in {people.of(key).email.lower() for key in people.keys} and not session.scalar(
            select(Staff.id).where(func.lower(Staff.email) == to).limit(1)):
        raise Misconfigured("the address is nobody's in the people file, and no teacher's: correct the people file, or cancel the message")


def check_number(session: Session, number: str) -> None:
    """The same of a text: raise Misconfigured, in a sentence without the number (in international form), unless a contact who may be
    contacted is held with it now."""
    held = held_with_digits(session, number[-9:], *MAY_BE_WRITTEN_TO)
    if not any(textable(contact.telephone) and number_of(contact.telephone) == number for contact in held):
        raise Misconfigured("the number is no longer one of a contact who may be texted: cancel the text, and look at the contacts")


def permission(session: Session, policies: Policies, people: People, kind: str, recipient: str) -> None:
    """The same, where nothing that cannot be read may make a message fail for good."""
    try:
        check_recipient(session, policies, people, kind, recipient)
    except BadInput as error:
        raise Misconfigured(str(error)) from None
