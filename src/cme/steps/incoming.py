"""Read the school's mailbox: what came back, what is held up, what was answered. Each mail is handled once; none is changed or dropped.

A mail decides nothing: an answer of the authority, automatic or not, is no acknowledgement until a person has read it and says so
(``cme acknowledge``). What belongs to no message waits before a person (``cme mail``).
"""

from collections import Counter
from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cme.errors import BadInput, Misconfigured, Transient
from cme.mail.inbox import read_message
from cme.mail.incoming import AUTOMATIC, BOUNCED, DELAYED, DELIVERED, WRITTEN, Incoming, read_mail
from cme.mail.mailbox import Found, Mailbox
from cme.records import after_sending, cases, mail_received
from cme.records.actions import set_task
from cme.records.alarms import clear_alarm, raise_alarm
from cme.records.delivery import EMAIL
from cme.records.history import Stamp
from cme.records.tables import Case, MailboxRead, Outbox
from cme.rules.cases import CaseState
from cme.steps import replies
from cme.steps.notify import notification_key
from cme.steps.office import Office

LONGEST_REPLY = 4000                   # characters of a parent's mail that are kept: the mailbox has the rest
SILENT = timedelta(minutes=30)         # so long may the mailbox be out of reach before somebody hears of it
UNREACHED = "mailbox-unreached"
READ_REPLY = "Read the authority's reply, and record the acknowledgement where it is one (cme acknowledge)"
READ_ANSWER = "Read a reply to a message of this case, in the school's mailbox"


def mailbox_of(office: Office) -> Mailbox | None:
    """The mailbox of the settings; None where none is named."""
    s = office.settings
    if not s.imap_host:
        return None
    way = s.route("imap")
    return Mailbox(way.host, way.port, tls=way.tls, user=way.user, ca=str(way.ca) if way.ca else None, folder=s.imap_folder,
                   sign_in=office.token(way) or (way.password.get_secret_value() if way.password else ""))


def read_mailbox(office: Office, stamp: Stamp, mailbox: Mailbox | None = None) -> dict[str, int]:
    """Read what is new; returns the number of mails by kind. Out of reach, it is an alarm at once where a person must act, else after
    half an hour, and the error passes on."""
    box = mailbox or mailbox_of(office)
    if box is None:
        return {}
    name, counts = f"{office.settings.imap_user}@{office.settings.imap_host}/{office.settings.imap_folder}", Counter[str]()
    first: frozenset[str] = frozenset()

    def new_of(places: Collection[str]) -> set[str]:
        nonlocal first
        with office.transaction() as session:
            first = mail_received.first_places(session, name, places, stamp)
            clear_alarm(session, UNREACHED, stamp, "the mailbox was read")
            return mail_received.unknown(session, places)
    failed: list[Exception] = []
    try:
        for found in box.read(new_of):
            try:
                counts[take(office, found, stamp, before=found.place in first)] += 1
            except Exception as error:             # one mail never keeps the others waiting: it goes to a person, and the fault is seen
                _unhandled(office, found, stamp)
                failed.append(error)
    except Transient as error:
        _unreached(office, name, error, stamp)
        raise
    if failed:
        raise failed[0]
    return dict(counts)


def _unhandled(office: Office, found: Found, stamp: Stamp) -> None:
    mail = read_mail(found.content)
    with office.transaction() as session:
        mail_received.note(session, stamp, digest=mail.digest, place=found.place, message_id=mail.message_id, sender=mail.sender, kind=mail.kind,
                      outbox_id=None, subject_of=None, said="it could not be handled", needs_person=True)


def _unreached(office: Office, name: str, error: Transient, stamp: Stamp) -> None:
    with office.transaction() as session:
        last = session.get(MailboxRead, name)
        if isinstance(error, Misconfigured) or last is None or last.read_at + SILENT <= stamp.at:
            raise_alarm(session, UNREACHED, "school", f"The school's mailbox cannot be read, so that nobody hears when a message comes back: {error}", stamp)


