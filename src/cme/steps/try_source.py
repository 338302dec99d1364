"""A dry look at the school's source: what one day of it gives, and what could and could not be judged by it. Writes nothing."""

from collections import Counter
from dataclasses import dataclass
from datetime import date

from cme import clock
from cme.errors import BadInput
from cme.rules.marks import UnknownCode
from cme.sources.declarations import MEANING, Declaration, declarations
from cme.sources.files import CsvFile, CsvFolder
from cme.sources.source import Columns, Pulled, Source, TimeSemantics, place_of
from cme.steps.office import Office
from cme.steps.sources import source_of

PUPIL_FIELDS = ("forename", "surname", "born", "upn", "year_group", "group", "address", "postcode", "admitted", "left", "flags", "contacts")


@dataclass(frozen=True)
class Trial:
    """What was found, in sentences that name no child. ``can`` and ``cannot`` are what may be judged by this source."""

    source: str
    day: date
    counts: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    can: tuple[str, ...]
    cannot: tuple[str, ...]
    quarantined: tuple[str, ...]
    contract: tuple[Columns, ...]
    notes: tuple[str, ...]


def declared(office: Office) -> tuple[Declaration | None, Source | None]:
    """The source that the settings choose, and what its kind declares; None where none is chosen."""
    s = office.settings
    if not (s.registers_folder or s.registers_file or s.registers_url or s.registers_api):
        return None, None
    source = source_of(office)
    return next((one for one in declarations() if one.kind == source.name), None), source


def trial(office: Office, name: str, day: date) -> Trial:
    """Read one day of the source dry. An empty name is the one in use. Raises BadInput where ``name`` is not the one chosen, and whatever the source raises."""
    _, source = declared(office)
    named = name.strip().casefold().replace("-", " ")
    if source is None or named not in ("", source.name, *source.name.split()):
        chosen = "none is" if source is None else f"{source.name!r} is"
        raise BadInput(f"{name!r} is not the source that the settings choose ({chosen}): set it first; `cme sources` says how")
    check = getattr(source, "check", None)
    if check is not None:
        check()                      # each query, column by column, before anything is read
    pulled = source.pull([day])
    on_day = [register for register in pulled.registers if register.local_date == day]
    counts = Counter(register.kind for register in on_day)
    marks = sum(len(register.marks) for register in on_day)
    return Trial(source.name, day, (
        f"{pulled.rows_read} rows read: {pulled.rows_accepted} accepted, {len(pulled.bad_rows)} not readable",
        f"{counts['session']} registers of sessions and {counts['lesson']} of lessons on {day}, with {marks} marks",
        f"{len(pulled.expected)} registers expected, {len(pulled.pupils)} pupils, {len(pulled.staff)} members of staff"),
        _columns(pulled, marks), *_judged(source, pulled, day, marks, _unknown(office, pulled)),
        tuple(f"{place_of(row.where, row.line)}: {row.reason}" for row in pulled.bad_rows[:20]) + _more(pulled),
        pulled.columns, (*_other_days(source, day, bool(on_day)), *pulled.notes, *(f"{name}: still being written, left for the next pull" for name in pulled.waiting)))


def _more(pulled: Pulled) -> tuple[str, ...]:
    return (f"and {len(pulled.bad_rows) - 20} more",) if len(pulled.bad_rows) > 20 else ()


def _other_days(source: Source, day: date, given: bool) -> tuple[str, ...]:
    """Where files hold nothing of the day asked for: of which days they do."""
    if given or not isinstance(source, (CsvFolder, CsvFile)):
        return ()
    days = sorted({register.local_date for register in source.pull(None).registers})
    return (f"the files hold registers of {len(days)} days, from {days[0]} to {days[-1]}: try one with --day",) if days else ()


def _columns(pulled: Pulled, marks: int) -> tuple[tuple[str, str], ...]:
    """Of each thing that may be given, how much of it is."""
    every = [mark for register in pulled.registers for mark in register.marks]
    taken = sum(register.taken_at is not None for register in pulled.registers)
    found = [("marks entered", f"{sum(mark.code.strip() not in ('', '-') for mark in every)} of {len(every)}"),
             ("registers with a time taken", f"{taken} of {len(pulled.registers)}")]
    for name in PUPIL_FIELDS if pulled.pupils else ():
        given = sum(bool(getattr(pupil, name)) for pupil in pulled.pupils if pupil.given is None or name in pupil.given)
        found.append((f"pupils with {name.replace('_', ' ')}", f"{given} of {len(pulled.pupils)}"))
    return tuple(found)


def _unknown(office: Office, pulled: Pulled) -> list[str]:
    """The marks that are no code on their day, each once."""
    found = {}
    for register in pulled.registers:
        for code in {mark.code for mark in register.marks}:
            try:
                office.policies.codes.statutory(code, register.local_date)
            except UnknownCode as reason:
                found[code] = str(reason)
    return sorted(found.values())


def _judged(source: Source, pulled: Pulled, day: date, marks: int, unknown: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    can, cannot = [], []
    sessions = [register for register in pulled.registers if register.kind == "session" and register.local_date == day]
    (can if sessions else cannot).append("absence that adds up (marks of sessions)" if sessions else
                                         f"absence: no mark of a session came for {day} (is it a school day?)")
    if source.time_semantics is TimeSemantics.NONE:
        cannot.append(f"late registers: the source's times are {MEANING[TimeSemantics.NONE]}")
    elif not pulled.expected:
        cannot.append("registers not taken: the source does not say which are expected" + (
            " (add a timetable)" if isinstance(source, CsvFolder) else ""))
    else:
        can.append(f"late registers: the time taken is {MEANING[source.time_semantics]}")
    if not any(pupil.contacts for pupil in pulled.pupils):
        cannot.append("whom to contact: no pupil has a parent or carer")
    if not any(pupil.admitted for pupil in pulled.pupils):
        cannot.append("from when a pupil was on roll: the first mark stands for the admission date")
    if pulled.as_of is not None and clock.now() - pulled.as_of > source.freshness:
        minutes = source.freshness.total_seconds() / 60
        cannot.append(f"lateness now: what the source gives is older than the {minutes:.0f} minutes that it declares")
    cannot += [f"late registers now: {gap}" for gap in pulled.gaps]
    cannot += [f"a mark: {sentence}" for sentence in unknown]
    return tuple(can), tuple(cannot)
