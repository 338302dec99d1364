"""What a member of staff says when a child may be missing: the words of the form, and how they are read.

A report is never refused for a detail. Whatever of it can be read is taken, what cannot is said to be so, and a concern that was not
plainly denied counts as one.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cme import clock
from cme.errors import BadInput

CHILD, TIME, CODE = r"^P-[0-9]{1,9}$", r"^([01][0-9]|2[0-3]):[0-5][0-9]$", r"^[A-Za-z0-9]{2,6}$"
TODAY, YESTERDAY, EARLIER = "Today", "Yesterday", "Earlier than yesterday"
SEEN_ON = (TODAY, YESTERDAY, EARLIER)
SEEN_WHERE = ("In class", "Elsewhere on the school site", "On the way to school", "On the way home", "At off-site provision", "At home",
              "Not known")
SEEN_BY = ("A teacher", "Other staff of the school", "Staff of the off-site provision", "A taxi or transport escort", "A parent or carer",
           "Another pupil", "A member of the public", "Not known")
WORRIED = "Yes: I am worried about the child's safety"
NOT_WORRIED = "No: I know of nothing that makes me worry"
CONCERN = (WORRIED, NOT_WORRIED)
UNREAD = "not readable as given"


@dataclass(frozen=True)
class Reported:
    """A report as read. ``pupil`` is the number of the child's reference, None where none could be read; ``seen_at`` the latest
    moment that what was said allows (UTC)."""

    pupil: int | None
    seen_at: datetime
    seen: str
    where: str
    seen_by: str
    reported_by: str
    concern: bool


def reference_of(pupil_id: int) -> str:
    """How a child is named where names may not stand: "P-1042". The number says nothing about the child."""
    return f"P-{pupil_id}"


def pupil_number(reference: str) -> int:
    """The number of a reference such as "P-1042"; raises BadInput for what is none."""
    number = re.fullmatch(r"P-?\s?(\d{1,9})", reference.strip(), re.IGNORECASE)
    if number is None:
        raise BadInput(f"{reference!r} is no reference of a pupil such as P-1042; `cme pupil NAME` finds it")
    return int(number[1])


def read(given: Any, moment: datetime) -> Reported:
    """What of a report can be read; ``given`` are the parameters of the form as they came, perhaps past its checks."""
    said = given if isinstance(given, dict) else {}
    number = re.fullmatch(r"P-?\s?(\d{1,9})", str(said.get("child", "")).strip(), re.IGNORECASE)
    seen_at, seen = _seen(str(said.get("seen_on", "")), str(said.get("seen_at", "")).strip(), moment)
    by = str(said.get("reported_by", "")).strip()
    return Reported(int(number[1]) if number else None, seen_at, seen, _one_of(said.get("where"), SEEN_WHERE), _one_of(said.get("seen_by"), SEEN_BY),
                    by.upper() if re.fullmatch(CODE, by) else UNREAD, said.get("concern") != NOT_WORRIED)


def _one_of(said: Any, words: tuple[str, ...]) -> str:
    return said if said in words else UNREAD


def _seen(on: str, at: str, moment: datetime) -> tuple[datetime, str]:
    """The latest moment that is meant, and the words for people."""
    if on not in SEEN_ON or not re.fullmatch(TIME, at):
        return moment, UNREAD
    today = clock.local(moment).date()
    day = today - timedelta(days=SEEN_ON.index(on))
    seen = clock.wall(day, at)
    if on == EARLIER:
        return seen, f"before yesterday, at about {at}; the day was not said"
    if seen > moment:
        return moment, f"{on.lower()} ({day:%A %-d %B}) at {at}, as given: that is later than the report itself"
    return seen, f"{on.lower()} ({day:%A %-d %B %Y}) at about {at}"
