"""The rule book: every number a rule uses, by date, with the law or guidance it comes from.

The rules hold no number of their own. A number has a value from a day on; the value in force on the day judged is used,
so that a day of the past is judged by the numbers of that day.
"""

from dataclasses import dataclass, replace
from datetime import date

from cme.errors import BadInput
from cme.rules.marks import CodeTable
from cme.rules.school_days import SchoolCalendar


@dataclass(frozen=True)
class Number:
    """One threshold: ``value`` in ``unit``, in force from ``valid_from``; ``codes`` are the marks it counts, where it counts
    particular marks; ``window`` is the length of a rolling window in ``window_unit``, where there is one."""

    name: str
    value: int
    unit: str
    valid_from: date
    source: str
    codes: frozenset[str] = frozenset()
    window: int = 0
    window_unit: str = ""
    confirmed: bool = False

    @property
    def version(self) -> str:
        """What a finding says of the number it was judged by, e.g. "10 school days from 2024-08-19"."""
        window = f" in {self.window} {self.window_unit}" if self.window else ""
        return f"{self.value} {self.unit}{window} from {self.valid_from.isoformat()}"


@dataclass(frozen=True)
class RuleBook:
    """All that the rules know beside a pupil's marks. Made by ``Policies.rule_book()``; pure, and safe to share."""

    codes: CodeTable
    calendar: SchoolCalendar
    numbers: tuple[Number, ...]

    def number(self, name: str, day: date) -> Number | None:
        """The number called ``name`` as it was in force on ``day``; None when none was in force yet (the rule is silent).

        Raises BadInput for a name that the book does not hold at all.
        """
        of_name = [n for n in self.numbers if n.name == name]
        if not of_name:
            raise BadInput(
                f"the rule book holds no number called {name!r}: add it to statutory.yaml, school.yaml or the authority's file"
            )
        return max((n for n in of_name if n.valid_from <= day), key=lambda n: n.valid_from, default=None)

    def with_value(self, name: str, value: int) -> "RuleBook":
        """The same book with another value for one number, for asking "what would it have meant?"."""
        if not any(n.name == name for n in self.numbers):
            raise BadInput(f"the rule book holds no number called {name!r}")
        return replace(self, numbers=tuple(replace(n, value=value) if n.name == name else n for n in self.numbers))
