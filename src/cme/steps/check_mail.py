"""Before mail is needed: do the servers answer, is their certificate good, do they let us in, does the authority's domain take mail?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dns.exception import DNSException
from dns.resolver import NXDOMAIN, NoAnswer, Resolver

from cme.errors import CmeError
from cme.mail.message import compose, message_id_for
from cme.mail.render import letter
from cme.records import outbox
from cme.records.history import record
from cme.steps.incoming import mailbox_of
from cme.steps.office import Office

ROUTES = {outbox.SCHOOL: "the school's mail server", outbox.ALARM: "the second mail server, for alarms"}
RESERVED = (".example", ".invalid", ".test", ".localhost")         # RFC 2606: nobody's mailbox


@dataclass(frozen=True)
class Finding:
    """What was tried and how it was found: "ok", "fault" (mail will not get through), or "note" (it cannot be said from here)."""

    fate: str
    what: str
    sentence: str


def check(office: Office, *, to: str = "", resolver: Callable[[], Resolver] = Resolver) -> Iterator[Finding]:
    """Try everything, one finding each. Nothing is sent, but with ``to`` a test message by each mail server to that address."""
    for route, what in ROUTES.items():
        yield _server(office, route, what, to)
    yield _mailbox(office)
    for domain, whose in _domains(office).items():
        yield _domain(domain, f"{domain} ({whose})", resolver, production=office.settings.environment == "production")


def _server(office: Office, route: str, what: str, to: str) -> Finding:
    if route == outbox.ALARM and not office.has_second_route:
        return Finding("note", what, "not set: alarms leave by the school's own, and nobody hears when that one fails")
    way = office.settings.route("alarm_smtp" if route == outbox.ALARM else "smtp")
    try:
        if to:
            _send(office, route, to)
        else:
            office.mailer(route).check()
    except CmeError as error:
        return Finding("fault", what, str(error))
    by = f"signed in as {way.user} {'with a token' if way.by_token else 'with a password'}" if way.user else "no sign-in"
    line = "no TLS (this machine)" if way.tls == "none" else f"{way.tls}, certificate verified"
    return Finding("ok", what, f"{way.host}:{way.port}, {line}, {by}{f'; a test message was taken for {to}' if to else ''}")


def _send(office: Office, route: str, to: str) -> None:
    sender = office.settings.alarm_sender if route == outbox.ALARM else office.settings.mail_sender
    text = letter("mail_check", school=office.policies.school.name, title="second" if route == outbox.ALARM else "first")
    stamp, row_id = office.stamp("operations"), outbox.new_row_id()
    with office.transaction() as session:
        record(session, "school", "mail.tried", stamp, f"by the {route} mail server", {"row": row_id})
    wire = compose(sender, office.settings.mail_sender_name or office.policies.school.name, to, text.subject, text.text,
                   message_id_for(row_id, sender.partition("@")[2]), stamp.at)
    office.mailer(route).hand_over(to, wire, lambda: None)


def _mailbox(office: Office) -> Finding:
    what, way = "the mailbox for bounces and replies", office.settings.route("imap")
    try:
        box = mailbox_of(office)
        if box is None:
            return Finding("note", what, "not set: nobody hears when a message comes back (CME_IMAP_HOST)")
        return Finding("ok", what, f"{way.host}:{way.port}, opened as {way.user}; {box.check()} mails lie in {office.settings.imap_folder}")
    except CmeError as error:
        return Finding("fault", what, str(error))


def _domains(office: Office) -> dict[str, str]:
    found: dict[str, str] = {}
    for address in sorted(office.policies.authority.mailboxes):
        found.setdefault(address.rpartition("@")[2].lower(), office.policies.authority.name)
    for school in office.policies.school.referring_schools:
        found.setdefault(school.mailbox.rpartition("@")[2].lower(), school.name)
    return found


def _domain(domain: str, what: str, resolver: Callable[[], Resolver], *, production: bool) -> Finding:
    """Whether a domain takes mail: its MX records, else its addresses (RFC 5321 5.1); a lone "." takes none (RFC 7505)."""
    if f".{domain}".endswith(RESERVED):
        return Finding("fault" if production else "note", what, "an example: no mail reaches it; enter the mailbox that the authority gave")
    try:
        asking = resolver()
        try:
            servers = sorted((each.preference, each.exchange.to_text(omit_final_dot=True)) for each in asking.resolve(domain, "MX", lifetime=5))
        except NoAnswer:
            asking.resolve(domain, "A", lifetime=5)
            return Finding("note", what, "no MX record; mail goes to the address of the domain itself")
    except (NXDOMAIN, NoAnswer):
        return Finding("fault", what, "there is no such mail domain: correct the mailbox")
    except (DNSException, OSError) as error:
        return Finding("note", what, f"the name servers cannot be asked from here ({type(error).__name__}): try again, or look it up elsewhere")
    if [name for _, name in servers] in (["."], [""], ["@"]):
        return Finding("fault", what, "the domain says that it takes no mail at all: correct the mailbox")
    return Finding("ok", what, f"takes mail at {', '.join(name for _, name in servers[:4])}")
