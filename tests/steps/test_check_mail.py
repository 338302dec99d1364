"""`cme check-mail`: says of each server and domain whether mail will get through, and sends nothing unasked."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from dns.resolver import NoResolverConfiguration, Resolver
from pydantic import SecretStr
from tests.mail.conftest import authority as authority  # noqa: F401
from tests.mail.conftest import serve as serve  # noqa: F401
from tests.steps.school import School

from cme.records.history import events
from cme.steps.check_mail import Finding, check

ZONE = {"takes.gov.uk": "MX 10 mx1.takes.gov.uk.", "null.gov.uk": "MX 0 .", "plain.gov.uk": "A 192.0.2.1"}


@pytest.fixture
def names() -> Iterator[Callable[[], Resolver]]:
    """A name server on loopback that knows ZONE, is silent about silent.gov.uk, and says of every other name that there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))

        def answer() -> None:
            while True:
                try:
                    asked, client = listening.recvfrom(4096)
                except OSError:
                    return
                query = dns.message.from_wire(asked)
                name = query.question[0].name.to_text(omit_final_dot=True)
                reply = dns.message.make_response(query)
                kind, _, value = ZONE.get(name, "").partition(" ")
                if kind == dns.rdatatype.to_text(query.question[0].rdtype):
                    reply.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", kind, value))
                elif not kind:
                    reply.set_rcode(dns.rcode.NXDOMAIN)
                if name != "silent.gov.uk":
                    listening.sendto(reply.to_wire(), client)
        threading.Thread(target=answer, daemon=True).start()

        def resolver() -> Resolver:
            made = Resolver(configure=False)
            made.nameservers, made.port, made.timeout = ["127.0.0.1"], listening.getsockname()[1], 0.2
            made.lifetime = 0.4
            return made
        yield resolver


def with_mailbox(school: School, address: str) -> School:
    held = school.policies.authority
    school.policies = replace(school.policies, school=replace(school.policies.school, referring_schools=()), authority=replace(
        held, mailbox=address, messages={key: replace(practice, mailbox=address) for key, practice in held.messages.items()}))
    return school


def of(findings: list[Finding], word: str) -> Finding:
    return next(each for each in findings if word in each.what)


def test_servers_that_let_us_in_are_fine_and_nothing_is_sent(school: School, serve: Any, authority: Any) -> None:  # noqa: F811
    first, second = serve(starttls=authority.server(), password=b"right"), serve(password=b"right")
    school.settings = school.settings.model_copy(update={
        "smtp_port": first.port, "smtp_tls": "starttls", "smtp_ca": authority.trust, "smtp_user": "cme", "smtp_password": SecretStr("right"),
        "alarm_smtp_host": "127.0.0.1", "alarm_smtp_port": second.port, "alarm_smtp_tls": "none", "alarm_sender": "alarm@other.example",
        "alarm_smtp_user": "cme", "alarm_smtp_password": SecretStr("wrong")})
    found = list(check(school))
    assert of(found, "the school's mail server") == Finding(
        "ok", "the school's mail server", f"127.0.0.1:{first.port}, starttls, certificate verified, signed in as cme with a password")
    assert of(found, "second").fate == "fault" and "535" in of(found, "second").sentence and "wrong" not in of(found, "second").sentence
    assert of(found, "mailbox").fate == "note" and first.accepted == second.accepted == []


def test_a_test_message_leaves_by_each_server_only_when_it_is_asked_for(school: School, serve: Any) -> None:  # noqa: F811
    server = serve()
    school.settings.smtp_port = server.port
    found = list(check(school, to="somebody@else.example"))
    assert "taken for somebody@else.example" in of(found, "the school's mail server").sentence
    [(to, wire)] = server.accepted
    assert to == "somebody@else.example" and b"A test of the school's mail" in wire
    with school.transaction() as session:
        assert [event.what for event in events(session, "school")] == ["mail.tried"]


@pytest.mark.parametrize(("domain", "fate", "words"), [
    ("takes.gov.uk", "ok", "mx1.takes.gov.uk"), ("null.gov.uk", "fault", "takes no mail at all"), ("plain.gov.uk", "note", "no MX record"),
    ("gone.gov.uk", "fault", "no such mail domain"), ("silent.gov.uk", "note", "cannot be asked from here"), ("la.example", "note", "an example")])
def test_the_authoritys_domain_is_looked_up(domain: str, fate: str, words: str, school: School, names: Callable[[], Resolver]) -> None:
    found = of(list(check(with_mailbox(school, f"cme@{domain}"), resolver=names)), domain)
    assert (found.fate, words in found.sentence) == (fate, True), found


def test_a_machine_without_name_servers_says_so(school: School) -> None:
    def none() -> Resolver:
        raise NoResolverConfiguration
    assert of(list(check(with_mailbox(school, "cme@takes.gov.uk"), resolver=none)), "takes").fate == "note"


def test_an_example_address_is_a_fault_in_production(school: School, serve: Any) -> None:  # noqa: F811
    school.settings.environment = "production"
    assert of(list(check(school)), "birmingham-authority").fate == "fault"
