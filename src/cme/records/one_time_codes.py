"""One-time codes: six random digits by mail, of which only a keyed hash is kept, bound to what is asked and to one person."""

import secrets
from collections.abc import Iterable
from datetime import datetime

from cme.records.sealing import Sealer
from cme.records.tables import AbsenceCode, ReviewCode

WRONG_TRIES = 5
Code = ReviewCode | AbsenceCode


def fresh() -> str:
    """A new code."""
    return f"{secrets.randbelow(10**6):06d}"


def is_code_of(sealer: Sealer, row: Code, purpose: str, about: int, code: str) -> bool:
    """Whether ``code`` is the one of which ``row`` keeps the hash, made for ``purpose`` and the question with number ``about``."""
    return any(secrets.compare_digest(row.mac, mac) for mac in sealer.macs(purpose, str(about), row.person, code))


def wrong_try(rows: Iterable[Code], at: datetime) -> None:
    """A wrong code was given: it counts against every live code, and ends those that have had ``WRONG_TRIES``."""
    for row in rows:
        row.wrong_tries += 1
        if row.wrong_tries >= WRONG_TRIES:
            row.void_at = at
