"""What people see of mail: the outbox line by line, one message with its history, its text on request, and what came in."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from cme import clock
from cme.config.settings import require_role
from cme.errors import BadInput
from cme.records import mail_received, outbox
from cme.records.history import Stamp, events
from cme.records.tables import Outbox
from cme.steps import reads
from cme.steps.office import Office
from cme.steps.staff import shown_then
from cme.steps.view import WORDS

STATES = ("queued", "sending", "handing_over", "sent", "failed", "ambiguous", "cancelled")


@dataclass(frozen=True)
class OutboxLine:
    """One message in the list of `cme outbox`."""

    row: str
    kind: str
    about: str
    state: str
    tries: int
    since: str
    said: str
    needs_person: bool


def outbox_lines(office: Office, *, everything: bool = False, state: str = "", case: str = "") -> list[OutboxLine]:
    """The messages that need a person; or all, those of a state, those about a case, the newest two hundred, oldest first."""
    if state and state not in STATES:
        raise BadInput(f"{state!r} is no state of a message; use one of {', '.join(STATES)}")
    with office.transaction() as session:
        needs = outbox.needing_a_person(session)
        rows = needs
        if everything or state or case:
            query = select(Outbox).order_by(Outbox.created_at.desc(), Outbox.id).limit(200)
            query = query.where(Outbox.state == state) if state else query
            query = query.where(Outbox.subject_of == case.strip().upper()) if case else query
            rows = list(session.scalars(query))[::-1]
        ids = {row.id for row in needs}
        return [OutboxLine(row.id, row.kind.replace("_", " "), row.subject_of, row.state, row.tries, _minute(row.created_at),
                           row.last_error if row.last_error and row.state != "sent" else row.server_reply or "", row.id in ids) for row in rows]


def _minute(moment: datetime | None) -> str:
    return f"{clock.local(moment):%Y-%m-%d %H:%M}" if moment else ""


@dataclass(frozen=True)
class MessageView:
    """One message: (label, text) of its row, and (when, who, what, why) of everything that happened to it."""

    facts: list[tuple[str, str]]
    history: list[tuple[str, str, str, str]]


def message_view(office: Office, row_id: str) -> MessageView:
    """A message for this machine's screen: names its recipient. Raises BadInput where there is none."""
    with office.transaction() as session:
        row = session.get(Outbox, row_id)
        if row is None:
            raise BadInput(f"there is no message {row_id} in the outbox; `cme outbox --all` lists them")
        facts = [("row", row.id), ("message", row.kind.replace("_", " ")), ("about", row.subject_of), ("to", row.recipient),
                 ("subject", row.mail_subject), ("Message-ID", row.message_id), ("sha256", row.sha256), ("leaves by", f"the {row.route} mail server"),
                 ("state", row.state), ("tries", str(row.tries)), ("queued", _minute(row.created_at)), ("next try", _minute(row.next_try_at)
                 if row.state == "queued" else ""), ("past its time", _minute(row.expires_at)), ("handed over", _minute(row.handed_over_at)),
                 ("accepted", _minute(row.sent_at)), ("the server said", row.server_reply or ""), ("last fault", row.last_error or ""),
                 ("text", "kept, encrypted" if row.sealed is not None else "not kept any more")]
        shown = shown_then(office, session)
        history = [(f"{clock.local(e.at):%Y-%m-%d %H:%M:%S}", shown(e.who, e.at), WORDS.get(e.what, e.what), e.why)
                   for e in events(session, row.subject_of) if row.id in (e.data.get("outbox"), str(e.data.get("alarm", "")).partition(":")[2])]
    return MessageView([(label, text) for label, text in facts if text], history)


def message_text(office: Office, row_id: str, by: str) -> bytes:
    """The whole message as it goes over the wire, for this machine's screen; who looked at it is in the history."""
    with office.transaction() as session:
        row = session.get(Outbox, row_id)
    if row is None or row.sealed is None:
        raise BadInput(f"the text of message {row_id} is not kept" if row else f"there is no message {row_id} in the outbox")
    reads.read(office, row.subject_of, f"cme outbox --text: message {row_id}", by)
    return office.sealer.open(row.sealed)


@dataclass(frozen=True)
class ReceivedLine:
    """One mail that came in, as `cme mail` lists it."""

    number: int
    noted_at: datetime
    kind: str
    about: str
    sender: str
    message_id: str
    said: str
    needs_person: bool
    settled: str


def received_lines(office: Office, *, everything: bool = False) -> list[ReceivedLine]:
    """The mails that need a person, or the newest hundred of all, oldest first."""
    with office.transaction() as session:
        return [ReceivedLine(m.id, m.noted_at, m.kind, m.subject_of or "", m.sender, m.message_id, m.said, m.needs_person,
                             f"{m.settled_by}: {m.settled_why}" if m.settled_at else "") for m in mail_received.waiting(session, everything=everything)]


def seen_to(office: Office, number: int, reason: str, stamp: Stamp) -> None:
    """A person has read a mail in the mailbox and done what it asks."""
    require_role(stamp.who, office.settings.people)
    with office.transaction() as session:
        mail_received.settle(session, number, stamp, reason)
