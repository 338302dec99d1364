"""Judges one pupil by every rule, in a fixed order.

``judge`` is pure: the same record, day and book give equal findings, in whatever order the marks arrive.
"""

from collections.abc import Callable, Sequence
from datetime import date

from cme.rules.book import RuleBook
from cme.rules.continuous_absence import continuous_absence, referral_days
from cme.rules.cumulative_absence import cumulative_absence, rolling_absence
from cme.rules.finding import Finding, PupilRecord
from cme.rules.last_seen import holiday_sweep, not_seen
from cme.rules.possible_sessions import Attendance, attendance
from cme.rules.rates import persistent_absence, severe_absence
from cme.rules.sickness import sickness_in_a_row, sickness_together
from cme.rules.ten_sessions import ten_sessions
from cme.rules.twenty_days import twenty_day_evidence
from cme.rules.unresolved_marks import unresolved_n

Rule = Callable[[Attendance, RuleBook], tuple[Finding, ...]]
OPENS_A_CASE = ("continuous_absence", "cumulative_absence")     # what a finding of these rules does; the others are shown beside

OPENING = (continuous_absence, cumulative_absence)                # these rules themselves
# in the order in which a person should read them
RULES = (continuous_absence, cumulative_absence, referral_days, rolling_absence, unresolved_n, not_seen, holiday_sweep,
         severe_absence, persistent_absence, sickness_in_a_row, sickness_together, ten_sessions, twenty_day_evidence)


def judge(record: PupilRecord, as_of: date, book: RuleBook, rules: Sequence[Rule] = RULES) -> tuple[Finding, ...]:
    """All findings (of ``rules``) about one pupil on ``as_of``, from the marks given, rule by rule in a fixed order.

    Give the marks from the start of the school year before, so that a run that began then is seen whole. Findings concern
    the school year of ``as_of``: one reached in an earlier school year is returned only while it still goes on.
    """
    pupil = attendance(record, as_of, book)
    return tuple(finding for rule in rules for finding in rule(pupil, book))


def contradicted(reached_on: date, as_of: date, book: RuleBook) -> bool:
    """Whether a finding kept from before, reached on ``reached_on``, that ``judge(..., as_of, ...)`` does not return no longer
    holds, and is to be retracted. A finding of an earlier school year that ended there is merely past: the answer is no.
    """
    return book.calendar.school_year_start(as_of) <= reached_on <= as_of
