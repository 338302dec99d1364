"""An independent, slow, obvious implementation of every rule agrees with the rules on generated pupil histories.

It shares no code with them: its own calendar, its own lists of codes, fractions instead of whole-number sums, regular
expressions instead of counting runs. ``CME_HISTORIES`` sets how many histories are tried (300; 100,000 by hand).
"""

import os
import re
from datetime import date, timedelta
from fractions import Fraction

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cme.rules.book import RuleBook
from cme.rules.finding import Enrolment, PupilRecord
from cme.rules.judge import judge
from cme.rules.marks import SessionMark
from cme.rules.possible_sessions import attendance
from cme.rules.rates import trend

MANY = settings(max_examples=int(os.environ.get("CME_HISTORIES", "300")), deadline=None, suppress_health_check=list(HealthCheck))

ATTENDED = set("/\\LKVPWB")
UNAUTHORISED = set("GNOU")
AUTHORISED = {"C", "C1", "C2", "J1", "S", "T", "R", "E", "I", "M"}
POSSIBLE = ATTENDED | UNAUTHORISED | AUTHORISED
NO_SESSION = {"#", "Z", "-", ""}
ONE = timedelta(days=1)
TERMS = [("2025-09-01", "2025-10-24"), ("2025-11-03", "2025-12-19"), ("2026-01-05", "2026-02-13"), ("2026-02-23", "2026-03-27"),
         ("2026-04-13", "2026-05-22"), ("2026-06-01", "2026-07-20"), ("2026-09-01", "2026-10-23"), ("2026-11-02", "2026-12-18"),
         ("2027-01-04", "2027-02-12"), ("2027-02-22", "2027-03-25"), ("2027-04-12", "2027-05-28"), ("2027-06-07", "2027-07-21")]
SHUT = {
    date.fromisoformat(d)
    for d in (
        "2025-09-01",
        "2025-11-03",
        "2026-01-05",
        "2026-04-13",
        "2026-07-20",
        "2026-05-04",
        "2026-09-01",
        "2026-11-02",
        "2027-01-04",
        "2027-04-12",
        "2027-07-21",
        "2027-05-03",
    )
}
SCHOOL_DAYS = sorted(
    d
    for first, last in TERMS
    for n in range(200)
    if (d := date.fromisoformat(first) + n * ONE) <= date.fromisoformat(last) and d.isoweekday() < 6 and d not in SHUT
)
FIRST, LAST = date(2026, 4, 20), date(2026, 12, 18)      # where histories lie: the end of one school year, the start of the next
USUAL = [d for d in SCHOOL_DAYS if FIRST <= d <= LAST]
PAIRS = [
    "/ \\",
    "N N",
    "O O",
    "G G",
    "U U",
    "I I",
    "D D",
    "- -",
    "# #",
    "/ N",
    "N \\",
    "N -",
    "- O",
    "D N",
    "N C2",
    "I M",
    "U \\",
    "B N",
    "L K",
    "Y4 Y4",
    "X X",
    "I D",
    "N I",
    "E E",
    "Z Z",
    "H N",
    "P W",
    "C C1",
    "S T",
    "N U",
]


@st.composite
def histories(draw) -> tuple[PupilRecord, date]:
    """A pupil and the day judged: spells of equal days, some of them on days without school, and all kinds of enrolment."""
    # half of the days go to long absences, or nothing would ever be found
    spell = st.tuples(st.integers(0, len(PAIRS) - 1) | st.integers(0, 6), st.sampled_from([1, 1, 1, 2, 3, 5, 8, 9, 10, 15, 20]))
    start = draw(st.integers(0, len(USUAL) - 1))
    days, codes = USUAL[start:], []
    for pair, length in draw(st.lists(spell, min_size=1, max_size=16)):
        codes += [PAIRS[pair].split()] * length
    marks = {(day, s): code for day, pair in zip(days, codes) for s, code in zip(("AM", "PM"), pair)}
    for day, pair in draw(st.lists(st.tuples(st.dates(FIRST, LAST), st.sampled_from(PAIRS)), max_size=2)):
        marks[day, "AM"], marks[day, "PM"] = pair.split()
    as_of = draw(st.dates(days[0], min(LAST, days[min(len(codes), len(days)) - 1] + 12 * ONE)))
    weekdays = st.frozensets(st.tuples(st.integers(1, 5), st.sampled_from(["AM", "PM"])))
    enrolment = Enrolment(
        admitted=draw(st.just(FIRST) | st.dates(FIRST, LAST)), left=draw(st.none() | st.none() | st.dates(FIRST, LAST)),
        born=draw(st.none() | st.sampled_from([date(2012, 5, 1), date(2010, 5, 1), date(2010, 9, 1), date(2021, 6, 1)])),
        expected=draw(st.none() | st.none() | weekdays))
    listed = [SessionMark(day, s, code) for (day, s), code in marks.items()]
    return (
        PupilRecord(
            7, enrolment, tuple(draw(st.permutations(listed)) if draw(st.booleans()) and len(listed) < 40 else sorted(listed))
        ),
        as_of,
    )


