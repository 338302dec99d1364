"""Which rungs of the ladder of contact are due for one unexplained absence: a message, the next person, a call, a visit, the DSL.

Each parent or carer gets one message about a child and session, in the order of the contacts: by text first, by e-mail where no text
can reach them or one has gone that day already. A person rings when nobody has answered, at once where nobody may be written to. A home
visit is asked for, and at its time the absence is in the DSL's hands: it never ends by waiting. Nobody with a do-not-contact mark
or under a court order stands on any rung; who holds no parental responsibility is not written to by a machine.
Source: KCSIE (more than one contact); Working together to improve school attendance (2026), pp. 20 and 67; the merged enquiries of
authorities (all contacts, at different times of day, a call by a person, a home visit).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

MESSAGE, CALL, VISIT, DSL = "message", "call", "visit", "dsl"
TEXT, EMAIL = "text", "email"
CHANNELS = (TEXT, EMAIL)


@dataclass(frozen=True)
class Times:
    """How long after the beginning each rung is due; ``next_person`` between one person's message and the next one's."""

    next_person: timedelta
    call: timedelta
    visit: timedelta
    dsl: timedelta


@dataclass(frozen=True)
class Person:
    """A parent or carer, in order of priority. ``reach`` holds (channel, address) by which a machine could write."""

    key: int
    reach: tuple[tuple[str, str], ...]
    telephone: bool
    barred: bool = False                     # do not contact, or a court order
    no_responsibility: bool = False

    @property
    def may_be_written_to(self) -> bool:
        return bool(self.reach) and not self.barred and not self.no_responsibility

    @property
    def may_be_rung(self) -> bool:
        return self.telephone and not self.barred


@dataclass(frozen=True)
class Sent:
    """A message that has gone to an address about the child on that day: in this session, or in an earlier one."""

    channel: str
    address: str
    this_session: bool
    failed: bool = False                     # it certainly never arrived: another way to the same person may be tried


@dataclass(frozen=True)
class Rung:
    """A rung that is due now: what, since when, to whom and how, and why."""

    what: str
    due: datetime
    reason: str
    person: int | None = None
    channel: str = ""
    address: str = ""


def due_rungs(moment: datetime, since: datetime, people: Sequence[Person], sent: Collection[Sent], times: Times, *, asked: Collection[str] = (),
              today: bool = True) -> tuple[Rung, ...]:
    """The rungs due at ``moment`` that were not taken yet, lowest first; none before ``since``.

    ``asked`` names those of CALL and VISIT that a person was asked for. ``today`` False: the session is of an earlier day, so that nobody
    is written to about it, a person rings, and no visit is asked for. At the time of the DSL only that rung is left.
    """
    if moment < since:
        return ()
    if moment >= since + times.dsl:
        return (Rung(DSL, since + times.dsl, f"no answer within {_minutes(times.dsl)} minutes"),)
    writable = [person for person in people if person.may_be_written_to] if today else []
    ringable = any(person.may_be_rung for person in people)
    if not writable and not ringable:
        return (Rung(DSL, since, "nobody is held who may be contacted"),)
    found: list[Rung] = []
    used = {message.address for message in sent if message.this_session and not message.failed}
    for place, person in enumerate(writable):
        due = since + place * times.next_person
        if due <= moment and not used & {address for _, address in person.reach} and (way := _way(person, sent)):
            channel, address = way
            used.add(address)
            why = "the contact with the highest priority" if place == 0 else f"no answer yet: the next person, {_minutes(times.next_person)} minutes later"
            found.append(Rung(MESSAGE, due, why, person.key, channel, address))
    ring = since + (times.call if writable else timedelta(0))
    if ring <= moment and CALL not in asked:
        found.append(Rung(CALL, ring, f"no answer within {_minutes(times.call)} minutes: a person rings" if writable else
                          "nobody may be written to: a person rings" if today else "known only afterwards: a person rings"))
    if today and since + times.visit <= moment and VISIT not in asked:
        found.append(Rung(VISIT, since + times.visit, f"no answer within {_minutes(times.visit)} minutes: a home visit"))
    return tuple(found)


def next_rung(moment: datetime, since: datetime, times: Times, *, asked: Collection[str] = (), today: bool = True) -> tuple[str, datetime]:
    """What comes next after ``moment``, for the day list: the next asking of a person, at the latest the DSL."""
    for what, after in ((CALL, times.call), (VISIT, times.visit)):
        if what not in asked and moment < since + after and (today or what == CALL):
            return what, since + after
    return DSL, since + times.dsl


def _way(person: Person, sent: Collection[Sent]) -> tuple[str, str] | None:
    """The first way that has not gone to this person on that day, else the first; None where every way has failed in this session."""
    failed = {(message.channel, message.address) for message in sent if message.failed and message.this_session}
    used = {(message.channel, message.address) for message in sent}
    ways = [way for way in sorted(person.reach, key=lambda way: CHANNELS.index(way[0])) if way not in failed]
    return next((way for way in ways if way not in used), ways[0] if ways else None)


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)
