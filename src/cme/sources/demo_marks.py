"""A year of made-up marks for one made-up pupil: mostly there, with the absences, codes and corrections that a school sees."""

from dataclasses import dataclass
from datetime import date
from random import Random

from cme.rules.school_days import SchoolCalendar
from cme.sources.demo_people import Child

SESSIONS = ("AM", "PM")
PRESENT = {"AM": "/", "PM": "\\"}
_WEEKDAY = ("Mon", "Tue", "Wed", "Thu", "Fri")
_MOST_WITHOUT_PERMISSION = 9        # days this school year for anybody but the two children of the story
_STILL_OPEN = 4                     # N on the last so many school days; before that it has become O


@dataclass
class Entry:
    """One mark with what stands beside it."""

    code: str
    minutes_late: str = ""
    note: str = ""


@dataclass(frozen=True)
class Story:
    """What decides how often a pupil is away this school year: whole days without permission, and on which if that is set."""

    days_away: int
    fixed: tuple[date, ...] = ()
    late_after_close: int = 0
    away_today: bool | None = None


Marks = dict[tuple[date, str], Entry]


def year_of(child: Child, story: Story, calendar: SchoolCalendar, days: list[date], rng: Random) -> Marks:
    """The pupil's marks on ``days`` (school days in order, the last one with its morning only)."""
    today, year_start = days[-1], calendar.school_year_start(days[-1])
    own = [day for day in days if child.admitted <= day and (child.left is None or day <= child.left)]
    marks: Marks = {(day, session): _usual(child, day, session, rng) for day in own for session in SESSIONS
                    if calendar.has_session(day, session) and (day < today or session == "AM")}
    _events(child, marks, days)
    this_year = [day for day in own if day >= year_start]
    before = [day for day in own if day < year_start]
    if not story.fixed:
        _sickness(child, marks, this_year, 9, rng)
        _with_permission(marks, this_year, rng)
    _sickness(child, marks, before, 14, rng)
    _with_permission(marks, before, rng)
    _without_permission(marks, _scattered(_whole(marks, before), rng.randrange(0, 12), rng), days)
    away = story.fixed or _chosen(story, _whole(marks, this_year[3:]), today, rng)
    _without_permission(marks, away, days, holiday=not story.fixed)
    _late(marks, [key for key in marks if key[0] not in away], story.late_after_close, year_start, today, rng)
    return marks


def _usual(child: Child, day: date, session: str, rng: Random) -> Entry:
    """What the mark is when nothing happens: present, or where the pupil ought to be that session."""
    label = f"{_WEEKDAY[day.weekday()]}{session}"
    if child.pattern and label not in child.pattern:
        return Entry("D")
    if label in child.part_time:
        return Entry("C2")
    number = int(child.mis_id)
    if child.year_group >= 10 and number % 5 == 1 and day.weekday() == 4:
        return Entry("B", note="bricklaying course, Umberwick College (invented)")
    if number % 13 == 2 and label == "WedPM":
        return Entry("K", note="tuition arranged by the authority")
    if child.year_group == 11 and number % 6 == 0 and (day.month, day.day) in {(10, n) for n in range(5, 10)}:
        return Entry("W", note="work experience, Kettle & Sprig bakery (invented)")
    return Entry(PRESENT[session])