def year_of(day: date) -> date:
    return date(day.year if day.month >= 9 else day.year - 1, 9, 1)


class Slow:
    """The rules, straight from their sentences."""

    def __init__(self, record: PupilRecord, as_of: date) -> None:
        e = record.enrolment
        self.as_of, self.enrolment, self.year = as_of, e, year_of(as_of)
        ages = {
            date(2012, 5, 1): (date(2017, 8, 31), date(2028, 6, 30)),
            date(2010, 5, 1): (date(2015, 8, 31), date(2026, 6, 26)),
            date(2010, 9, 1): (date(2015, 12, 31), date(2027, 6, 25)),
            date(2021, 6, 1): (date(2026, 8, 31), date(2037, 6, 26)),
            None: (date.min, date.max),
        }
        youngest, oldest = ages[e.born]
        self.roll = [m for m in sorted(record.marks) if e.admitted <= m.day <= as_of and (e.left is None or m.day <= e.left)]
        of_age = [m for m in self.roll if youngest <= m.day <= oldest]
        self.counted = [
            m for m in of_age if m.code in ATTENDED or e.expected is None or (m.day.isoweekday(), m.session) in e.expected
        ]
        self.days = sorted({m.day for m in self.counted})

    def on(self, day: date) -> list[str]:
        return [m.code for m in self.counted if m.day == day and m.code in POSSIBLE]

    def part_missed(self, day: date, codes: set[str]) -> Fraction:
        possible = self.on(day)
        bad = [c for c in possible if c in codes]
        return Fraction(0) if not bad else Fraction(1) if len(bad) == len(possible) else Fraction(len(bad), 2)

    def runs(self, codes: set[str], needed: int) -> list[tuple]:
        days = [d for d in self.days if self.on(d)]
        word = "".join("m" if self.part_missed(d, codes) == 1 and all(c in codes for c in self.on(d)) else "x" for d in days)
        found = []
        for match in re.finditer("m+", word):
            first, last = days[match.start()], days[match.end() - 1]
            goes_on = match.end() == len(word) and (self.enrolment.left is None or self.enrolment.left >= self.year)
            if match.end() - match.start() >= needed and (last >= self.year or goes_on):
                found.append((days[match.start() + needed - 1], first, match.end() - match.start()))
        return found

    def together(self, codes: set[str], needed: int) -> list[tuple]:
        def total(until: date) -> Fraction:
            return sum((self.part_missed(d, codes) for d in self.days if self.year <= d <= until), Fraction(0))
        reached = [d for d in self.days if d >= self.year and total(d) >= needed]
        return [(reached[0], self.year, int(total(self.as_of)))] if reached else []

    def rolling(self, codes: set[str], needed: int, window: int) -> list[tuple]:
        for end in self.days:
            if end < self.year or not self.part_missed(end, codes):
                continue
            # the day itself takes one place, whether or not it is a school day
            places = [d for d in SCHOOL_DAYS if d < end][-(window - 1):]
            inside = [d for d in self.days if places[0] <= d <= end and self.part_missed(d, codes)]
            if sum(self.part_missed(d, codes) for d in inside) >= needed:
                return [(end, inside[0], int(sum(self.part_missed(d, codes) for d in inside)))]
        return []

    def rate(self, percent: int) -> list[tuple]:
        def reaches(until: date) -> bool:
            codes = [c for d in self.days if self.year <= d <= until for c in self.on(d)]
            return bool(codes) and Fraction(sum(c not in ATTENDED for c in codes), len(codes)) >= Fraction(percent, 100)
        year = [d for d in self.days if d >= self.year]
        if not reaches(self.as_of):
            return []
        no = [d for d in year if not reaches(d)]
        since = min(d for d in year if not no or d > no[-1])
        return [(since, self.year, sum(c not in ATTENDED for d in year for c in self.on(d)))]

    def trend(self, weeks: int) -> list[tuple[int, int]]:
        def monday(day: date) -> date:
            return day - (day.isoweekday() - 1) * ONE
        counted = [d for d in self.days if self.on(d)]
        school = {monday(d) for d in SCHOOL_DAYS + counted if monday(counted[0]) <= monday(d) <= self.as_of}
        since = sorted(school)[-min(weeks, len(school))]
        recent, before = [], []
        for day in counted:
            if day >= self.year:
                (recent if day >= since else before).extend(self.on(day))
        return [(sum(c not in ATTENDED for c in codes), len(codes)) for codes in (recent, before)]

    def unresolved(self, needed: int) -> list[tuple]:
        late = []
        for mark in self.roll:
            after = [d for d in SCHOOL_DAYS if d > mark.day]
            if mark.code == "N" and after[needed - 1] < self.as_of:
                late.append((after[needed - 1] + ONE, mark.day))
        return [(late[0][0], late[0][1], len(late))] if late else []

    def ten_sessions(self, needed: int, window: int) -> list[tuple]:
        def monday(day: date) -> date:
            return day - (day.isoweekday() - 1) * ONE
        weeks = sorted({monday(d) for d in SCHOOL_DAYS} | {monday(d) for d in self.days if self.on(d)})
        missed = [m for m in self.counted if m.code in UNAUTHORISED]
        for n, last in enumerate(missed):
            allowed = [w for w in weeks if w <= monday(last.day)][-window:]
            inside = [m for m in missed[:n + 1] if monday(m.day) in allowed]
            if last.day >= self.year and len(inside) >= needed:
                return [(last.day, inside[0].day, len(inside))]
        return []

    def twenty(self, needed: int) -> list[tuple]:
        days, word = [], ""
        for day in self.days:
            codes = [m.code for m in self.counted if m.day == day and m.code not in NO_SESSION and m.code != "H"]
            if codes:
                days.append(day)
                word += "m" if set(codes) <= set("GNO") else "x"
        match = re.search("m+$", word)
        if not match or len(match[0]) < needed:
            return []
        return [(days[match.start() + needed - 1], days[match.start()], len(match[0]))]

    def not_seen(self, needed: int) -> list[tuple]:
        seen = [n for n, m in enumerate(self.roll) if m.code in ATTENDED | {"U"}]
        since = self.roll[seen[-1]].day if seen else self.enrolment.admitted
        absent = [m for m in self.roll[seen[-1] + 1 if seen else 0:] if m.code in AUTHORISED | UNAUTHORISED]
        gone = self.enrolment.left is not None and self.enrolment.left < self.as_of
        if gone or not absent or (self.as_of - since).days < needed:
            return []
        return [(max(since + needed * ONE, absent[0].day), since, (self.as_of - since).days)]

    def sweep(self, needed: int) -> list[tuple]:
        last = max(d for d in SCHOOL_DAYS if d <= self.as_of)
        opens = min(d for d in SCHOOL_DAYS if d > last)
        codes = self.on(last) if last in self.days else []
        gap = (opens - last).days - 1
        if (
            gap < needed
            or not codes
            or codes[-1] not in "GNO"
            or (self.enrolment.left is not None and self.enrolment.left < opens)
        ):
            return []
        return [(last, last, gap)]

    def all(self, n: dict[str, int]) -> dict[str, list[tuple]]:
        return {
            "continuous_absence": self.runs(UNAUTHORISED, n["continuous_absence"]),
            "cumulative_absence": self.together(UNAUTHORISED, n["cumulative_absence"]),
            "referral_days": self.runs(set("GNO"), n["referral_days"]),
            "rolling_absence": self.rolling(UNAUTHORISED, n["rolling_absence"], 60),
            "unresolved_n": self.unresolved(n["unresolved_n"]),
            "not_seen": self.not_seen(n["not_seen"]),
            "holiday_sweep": self.sweep(n["holiday_sweep"]),
            "severe_absence": self.rate(n["severe_absence"]),
            "persistent_absence": self.rate(n["persistent_absence"]),
            "sickness_in_a_row": self.runs({"I"}, n["sickness_return"]),
            "sickness_together": self.together({"I"}, n["sickness_return"]),
            "ten_sessions": self.ten_sessions(n["ten_sessions"], 10),
            "twenty_day_evidence": self.twenty(n["twenty_day_evidence"]),
        }


