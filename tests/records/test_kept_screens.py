"""What the screen keeps from one check to the next changes no answer: with it, without it, and whatever happened in between."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from random import Random

import pytest
from sqlalchemy import Engine, Insert, delete, insert, literal, select, text, update
from sqlalchemy.orm import Session

from cme.config.policies import load
from cme.records import population, registers
from cme.records.history import Stamp
from cme.records.population import candidates
from cme.records.sheets import sheets
from cme.records.tables import Pupil as PupilRow
from cme.records.tables import RegisterVersion, ScreenState
from cme.rules.book import RuleBook
from cme.rules.judge import judge
from cme.rules.marks import Category
from cme.rules.screen import SESSIONS
from cme.sources.source import Mark, Pulled, Pupil, RegisterDocument, TimeSemantics

SCHOOL, OTHER = "330/1999", "330/2998"
POLICIES = load()
BOOK = POLICIES.rule_book()
EASY = BOOK.with_value("continuous_absence", 4).with_value("cumulative_absence", 6)
START, AFTER, RECENT = date(2025, 9, 1), 14, 4
FAR = datetime(2030, 1, 1, tzinfo=timezone.utc)        # what is known then is what is known now, and is never asked of what was kept
TERM = list(POLICIES.calendar.school_days(date(2026, 9, 1), date(2026, 12, 18)))


def at(day: date, hour: int = 9) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=timezone.utc)


def store(session: Session, documents: Sequence[RegisterDocument], people: Sequence[Pupil] = (), *, when: datetime,
          school: str = SCHOOL) -> None:
    registers.store(session, school, Pulled(registers=tuple(documents), pupils=tuple(people)), source="test",
                    codes=POLICIES.codes, stamp=Stamp("machine", when), time_semantics=TimeSemantics.OBSERVED)


def register(day: date, slot: str, marks: dict[str, str], group: str = "A") -> RegisterDocument:
    return RegisterDocument(day, "session", slot, group, tuple(Mark(pupil, code) for pupil, code in marks.items()))


def days_of(days: Sequence[date], marks: dict[str, str], group: str = "A") -> list[RegisterDocument]:
    return [register(day, slot, marks, group) for day in days for slot in SESSIONS]


def check(session: Session, as_of: date, book: RuleBook = BOOK, schools: Sequence[str] = (SCHOOL,), start: date = START) -> list[int]:
    """A check that keeps; it must name whom a check from all registers names."""
    named = candidates(session, schools, as_of, start, book, None, AFTER)
    assert named == candidates(session, schools, as_of, start, book, FAR), as_of
    return named


def kept(session: Session, school: str = SCHOOL, recent: bool = False) -> date | None:
    return session.scalar(select(ScreenState.settled).where(ScreenState.school == school, ScreenState.recent == recent))


@pytest.fixture
def read_from(monkeypatch: pytest.MonkeyPatch) -> list[date]:
    """From which days on registers were read, by the checks that may use what was kept."""
    firsts: list[date] = []

    def noted(session: Session, schools: Sequence[str], first: date, last: date, known_at: datetime | None = None) -> object:
        if known_at is None:
            firsts.append(first)
        return sheets(session, schools, first, last, known_at)

    monkeypatch.setattr(population, "sheets", noted)
    return firsts


CHECKED, KEPT, KEPT_OF_LATE = date(2026, 11, 20), date(2026, 11, 5), date(2026, 11, 15)
# the next school day, the first day that its check must read, and the first where a day until KEPT_OF_LATE was corrected
NEXT, READ, FROM_FAR = date(2026, 11, 23), date(2026, 11, 16), date(2026, 11, 6)
FIRST = date(2026, 9, 1)
ORDINARY = {"here": "/", "away": "/", "ill": "I"}


def from_to(first: date, last: date) -> list[date]:
    return [day for day in TERM if first <= day <= last]


@pytest.fixture
def settled(session: Session, read_from: list[date]) -> Session:
    """A school of three pupils, checked on 20 November, whose screen is kept at 5 and at 15 November. One has been away since
    12 October."""
    people = [Pupil(name, group="A", admitted=date(2026, 9, 1)) for name in ORDINARY]
    store(session, [*days_of(from_to(TERM[0], date(2026, 10, 11)), ORDINARY),
                    *days_of(from_to(date(2026, 10, 12), CHECKED), ORDINARY | {"away": "N"})], people, when=at(CHECKED))
    assert len(check(session, CHECKED)) == 1 and kept(session) == KEPT and kept(session, recent=True) == KEPT_OF_LATE and read_from == [START]
    read_from.clear()
    return session


# --- what is read ---------------------------------------------------------------------------------------------------------

def test_a_check_reads_only_the_days_after_what_was_kept(settled: Session, read_from: list[date]) -> None:
    for _ in range(3):
        assert len(check(settled, CHECKED)) == 1
    assert read_from == [READ] * 3 and kept(settled) == KEPT


def test_what_is_kept_moves_on_with_every_day_checked(settled: Session, read_from: list[date]) -> None:
    for day in from_to(NEXT, TERM[-1]):
        store(settled, days_of([day], ORDINARY), when=at(day))
        check(settled, day)
        assert kept(settled, recent=True) == day - timedelta(days=RECENT + 1) and kept(settled) == KEPT
    assert read_from == [READ, *(day - timedelta(days=RECENT) for day in from_to(NEXT, TERM[-2]))]


def test_a_pupil_carried_over_is_found_by_the_day_that_completes_the_number(session: Session, read_from: list[date]) -> None:
    days = TERM[:11]
    store(session, days_of(days[:7], {"1": "N"}), [Pupil("1", admitted=date(2026, 9, 1))], when=at(days[-1]))
    check(session, days[6] + timedelta(days=AFTER + 1))
    assert kept(session) == days[6]
    for n, day in enumerate(days[7:], start=8):
        store(session, days_of([day], {"1": "N"}), when=at(days[-1]))
        assert len(check(session, day)) == (n >= 10)
    assert read_from == [START] + 4 * [days[6] + timedelta(days=1)]


def test_a_run_that_attendance_broke_is_not_carried_on(session: Session, read_from: list[date]) -> None:
    away, back, again = from_to(date(2026, 9, 7), date(2026, 9, 15)), from_to(date(2026, 9, 16), date(2026, 10, 9)), from_to(
        date(2026, 10, 12), date(2026, 10, 16))
    store(session, [*days_of(away, {"1": "N"}), *days_of(back, {"1": "/"}), *days_of(again, {"1": "N"})],
          [Pupil("1", admitted=date(2026, 9, 1))], when=at(again[-1]))
    book = BOOK.with_value("cumulative_absence", 99)
    for as_of in (date(2026, 9, 30), date(2026, 10, 9), again[-1]):
        assert check(session, as_of, book) == []
    assert len(read_from) == 3 == len(set(read_from))


def test_a_check_that_may_not_write_uses_what_was_kept_and_leaves_it(settled: Session, engine: Engine, read_from: list[date]) -> None:
    settled.commit()
    with Session(engine) as reader:
        reader.execute(text("SET TRANSACTION READ ONLY"))
        assert len(candidates(reader, [SCHOOL], TERM[-1], START, BOOK)) == 1
    assert read_from == [READ] and kept(settled) == KEPT and kept(settled, recent=True) == KEPT_OF_LATE


def test_without_its_rows_the_next_check_gives_the_same_and_keeps_anew(settled: Session, read_from: list[date]) -> None:
    named = check(settled, date(2026, 11, 27))
    settled.execute(delete(ScreenState))
    assert check(settled, date(2026, 11, 27)) == named and kept(settled) == date(2026, 11, 12) and kept(settled, recent=True) == date(2026, 11, 22)
    assert read_from == [READ, START]


def test_what_was_known_in_the_past_never_asks_what_is_kept(settled: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(population, "Keeper", None)
    store(settled, days_of(from_to(date(2026, 10, 12), CHECKED), ORDINARY), when=at(NEXT))
    for moment, found in ((at(CHECKED, 12), 1), (at(NEXT, 12), 0)):
        assert len(candidates(settled, [SCHOOL], CHECKED, START, BOOK, moment, AFTER)) == found


def test_nothing_is_kept_before_the_first_day_that_counts(session: Session) -> None:
    store(session, days_of(TERM[:8], {"1": "N"}), when=at(TERM[8]))
    check(session, TERM[8], start=TERM[0])
    assert kept(session) is None and kept(session, recent=True) == TERM[8] - timedelta(days=RECENT + 1)
    session.execute(delete(ScreenState))
    check(session, TERM[1], start=TERM[0])
    assert kept(session, recent=True) is None


# --- what makes it worthless ------------------------------------------------------------------------------------------------

def test_a_correction_of_a_settled_day_is_seen(settled: Session, read_from: list[date]) -> None:
    store(settled, days_of(from_to(date(2026, 10, 12), KEPT), ORDINARY), when=at(NEXT))
    assert len(check(settled, NEXT)) == 1, "eleven days are left"
    store(settled, days_of(from_to(FROM_FAR, CHECKED), ORDINARY), when=at(NEXT, 10))
    assert check(settled, NEXT) == []
    assert read_from == [START, START] and kept(settled) == NEXT - timedelta(days=AFTER + 1)


def test_a_correction_of_the_last_weeks_goes_on_from_before_them_and_keeps_both_anew(settled: Session, read_from: list[date]) -> None:
    store(settled, days_of(from_to(FROM_FAR, KEPT_OF_LATE), ORDINARY), when=at(NEXT))
    for day in (NEXT, NEXT + timedelta(days=1)):
        assert len(check(settled, day)) == 1, "nineteen days before, five after: more than ten together"
    assert read_from == [FROM_FAR, NEXT - timedelta(days=RECENT)]
    assert kept(settled) == NEXT - timedelta(days=AFTER + 1) and kept(settled, recent=True) == NEXT - timedelta(days=RECENT)


@pytest.mark.parametrize("day", [READ, CHECKED])
def test_a_correction_of_a_later_day_leaves_it_of_use(settled: Session, read_from: list[date], day: date) -> None:
    store(settled, days_of([day], {"here": "N", "away": "/", "ill": "I"}), when=at(NEXT))
    check(settled, NEXT)
    assert read_from == [READ]


@pytest.mark.parametrize(("day", "read"), [(KEPT_OF_LATE, FROM_FAR), (FROM_FAR, FROM_FAR), (KEPT, START)])
def test_a_correction_of_the_last_settled_day_does_not(settled: Session, read_from: list[date], day: date, read: date) -> None:
    store(settled, [register(day, "PM", ORDINARY)], when=at(NEXT))
    check(settled, NEXT)
    assert read_from == [read]


def test_a_lesson_of_a_settled_day_leaves_it_of_use(settled: Session, read_from: list[date]) -> None:
    store(settled, [RegisterDocument(date(2026, 10, 5), "lesson", "P1", "A", (Mark("here", "N"),))], when=at(NEXT))
    check(settled, NEXT)
    assert read_from == [READ]


_CHANGES = [({"admitted": date(2026, 10, 5)}, FIRST), ({"admitted": date(2026, 8, 1)}, READ), ({"admitted": None}, READ),
            ({"left": KEPT - timedelta(days=1)}, FIRST), ({"left": KEPT}, FROM_FAR), ({"left": KEPT_OF_LATE - timedelta(days=1)}, FROM_FAR),
            ({"left": KEPT_OF_LATE}, READ), ({"left": READ}, READ),
            ({"born": date(2021, 10, 20)}, FIRST), ({"born": date(2015, 10, 20)}, READ), ({"expected_pattern": "MonAM TueAM"}, FIRST)]


@pytest.mark.parametrize(("change", "read"), _CHANGES)
def test_only_an_enrolment_that_says_something_else_of_the_settled_days_matters(
        settled: Session, read_from: list[date], change: dict[str, date | str | None], read: date) -> None:
    """Marks count from 1 September 2026 here, so that an earlier admission changes nothing."""
    check(settled, CHECKED, start=FIRST)
    read_from.clear()
    settled.execute(update(PupilRow).where(PupilRow.mis_id == "away").values(**change))
    check(settled, NEXT, start=FIRST)
    assert read_from == [read]


def test_it_matters_whose_enrolment_says_so(settled: Session, read_from: list[date]) -> None:
    """One pupil turns out to have come in the other's place: the days are the same, the pupils are not."""
    settled.execute(update(PupilRow).where(PupilRow.mis_id == "away").values(admitted=NEXT))
    settled.execute(delete(ScreenState))
    assert check(settled, CHECKED) == []
    read_from.clear()
    settled.execute(update(PupilRow).where(PupilRow.mis_id == "away").values(admitted=date(2026, 9, 1)))
    settled.execute(update(PupilRow).where(PupilRow.mis_id == "here").values(admitted=NEXT))
    assert len(check(settled, CHECKED)) == 1 and read_from == [START]


