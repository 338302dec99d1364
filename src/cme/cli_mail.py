"""``cme outbox``, ``mail``, ``check-mail``, ``acknowledge``, ``reported``: messages, what became of them, and what came in."""

import sys
from typing import Annotated

from cyclopts import Parameter

from cme.cli import _office, app, out
from cme.cli_day_one import Role

Official = Annotated[str, Parameter(help="Who at the authority said it.")]


@app.command
def outbox(row: str | None = None, *, everything: Annotated[bool, Parameter(name="--all", negative="", help="All messages, the newest 200.")] = False,
           state: Annotated[str, Parameter(help="Only those in this state: queued, sent, failed, ambiguous, cancelled.")] = "",
           case: Annotated[str, Parameter(help="Only those about this case.")] = "",
           text: Annotated[bool, Parameter(negative="", help="Show the text of the message, on this screen only; it is recorded.")] = False,
           confirm: Annotated[str, Parameter(help="Reason: the message did arrive.")] = "",
           resend: Annotated[str, Parameter(help="Reason: send the same bytes again.")] = "",
           retry: Annotated[str, Parameter(help="Reason: a refused message is tried again, the same bytes.")] = "",
           cancel: Annotated[str, Parameter(help="Reason: it is not to be sent.")] = "",
           anew: Annotated[str, Parameter(help="Reason: make a notification again, for the mailbox that is named now.")] = "",
           by: Annotated[str, Parameter(help="Your role: operations, dsl, ...")] = "") -> None:
    """List messages that need a person (or others), show the one of a row, or settle it: --confirm, --resend, --retry, --cancel or --anew,
    each with the reason."""
    from cme.services import mail_pages
    from cme.steps import mail_watch
    from cme.steps.notify import settle_message

    with _office() as office:
        if not row:
            lines = mail_watch.outbox_lines(office, everything=everything, state=state, case=case)
            mail_pages.print_outbox(out, lines, filtered=everything or bool(state or case))
            return
        if confirm or resend or retry or cancel or anew:
            settle_message(office, row, by=by, confirm=confirm, resend=resend, retry=retry, cancel=cancel, anew=anew)
        mail_pages.print_message(out, mail_watch.message_view(office, row))
        if text:
            mail_pages.print_text(out, mail_watch.message_text(office, row, by))


@app.command
def mail(number: int | None = None, *, seen: Annotated[str, Parameter(help="What was done about a mail that you have read.")] = "",
         everything: Annotated[bool, Parameter(name="--all", negative="", help="Those that need nobody too, the newest 100.")] = False,
         read: Annotated[bool, Parameter(negative="", help="Look into the mailbox now.")] = False, by: Role = "") -> None:
    """List the mails in the school's mailbox that wait for a person; with --seen: record that you have read one and done what it asks."""
    from cme.errors import BadInput
    from cme.services import mail_pages
    from cme.steps import incoming, mail_watch

    with _office() as office:
        if read:
            if not office.settings.imap_host:
                raise BadInput("no mailbox is set: CME_IMAP_HOST and CME_IMAP_USER name the one of CME_MAIL_SENDER")
            found = incoming.read_mailbox(office, office.stamp())
            out.print(f"New mails: {', '.join(f'{n} {mail_pages.KINDS[kind]}' for kind, n in sorted(found.items())) or 'none'}.")
        if number is not None:
            mail_watch.seen_to(office, number, seen, office.stamp(by))
        mail_pages.print_received(out, mail_watch.received_lines(office, everything=everything), everything=everything)


@app.command
def check_mail(*, to: Annotated[str, Parameter(help="Send a test message to this address by each mail server.")] = "") -> None:
    """Try the mail servers, the mailbox and the authority's mail domain: certificate, sign-in, reachability. Sends nothing without --to."""
    from cme.steps.check_mail import check

    failed = False
    with _office() as office:
        for finding in check(office, to=to):
            failed |= finding.fate == "fault"
            mark = {"ok": "[green]ok[/]     ", "fault": "[red]FAULT[/]  ", "note": "[yellow]note[/]   "}[finding.fate]
            out.print(f"{mark}{finding.what}: ", end="")
            out.print(finding.sentence, markup=False)
    if failed:
        sys.exit(1)


@app.command
def acknowledge(case: str, *, authority_reference: str, by: Role, person: Annotated[str, Parameter(help="Who at the authority acknowledged it.")],
                reported: Annotated[str, Parameter(help="What the officer said of the child.")] = "") -> None:
    """Record that the local authority has acknowledged a notification: its reference, and who said so. The tasks about it end."""
    from cme.steps.acknowledgement import acknowledge as record

    with _office() as office:
        record(office, case, authority_reference, person, office.stamp(by), reported=reported)
        out.print(f"{case.upper()}: the acknowledgement is recorded; the case comes back to the DSL on its follow-up date.")


@app.command
def reported(case: str, *, what: Annotated[str, Parameter(help="What the officer reports.")], person: Official, by: Role) -> None:
    """Record what the authority's officer reports back about a case. It stands in the history, and the DSL is asked to read it."""
    from cme.steps.acknowledgement import report_back

    with _office() as office:
        report_back(office, case, what, person, office.stamp(by))
        out.print(f"{case.upper()}: it is recorded (`cme history {case.upper()}` shows it).")
