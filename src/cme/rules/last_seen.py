"""When the child was last seen: calendar days, which run on through weekends and holidays, and the sweep before a holiday.

A child was seen in a session marked present (also late: L, and U, who came after the register closed), and at approved
education elsewhere. A mark not entered shows nothing.
Source: Children missing education guidance (2025) and the authorities' referral forms (date last seen, by whom).
"""

from dataclasses import dataclass
from datetime import date

from cme.rules.book import RuleBook
from cme.rules.finding import Finding
from cme.rules.marks import Category, SessionMark
from cme.rules.possible_sessions import Attendance, category_of
from cme.rules.wording import on, plural, short, tally

NOT_SEEN, SWEEP = "not_seen", "holiday_sweep"


@dataclass(frozen=True)
class LastSeen:
    """``mark`` is the last session in which the child was seen, None if never since ``since`` (the first day on roll).
    ``days`` counts calendar days from then to the day judged. ``elsewhere``: by others than the school's own staff.
    ``absences`` are the sessions missed since, with or without permission."""

    mark: SessionMark | None
    since: date
    days: int
    elsewhere: bool
    absences: tuple[SessionMark, ...]


def last_seen(pupil: Attendance, book: RuleBook) -> LastSeen:
    """When the child was last seen, as the registers show it on the day judged. Age and expected pattern play no part."""
    number = book.number(NOT_SEEN, pupil.as_of)
    seen_codes = number.codes if number else frozenset(c.code for c in book.codes.codes if c.category.attended)
    seen: SessionMark | None = None
    absences: list[SessionMark] = []
    for mark in pupil.marks:
        if mark.code in seen_codes:
            seen, absences = mark, []
        elif category_of(mark, book.codes).absent:
            absences.append(mark)
    since = seen.day if seen else pupil.record.enrolment.admitted
    elsewhere = seen is not None and category_of(seen, book.codes) is Category.APPROVED and seen.code != "V"
    return LastSeen(seen, since, max(0, (pupil.as_of - since).days), elsewhere, tuple(absences))


def _words(last: LastSeen) -> str:
    if last.mark is None:
        return f"not seen since admission on {on(last.since)}"
    where = "at education elsewhere " if last.elsewhere else ""
    return f"last seen {where}on {short(last.mark)} (marked {last.mark.code})"


def not_seen(pupil: Attendance, book: RuleBook) -> tuple[Finding, ...]:
    """At most one finding: so many calendar days since the child was last seen, with an absence since (a holiday is none)."""
    number, last = book.number(NOT_SEEN, pupil.as_of), last_seen(pupil, book)
    left = pupil.record.enrolment.left
    if number is None or last.days < number.value or not last.absences or (left is not None and left < pupil.as_of):
        return ()
    reached = max(date.fromordinal(last.since.toordinal() + number.value), last.absences[0].day)
    reason = (f"{_words(last)}: {plural(last.days, 'calendar day')} to {on(pupil.as_of)}, holidays included, with "
              f"{plural(len(last.absences), 'session')} missed since ({tally(last.absences)}); {last.days} >= {number.value}.")
    return (Finding(rule=NOT_SEEN, rule_version=number.version, as_of=pupil.as_of, reached_on=reached, episode_start=last.since,
                    count=last.days, threshold=number.value, unit=number.unit, reason=reason[0].upper() + reason[1:],
                    source=number.source, marks=last.absences, opens_case=False),)


def holiday_sweep(pupil: Attendance, book: RuleBook) -> tuple[Finding, ...]:
    """At most one finding: absent without permission at the end of the last school day before days without school.

    It stands from that day until the school opens again.
    """
    number, calendar = book.number(SWEEP, pupil.as_of), book.calendar
    last_day = pupil.as_of if calendar.is_school_day(pupil.as_of) else calendar.previous_school_day(pupil.as_of)
    gap = calendar.break_after(last_day)
    sessions = [mark for day in pupil.days if day.day == last_day for mark in day.sessions]
    if number is None or gap < number.value or not sessions or sessions[-1].code not in number.codes:
        return ()
    opens, left = calendar.next_school_day(last_day), pupil.record.enrolment.left
    if left is not None and left < opens:
        return ()
    marks = tuple(mark for mark in sessions if mark.code in number.codes)
    reason = (
        f"Absent without permission on {on(last_day)} ({tally(marks)}), "
        f"the last school day before {gap} calendar days without school "
        f"(open again on {on(opens)}), {gap} >= {number.value}; {_words(last_seen(pupil, book))}."
    )
    return (
        Finding(
            rule=SWEEP,
            rule_version=number.version,
            as_of=pupil.as_of,
            reached_on=last_day,
            episode_start=last_day,
            count=gap,
            threshold=number.value,
            unit=number.unit,
            reason=reason,
            source=number.source,
            marks=marks,
            opens_case=False,
        ),
    )