@pytest.mark.parametrize(("admitted", "day", "matters"), [
    (NEXT, NEXT, False), (None, NEXT, False), (date(2026, 9, 1), NEXT, False), (None, date(2026, 10, 12), True)])
def test_a_new_pupil_matters_only_with_a_register_of_a_settled_day(
        settled: Session, read_from: list[date], admitted: date | None, day: date, matters: bool) -> None:
    store(settled, days_of([day], {"new": "N"}, "B"), [Pupil("new", group="B", admitted=admitted)], when=at(NEXT))
    check(settled, NEXT)
    assert read_from == [START if matters else READ]


def test_a_pupil_who_comes_back_on_roll_matters(session: Session, read_from: list[date]) -> None:
    gone = Pupil("gone", group="A", admitted=date(2024, 9, 1), left=date(2025, 7, 1))
    store(session, days_of(TERM[:10], {"gone": "N", "here": "/"}), [gone], when=at(TERM[30]))
    assert check(session, TERM[30]) == [] and kept(session)
    store(session, (), [replace(gone, left=None)], when=at(TERM[31]))
    assert len(check(session, TERM[31])) == 1 and read_from == [START, START]


@pytest.mark.parametrize("book", [
    BOOK.with_value("continuous_absence", 12), BOOK.with_value("cumulative_absence", 12),
    replace(BOOK, codes=replace(BOOK.codes, codes=tuple(replace(c, category=Category.UNAUTHORISED) if c.code == "I" else c for c in BOOK.codes.codes))),
    replace(BOOK, codes=replace(BOOK.codes, codes=tuple(replace(c, valid_to=date(2026, 10, 1)) if c.code == "N" else c for c in BOOK.codes.codes))),
    replace(BOOK, numbers=tuple(replace(n, codes=n.codes | {"I"}) if n.name == "cumulative_absence" else n for n in BOOK.numbers)),
    replace(BOOK, calendar=replace(BOOK.calendar, year_starts=(8, 31)))])
