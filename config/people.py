"""The people of a school: who holds which role, who deputises, who is away when, and who is on a rota.

They stand in a YAML file outside git (people_file.py). Days are the school's own (Europe/London); ``until`` a day means to its end.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from cme import clock
from cme.errors import BadInput

ROLES = ("dsl", "deputy_dsl", "head", "attendance_officer", "operations")
TITLES = {"dsl": "designated safeguarding lead", "deputy_dsl": "deputy designated safeguarding lead", "head": "head teacher",
          "attendance_officer": "attendance officer", "operations": "operations"}
ADDRESS = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}$"
NOT_KEYS = {*ROLES, "machine", "school"}


def _moment(value: Any, *, end: bool) -> datetime:
    """A day or a moment as UTC; a day as ``until`` runs to its end."""
    try:
        read: date = value if isinstance(value, date) else datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is no time; give a day like 2026-11-02 or a moment like 2026-11-02T13:00") from None
    if not isinstance(read, datetime) or isinstance(value, str) and len(value) == 10:
        return clock.wall(read + timedelta(days=end), "00:00")
    return read.replace(tzinfo=read.tzinfo or clock.LONDON).astimezone(timezone.utc)


From = Annotated[datetime, BeforeValidator(lambda value: _moment(value, end=False))]
Until = Annotated[datetime, BeforeValidator(lambda value: _moment(value, end=True))]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# whose number stands in letters, and who is asked to ring it
RUNG = {"dsl": "the local authority is told to ring it", "attendance_officer": "parents and carers are told to ring it"}


class Person(_Frozen):
    """One role-holder. The key in the file ("dsl", "deputy_2", ...) is what history and reviews name."""

    name: str = Field(min_length=1)
    email: str = Field(pattern=ADDRESS)
    telephone: str = ""
    title: str = ""


class _Span(_Frozen):
    starts: From = Field(alias="from")
    ends: Until = Field(alias="until")

    def holds(self, moment: datetime) -> bool:
        return self.starts <= moment < self.ends

    @model_validator(mode="after")
    def _in_order(self) -> "_Span":
        if self.ends <= self.starts:
            raise ValueError("until lies before from; correct the days")
        return self


class Absence(_Span):
    """Somebody is away, from a moment until another (which is the first one back)."""

    person: str


class Rota(_Span):
    """Who is asked first in a span of time, in this order; the others follow after them."""

    people: tuple[str, ...] = Field(min_length=1)


class People(_Frozen):
    """The role-holders of the school, any number of further deputies, and the calendar of their cover."""

    dsl: Person
    deputy_dsl: Person
    head: Person
    attendance_officer: Person
    operations: Person
    more_deputies: dict[str, Person] = {}
    away: tuple[Absence, ...] = ()
    on_duty: tuple[Rota, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Every person key: the five roles and the further deputies."""
        return (*ROLES, *self.more_deputies)

    @property
    def deputies(self) -> tuple[str, ...]:
        """The deputies in the order of the file."""
        return ("deputy_dsl", *self.more_deputies)

    @property
    def safeguarding(self) -> tuple[str, ...]:
        """Who may decide: the DSL, the deputies, the head."""
        return ("dsl", *self.deputies, "head")

    def of(self, key: str) -> Person:
        """The person of a key. Raises BadInput for one whom the people file does not name (any more)."""
        if key in self.more_deputies:
            return self.more_deputies[key]
        require_role(key, self)
        person: Person = getattr(self, key)
        return person

    def title(self, key: str) -> str:
        """What a key is called in letters and on forms: "deputy designated safeguarding lead"."""
        return self.of(key).title or TITLES.get(key, TITLES["deputy_dsl"]) if key in self.keys else key.replace("_", " ")

    def shown(self, key: str) -> str:
        """How a person's key is written for people: "J. Example (designated safeguarding lead)"; the machine as itself."""
        if key not in self.keys:
            return "the software" if key == "machine" else key
        return f"{self.of(key).name} ({self.title(key)})"

    def same(self, one: str, other: str) -> bool:
        """Whether two keys are one person: nobody is a second pair of eyes for themselves under another title."""
        return one == other or {one, other} <= set(self.keys) and self.of(one).email.lower() == self.of(other).email.lower()

    def is_away(self, key: str, moment: datetime) -> bool:
        """Whether a person is away at that moment, under any of their keys."""
        return any(span.holds(moment) and self.same(span.person, key) for span in self.away)

    def rota(self, moment: datetime) -> tuple[str, ...]:
        """Who the rota names for that moment, first to last; empty where it says nothing."""
        return next((span.people for span in self.on_duty if span.holds(moment)), ())

    def gaps(self, since: datetime) -> Iterator[str]:
        """From ``since`` on, each time at which nobody who may decide is on duty, and each rota that names somebody away."""
        begins = sorted({max(span.starts, since) for span in self.away if span.ends > since})
        told = since
        for begin in begins:
            if begin < told or not all(self.is_away(key, begin) for key in self.safeguarding):
                continue
            told = min(span.ends for span in self.away if span.holds(begin) and span.person in self.safeguarding)
            yield (f"away: from {_shown(begin)} until {_shown(told)} nobody who may decide is on duty "
                   f"({', '.join(self.safeguarding)}); name a further deputy, or correct the days")
        for rota in self.on_duty:
            for key in rota.people:
                if rota.ends > since and any(self.same(a.person, key) and a.starts < rota.ends and rota.starts < a.ends for a in self.away):
                    yield (f"on_duty: {key} is on the rota from {_shown(rota.starts)} and away in that time; "
                           "the next one is asked instead, or correct one of the two")

    @model_validator(mode="after")
    def _whole(self) -> "People":
        faults = [f"more_deputies: {key!r} is no key for a deputy; use small letters, digits and _, and none of the roles' own names"
                  for key in self.more_deputies if key in NOT_KEYS or not _is_key(key)]
        faults += [f"away, entry {n}: {a.person!r} is nobody in this file; use one of {', '.join(self.keys)}"
                   for n, a in enumerate(self.away, 1) if a.person not in self.keys]
        faults += [f"on_duty, entry {n}: {key!r} may not decide; use some of {', '.join(self.safeguarding)}"
                   for n, r in enumerate(self.on_duty, 1) for key in r.people if key not in self.safeguarding]
        faults += [f"{key}: no telephone; {why}, and no letter leaves with a hole in it: give the number" for key, why in RUNG.items()
                   if not getattr(self, key).telephone.strip()]
        if len({self.of(key).email.lower() for key in self.safeguarding}) < 2:
            faults.append("the DSL, the deputies and the head are one person, and nobody may confirm their own decision; name a second one")
        if faults:
            raise ValueError("\n".join(faults))
        return self


def _is_key(key: str) -> bool:
    return key.isascii() and key.isidentifier() and key == key.lower() and not key.startswith("_") and 2 <= len(key) <= 31


def _shown(moment: datetime) -> str:
    return f"{clock.local(moment):%A %-d %B %Y, %H:%M}"


def require_role(key: str, people: People | None = None) -> None:
    """Refuse who is nobody the configuration knows: who did it must be one of the roles, or a further deputy of ``people``."""
    known = people.keys if people else ROLES
    if key not in known:
        raise BadInput(f"{key!r} is not a role; use one of {', '.join(known)}")