NAMES = (
    "continuous_absence",
    "cumulative_absence",
    "referral_days",
    "rolling_absence",
    "unresolved_n",
    "not_seen",
    "holiday_sweep",
    "severe_absence",
    "persistent_absence",
    "sickness_return",
    "ten_sessions",
    "twenty_day_evidence",
)
NUMBERS = st.just({}) | st.fixed_dictionaries({}, optional={name: st.integers(1, 12) for name in NAMES})


def numbered(book: RuleBook, changed: dict[str, int]) -> tuple[RuleBook, dict[str, int]]:
    """The book with some numbers changed, and all numbers by name: small ones let more boundaries be met."""
    for name, value in changed.items():
        book = book.with_value(name, value)
    return book, {name: book.number(name, LAST).value for name in NAMES}


def test_both_know_the_same_school_days(book) -> None:
    assert list(book.calendar.school_days(date(2025, 9, 1), date(2027, 8, 31))) == SCHOOL_DAYS


@MANY
@given(history=histories(), changed=NUMBERS)
def test_the_slow_and_obvious_implementation_finds_the_same(book, history, changed) -> None:
    record, as_of = history
    book, numbers = numbered(book, changed)
    found: dict[str, list[tuple]] = {}
    for f in judge(record, as_of, book):
        found.setdefault(f.rule, []).append((f.reached_on, f.episode_start, f.count))
    slow = {rule: results for rule, results in Slow(record, as_of).all(numbers).items() if results}
    assert found == slow


@MANY
@given(history=histories(), weeks=st.integers(1, 8))
def test_the_slow_and_obvious_trend_is_the_same(book, history, weeks) -> None:
    record, as_of = history
    slow, pupil = Slow(record, as_of), attendance(record, as_of, book)
    if any(slow.on(day) for day in slow.days):
        seen = trend(pupil, book, weeks)
        assert [(side.absent, side.possible) for side in (seen.recent, seen.before)] == slow.trend(weeks)