def test_another_policy_starts_from_all_registers(settled: Session, read_from: list[date], book: RuleBook) -> None:
    for asked in (book, book, BOOK):
        check(settled, NEXT, asked)
    assert read_from == [START, NEXT - timedelta(days=RECENT), START]


def test_another_school_year_starts_from_all_registers(session: Session, read_from: list[date]) -> None:
    july = list(POLICIES.calendar.school_days(date(2026, 6, 15), date(2026, 7, 17)))
    store(session, days_of(july, {"1": "N"}), when=at(july[-1]))
    assert len(check(session, july[-1], start=date(2024, 9, 1))) == 1 and kept(session)
    for day in TERM[:2]:
        assert len(check(session, day)) == 1
    assert read_from == [date(2024, 9, 1), START, TERM[0] - timedelta(days=RECENT)]


def test_a_day_before_what_is_kept_is_checked_from_all_registers(settled: Session, read_from: list[date]) -> None:
    assert len(check(settled, date(2026, 10, 23))) == 1 and check(settled, date(2026, 10, 22)) == []
    assert read_from[0] == START


@pytest.mark.parametrize("column", ["standing", "settled", "versions", "newest_pupil", "proof", "fingerprint"])
@pytest.mark.parametrize(("altered", "read"), [((True,), FROM_FAR), ((True, False), START), ((False,), READ)])
def test_a_row_that_was_altered_is_not_used(settled: Session, read_from: list[date], column: str, altered: tuple[bool, ...], read: date) -> None:
    for recent in altered:
        row = settled.get_one(ScreenState, (SCHOOL, recent))
        value = getattr(row, column)
        setattr(row, column, value[:-1] + bytes([value[-1] ^ 1]) if isinstance(value, bytes) else
                value + timedelta(days=1) if isinstance(value, date) else value + 1)
    settled.flush()
    check(settled, NEXT)
    assert read_from == [read]