def take(office: Office, found: Found, stamp: Stamp, *, before: bool = False) -> str:
    """Handle one mail in one transaction; returns its kind. ``before``: it lay there before the mailbox was read for the first time."""
    mail = read_mail(found.content)
    with office.transaction() as session:
        row = _message_of(office, session, mail)
        case = _case_of(session, row)
        parent = mail.kind == WRITTEN and not before and _from_a_parent(session, mail, row)
        alone = not parent and (row is None or mail.kind not in (BOUNCED, DELAYED, DELIVERED, AUTOMATIC) and case is None)
        number = mail_received.note(
            session, stamp, digest=mail.digest, place=found.place, message_id=mail.message_id, sender=mail.sender, kind=mail.kind,
            outbox_id=row.id if row else None, subject_of=row.subject_of if row else None, said=mail.said,
            needs_person=alone and not (row is None and before))
        if number is not None and parent:
            _keep_reply(office, session, mail, found.content, row, stamp)
        elif number is not None and row is not None:
            _act(office, session, mail, row, case, number, stamp)
    return mail.kind


def _from_a_parent(session: Session, mail: Incoming, row: Outbox | None) -> bool:
    """Whether a mail answers a letter to a parent, or comes from the address of a contact that is held now."""
    return row is not None and row.kind.startswith("parent_") or bool(replies.contacts_of_sender(session, EMAIL, mail.sender))


def _keep_reply(office: Office, session: Session, mail: Incoming, content: bytes, row: Outbox | None, stamp: Stamp) -> None:
    """A parent's mail is kept with their texts, sealed, and brought to a person in the same time (`cme replies`)."""
    shown = read_message("", content)
    words = f"{shown.subject}\n\n{shown.text.strip() or '(no plain text: look into the mailbox)'}"[:LONGEST_REPLY]
    replies.keep(office, session, replies.Incoming(EMAIL, mail.digest, mail.sender, stamp.at, words, row.subject_of if row else ""), stamp)
    if row is not None:
        after_sending.arrived(session, row.id, stamp, "mail.answered", "somebody has answered: a person must read it")


def _act(office: Office, session: Session, mail: Incoming, row: Outbox, case: Case | None, number: int, stamp: Stamp) -> None:
    if mail.kind == BOUNCED:
        after_sending.came_back(session, row.id, stamp, mail.said)
        if case and case.state == CaseState.NOTIFIED and row.dedupe_key == notification_key(session, case):
            cases.move(session, case, CaseState.NOTIFYING, stamp, why="the message came back undelivered", owner="operations",
                       due=stamp.at + timedelta(minutes=15), data={"outbox": row.id})
    elif mail.kind == DELAYED:
        after_sending.held_up(session, row.id, stamp, mail.said)
    elif mail.kind == DELIVERED:
        after_sending.arrived(session, row.id, stamp, "mail.delivered", "the recipient's server reports that it was delivered")
    elif mail.kind == AUTOMATIC:
        after_sending.arrived(session, row.id, stamp, "mail.auto_answered", "an automatic answer came: that is no acknowledgement")
    else:
        official = _from_authority(office, mail, row)
        after_sending.arrived(session, row.id, stamp, "mail.answered",
                              "the authority has written: a person must read it" if official else "somebody has answered: a person must read it")
        if case:
            set_task(session, case, READ_REPLY if official else READ_ANSWER, owner="attendance_officer", due=office.routine_due(stamp.at),
                     stamp=stamp, task_key=f"{'reply' if official else 'answer'}:{row.id}:{number}")


def _message_of(office: Office, session: Session, mail: Incoming) -> Outbox | None:
    """The message of ours that a mail is about: by Message-ID; or by the reference in the subject of what the authority writes."""
    rows = {row.message_id: row for row in session.scalars(select(Outbox).where(Outbox.message_id.in_(list(mail.ids))))} if mail.ids else {}
    if found := next((rows[each] for each in mail.ids if each in rows), None):
        return found
    for reference in mail.references if mail.kind not in (BOUNCED, DELAYED, DELIVERED) else ():
        row = session.scalar(select(Outbox).where(Outbox.subject_of == reference, Outbox.kind.like("la\\_%")).order_by(Outbox.created_at.desc()).limit(1))
        if row is not None and _from_authority(office, mail, row):
            return row
    return None


def _from_authority(office: Office, mail: Incoming, row: Outbox) -> bool:
    """Whether a mail about one of the five messages comes from where that message went."""
    domains = {address.rpartition("@")[2].lower() for address in (row.recipient, *office.policies.authority.mailboxes)}
    return row.kind.startswith("la_") and mail.sender.rpartition("@")[2] in domains


def _case_of(session: Session, row: Outbox | None) -> Case | None:
    """The open case that a message is about, locked; None where it is about none."""
    try:
        case = cases.by_reference(session, row.subject_of, lock=True) if row else None
    except BadInput:
        return None
    return case if case and case.closed_at is None else None