def _events(child: Child, marks: Marks, days: list[date]) -> None:
    """A trip for a group, a planned closure one afternoon, a flooded room, a bus that never came."""
    trip, closed, flood, bus = days[len(days) // 3], days[len(days) // 2], days[len(days) // 4], days[len(days) // 5]
    for (day, session), entry in marks.items():
        if entry.code == "D":
            continue
        if day == trip and child.group in ("Alder", "Birch"):
            entry.code, entry.note = "V", "city farm visit with school staff"
        elif day == closed and session == "PM":
            entry.code, entry.note = "#", ""
        elif day == flood and session == "PM" and child.group == "Damson":
            entry.code, entry.note = "Y3", ""
        elif day == bus and int(child.mis_id) % 17 == 0:
            entry.code, entry.note = "Y1", ""


def _whole(marks: Marks, days: list[date]) -> list[date]:
    """Days on which the pupil is expected in every session that is possible, so that being away is being away all day."""
    return [day for day in days if any((day, s) in marks and marks[day, s].code in ("/", "\\") for s in SESSIONS)
            and all(marks[day, s].code in ("/", "\\", "D", "#") for s in SESSIONS if (day, s) in marks)]


def _sickness(child: Child, marks: Marks, days: list[date], most: int, rng: Random) -> None:
    left = rng.randrange(0, most)
    while left > 0 and len(days) > 10:
        length = min(left, rng.choice((1, 1, 2, 2, 3)))
        start = rng.randrange(4, len(days) - length)
        for day in days[start:start + length]:
            _away(marks, day, "I")
        left -= length
    if days and int(child.mis_id) % 41 == 0 and len(days) > 30:
        for day in days[8:20]:
            _away(marks, day, "I")


def _with_permission(marks: Marks, days: list[date], rng: Random) -> None:
    """Appointments, a suspension, leave, a performance, an interview, a holy day."""
    for _ in range(rng.randrange(0, 3)):
        if len(days) > 8:
            _away(marks, rng.choice(days[3:-1]), "M", rng.choice(SESSIONS))
    chance = rng.random()
    if chance < 0.16 and len(days) > 20:
        start = rng.randrange(4, len(days) - 6)
        for day in days[start:start + rng.choice((1, 2, 3, 5))]:
            _away(marks, day, "E")
    elif chance < 0.3 and len(days) > 20:
        _away(marks, rng.choice(days[3:-5]), rng.choice(("C", "C", "C1", "J1", "R", "S")))


def _away(marks: Marks, day: date, code: str, only: str = "") -> None:
    for session in SESSIONS:
        entry = marks.get((day, session))
        if entry and entry.code in ("/", "\\", "B", "K", "W") and only in ("", session):
            entry.code, entry.note = code, ""


def _chosen(story: Story, days: list[date], today: date, rng: Random) -> tuple[date, ...]:
    earlier = [day for day in days if day != today]
    away_today = story.days_away > 0 and today in days and (rng.random() < 0.1 if story.away_today is None else story.away_today)
    chosen = _scattered(earlier, min(story.days_away, _MOST_WITHOUT_PERMISSION) - away_today, rng)
    return (*chosen, today) if away_today else chosen


def _scattered(days: list[date], count: int, rng: Random) -> tuple[date, ...]:
    """``count`` days, here and there and sometimes two or three together, never more than four in a row."""
    chosen: set[int] = set()
    tries = 0
    while len(chosen) < min(count, len(days) // 2) and tries < 400:
        tries += 1
        at = rng.choice([n + 1 for n in chosen]) if chosen and rng.random() < 0.35 else rng.randrange(len(days))
        if at < len(days) and _run_through(chosen, at) <= 4:
            chosen.add(at)
    return tuple(days[n] for n in sorted(chosen))


def _run_through(chosen: set[int], at: int) -> int:
    first = last = at
    while first - 1 in chosen:
        first -= 1
    while last + 1 in chosen:
        last += 1
    return last - first + 1


def _without_permission(marks: Marks, away: tuple[date, ...], days: list[date], holiday: bool = True) -> None:
    open_days = set(days[-_STILL_OPEN:])
    holiday = holiday and len(away) > 6 and away[0].toordinal() % 5 == 0
    for number, day in enumerate(away):
        _away(marks, day, "N" if day in open_days else "G" if holiday and number < 3 else "O")


def _late(marks: Marks, keys: list[tuple[date, str]], after_close: int, year_start: date, today: date, rng: Random) -> None:
    there = [key for key in keys if marks[key].code in ("/", "\\")]
    for key in there:
        if rng.random() < 0.035:
            marks[key] = Entry("L", minutes_late=str(rng.randrange(2, 28)))
    this_year = [key for key in there if year_start <= key[0] < today]
    for key in rng.sample(this_year, min(after_close, len(this_year) // 4)):
        marks[key] = Entry("U", minutes_late=str(rng.randrange(31, 80)))
