"""The population as numbers, straight from the register versions: which pupils may have a finding that opens a case.

The registers come as sheets (``sheets``). What counts in them is counted first, and only the marks of those who have enough of it
are laid into an array of session by pupil, which ``cme.rules.screen`` reads. Only the pupils named here need be loaded and judged
by the readable rules. Where two registers of one session disagree about a pupil, the mark with which more is found is taken, and
the rules decide.

Where the screen of a school was kept at an earlier day (``kept_screens``), it goes on from there; the answer is the same.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from cme.records.enrolments import Enrolled, enrolled, on_roll_between, together
from cme.records.kept_screens import Keeper, KeptScreen
from cme.records.sheets import Numbers, Sheet, sheets
from cme.records.tables import Pupil
from cme.rules.book import RuleBook
from cme.rules.numbered_marks import Marks, as_stored, how_many
from cme.rules.on_roll import OnRoll
from cme.rules.screen import Screening, Standing

_AT_ONCE = 10_000 * 365      # pupils times days: a few megabytes of marks, which the server's work memory holds as well
_DAY = timedelta(days=1)
_ALONE = text("SELECT pg_current_xact_id_if_assigned() IS NULL AND current_setting('transaction_isolation') = 'read committed'")


def candidates(session: Session, schools: Sequence[str], as_of: date, start: date, book: RuleBook,
               known_at: datetime | None = None, settled_after: int | None = None) -> list[int]:
    """The pupils, by number and in order, in whom a rule that opens a case may find something on ``as_of``.

    Marks count from ``start`` to ``as_of``, as known at ``known_at`` (None: now). Nobody with such a finding is left out.

    Given ``settled_after``, a number of days after which marks seldom change, the session writes: where the screen stood that many
    days before ``as_of``, and a few days before, is kept for the checks to come. Nothing is kept of what was known in the past.
    """
    screening = Screening(book, as_of)
    keeper = Keeper(session, screening, start, settled_after) if known_at is None else None
    pupils = enrolled(session, schools, as_of, start)
    kept = keeper.usable(pupils) if keeper else {}
    named: list[int] = []
    parts = list(_parts(pupils, {school: screen.settled + _DAY for school, screen in kept.items()}, start, as_of))
    reads = [partial(Population.read, schools=some, first=first, last=as_of, known_at=known_at) for first, some in parts]
    for (first, some), part in zip(parts, _read_ahead(session, reads), strict=True):
        standing = part.carried_on(screening, {school: kept[school] for school in some if school in kept})
        settled = keeper.due(first) if keeper else []
        found, stood = part.followed(standing, screening, first, settled)
        named += part.pupils[found].tolist()
        for day, then in zip(settled, stood, strict=True):
            packed = screening.packed(then)
            assert keeper
            keeper.note(day, some, {school: packed[places] for school, places in part.of_school.items()})
    if keeper:
        keeper.keep()
    return sorted(named)


def pupils_on_roll(session: Session, schools: Sequence[str], as_of: date, start: date) -> int:
    """How many pupils are looked at: on roll at some time from ``start`` to ``as_of``."""
    return session.scalar(select(func.count()).select_from(Pupil)
                          .where(Pupil.school.in_(schools), on_roll_between(start, as_of))) or 0


def populations(session: Session, schools: Sequence[str], as_of: date, start: date,
                known_at: datetime | None = None) -> Iterator["Population"]:
    """The pupils of ``schools`` on roll at some time from ``start`` to ``as_of`` and their registers of these days, some thousands
    (whole schools) at a time."""
    pupils = enrolled(session, schools, as_of, start)
    yield from _read_ahead(session, [partial(Population.read, schools=some, first=start, last=as_of, known_at=known_at)
                                     for _, some in _parts(pupils, {}, start, as_of)])


def _parts(pupils: Mapping[str, Enrolled], begin: Mapping[str, date], start: date,
           as_of: date) -> Iterator[tuple[date, dict[str, Enrolled]]]:
    """Schools to be read together, and from which day on: those of ``begin`` from theirs, the others from ``start``."""
    for first in sorted({begin.get(school, start) for school in pupils}):
        days = max((as_of - first).days, 1)
        part: dict[str, Enrolled] = {}
        room = _AT_ONCE
        for school, own in pupils.items():
            if begin.get(school, start) != first:
                continue
            size = len(own.pupils) * days
            if part and size > room:
                yield first, part
                part, room = {}, _AT_ONCE
            part[school] = own
            room -= size
        if part:
            yield first, part


def _read_ahead(session: Session, reads: Sequence[Callable[[Session], "Population"]]) -> Iterator["Population"]:
    """What each of ``reads`` gives, in order; while one is worked on, the next are read by threads, of which each has a connection
    of its own. Nobody else may use the session meanwhile."""
    if len(reads) < 2:
        yield from (read(session) for read in reads)
        return
    with _readers(session) as readers, ThreadPoolExecutor(len(readers)) as threads:
        free: SimpleQueue[Session] = SimpleQueue()
        for reader in readers:
            free.put(reader)

        def one(read: Callable[[Session], "Population"]) -> "Population":
            reader = free.get()
            try:
                return read(reader)
            finally:
                free.put(reader)

        coming: deque[Future[Population]] = deque()
        for read in reads:
            coming.append(threads.submit(one, read))
            if len(coming) > len(readers):
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


@contextmanager
def _readers(session: Session) -> Iterator[list[Session]]:
    """The session and, where that sees the same, a second one: PostgreSQL then reads on two cores. It would not see what this
    transaction has written itself, nor the moment of one that looks at a single moment."""
    engine = session.get_bind()
    if not isinstance(engine, Engine) or not session.scalar(_ALONE):
        yield [session]
        return
    with Session(engine) as second:
        yield [session, second]


@dataclass(frozen=True)
class Population:
    """Pupils by number, ascending, with their enrolments in the same order, and the registers in which they stand. ``places`` says
    for each sheet and each pupil of its roster, the how manieth of ``pupils`` that is (one more than there are: not looked at), and
    ``of_school`` the same for each school and each of its pupils, in order."""

    pupils: Numbers
    on_roll: OnRoll
    sheets: tuple[Sheet, ...]
    places: tuple[Numbers, ...]
    of_school: Mapping[str, Numbers]

    @classmethod
    def read(cls, session: Session, schools: Mapping[str, Enrolled], first: date, last: date,
             known_at: datetime | None = None) -> "Population":
        """The registers of ``schools`` from ``first`` to ``last``."""
        everybody, of_school = together(list(schools.values()))
        read = sheets(session, list(schools), first, last, known_at)
        places = tuple(_places(everybody.pupils, sheet.pupils) for sheet in read)
        return cls(everybody.pupils, everybody.on_roll, tuple(read), places, dict(zip(schools, of_school, strict=True)))

    def carried_on(self, screening: Screening, kept: Mapping[str, KeptScreen]) -> Standing:
        """How all of them stand where the screens of some of their schools were kept."""
        nobody = Standing.none(len(self.pupils))
        if not kept:
            return nobody
        who = np.concatenate([self.of_school[school][screen.pupils] for school, screen in kept.items()])
        return nobody.put(who, screening.unpacked(np.concatenate([screen.standing for screen in kept.values()])))

    def followed(self, before: Standing, screening: Screening, first: date, settled: Sequence[date]) -> tuple[NDArray[np.bool_], list[Standing]]:
        """In whom a rule that opens a case may find something on the day of ``screening``, and how all of them stand at the end of
        each day of ``settled`` (ascending), having stood as ``before`` at the end of the day before ``first``. Whoever was certain
        to be found then is followed no further; without a mark that counts, only a run can change."""
        later = settled[-1] + _DAY if settled else first
        certain, counted = screening.certain(before), self._counted(screening, later, screening.as_of)
        changes = np.zeros(len(self.pupils), dtype=np.bool_)
        if settled:
            until = self._counted(screening, first, settled[-1])
            counted, changes = counted + until, (until > 0) | (before.run > 0)
        who = np.flatnonzero((screening.could_reach(counted, before) | changes) & ~certain)
        days, marks = self.laid_out(screening, who, first, screening.as_of)
        some, then, done, stood = self.on_roll.of(who), before.of(who), 0, []
        for day in settled:
            at = bisect_left(days, day + _DAY)
            then, done = screening.after(then, marks[done:at], days[done:at], some), at
            stood.append(before.put(who, then))
        certain[who] = screening.found(screening.after(then, marks[done:], days[done:], some), some)
        return certain, stood

    def _counted(self, screening: Screening, first: date, last: date) -> NDArray[np.uint16]:
        """How many marks each has that count. A mark in two registers counts twice, which may name somebody in vain."""
        wanted = [as_stored(code) for code in screening.counted_codes]
        counted = np.zeros(len(self.pupils) + 1, dtype=np.uint16)
        for sheet, places in zip(self.sheets, self.places, strict=True):
            np.add.at(counted, places, how_many(sheet.between(first, last).marks, wanted))
        return counted[:-1]

    def laid_out(self, screening: Screening, who: Numbers, first: date, last: date) -> tuple[list[date], Marks]:
        """The days with a register from ``first`` to ``last``, and on them the marks of the pupils ``who`` (by place, ascending):
        (days, 2, pupils), as numbers of ``screening.legend``."""
        of_them = [sheet.between(first, last) for sheet in self.sheets]
        days = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *(sheet.sessions // 2 for sheet in of_them)]))
        dates = [date.fromordinal(day) for day in days.tolist()]
        marks = np.zeros((2 * len(days), len(who)), dtype=np.uint8)
        column = np.full(len(self.pupils) + 1, len(who))
        column[who] = np.arange(len(who))
        for sheet, places in zip(of_them, self.places, strict=True):
            columns = column[places]
            among = np.flatnonzero(columns < len(who))
            if len(among) and len(sheet.sessions):
                rows = 2 * np.searchsorted(days, sheet.sessions // 2) + sheet.sessions % 2
                of_them_all = sheet.marks if len(among) == len(columns) else sheet.marks[:, among]
                entered = screening.legend.by_mark.take(of_them_all)
                for alone in [slice(None)] if (rows[1:] > rows[:-1]).all() else range(len(rows)):
                    here = np.atleast_1d(rows[alone])
                    _lay(marks, here, columns[among], entered[alone].reshape(len(here), -1), dates, screening)
        return dates, marks.reshape(len(days), 2, len(who))


def _places(pupils: Numbers, roster: Numbers) -> Numbers:
    at = np.searchsorted(pupils, roster)
    return np.where(pupils.take(at, mode="clip") == roster, at, len(pupils))


def _lay(marks: Marks, rows: Numbers, columns: Numbers, entered: Marks, days: Sequence[date], screening: Screening) -> None:
    """Put the marks of one sheet into their place: an entered mark beats one not entered, the worse of two that differ the other."""
    side_by_side = columns[-1] - columns[0] + 1 == len(columns) and bool((np.diff(columns) == 1).all())
    place = (rows, slice(int(columns[0]), int(columns[-1]) + 1)) if side_by_side else np.ix_(rows, columns)
    held = marks[place]
    if held.any():
        clash = (held != 0) & (entered != 0) & (held != entered)
        entered = np.where(entered != 0, entered, held)
        for row in np.flatnonzero(clash.any(axis=1)):
            them = clash[row]
            entered[row, them] = screening.worst(held[row, them], entered[row, them], days[rows[row] // 2])
    marks[place] = entered
