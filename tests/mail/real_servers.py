"""Exim and Dovecot together, for the tests that go the whole way."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from debian import Dovecot, Exim
from token_server import TokenServer


@pytest.fixture(scope="module")
def house(authority: Any) -> Iterator[Any]:
    """Exim and Dovecot over the same maildirs, with certificates of the private authority, and a token endpoint."""
    authority.server()
    pem = str(max(Path(authority.trust).parent.glob("server-*.pem"), key=lambda path: path.stat().st_mtime_ns))
    with TokenServer() as tokens:
        exim = Exim(pem)
        dovecot = Dovecot(pem, exim.mail, tokens.url)
        exim.dovecot, exim.tokens, exim.trust = dovecot, tokens, authority.trust  # type: ignore[attr-defined]
        yield exim
        dovecot.stop()
        exim.stop()