# --- several at once --------------------------------------------------------------------------------------------------------

def test_nothing_is_kept_while_a_register_with_a_lower_number_may_still_come(session: Session, engine: Engine) -> None:
    """Numbers are given before they are committed: the version written first comes to light last."""
    days, book = TERM[:30], BOOK.with_value("cumulative_absence", 99)
    store(session, days_of(days[:9], {"1": "N"}), [Pupil("1", admitted=date(2026, 9, 1))], when=at(days[29]))
    session.commit()
    v = RegisterVersion.__table__
    same = [column.name for column in v.columns if column.name not in ("id", "local_date")]

    def copied_to(day: date) -> Insert:
        return insert(v).from_select(["local_date", *same], select(literal(day), *(v.c[name] for name in same)).where(v.c.local_date == days[8]))

    with Session(engine) as slow, Session(engine) as checking:
        slow.execute(copied_to(days[9]))                   # the tenth day of absence
        checking.execute(copied_to(days[29] + timedelta(days=1)))
        checking.commit()
        assert check(checking, days[29], book) == [] and kept(checking) is None
        slow.commit()
        assert len(check(checking, days[29], book)) == 1 and kept(checking) == days[29] - timedelta(days=AFTER + 1)


def test_a_transaction_that_looks_at_one_moment_keeps_nothing(session: Session, engine: Engine) -> None:
    """What others commit later stays hidden from it, though they hold no lock any more."""
    store(session, days_of(TERM[:30], {"1": "N"}), when=at(TERM[30]))
    session.commit()
    with Session(engine.execution_options(isolation_level="REPEATABLE READ")) as other:
        assert len(candidates(other, [SCHOOL], TERM[29], START, BOOK, None, AFTER)) == 1 and kept(other) is None


