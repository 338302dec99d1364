"""A school's mailer, a message, a server that goes wrong, and a private certificate authority."""

import ipaddress
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cme.mail.message import compose
from cme.mail.smtp import SafeMail

sys.path.insert(0, str(Path(__file__).parent))
from fault_server import FaultServer  # noqa: E402

SENDER, OFFICER = "cme@school.example", "cme.officer@la.example"
AT = datetime(2026, 11, 23, 9, 30, tzinfo=timezone.utc)


@pytest.fixture
def wire() -> bytes:
    """A short message to the officer."""
    return compose(SENDER, "Canal Bridge School", OFFICER, "Case CME-2026-0012",
                   "First line.\n.a line that begins with a dot\n..\nLast line.\n", "<0123456789abcdef@school.example>", AT)


@pytest.fixture
def serve() -> Iterator[Callable[..., FaultServer]]:
    """Start a server that goes wrong as told: ``serve({"MAIL": "450 4.2.1 later"})``."""
    with ExitStack() as stack:
        yield lambda faults=None, **settings: stack.enter_context(FaultServer(faults, **settings))


@pytest.fixture
def mailer() -> Callable[..., SafeMail]:
    """A SafeMail to a server of ``serve``, without TLS unless said otherwise, with short patience."""
    def make(server: FaultServer, **settings: Any) -> SafeMail:
        return SafeMail(SENDER, "Canal Bridge School", "127.0.0.1", server.port,
                        **{"tls": "none", "timeout": 1, "data_timeout": 1, **settings})
    return make


class Authority:
    """A private certificate authority: ``trust`` is the file to trust, ``server(...)`` a server's TLS context."""

    def __init__(self, folder: Path):
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self._certificate = self._signed(self._name, self._key.public_key(), authority=True)
        self.trust = str(folder / "ca.pem")
        Path(self.trust).write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def server(self, *, host: str = "127.0.0.1", days: int = 10, self_signed: bool = False) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        certificate = self._signed(name, key.public_key(), host=host, days=days, signer=key if self_signed else None)
        file = self._folder / f"server-{certificate.serial_number}.pem"
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _signed(self, name: x509.Name, public_key: Any, *, host: str = "", days: int = 10, authority: bool = False,
                signer: ec.EllipticCurvePrivateKey | None = None) -> x509.Certificate:
        # a certificate is judged by the machine's clock, so this is the one place that must ask it
        today = datetime.now(timezone.utc)
        issuer = (signer or self._key).public_key()
        builder = (x509.CertificateBuilder().subject_name(name).issuer_name(name if signer else self._name).public_key(public_key)
                   .serial_number(x509.random_serial_number()).not_valid_before(today - timedelta(days=30))
                   .not_valid_after(today + timedelta(days=days))
                   .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
                   .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False))
        if host:
            shown = x509.IPAddress(ipaddress.ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
            builder = builder.add_extension(x509.SubjectAlternativeName([shown]), critical=False)
        return builder.sign(signer or self._key, hashes.SHA256())


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority that only this test session trusts."""
    return Authority(tmp_path_factory.mktemp("authority"))
