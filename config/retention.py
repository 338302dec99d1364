"""How long records are kept, and how soon a request about them must be answered: retention.yaml, its shape and its values."""

from dataclasses import dataclass
from typing import Literal

from cme.config.shapes import Backed, Count, Days, Shape


class Years(Backed):
    value: Count
    unit: Literal["years"]


class Months(Backed):
    value: Count
    unit: Literal["months"]


class RetentionFile(Shape):
    cases: Years
    child_protection: Years
    mail: Years
    quarantine: Years
    approve_within: Days
    answer_within: Months
    extended_by: Months
    warned: Days


@dataclass(frozen=True)
class Retention:
    """Years, calendar months and calendar days, as their names say."""

    case_years: int                     # after a case was closed
    child_protection_years: int         # after the child's birth
    mail_years: int
    quarantine_years: int
    approve_days: int                   # a proposal older than this is an alarm
    answer_months: int                  # for a request about somebody's own records
    extended_months: int                # at most so much more, with the reason
    warned_days: int


def retention_of(held: RetentionFile) -> Retention:
    """The values without their sources."""
    return Retention(held.cases.value, held.child_protection.value, held.mail.value, held.quarantine.value, held.approve_within.value,
                     held.answer_within.value, held.extended_by.value, held.warned.value)


def retention_faults(held: RetentionFile) -> list[str]:
    """Days that are not calendar days: a deadline of the law does not wait for school to open."""
    return [f"retention.yaml: {name}: the unit must be 'calendar days', not {days.unit!r}; correct it"
            for name, days in (("approve_within", held.approve_within), ("warned", held.warned)) if days.unit != "calendar days"]
