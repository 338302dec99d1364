"""What the command line prints about mail, with Rich: the outbox, one message, what came in, and how the servers were found."""

import email
import email.policy

from rich import box
from rich.console import Console
from rich.table import Table

from cme import clock
from cme.steps.mail_watch import MessageView, OutboxLine, ReceivedLine

KINDS = {"bounced": "came back", "delayed": "held up", "delivered": "delivered", "automatic": "automatic answer", "written": "written by somebody"}


def print_outbox(out: Console, lines: list[OutboxLine], *, filtered: bool) -> None:
    """Messages, oldest first, with what the server said; recipients are shown on this machine's screen only."""
    table = Table("row", "message", "about", "state", "tries", "since", "what was said", box=box.SIMPLE)
    for line in lines:
        table.add_row(line.row, line.kind, line.about, f"[red]{line.state}[/]" if line.needs_person else line.state, str(line.tries), line.since, line.said)
    out.print(table if lines else "There is no such message." if filtered else "No message needs a person.")


def print_message(out: Console, view: MessageView) -> None:
    """One message: what stands in its row, and everything that happened to it."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for label, text in view.facts:
        table.add_row(label, text)
    out.print(table)
    history = Table("when", "who", "what", "why", box=box.SIMPLE)
    for each in view.history:
        history.add_row(*each)
    out.print(history)


def print_text(out: Console, wire: bytes) -> None:
    """The text of a message as its recipient reads it, and the names of its files."""
    mail = email.message_from_bytes(wire, policy=email.policy.default)
    body = mail.get_body(("plain",))
    out.print(body.get_content() if body else "", markup=False)
    for part in mail.iter_attachments():
        out.print(f"attached: {part.get_filename()} ({len(part.get_payload(decode=True) or b'')} bytes)", markup=False)


def print_received(out: Console, lines: list[ReceivedLine], *, everything: bool) -> None:
    """The mails that came in. Their text stays in the mailbox: look for the sender and the Message-ID there."""
    table = Table("number", "noted", "what", "about", "from", "Message-ID", "", box=box.SIMPLE)
    for line in lines:
        said = line.settled or ("[red]needs a person[/]" if line.needs_person else line.said)
        table.add_row(str(line.number), f"{clock.local(line.noted_at):%Y-%m-%d %H:%M}", KINDS.get(line.kind, line.kind), line.about, line.sender,
                      line.message_id, said)
    out.print(table if lines else "No mail came in yet." if everything else "No mail waits to be read.")
    if any(line.needs_person and not line.settled for line in lines):
        out.print("Read it in the mailbox, do what it asks, then: cme mail NUMBER --seen \"...\" --by ROLE", markup=False)
