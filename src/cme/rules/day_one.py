"""Day one: a child with a safeguarding flag is marked absent today, and nobody has established why.

Judged on the registers of the day's two sessions. What counts are N (the reason is not established yet) and O (no other code fits,
which is also what N becomes where the reason stays unknown). A child who came late (L, U) was seen; a reason given, also one without
permission (G), is a reason; a mark not entered is neither absence nor presence, and a register not taken is a matter of staff. A
child who came later in the day was absent without explanation all the same: the reason says both, and people judge. Age plays no
part; sessions outside the child's own pattern do not count.
Source: the school's procedure (concern about a child's safety: on day one); Working together to improve school attendance (2026),
p. 20 and para 52; Keeping children safe in education.
"""

from collections.abc import Collection, Iterable

from cme.rules.book import RuleBook
from cme.rules.finding import Finding
from cme.rules.possible_sessions import Attendance, category_of, expected
from cme.rules.wording import on, plural, short, tally

RULE = "vulnerable_absence"


def watched_flags(held: Iterable[str], watched: Collection[str]) -> tuple[str, ...]:
    """Which of the flags ``held`` about a pupil are among those the school watches (in lower case), however they are spelt."""
    wanted = {flag.casefold().strip() for flag in watched}
    return tuple(sorted({flag for flag in held if flag.casefold().strip() in wanted}))


def vulnerable_absence(pupil: Attendance, flags: Collection[str], book: RuleBook) -> tuple[Finding, ...]:
    """At most one finding about the day judged: sessions of it missed without a known reason by a child with ``flags``.

    ``flags`` are those of the child that the school watches (``watched_flags``); without any the rule finds nothing. The reason
    counts them and does not name them.
    """
    number = book.number(RULE, pupil.as_of)
    if number is None or not flags:
        return ()
    today = [mark for mark in pupil.marks if mark.day == pupil.as_of]
    missed = tuple(mark for mark in today if mark.code in number.codes and expected(pupil.record.enrolment, mark.day, mark.session))
    if len(missed) < number.value:
        return ()
    seen = [mark for mark in today if category_of(mark, book.codes).attended or mark.code == "U"]
    also = f"; seen in school in {', '.join(f'{short(mark)} ({mark.code})' for mark in seen)}" if seen else ""
    reason = (f"Absent on {on(pupil.as_of)} without a known reason: {plural(len(missed), 'session')} marked {tally(missed)} "
              f"({', '.join(short(mark) for mark in missed)}), {len(missed)} >= {number.value}, and "
              f"{plural(len(flags), 'safeguarding flag')} held{also}.")
    return (Finding(rule=RULE, rule_version=number.version, as_of=pupil.as_of, reached_on=pupil.as_of, episode_start=pupil.as_of,
                    count=len(missed), threshold=number.value, unit=number.unit, reason=reason, source=number.source, marks=missed),)
