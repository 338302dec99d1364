"""What stops messages to parents: too many children absent at once, too many messages in a minute, the hours of the night.

A sudden crowd of unexplained absences is more often a fault of the registers than the truth, and a wrong message frightens a whole
school. So a machine stops and asks a person, with the numbers. Source: the product's own choice; the limits are the school's.
"""

from dataclasses import dataclass
from datetime import time

from cme.rules.wording import plural

SHARE, RATE, PERSON = "share", "rate", "person"
DOUBLED = 2                  # a release covers its session until what was released has doubled


@dataclass(frozen=True)
class Limits:
    """The school's limits. The quiet hours are Europe/London wall time ("HH:MM")."""

    quiet_from: str
    quiet_until: str
    share_percent: int
    share_from: int
    a_minute: int


@dataclass(frozen=True)
class Stop:
    """Why everything stops: ``kind``, what was ``counted``, what was ``allowed``, and one sentence with both."""

    kind: str
    counted: int
    allowed: int
    reason: str


def quiet(at: time, limits: Limits) -> bool:
    """Whether no message may leave at this wall time."""
    return not limits.quiet_until <= f"{at:%H:%M}" < limits.quiet_from


def too_large_a_share(absent: int, roll: int, limits: Limits, released: int = 0) -> Stop | None:
    """A stop, where more of the roll is absent without explanation in one session than the limit allows.

    ``absent`` and ``roll`` count children; ``released``: how many a person has already said are true. Compared in integers.
    """
    if absent < limits.share_from or 100 * absent <= limits.share_percent * roll or absent <= DOUBLED * released:
        return None
    return Stop(SHARE, absent, limits.share_percent * roll // 100,
                f"{absent} of {roll} children on roll are absent without explanation in one session, and {limits.share_percent} per cent are allowed: "
                "rather a fault of the registers")


def too_many_a_minute(queued: int, wanted: int, limits: Limits, released: int = 0) -> Stop | None:
    """A stop, where ``wanted`` more messages beside those ``queued`` within the last minute are more than the limit allows."""
    together = queued + wanted
    if together <= limits.a_minute or together <= DOUBLED * released:
        return None
    return Stop(RATE, together, limits.a_minute, f"{plural(together, 'message')} to parents in one minute, {limits.a_minute} are allowed")