def test_two_checks_at_once_both_end_and_leave_what_is_right(session: Session, engine: Engine) -> None:
    for school in (SCHOOL, OTHER):
        store(session, days_of(TERM[:30], {"1": "N", "2": "/"}), when=at(TERM[30]), school=school)
    session.commit()
    both = threading.Barrier(2)
    found: list[list[int]] = []

    def one(schools: list[str]) -> None:
        with Session(engine) as own:
            both.wait()
            found.append(candidates(own, schools, TERM[29], START, BOOK, None, AFTER))
            own.commit()

    threads = [threading.Thread(target=one, args=(schools,)) for schools in ([SCHOOL, OTHER], [OTHER, SCHOOL])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 2 and found[0] == found[1] and len(found[0]) == 2
    assert kept(session) == kept(session, OTHER) == TERM[29] - timedelta(days=AFTER + 1)
    assert check(session, TERM[29], schools=(SCHOOL, OTHER)) == found[0]


def test_schools_are_carried_on_each_from_its_own_day(session: Session, read_from: list[date]) -> None:
    for school, last in ((SCHOOL, 30), (OTHER, 36)):
        store(session, days_of(TERM[:last], {"1": "N", "2": "/"}), when=at(TERM[last]), school=school)
        check(session, TERM[last], schools=[school])
    store(session, days_of(TERM[:3], {"1": "/", "2": "/"}), when=at(TERM[36]), school="330/3997")
    read_from.clear()
    assert len(check(session, TERM[36], schools=[SCHOOL, OTHER, "330/3997", "330/4996"])) == 2
    assert sorted(read_from) == sorted([START, TERM[30] - timedelta(days=RECENT), TERM[36] - timedelta(days=RECENT)])


# --- lives of random schools ------------------------------------------------------------------------------------------------

class Life:
    """A school to which something happens every day, and to its past as well."""

    PATTERNS = ("", "", "", "MonAM TueAM WedAM ThuAM FriAM", "TueAM TuePM ThuAM")

    def __init__(self, session: Session, seed: int) -> None:
        self.session, self.chance = session, Random(seed)
        self.people = {str(n): self._somebody(str(n)) for n in range(14)}
        self.away = {name: "" for name in self.people}
        self.books = [EASY]

    def _somebody(self, name: str) -> Pupil:
        pick = self.chance.choice
        return Pupil(name, group=pick("AB"), born=pick((None, date(2013, 5, 1), date(2021, 9, 2))),
                     admitted=pick((None, date(2025, 1, 6), date(2026, 9, 14))), left=pick((None, None, None, date(2026, 10, 20))),
                     expected_pattern=pick(self.PATTERNS))

    def registers_of(self, day: date) -> list[RegisterDocument]:
        made = []
        for name in self.people:
            if self.chance.random() < 0.15:
                self.away[name] = self.chance.choice(("", "", "N", "O", "D", "-", "I"))
        for slot in SESSIONS:
            for group in "AB":
                of_group = [n for n, p in self.people.items() if p.group == group or (self.chance.random() < 0.05 and int(n) % 5 == 0)]
                if of_group and self.chance.random() > 0.05:
                    made.append(register(day, slot, {n: (self.away[n] or "/") if self.chance.random() > 0.05 else self.chance.choice("/N-UY")
                                                     for n in of_group}, group))
        self.chance.shuffle(made)
        return made

    def happens(self, today: date, past: Sequence[date]) -> None:
        chance, changed = self.chance, []
        documents = self.registers_of(today)
        if chance.random() < 0.5:                                   # corrections, of the last days or of long ago
            for _ in range(chance.randint(1, 3)):
                documents += self.registers_of(chance.choice(past[-8:] if chance.random() < 0.7 else past))
        if chance.random() < 0.15:
            new = str(len(self.people))
            self.people[new] = replace(self._somebody(new), admitted=chance.choice((None, today, past[0])))
            self.away[new] = chance.choice(("", "N"))
            changed.append(new)
        if chance.random() < 0.15:
            name = chance.choice(list(self.people))
            told = chance.choice(({"left": chance.choice((None, past[-1], chance.choice(past)))}, {"admitted": chance.choice(past)},
                                  {"expected_pattern": chance.choice(self.PATTERNS)}, {"group": chance.choice("AB")},
                                  {"born": date(2021, 9, 2)}))
            self.people[name] = replace(self.people[name], **told)
            changed.append(name)
        store(self.session, documents, [self.people[n] for n in changed], when=at(today, 9 + chance.randint(0, 6)))

    def book(self) -> RuleBook:
        if self.chance.random() < 0.08:
            self.books.append(self.books[-1].with_value("cumulative_absence", self.chance.randint(4, 10)))
        return self.books[-1]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_to_a_school_what_is_kept_changes_no_answer(session: Session, seed: int, read_from: list[date]) -> None:
    days = list(POLICIES.calendar.school_days(date(2026, 6, 29), date(2026, 11, 13)))
    life = Life(session, seed)
    store(session, [], list(life.people.values()), when=at(days[0]))
    found = 0
    for n, today in enumerate(days[1:], start=1):
        life.happens(today, days[:n])
        if life.chance.random() < 0.3:
            continue
        book, start = life.book(), date(2024 + (today >= date(2026, 9, 1)), 9, 1)
        named = check(session, today, book, start=start)
        found_by_the_rules = [record.pupil_id for record in registers.pupil_records(session, SCHOOL, today, start)
                              if any(f.opens_case for f in judge(record, today, book))]
        assert set(found_by_the_rules) <= set(named)
        found += len(found_by_the_rules)
        if life.chance.random() < 0.1:                               # somebody asks of an earlier day
            check(session, days[max(n - life.chance.randint(1, 20), 0)], book, start=start)
        if life.chance.random() < 0.05:
            session.execute(delete(ScreenState))
    anew = sum(first in (date(2024, 9, 1), START) for first in read_from)
    assert found and anew and len(read_from) - anew > len(read_from) // 3, "what is kept must often have been of use"
