"""A generated school: children who come and stay away in spells, registers corrected late, leavers, children in two groups.

The same seed gives the same life, day by day.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random

from tests.steps.school import School

from cme.records import registers
from cme.sources.source import Mark, Pulled, Pupil, RegisterDocument, TimeSemantics

SESSIONS = ("AM", "PM")
GROUPS = ("9A", "9B", "10A")
AWAY = (*("",) * 9, "N", "N", "O", "U", "I", "D", "-")       # what a spell may be; "" is a child who comes
PUPILS = 42


@dataclass
class Life:
    """What happens in the school. ``marks`` is the register by day, session and pupil; ``leavers``: some leave, and come back."""

    chance: Random
    leavers: bool = True
    people: dict[str, Pupil] = field(default_factory=dict)
    spell: dict[str, str] = field(default_factory=dict)
    marks: dict[tuple[date, str], dict[str, str]] = field(default_factory=dict)
    taken_back: set[tuple[date, str, str]] = field(default_factory=set)     # a pupil's mark, or a group's register

    def __post_init__(self) -> None:
        for n in range(PUPILS):
            name = f"P{n:03}"
            self.people[name] = Pupil(
                name, group=self.chance.choice(GROUPS), admitted=self.chance.choice((None, date(2025, 9, 2))),
                expected_pattern=self.chance.choice(("", "", "", "", "MonAM TueAM WedAM ThuAM FriAM")),
                born=self.chance.choice((None, date(2013, 5, 1), date(2010, 9, 1), date(2021, 9, 2))))
            self.spell[name] = self.chance.choice(AWAY)

    def goes_by(self, day: date) -> set[date]:
        """A school day is lived through. Returns the days whose registers it wrote: its own, and those corrected late."""
        for name in self.people:
            if self.chance.random() < 0.07:
                self.spell[name] = self.chance.choice(AWAY)
        for slot, present in zip(SESSIONS, "/\\", strict=True):
            self.marks[day, slot] = {name: self.chance.choice("/N-UI") if self.chance.random() < 0.03 else away or present
                                     for name, away in self.spell.items()}
        return {day, *self.corrections(day), *self.takes_back(day)}

    def corrections(self, day: date) -> Iterator[date]:
        """A few marks of the last weeks read otherwise: a parent answered, a teacher had taken a child for another."""
        days = sorted({known for known, _ in self.marks})[-25:]
        gone = sorted(name for name in self.people if sum(self.marks[d, s][name] in "NOU" for d in days for s in SESSIONS) > 16)
        for _ in range(self.chance.randrange(6)):
            name, last = self.chance.choice((*gone * 6, *self.people)), self.chance.randrange(len(days))
            code = self.chance.choice(("I", "/", "N", "M", "-"))
            for corrected in days[max(0, last - self.chance.choice((1, 1, 3, 12))):last + 1]:
                for slot in SESSIONS if self.chance.random() < 0.7 else SESSIONS[:1]:
                    self.marks[corrected, slot][name] = code
                yield corrected
        name = self.chance.choice(sorted(self.people))
        if self.chance.random() < 0.3 and self.leavers:
            left = self.chance.choice((None, day - timedelta(days=self.chance.randrange(40))))
            self.people[name] = replace(self.people[name], left=left)

    def documents(self, days: set[date]) -> tuple[RegisterDocument, ...]:
        """The registers of ``days``, group by group; every eighth pupil stands in the register of a second group as well."""
        return tuple(RegisterDocument(day, "session", slot, group, tuple(
            Mark(name, code if self.people[name].group == group else "-" if int(name[1:]) % 16 else "I")
            for name, code in self.marks[day, slot].items() if (day, slot, name) not in self.taken_back
            and (self.people[name].group == group or (group == GROUPS[0] and int(name[1:]) % 8 == 0))))
            for day in sorted(days) for slot in SESSIONS for group in GROUPS if (day, slot, group) not in self.taken_back)

    def takes_back(self, day: date) -> set[date]:
        """Now and then a mark or a whole register of the last days is deleted in the school's system, or is there again."""
        chance = Random(day.toordinal())
        days = sorted({known for known, _ in self.marks})[-15:]
        where = (chance.choice(days), chance.choice(SESSIONS))
        if chance.random() < 0.5:
            self.taken_back ^= {(*where, name) for name in chance.sample(sorted(self.people), 5)}
        elif chance.random() < 0.3:
            self.taken_back ^= {(*where, chance.choice(GROUPS))}
        return {where[0]}

    def pulled_into(self, school: School, days: set[date]) -> None:
        """Store the pupils and the registers of ``days``, as a pull at the present moment would."""
        with school.transaction() as session:
            registers.store(session, school.school, Pulled(registers=self.documents(days), pupils=tuple(self.people.values()),
                                                           whole=frozenset((day, "session") for day in days)),
                            source="test", codes=school.policies.codes, stamp=school.stamp(),
                            time_semantics=TimeSemantics.FIRST_COMPLETED)
