"""What a source has taken back: registers and pupils that are missing from a scope which it gave to the end.

A scope is a day and a kind of register. Such a mark becomes a tombstone: the next version of its register holds no mark there, and
says which one stood there before. What was known before stays, and a replay of an earlier moment gives it.

A scope that has suddenly lost much of what was known is a source gone wrong rather than marks taken back (a wrong region, a right
that was withdrawn, an empty table): nothing of it is withdrawn, and the doubt is told. A pupil who has left, or whom the source
gives no longer at all, keeps every mark: leavers drop out of many exports and never out of the history.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from cme.records.pupils import Roll
from cme.records.register_content import Held, is_entered
from cme.sources.source import Pulled, Scope

Key = tuple[str, date, str, str, str]       # school, day, kind, slot, group
Lost = tuple[Key, Held, Collection[int]]    # a register, its marks before, and whom the source still names in it
PERCENT = 50


@dataclass
class Withdrawals:
    """Which scopes of one school's pull may take marks back, and from whom. ``doubts`` are sentences without a child's name."""

    scopes: set[Scope] = field(default_factory=set)
    pupils: frozenset[int] = frozenset()                # those from whom a mark may be taken back
    doubts: list[tuple[Scope, str]] = field(default_factory=list)

    def of(self, day: date, kind: str) -> Collection[int]:
        """The pupils from whom a mark may be taken back in a register of that day and kind."""
        return self.pupils if (day, kind) in self.scopes else ()


def withdrawals(pulled: Pulled, roll: Roll, lacking: Sequence[Lost], today: date, percent: int) -> Withdrawals:
    """What ``pulled`` may take back: of the registers that it no longer gives, or gives with other pupils than before. More than
    ``percent`` of a scope's entered marks lost is not believed."""
    given = frozenset(roll.ids[pupil.mis_id] for pupil in pulled.pupils
                      if pupil.mis_id in roll.ids and (pupil.left is None or pupil.left >= today))
    lost: Counter[Scope] = Counter()
    for key, held, named in lacking:
        lost[key[1], key[2]] += sum(is_entered(code) and pupil in given and pupil not in named for pupil, code in held.codes().items())
    kept: Counter[Scope] = Counter()
    for document in pulled.registers:
        scope = (document.local_date, document.kind)
        if lost[scope]:
            kept[scope] += sum(is_entered(mark.code) for mark in document.marks)
    found = Withdrawals(pupils=given)
    for scope in sorted(scope for scope, number in lost.items() if number):
        if 100 * lost[scope] > percent * (lost[scope] + kept[scope]):
            found.doubts.append((scope, _sentence(scope, lost[scope], kept[scope])))
        else:
            found.scopes.add(scope)
    return found


def gone_from(whole: Mapping[str, Collection[Scope]], known: Collection[Key], brought: Collection[Key]) -> list[Key]:
    """The registers of a whole scope of their school that were known and are not brought."""
    return [key for key in known if (key[1], key[2]) in whole.get(key[0], ()) and key not in brought] if whole else []


def _sentence(scope: Scope, lost: int, kept: int) -> str:
    return (f"the {scope[1]} registers of {scope[0]} came with {kept} marks where {lost} more were known: nothing was taken back; "
            "look at the source, and if they are really gone, `cme pull --accept-loss` says so")
