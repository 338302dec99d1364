"""What the command line prints for people, with Rich."""

import email
import email.policy
import json
import urllib.request
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from cme import clock
from cme.config.settings import load_settings
from cme.errors import BadInput, Transient
from cme.records import outbox
from cme.records.registers import quarantined
from cme.sources.source import place_of
from cme.steps.office import Office
from cme.steps.runs import RunLine
from cme.steps.view import CaseView, Line


def print_case(out: Console, view: CaseView) -> None:
    """A case with everything on record: the child, the findings with their marks, contacts, attempts, actions, messages."""
    d = view.dossier
    pupil = d["pupil"]
    out.print(Panel(f"[bold]{view.name}[/]   born {pupil['born'] or 'not held'}   UPN {pupil['upn'] or 'not held'}   "
                    f"year {pupil['year_group'] or '?'}   group {pupil['group'] or '?'}\n"
                    f"{pupil['address'] or 'address not held'} {pupil['postcode']}\n"
                    f"flags: {', '.join(d['flags']) or 'none held'}   last attended: {d['last_attended'] or 'not on record'}",
                    title=f"{view.reference}: {view.state}", subtitle=f"next: {view.next_step}"))
    for finding in d["findings"]:
        out.print(f"[bold]{finding['rule'].replace('_', ' ')}[/] reached on {finding['reached_on']}: {finding['reason']}")
        out.print(f"  source: {finding['source']}", markup=False)
        if finding["retracted"]:
            out.print(f"  [yellow]retracted: {finding['retracted']}[/]")
        out.print("  marks: " + ", ".join(f"{day} {session} {code}" for day, session, code in finding["marks"]), markup=False)
    _rows(out, "Contacts", ["priority", "name", "relationship", "telephone", "email", "do_not_contact"], d["contacts"])
    _rows(out, "Attempts", ["at", "channel", "outcome", "note", "recorded_by"], d["attempts"])
    if d["replies"]:
        _rows(out, "Replies", ["at", "channel", "from", "text", "outcome", "done_by"], d["replies"])
    _rows(out, "Actions", ["id", "kind", "owner", "due", "outcome"], d["actions"])
    out.print(f"Not on record yet: {', '.join(d['missing']) or 'nothing'}")
    out.print("Messages: " + (", ".join(f"{n} × {what}" for what, n in view.messages.items()) or "none"))


def _rows(out: Console, title: str, columns: list[str], rows: list[dict[str, Any]]) -> None:
    if not rows:
        out.print(f"{title}: none")
        return
    table = Table(*(c.replace("_", " ") for c in columns), title=title, title_justify="left")
    for row in rows:
        table.add_row(*("yes" if row.get(c) is True else "" if row.get(c) in (None, False) else str(row[c]) for c in columns))
    out.print(table)


def fetch(url: str) -> bytes:
    """What a page of the running demo says; raises Transient with one sentence when it does not answer."""
    if not url.startswith("http://127.0.0.1:"):
        raise BadInput(f"CME_INBOX_URL must be the demo's own inbox on this machine (http://127.0.0.1:PORT), not {url}")
    try:
        with urllib.request.urlopen(url, timeout=10) as reply:       # nosec B310 # loopback, the demo's own inbox
            return bytes(reply.read())
    except OSError as error:
        raise Transient(f"the inbox at {url} does not answer ({error}); is `cme demo` still running?") from error


def print_inbox(out: Console, number: int | None) -> None:
    """The mails in the demo's inbox, oldest first, or the text of one."""
    settings = load_settings()
    if not settings.inbox_url:
        raise BadInput("there is no inbox here: it belongs to `cme demo`, which is not running for this user")
    messages = list(reversed(json.loads(fetch(f"{settings.inbox_url}/api/messages"))))
    if number is None:
        table = Table("number", "time", "to", "subject")
        for n, message in enumerate(messages, 1):
            table.add_row(str(n), message["at"][:16].replace("T", " "), message["to"], message["subject"])
        out.print(table if messages else "The inbox is empty.")
        return
    if not 1 <= number <= len(messages):
        raise BadInput(f"there is no mail number {number}; `cme inbox` lists 1 to {len(messages)}")
    raw = fetch(f"{settings.inbox_url}/api/messages/{messages[number - 1]['id']}.eml")
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    body = mail.get_body(("plain",))
    out.print(Panel(f"From: {mail['From']}\nTo: {mail['To']}\nSubject: {mail['Subject']}"), markup=False)
    out.print(body.get_content() if body else "", markup=False)
    for part in mail.iter_attachments():
        out.print(f"attached: {part.get_filename()} ({len(part.get_payload(decode=True) or b'')} bytes)", markup=False)


def print_quarantine(out: Console, office: Office) -> None:
    """The rows in quarantine: where, why, since when, and what to do. The rows themselves stay in the records."""
    with office.transaction() as session:
        rows = quarantined(session, office.school)
        table = Table("number", "where it stands", "reason, and what to do", "since")
        for row in rows:
            where = f"{row.source}: {place_of(row.place, row.line or row.record)}" + (f", {row.day:%-d %b %Y}" if row.day else "")
            table.add_row(str(row.id), where, row.reason, f"{clock.local(row.first_seen):%Y-%m-%d %H:%M}")
    if not rows:
        out.print("Nothing is in quarantine.")
        return
    out.print(table)
    out.print("Correct a row at its source: the next pull reads it again and takes it from this list (`cme quarantine --retry` at once). "
              "One row as it came: cme quarantine NUMBER. A row that need not be read any more: cme quarantine NUMBER --reason \"...\" --by ROLE", markup=False)


def print_history(out: Console, case: str, lines: list[Line], *, utc: bool) -> None:
    """The history of a case, on the school's wall clock and, where asked, in UTC."""
    table = Table("when", *(["UTC"] if utc else []), "who", "what", "why", "flow run", title=f"History of {case.upper()} (Europe/London)")
    for line in lines:
        table.add_row(line.when, *([line.utc] if utc else []), line.who, line.what, line.why, line.flow_run[:8])
    out.print(table)


def print_runs(out: Console, case: str, lines: list[RunLine]) -> None:
    """What Prefect recorded of the runs of a case, run by run."""
    if not lines:
        out.print("Nothing is copied of a run of this case; the sweep copies once a minute while `cme up` runs.")
        return
    table = Table("flow run", "when", "record", "what", title=f"Runs of {case.upper()} (Europe/London), from our copy")
    before = ""
    for line in lines:
        table.add_row("" if line.run == before else line.run[:8], line.when, line.kind, line.what)
        before = line.run
    out.print(table)
